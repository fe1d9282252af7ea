"""Shares with something taken away, complements, stacks; what the exchange is like."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from hub.core.catalogue.model import Component, Dimension, Measure, Pair, Table
from hub.core.cells import Cell
from hub.core.disclosure import protect, rules
from hub.core.disclosure.figures import ABSENT, INTERNAL, Figure, Place, suppressed
from hub.core.disclosure.hold import NOTHING
from hub.core.release.components import quotient
from hub.core.release.inventory import dataflows_of, disaggregation
from hub.core.release.scale import decimals, printed
from tests.core import example

CAME, LEFT = Component(table="CAME", where={}), Component(table="LEFT", where={})
POP = Component(table="POP", where={})
KIND = Dimension(id="KIND", codelist="CL_DIRECTION", field=None)
YEAR = "2025"


def counted(name: str) -> Table:
    """A yearly count."""
    return example.table(name, frequency="A")


def share(**kwargs: Any) -> Table:
    """A yearly rate, unless said otherwise."""
    given = {"measure": Measure.RATE, "dataflow": None, "time": None, "policy": "R"}
    return example.table("X", **{**given, "frequency": "A", **kwargs})


def figures(value: int, sex: str = "F", d1: str = "_T") -> dict[Place, Figure]:
    """One figure of a table."""
    place = Place(period=YEAR, area="TM", sex=sex, d1=d1, d2="_T")
    return {place: Figure(value=Fraction(value))}


def found(table: Table, **done: dict[Place, Figure]) -> dict[Place, Figure]:
    """The share over the figures of its components."""
    parts = [counted("CAME"), counted("LEFT")]
    catalogue = example.catalogue([*example.TABLES, *parts, table])
    return quotient(catalogue, table, done, [YEAR])


WOMEN = Place(period=YEAR, area="TM", sex="F", d1="_T", d2="_T")


@pytest.mark.parametrize(
    ("came", "left", "expected"),
    [(90, 60, Fraction(30, 5000)), (60, 90, Fraction(-30, 5000))],
)
def test_what_is_taken_away_may_be_more(
    came: int, left: int, expected: Fraction
) -> None:
    """Net rates are below zero where more leave."""
    table = share(numerator=CAME, minus=LEFT, denominator=POP, scale=1000)

    one = found(table, CAME=figures(came), LEFT=figures(left), POP=figures(5000))[WOMEN]

    assert one.value == expected
    policy = example.catalogue().policies["R"]
    assert printed(table, policy, one) == expected * 1000


def test_what_is_taken_away_is_a_component_like_the_others() -> None:
    """Too few, hidden or missing: so is the rate."""
    table = share(numerator=CAME, minus=LEFT, denominator=POP)
    whole = {"CAME": figures(90), "POP": figures(5000)}

    few = found(table, **whole, LEFT=figures(29))[WOMEN]
    hidden = {WOMEN: suppressed("O", next(iter(figures(1).values())).cell)}

    assert (few.value, few.conf) == (None, "A")
    assert found(table, **whole, LEFT=hidden)[WOMEN].conf == "O"
    assert found(table, **whole, LEFT={WOMEN: ABSENT})[WOMEN] == ABSENT


def test_a_complement_is_what_is_left_of_one() -> None:
    """(M − F) ÷ M from the two means, without SEX of its own."""
    men = Component(table="CAME", where={"SEX": ("M",)})
    women = Component(table="CAME", where={"SEX": ("F",)})
    table = share(
        measure=Measure.RATIO,
        numerator=women,
        denominator=men,
        complement=True,
        sex=False,
    )
    means = figures(800) | figures(1000, sex="M")

    one = found(table, CAME=means)[WOMEN._replace(sex="_T")]

    assert one.value == Fraction(1, 5)


def test_a_stack_has_a_pair_for_each_code_and_no_total() -> None:
    """Two shares beside each other, by sex."""
    pairs = (
        Pair(code="ENTRY", numerator=CAME, denominator=POP),
        Pair(code="EXIT", numerator=LEFT, denominator=POP),
    )
    table = share(measure=Measure.RATIO, parts=pairs, dimensions=(KIND,))

    shown = found(table, CAME=figures(100), LEFT=figures(40), POP=figures(200))

    assert {place.d1 for place in shown} == {"ENTRY", "EXIT"}
    values = {place.d1: one.value for place, one in shown.items() if place.sex == "F"}
    assert values == {"ENTRY": Fraction(1, 2), "EXIT": Fraction(1, 5)}


def test_a_stock_of_quarters_is_taken_at_the_end_of_the_year() -> None:
    """The fourth quarter, not a sum of four."""
    table = share(numerator=CAME, denominator=Component(table="STK", where={}))
    quarters = {
        Place(f"{YEAR}-Q{at}", "TM", "F", "_T", "_T"): Figure(value=Fraction(100 * at))
        for at in range(1, 5)
    }

    one = found(table, CAME=figures(40), STK=quarters)[WOMEN]

    assert one.value == Fraction(40, 400)


def test_decimals_of_a_table_win_over_those_of_its_policy() -> None:
    """Two where it says two, else one."""
    policy = example.catalogue().policies["N"]

    assert decimals(share(policy="N", decimals=2), policy) == 2
    assert decimals(share(policy="N"), policy) == 1


def test_depth_is_the_share_of_tables_with_sex_and_age() -> None:
    """By dataflow of what is counted; internal tables and reserved flows apart."""
    catalogue = example.catalogue()
    bands = {
        name: one
        if name not in {"CL_AGE_M", "CL_AGE_C"}
        else replace(one, bands={"Y0T17": (0, 17)})
        for name, one in catalogue.codelists.items()
    }
    catalogue = replace(catalogue, codelists=bands)

    shown = disaggregation(catalogue, [YEAR])

    by_flow = {place.d1: one.value for place, one in shown.items()}
    assert by_flow["stay"] == Fraction(2, 3)
    assert by_flow["crossing"] == Fraction(1, 7)
    assert by_flow["transfer"] == 0
    assert by_flow["_T"] == Fraction(3, 11)
    assert "declaration" not in by_flow
    assert list(dataflows_of(catalogue, catalogue.tables["RATE"])) == ["crossing"]


@pytest.mark.parametrize("policy", ["C", "E", "T", "S", "N", "W"])
def test_a_cell_below_zero_is_never_shown(policy: str) -> None:
    """A fault has a mark of its own under every policy, and no number."""
    measure = Measure.MEAN if policy == "S" else Measure.EVENTS
    table = example.table("X", policy=policy, measure=measure, sex=False)
    cell = Cell(n=-4, total=-400, persons=-4, top1=1, top2=0)
    rule = rules.read(example.catalogue().policies[policy])
    place = WOMEN._replace(sex="_T")

    shown = protect.protect(table, rule, {place: cell}, NOTHING, b"s" * 32)

    assert (shown[place].value, shown[place].conf) == (None, INTERNAL)
