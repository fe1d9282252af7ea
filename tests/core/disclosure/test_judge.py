"""Each policy on one cell: the number, the reason, and the bounds of the noise."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.catalogue.model import Measure
from hub.core.cells import WORD, Cell
from hub.core.disclosure.figures import DOMINANCE, INTERNAL, SMALL
from hub.core.disclosure.judge import Part, judge, unit
from tests.core.disclosure.sets import COUNTS, MONEY, RULES, SECRET, TABLES, step

KEYS = st.integers(0, WORD - 1)
EVT, WAGE = TABLES["EVT"], TABLES["WAGE"]


def one(policy: str, cell: Cell) -> Part:
    """What a policy says of a cell of counts."""
    return judge(RULES[policy], COUNTS, cell, SECRET)


@given(st.integers(0, 60), KEYS)
def test_counts_keep_the_rules_of_noise(n: int, key: int) -> None:
    """|v| ≤ D, zero stays, nothing negative or in 1 … js, drawn from the key alone."""
    cell, rule = Cell(n=n, key=key), RULES["C"]
    found = one("C", cell)

    assert found.value == n + step(rule, n, cell)
    assert abs(found.value - n) <= rule.d
    assert found.value >= 0
    assert not 1 <= found.value <= rule.js
    if n == 0:
        assert found.value == 0
    assert one("C", Cell(n=n, key=key, h1=5, h2=6, h3=7, total=9)) == found


@given(st.integers(0, 40), KEYS)
def test_sensitive_counts_need_both_numbers(n: int, key: int) -> None:
    """Shown if true and published count reach 11, and then as under C."""
    free, found = one("C", Cell(n=n, key=key)), one("T", Cell(n=n, key=key))

    if n >= 11 and free.value >= 11:
        assert found == free
    else:
        assert (found.value, found.conf) == (Fraction(0), SMALL)


@given(
    st.integers(1, 400), st.integers(1, 60), st.integers(1, 60), st.integers(1, 9), KEYS
)
def test_events_are_disturbed_by_the_largest(
    n: int, persons: int, largest: int, second: int, key: int
) -> None:
    """Shown: enough persons, no dominance, and never in reach of 0 … js."""
    cell = Cell(n=n, key=key, persons=persons, top1=largest, top2=second)
    found, rule = judge(RULES["E"], EVT, cell, SECRET), RULES["E"]

    if persons < 11:
        assert found.conf == SMALL
    elif n // largest <= rule.d or (n - largest) * 10 < largest:
        assert found.conf == DOMINANCE
    else:
        assert found.value == n + largest * step(rule, n // largest, cell)
        assert abs(found.value - n) <= rule.d * largest
        assert found.value > rule.js


def test_the_noise_of_events_is_that_of_their_units() -> None:
    """So many times the largest have that row of the table, not that of the count."""
    rule, largest = RULES["E"], 10
    units, differ = rule.d + 1, 0
    for key in range(200):
        cell = Cell(n=units * largest, key=key, persons=20, top1=largest, top2=5)
        moved = step(rule, units, cell)
        found = judge(rule, EVT, cell, SECRET)

        assert found.value == cell.n + moved * largest
        differ += moved != step(rule, cell.n, cell)
    assert differ


def test_events_of_one_each_are_counts() -> None:
    """Where nobody has two, E and C give the same number."""
    cell = Cell(n=40, key=77, persons=40, top1=1, top2=1)

    assert judge(RULES["E"], EVT, cell, SECRET) == one("C", cell)


@given(
    st.integers(1, 30),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    KEYS,
)
def test_money_keeps_the_rules_of_sums(
    persons: int, a: int, b: int, rest: int, key: int
) -> None:
    """Eleven contributors, p %, noise within the largest, rounded, never below 0."""
    largest, second = max(a, b), min(a, b)
    cell = Cell(
        n=persons,
        total=a + b + rest,
        key=key,
        persons=persons,
        top1=largest,
        top2=second,
    )
    found, rule = judge(RULES["S"], MONEY, cell, SECRET), RULES["S"]

    if persons < 11:
        assert found.conf == SMALL
    elif largest == 0 or 10 * rest < largest:
        assert found.conf == DOMINANCE
    else:
        off = Fraction(step(rule, persons, cell, magnitude=True) * largest, rule.d)
        assert abs(found.value - cell.total - off) <= Fraction(unit(largest), 2)
        assert found.value % unit(largest) == 0
        assert found.value > 0


@pytest.mark.parametrize(
    ("largest", "expected"),
    [(1, 1), (99, 1), (100, 10), (999, 10), (1000, 100), (5_000_000, 100_000)],
)
def test_unit(largest: int, expected: int) -> None:
    """A power of ten, at most a tenth of the largest."""
    assert unit(largest) == expected


def test_unknown_extremes_are_read_carefully() -> None:
    """A sum without a largest may be of one; unknown numbers of persons are none."""
    blind = Cell(n=20, total=1000, key=1, persons=20)
    none = Cell(n=20, total=1000, key=1, persons=0, top1=10, top2=10)

    assert judge(RULES["S"], MONEY, blind, SECRET).conf == DOMINANCE
    assert judge(RULES["S"], MONEY, none, SECRET).conf == SMALL


@given(KEYS)
def test_a_mean_has_two_disturbances(key: int) -> None:
    """Weight is the published count; sum and count draw apart, or they would cancel."""
    cell = Cell(n=25, total=25_000, key=key, persons=25, top1=5000, top2=4000)
    found, rule = judge(RULES["S"], WAGE, cell, SECRET), RULES["S"]

    assert found.weight == 25 + step(rule, 25, cell)
    assert found.weight == one("C", cell).value
    assert found.value == 25_000 + 1000 * step(rule, 25, cell, magnitude=True)


@pytest.mark.parametrize("policy", ["C", "E", "T", "S", "W"])
def test_a_negative_cell_is_a_fault(policy: str) -> None:
    """Never a number, and named as what it is."""
    table = MONEY if policy == "S" else COUNTS

    assert judge(RULES[policy], table, Cell(n=-1), SECRET).conf == INTERNAL


@pytest.mark.parametrize(
    ("policy", "measure", "expected"),
    [
        ("C", Measure.STOCK, "F"),
        ("E", Measure.EVENTS, "F"),
        ("S", Measure.SUM, "F"),
        ("T", Measure.STOCK, "A"),
        ("S", Measure.MEAN, "A"),
    ],
)
def test_nothing(policy: str, measure: Measure, expected: str) -> None:
    """A zero is shown but for sensitive counts and means."""
    table = {"mean": WAGE, "sum": MONEY}.get(measure, COUNTS)
    found = judge(RULES[policy], table, Cell(), SECRET)

    assert (found.value, found.conf) == (Fraction(0), expected)


def test_answers_and_institutions_are_as_they_are() -> None:
    """Policies W and N disturb nothing."""
    cell = Cell(n=7, total=3, key=9)

    assert [one(policy, cell).value for policy in ("W", "N")] == [7, 7]
