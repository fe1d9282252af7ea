"""Hold, against a brute force that knows the sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.catalogue.model import Measure
from hub.core.cells import ZERO, Cell
from hub.core.disclosure.figures import Figure
from hub.core.disclosure.hold import NOTHING, Past, held, held_stock
from hub.core.disclosure.protect import protect
from hub.core.release import ledger
from hub.core.state import Memory, Overlay
from tests.core.disclosure.sets import (
    COUNTS,
    RULES,
    SECRET,
    SEXES,
    TABLES,
    cell,
    place,
    policy,
    said,
)

Ids = frozenset[int]
SETS = st.frozensets(st.integers(0, 7))
VINTAGES = st.lists(SETS, min_size=1, max_size=8)
PERIODS = ("2024-Q3", "2024-Q4", "2025-Q1", "2025-Q2")
CUTS = st.lists(
    st.dictionaries(st.sampled_from(PERIODS), SETS, min_size=1), min_size=1, max_size=5
)
EVENTS = replace(TABLES["EVT"], sex=False)
EVERY_YEAR = replace(COUNTS, measure=Measure.PERSONS, frequency="A")
FLAT = replace(TABLES["STK"], sex=False)


def oracle(now: Ids, last: Ids | None, pool: Sequence[Ids], hold: int) -> Ids:
    """What a figure should speak of, from the sets themselves."""
    if last is not None and len(last ^ now) < hold:
        return last
    near = [one for one in pool if len(one ^ now) < hold]
    if not near:
        return now
    least = min(len(one ^ now) for one in near)
    return [one for one in near if len(one ^ now) == least][-1]


@settings(deadline=None, max_examples=150)
@given(VINTAGES, st.integers(1, 3))
def test_vintages_follow_the_oracle(vintages: list[Ids], hold: int) -> None:
    """Any sequence: the oracle's set, near the truth, never near another published."""
    at, past, pool = place(), NOTHING, list[Ids]()
    for now in vintages:
        expected = oracle(now, pool[-1] if pool else None, pool, hold)
        found = held({at: cell(now)}, past, hold)[at]

        assert found == cell(expected)
        assert len(expected ^ now) < hold
        pool = [*(one for one in pool if one != expected), expected]
        sets = {at: tuple(cell(one) for one in pool)}
        past = Past(sets=sets, periods=frozenset({at.period}))
    for a, b in combinations(pool, 2):
        assert len(a ^ b) >= hold


@settings(deadline=None, max_examples=150)
@given(CUTS)
def test_stocks_bind_their_periods(cuts: list[dict[str, Ids]]) -> None:
    """Any sequence of cuts, through the ledger: all pairs are equal or 3 apart."""
    memory, seen = Memory(), list[Ids]()
    known = _every_set()
    published: dict[str, Ids] = {}
    for cut in cuts:
        overlay = Overlay(memory)
        record = ledger.read(overlay, "STK", None)
        asked = {place("_T", period): cell(now) for period, now in cut.items()}
        figures = protect(FLAT, RULES["C"], asked, record.past, SECRET)
        spoken = {at.period: known[one.cell] for at, one in figures.items()}

        for period, now in cut.items():
            assert len(spoken[period] ^ now) < 3
            if period in published and len(published[period] ^ now) < 3:
                assert spoken[period] == published[period]
        published |= spoken
        seen += spoken.values()
        ledger.write(overlay, "STK", figures, record, seen=(), epoch=b"e")
        memory.apply(overlay.pending)
    for a, b in combinations(seen, 2):
        assert a == b or len(a ^ b) >= 3


GROUPS = st.lists(
    st.lists(st.sampled_from(["F", "M", "_OUN", ""]), min_size=8, max_size=8),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=150)
@given(GROUPS, st.sampled_from(["C", "T"]))
def test_groups_add_up_in_every_vintage(vintages: list[list[str]], name: str) -> None:
    """Whoever comes, goes or changes sex: sums hold, and no small change is shown."""
    rule = policy("T", threshold=3) if name == "T" else RULES["C"]
    memory = Memory()
    spoken: dict[str, list[Figure]] = {sex: [] for sex in SEXES}
    known = _every_set()
    for vintage in vintages:
        overlay = Overlay(memory)
        record = ledger.read(overlay, "COUNTS", ["2025"])
        asked = {place(sex): cell(_ids(vintage, sex)) for sex in SEXES}
        figures = protect(EVERY_YEAR, rule, asked, record.past, SECRET)
        ledger.write(overlay, "COUNTS", figures, record, seen=(), epoch=b"e")
        memory.apply(overlay.pending)
        _adds_up([figures[place(sex)].value for sex in SEXES])
        for sex in SEXES:
            spoken[sex].append(figures[place(sex)])
    for sex in SEXES:
        for a, b in combinations(spoken[sex], 2):
            apart = len(known[a.cell] ^ known[b.cell])
            assert apart == 0 or apart >= 3
            if apart == 0 and sex != "_T" and None not in {a.value, b.value}:
                assert a.value == b.value


def test_consecutive_periods_of_one_cut() -> None:
    """Two leave: the stock stands. A third leaves: it moves."""
    sets = [set(range(20)), set(range(2, 20)), set(range(3, 20))]
    asked = {
        place(period=period): cell(ids)
        for period, ids in zip(PERIODS, sets, strict=False)
    }
    found = list(held_stock(asked, NOTHING, 3).values())

    assert found == [cell(sets[0]), cell(sets[0]), cell(sets[2])]


def test_a_stock_stays_with_the_period_before_it() -> None:
    """Also where a set of an older period is nearer."""
    sets: list[list[int]] = [[], [0, 1, 2], [0]]
    asked = {
        place(period=period): cell(ids)
        for period, ids in zip(PERIODS, sets, strict=False)
    }
    together = list(held_stock(asked, NOTHING, 3).values())
    first, second, third = asked
    said_before = {first: (cell([]),), second: (cell([0, 1, 2]),)}
    past = Past(sets=said_before, periods=frozenset(PERIODS[:2]))
    alone = held_stock({third: asked[third]}, past, 3)

    assert together[2] == alone[third] == cell([0, 1, 2])


@pytest.mark.parametrize(("added", "moves"), [(1, False), (2, False), (3, True)])
def test_a_figure_moves_with_the_third_record(added: int, moves: bool) -> None:
    """One and two more records are held back, and so is their effect on the noise."""
    at, before = place(), cell(range(30))
    past = Past(sets={at: (before,)}, periods=frozenset({"2025"}))
    after = cell(range(30 + added))
    found = protect(FLAT, RULES["C"], {at: after}, past, SECRET)[at]
    expected = after if moves else before

    assert found.cell == expected
    assert found == protect(FLAT, RULES["C"], {at: expected}, NOTHING, SECRET)[at]


def test_going_back_and_one_more_is_the_old_figure() -> None:
    """Ten, then thirteen, then eleven: the figure of ten again, not a third one."""
    at, ten, more = place(), cell(range(10)), cell(range(13))
    past = Past(sets={at: (ten, more)}, periods=frozenset({"2025"}))

    assert held({at: cell([*range(9), 20, 9])}, past, 3)[at] == ten


def test_a_place_that_was_nowhere_said_zero() -> None:
    """In a published period two new records of a new place are held at zero."""
    at = place(d1="KZ")
    past = Past(periods=frozenset({"2025"}))

    assert held({at: cell([1, 2])}, past, 3)[at] == ZERO
    assert held({at: cell([1, 2])}, NOTHING, 3)[at] == cell([1, 2])
    assert held({at: cell([1, 2, 3])}, past, 3)[at] == cell([1, 2, 3])


def test_a_threshold_is_not_crossed_by_one_record() -> None:
    """Hidden stays hidden with the eleventh person, and shown stays shown at ten."""
    at, rule = place(), RULES["E"]
    ten = cell(range(10), persons=10, top1=1)
    eleven = cell(range(11), persons=11, top1=1)
    whole = frozenset({"2025"})
    hidden = Past(sets={at: (ten,)}, periods=whole)
    shown = Past(sets={at: (eleven,)}, periods=whole)

    assert said(protect(EVENTS, rule, {at: eleven}, hidden, SECRET)[at]) == "QA"
    assert protect(EVENTS, rule, {at: ten}, shown, SECRET)[at].value is not None


def _adds_up(values: Sequence[Fraction | None]) -> None:
    """F, M, _OUN and _T: the parts and their sum, or no part."""
    if None in values[:2]:
        assert list(values[:3]) == [None] * 3
    else:
        assert values[3] == sum(value or 0 for value in values[:3])


def _ids(vintage: list[str], sex: str) -> list[int]:
    """The records of a sex; all that are there for the total."""
    asked = {sex} if sex != "_T" else set(SEXES)
    return [at for at, code in enumerate(vintage) if code in asked]


def _every_set() -> dict[Cell, Ids]:
    ids = range(8)
    sizes = range(len(ids) + 1)
    return {cell(one): frozenset(one) for k in sizes for one in combinations(ids, k)}
