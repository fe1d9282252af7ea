"""Four sample years through the core: every table says something, audited."""

from __future__ import annotations

from collections import defaultdict

import pytest

from hub.core.catalogue.model import Catalogue
from hub.core.observation import Observation
from hub.edge.files import read_catalogue
from hub.trials import recount
from hub.trials.sample.write import write
from tests.trials import years
from tests.trials.years import Cut

PERSONS = 1_000
WANTED = (("2025", "P"), ("2023", "R"))
MISSING = "O"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of the checkout."""
    return read_catalogue()


@pytest.fixture(scope="module")
def cuts(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> list[Cut]:
    """A provisional year and a revised one."""
    folder = tmp_path_factory.mktemp("years")
    write(folder, catalogue, persons=PERSONS, years=4, first_year=2022)
    return years.run(catalogue, years.active(folder, catalogue), WANTED, 20_000)


def by_table(cuts: list[Cut]) -> dict[str, list[Observation]]:
    """All figures by table."""
    found: dict[str, list[Observation]] = defaultdict(list)
    for cut in cuts:
        for one in cut.figures:
            found[one.table].append(one)
    return found


def test_the_audit_of_every_cut_is_equal(cuts: list[Cut]) -> None:
    """One batch over what stands gives the integers of the stream."""
    for cut in cuts:
        found = recount.compare(cut.recounted, cut.agents)

        assert found.equal, found.rows
        assert found.cells > 1_000


def test_every_published_table_says_something(
    cuts: list[Cut], catalogue: Catalogue
) -> None:
    """A small sample hides much, but no table is missing in all years."""
    figures = by_table(cuts)

    silent = [
        table.id
        for table in catalogue.tables.values()
        if not table.internal
        and all(one.status == MISSING for one in figures.get(table.id, []))
    ]

    assert silent == []


def test_every_table_counts_something(cuts: list[Cut], catalogue: Catalogue) -> None:
    """Below protection, no table with a dataflow is empty."""
    counted = {name for cut in cuts for name in cut.recounted["table"]}

    assert counted >= {t.id for t in catalogue.tables.values() if t.dataflow} - {
        "OPENING"  # of the first year, which is not among these cuts
    }


def test_a_revised_flow_is_of_what_happened(cuts: list[Cut]) -> None:
    """The first vintage rests on intentions, the second on the year after."""
    last = {cut.close.vintage: cut for cut in cuts}
    tables = {"FLW_IMM", "FLW_EMI", "FLW_RET", "MOB_TEMP"}
    for vintage, period in (("R", "2023"), ("P", "2025")):
        shown = {
            one.table
            for one in last[vintage].figures
            if one.period == period and one.value
        }
        assert tables <= shown, vintage


def test_a_pool_needs_all_its_years(cuts: list[Cut]) -> None:
    """2023 would need 2021, of which nothing was declared."""
    pooled = by_table(cuts)["HTF_MEANS"]

    assert {one.period for one in pooled if one.status == MISSING} == {"2023"}


def test_the_sexes_add_up(cuts: list[Cut]) -> None:
    """Wherever all three parts are shown, their sum is the total."""
    groups: dict[tuple[object, ...], dict[str, float]] = defaultdict(dict)
    for cut in cuts:
        for one in cut.figures:
            if one.value is not None and one.unit == "NUMBER":
                place = (one.table, one.release, one.area, one.dimensions, one.period)
                groups[place][one.sex] = one.value
    whole = [found for found in groups.values() if len(found) == 4]

    assert len(whole) > 500
    for found in whole:
        assert found["F"] + found["M"] + found["_OUN"] == found["_T"]
