"""Rates from printed numbers: matching, periods, minima, scale."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.catalogue.model import Component, Measure, Table
from hub.core.disclosure.figures import ABSENT, Figure, Place, suppressed
from hub.core.release.components import quotient
from hub.core.release.scale import half_up, printed
from tests.core import example

ENTRY = Component(table="EVT", where={"DIRECTION": ("ENTRY",)})
EVERY = Component(table="EVT", where={})


def rate(name: str = "X", frequency: str = "A", **kwargs: object) -> Table:
    """A ratio of entries to crossings, unless said otherwise."""
    given = {"numerator": ENTRY, "denominator": EVERY, "policy": "R", "scale": 100}
    given |= {"measure": Measure.RATIO, "dataflow": None, "time": None}
    return example.table(name, frequency=frequency, **{**given, **kwargs})


def figures(*rows: tuple[str, str, str, str, str, int]) -> dict[Place, Figure]:
    """Figures from (period, area, sex, d1, d2, value)."""
    return {Place(*row[:5]): Figure(value=Fraction(row[5])) for row in rows}


def value(table: Table, evt: dict[Place, Figure], period: str, **at: str) -> Figure:
    """The ratio at a place, SEX F unless said otherwise."""
    catalogue = example.catalogue([*example.TABLES, table])
    codes = {"area": "TM", "sex": "F", "d1": "_T", "d2": "_T", **at}
    found = quotient(catalogue, table, {"EVT": evt}, [period])
    return found[Place(period=period, **codes)]


MONTHS = [
    row
    for month in range(1, 13)
    for row in (
        (f"2025-{month:02}", "TM", "F", "ENTRY", "_T", 10),
        (f"2025-{month:02}", "TM", "F", "_T", "_T", 40),
        (f"2025-{month:02}", "TM-A", "F", "ENTRY", "_T", 8),
        (f"2025-{month:02}", "TM-A", "F", "_T", "_T", 16),
        (f"2025-{month:02}", "TM", "F", "ENTRY", "KZ", 5),
        (f"2025-{month:02}", "TM", "F", "_T", "KZ", 6),
    )
]


def test_events_of_months_are_summed_to_the_year() -> None:
    """120 of 480: the printed numbers of twelve months."""
    evt = figures(*MONTHS)

    assert value(rate(), evt, "2025").value == Fraction(1, 4)
    assert value(rate(), evt, "2025", area="TM-A").value == Fraction(1, 2)


def test_a_dimension_of_the_rate_is_matched_by_id() -> None:
    """By citizenship both components are taken at that citizenship."""
    table = rate(dimensions=(example.CITIZENSHIP,))

    found = value(table, figures(*MONTHS), "2025", d1="KZ")

    assert found.value == Fraction(5, 6)


def test_a_finer_rate_takes_the_coarser_component_around_it() -> None:
    """The population of the year serves its months."""
    table = rate(
        frequency="M",
        numerator=EVERY,
        denominator=Component(table="POP", where={}),
        scale=1000,
    )
    catalogue = example.catalogue([*example.TABLES, table])
    pop = figures(("2025", "TM", "F", "_T", "_T", 2000))
    done = {"EVT": figures(*MONTHS), "POP": pop}

    found = quotient(catalogue, table, done, ["2025-03"])

    assert found[Place("2025-03", "TM", "F", "_T", "_T")].value == Fraction(40, 2000)


def test_persons_of_months_are_never_summed() -> None:
    """A person of two months is not two persons of the year."""
    monthly = example.table("PM", measure=Measure.PERSONS, assign="first")
    table = rate(
        numerator=Component(table="PM", where={}),
        denominator=Component(table="PM", where={}),
    )
    catalogue = example.catalogue([monthly, table])
    done = {"PM": figures(("2025-01", "TM", "F", "_T", "_T", 100))}

    found = quotient(catalogue, table, done, ["2025"])

    assert found[Place("2025", "TM", "F", "_T", "_T")] == ABSENT


@pytest.mark.parametrize(
    ("entries", "every", "expected"),
    [(30, 60, ""), (29, 60, "QA"), (0, 0, "QA")],
)
def test_both_components_need_thirty(entries: int, every: int, expected: str) -> None:
    """Policy R, and a denominator of nothing."""
    evt = figures(
        ("2025-02", "TM", "F", "ENTRY", "_T", entries),
        ("2025-02", "TM", "F", "_T", "_T", every),
    )

    found = value(rate(frequency="M"), evt, "2025-02")

    assert (found.status and found.status + found.conf) == expected


def test_missing_and_hidden_parts_pass_on() -> None:
    """Missing is stronger than suppressed; both are stronger than a number."""
    evt = figures(*MONTHS)
    hidden = Place("2025-02", "TM", "F", "ENTRY", "_T")
    evt[hidden] = suppressed("D", evt[hidden].cell)
    assert value(rate(), evt, "2025").conf == "D"

    evt[Place("2025-03", "TM", "F", "_T", "_T")] = ABSENT
    assert value(rate(), evt, "2025") == ABSENT


def test_surveys_need_thirty_answers_and_print_whole_per_cent() -> None:
    """Policy W looks at the denominator only."""
    table = rate(frequency="M", policy="W")
    evt = figures(
        ("2025-02", "TM", "F", "ENTRY", "_T", 1), ("2025-02", "TM", "F", "_T", "_T", 30)
    )

    found = value(table, evt, "2025-02")

    policy = example.catalogue().policies["W"]
    assert printed(table, policy, found) == 3


@given(st.fractions(-1000, 1000), st.integers(0, 3))
def test_half_up_is_nearest_and_halves_go_away_from_zero(
    number: Fraction, places: int
) -> None:
    """At most half a unit away; symmetric."""
    rounded = half_up(number, places)

    assert abs(rounded - number) <= Fraction(1, 2 * 10**places)
    assert half_up(-number, places) == -rounded
    assert half_up(Fraction(5, 2), 0) == 3
