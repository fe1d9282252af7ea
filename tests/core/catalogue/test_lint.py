"""The lint: counts that could be read too often are refused, with their tables."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest

from hub.core.catalogue import lint
from hub.core.catalogue.model import Catalogue
from hub.core.disclosure import rules
from hub.core.errors import CatalogueError
from hub.edge.files import read_catalogue

CATALOGUE = read_catalogue()


def changed(catalogue: Catalogue, name: str, **fields: object) -> Catalogue:
    """A catalogue with one table changed."""
    # replace() cannot know which field a name stands for.
    table = replace(catalogue.tables[name], **fields)  # type: ignore[arg-type]
    return replace(catalogue, tables={**catalogue.tables, name: table})


def test_the_catalogue_keeps_its_budget() -> None:
    """No published count has other readings worth more than itself."""
    lint.check(CATALOGUE)

    assert not lint.overruns(CATALOGUE)


def test_colliding_tables_are_named() -> None:
    """With both margins of the citizens' table its family is over the budget."""
    over = changed(CATALOGUE, "STK_CIT", margins=None)

    with pytest.raises(CatalogueError, match="STK_BIRTH, STK_CIT, STK_VEL") as caught:
        lint.check(over)
    assert "margins" in str(caught.value)
    [found] = lint.overruns(over)
    assert found.fixed == ()
    # 1/2 kinds, 1/13 citizenships, 1/26 both; 1/13 births, 1/5 ages, 1/65 both;
    # 1/6 velayats, 1/30 velayats and ages.
    parts = (2, 13, 26, 13, 5, 65, 6, 30)
    assert found.readings == sum(Fraction(1, one) for one in parts)


def test_a_finer_frequency_is_a_partition() -> None:
    """Four quarters are a reading of the year, once a year's table stands beside."""
    quarterly = CATALOGUE.tables["PRM_NEW"]
    year = replace(quarterly, id="PRM_YEAR", frequency="A", dimensions=())
    both = replace(CATALOGUE, tables={**CATALOGUE.tables, year.id: year})
    family = next(f for f in lint._families(both) if year in f)

    totals = [one for one in lint._of_family(both, family) if not one.fixed]

    assert totals[0].readings >= Fraction(1, 4)


def test_readings_are_worth_what_is_said() -> None:
    """Noise of the real table, averaged as the rule says: V ÷ (1 + Σ 1/k)."""
    noise = rules.read(CATALOGUE.policies["C"]).noise
    assert noise is not None
    source = random.Random(7)  # noqa: S311 - a fixed stream of noise, no secret

    def drawn() -> int:
        return noise.at(1_000, source.getrandbits(64))

    parts = (2, 4)
    weight = 1 + sum(1 / k for k in parts)
    errors = []
    for _ in range(20_000):
        readings = [drawn(), *(sum(drawn() for _ in range(k)) / k for k in parts)]
        errors.append(sum(readings) / weight)
    variance = sum(one * one for one in errors) / len(errors)

    assert variance == pytest.approx(3 / weight, rel=0.05)


def test_usability_counts_cells_of_women_and_men() -> None:
    """Half of the cells that are not empty are large enough; the total is none."""
    cells = [
        {"table": "A", "sex": "F", "n": 10},
        {"table": "A", "sex": "M", "n": 9},
        {"table": "A", "sex": "M", "n": 0},
        {"table": "A", "sex": "_OUN", "n": 1},
    ]

    assert lint.usability(cells) == {"A": Fraction(1, 2)}
