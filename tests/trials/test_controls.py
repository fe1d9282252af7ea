"""Control totals of the opening file against the stock that it begins."""

from __future__ import annotations

import polars as pl
import pytest

from hub.core.catalogue.model import Catalogue, Domain
from hub.edge.files import read_catalogue
from hub.trials import controls
from hub.trials.sample.write import write
from tests.trials import years
from tests.trials.years import Active


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of the checkout."""
    return read_catalogue()


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> Active:
    """What stands after a sample year."""
    folder = tmp_path_factory.mktemp("controls")
    write(folder, catalogue, persons=600)
    return years.active(folder, catalogue)


def opened(facts: Active) -> pl.DataFrame:
    """Residence permits valid on the last day before the year."""
    permits = facts[Domain.MOBILITY]["residence_permit"]
    day = pl.date(2024, 12, 31)
    return permits.filter(
        pl.col("kind").is_in(["TEMPORARY", "PERMANENT"])
        & pl.col("status").is_in(["GRANTED", "RENEWED", "REVOKED"])
        & (pl.col("valid_from") <= day)
        & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= day))
    )


def test_the_opening_file_makes_the_stock(catalogue: Catalogue, facts: Active) -> None:
    """What was declared is what ordinary rows came to, cancelled ones apart."""
    (found,) = controls.compare(catalogue, facts)

    assert (found.table, found.period) == ("STK_CIT", "2025")
    assert found.counted == opened(facts)["person"].n_unique()
    assert 0 <= found.declared - found.counted <= 2
    assert found.groups > 5


def test_a_row_that_is_not_there_is_a_group_that_differs(
    catalogue: Catalogue, facts: Active
) -> None:
    """One permit of the opening file less: one person, one group."""
    whole = controls.compare(catalogue, facts)[0]
    lost = opened(facts)["record"][0]
    linked = facts[Domain.MOBILITY]
    without = linked["residence_permit"].filter(pl.col("record") != lost)
    damaged = {**facts, Domain.MOBILITY: {**linked, "residence_permit": without}}

    found = controls.compare(catalogue, damaged)[0]

    assert found.counted == whole.counted - 1
    assert found.declared == whole.declared
    assert abs(found.different - whole.different) == 1


def test_without_totals_nothing_is_compared(
    catalogue: Catalogue, facts: Active
) -> None:
    """A domain that never came is no difference of zero."""
    assert controls.compare(catalogue, {Domain.MOBILITY: facts[Domain.MOBILITY]}) == []
