"""The plain threshold: sexes add up, and nothing hidden follows from what is shown."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.cells import Cell
from hub.core.disclosure.figures import Figure, Place
from hub.core.disclosure.protect import protect
from hub.core.disclosure.threshold import by_sex
from tests.core import example

TABLES = {table.id: table for table in example.TABLES}
POLICIES = {policy.id: policy for policy in example.POLICIES}
NUMBERS = st.integers(0, 40)
SMALL_NUMBERS = st.integers(0, 12)


def figures(
    name: str, f: int, m: int, oun: int, persons: int | None = None
) -> dict[str, Figure]:
    """SEX → figure for three counts."""
    table = TABLES[name]
    parts = {"F": f, "M": m, "_OUN": oun, "_T": f + m + oun}
    cells = {
        Place("2025", "TM", sex, "_T", "_T"): Cell(n=n, total=10 * n, persons=persons)
        for sex, n in parts.items()
    }
    found = protect(table, POLICIES[table.policy], cells, {}, b"s" * 32)
    assert set(found) == set(cells)
    return {place.sex: figure for place, figure in found.items()}


@pytest.mark.parametrize(
    ("name", "counts", "expected"),
    [
        ("STK", (11, 11, 11), "11 11 11 33"),
        ("STK", (0, 11, 0), "0 11 0 11"),
        ("STK", (11, 11, 10), "11 11 QA 22"),
        ("STK", (10, 11, 11), "QA QA QA 32"),
        ("STK", (10, 0, 0), "QA QA QA QA"),
        ("CHILDREN", (0, 11, 11), "QA QA QA 22"),
        ("CHILDREN", (11, 11, 0), "11 11 QA 22"),
        ("WAGE", (11, 11, 0), "10 10 QA 10"),
        ("WAGE", (10, 11, 11), "QA 10 10 10"),
        ("STK", (-1, 11, 0), "QN QA QA QA"),
    ],
)
def test_grid(name: str, counts: tuple[int, int, int], expected: str) -> None:
    """F, M, _OUN, _T as printed: a number, or Q and why."""
    found = figures(name, *counts)

    shown = [
        f"{figure.status}{figure.conf}" if figure.value is None else str(figure.value)
        for figure in (found[sex] for sex in ("F", "M", "_OUN", "_T"))
    ]
    assert " ".join(shown) == expected


def test_persons_count_and_not_ids() -> None:
    """Where persons are kept they are the contributors."""
    assert figures("EVT", 40, 40, 0, persons=10)["F"].status == "Q"
    assert figures("EVT", 40, 40, 0, persons=11)["F"].value == 40


@given(NUMBERS, NUMBERS, NUMBERS, st.sampled_from(["STK", "EVT", "CHILDREN"]))
def test_shown_sexes_always_add_up(f: int, m: int, oun: int, name: str) -> None:
    """Either F and M are shown and the total is the sum of what is, or no part is."""
    found = figures(name, f, m, oun)
    parts = [found[sex].value for sex in ("F", "M", "_OUN")]
    total = found["_T"].value

    if found["F"].value is None or found["M"].value is None:
        assert parts == [None] * 3
        assert total in {None, f + m + oun}
    else:
        assert total == sum(value or 0 for value in parts)


@settings(deadline=None)
@given(SMALL_NUMBERS, SMALL_NUMBERS, SMALL_NUMBERS)
def test_nothing_small_follows_by_subtraction(f: int, m: int, oun: int) -> None:
    """An attacker with all shown figures and the rule cannot name a hidden count."""
    truth = dict(zip(("F", "M", "_OUN"), (f, m, oun), strict=True))
    picture = seen(f, m, oun)
    total = f + m + oun
    fits = [
        {"F": a, "M": b, "_OUN": c}
        for a in range(total + 4)
        for b in range(total + 4)
        for c in {*range(12), max(0, total - a - b)}
        if seen(a, b, c) == picture
    ]

    for sex, (value, conf) in picture.items():
        if value is None and sex != "_T" and conf == "A" and truth[sex]:
            assert {one[sex] for one in fits} > {truth[sex]}


@cache
def seen(f: int, m: int, oun: int) -> dict[str, tuple[Fraction | None, str]]:
    """What is published of three counts."""
    cells = {"F": f, "M": m, "_OUN": oun, "_T": f + m + oun}
    found = by_sex(TABLES["STK"], {sex: Cell(n=n) for sex, n in cells.items()})
    return {sex: (figure.value, figure.conf) for sex, figure in found.items()}


def test_open_policy_shows_everything_but_an_empty_mean() -> None:
    """Prices are no persons; a mean of nothing is missing, not zero."""
    place = Place("2025", "TM", "_T", "_T", "_T")
    price = example.table(
        "PRICE", measure=TABLES["WAGE"].measure, sex=False, policy="N"
    )
    one = protect(price, POLICIES["N"], {place: Cell(n=2, total=7)}, {}, b"")
    none = protect(price, POLICIES["N"], {place: Cell()}, {}, b"")

    assert one[place].value == Fraction(7, 2)
    assert (none[place].value, none[place].status) == (None, "O")
