"""Residence equals a walk day by day, for random histories, in both readings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import residence
from hub.core.residence import NEVER, NOT_DECLARED, Crossings, Rule

DAY0 = (dt.date(2023, 1, 1) - dt.date(1970, 1, 1)).days
RULES = (Rule(), Rule(away_days=0), Rule(half=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class One:
    """One crossing of a person."""

    day: int
    tie: int
    inward: bool
    declared: int | None = None
    home: bool = False
    settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is said of one change of side."""

    tie: int
    moved: bool
    resident: bool
    length: int


def arrays(people: Sequence[Sequence[One]]) -> Crossings:
    """Histories as columns."""
    rows = [(owner, one) for owner, found in enumerate(people) for one in found]
    told = [NOT_DECLARED if one.declared is None else one.declared for _, one in rows]
    return Crossings(
        owner=np.array([owner for owner, _ in rows], dtype=np.int64),
        day=np.array([one.day for _, one in rows], dtype=np.int64),
        tie=np.array([one.tie for _, one in rows], dtype=np.int64),
        inward=np.array([one.inward for _, one in rows], dtype=np.bool_),
        declared=np.array(told, dtype=np.int64),
        home=np.array([one.home for _, one in rows], dtype=np.bool_),
        settled=np.array([one.settled for _, one in rows], dtype=np.bool_),
    )


def counted(
    people: Sequence[Sequence[One]], rule: Rule, *, intended: bool
) -> list[list[Told]]:
    """What the module says, by person in order of time."""
    given_ = arrays(people)
    found = residence.read(given_, rule)
    reading = found.intended if intended else found.observed
    out: list[list[Told]] = [[] for _ in people]
    for at, row in enumerate(found.row):
        told = Told(
            tie=int(given_.tie[row]),
            moved=bool(reading.moved[at]),
            resident=bool(reading.resident[at]),
            length=int(reading.length[at]),
        )
        out[given_.owner[row]].append(told)
    return out


def flips_of(history: Sequence[One]) -> list[One]:
    """The crossings with which a day ends elsewhere than it began, one by one."""
    left = sorted(history, key=lambda one: (one.day, one.tie))
    if not left:
        return []
    inside = not left[0].inward
    found = []
    for day in sorted({one.day for one in left}):
        today = [one for one in left if one.day == day]
        before, last = inside, None
        while today:
            fitting = [one for one in today if one.inward != inside]
            taken = (fitting or today)[0]
            today.remove(taken)
            if taken.inward != inside:
                inside, last = taken.inward, taken
        if inside != before:
            assert last is not None
            found.append(last)
    return found


def side_on(flips: Sequence[One], day: int, horizon: int) -> bool:
    """Inside at the end of a day; from the horizon on as was declared."""
    known = [one for one in flips if one.day <= day and one.day < horizon]
    last = known[-1]
    if day < horizon:
        return last.inward
    if last.declared is None:
        return last.home
    return last.inward if day < last.day + last.declared else not last.inward


def lives(flips: Sequence[One], at: int, rule: Rule, horizon: int) -> bool:
    """A year on that side, counted on fingers."""
    one = flips[at]
    days = [side_on(flips, one.day + step, horizon) for step in range(365)]
    there = sum(side == one.inward for side in days)
    if rule.half:
        return there >= 183
    return days[-1] == one.inward and 365 - there <= rule.away_days


def year_end(day: int) -> int:
    """The first day of the next year."""
    year = (dt.date(1970, 1, 1) + dt.timedelta(days=day)).year + 1
    return (dt.date(year, 1, 1) - dt.date(1970, 1, 1)).days


def residence_before(flips: Sequence[One], at: int, rule: Rule, horizon: int) -> bool:
    """Where the person resides before a change, with what is known by then."""
    first = flips[0]
    resident = first.home or (first.settled and not first.inward)
    for step in range(at):
        # What lies beyond the horizon of the asker is not known to her.
        if flips[step].day < horizon and lives(flips, step, rule, horizon):
            resident = flips[step].inward
    return resident


def oracle(history: Sequence[One], rule: Rule, *, intended: bool) -> list[Told]:
    """The same, person by person, day by day."""
    flips = flips_of(history)
    out = []
    for at, one in enumerate(flips):
        horizon = year_end(one.day) if intended else NEVER
        before = residence_before(flips, at, rule, horizon)
        settles = lives(flips, at, rule, horizon)
        after = one.inward if settles else before
        later = [other.day for other in flips[at + 1 :] if other.day < horizon]
        if later:
            end = later[0]
        elif not intended:
            end = NEVER
        elif one.declared is None:
            end = NEVER if one.inward == one.home else horizon
        else:
            end = max(one.day + one.declared, horizon)
        told = Told(
            tie=one.tie,
            moved=settles and one.inward != before,
            resident=after,
            length=end - one.day,
        )
        out.append(told)
    return out


CROSSING = st.builds(
    One,
    # Few days, so that days are shared; gaps around a month, half a year and a year.
    day=st.one_of(
        st.integers(DAY0, DAY0 + 1300),
        st.sampled_from(
            [DAY0 + step for step in (0, 1, 2, 29, 30, 31, 182, 183, 364, 365, 366)]
        ),
        st.sampled_from([DAY0 + 700 + step for step in (0, 30, 183, 334, 335, 336)]),
    ),
    tie=st.integers(0, 2**62),
    inward=st.booleans(),
    declared=st.one_of(
        st.none(), st.sampled_from([0, 10, 30, 200, 334, 335, 365, 900])
    ),
    home=st.booleans(),
    settled=st.booleans(),
)
HISTORY = st.lists(CROSSING, max_size=9, unique_by=lambda one: one.tie)
PEOPLE = st.lists(HISTORY, min_size=1, max_size=5)


@given(people=PEOPLE, rule=st.sampled_from(RULES), intended=st.booleans())
def test_residence_is_what_a_walk_by_days_says(
    people: list[list[One]], rule: Rule, intended: bool
) -> None:
    """Every change of side of every person, in both readings, under both rules."""
    expected = [oracle(history, rule, intended=intended) for history in people]

    assert counted(people, rule, intended=intended) == expected


@given(people=PEOPLE, rule=st.sampled_from(RULES), seed=st.randoms())
def test_order_of_arrival_does_not_matter(
    people: list[list[One]], rule: Rule, seed: object
) -> None:
    """Late and corrected crossings: a history is a set."""
    shuffled = [list(history) for history in people]
    for history in shuffled:
        seed.shuffle(history)  # type: ignore[attr-defined] # Hypothesis's own Random

    for intended in (False, True):
        mixed = counted(shuffled, rule, intended=intended)
        assert mixed == counted(people, rule, intended=intended)


@given(history=HISTORY, rule=st.sampled_from(RULES), year=st.integers(2023, 2026))
def test_a_year_is_read_from_the_year_after_it_at_most(
    history: list[One], rule: Rule, year: int
) -> None:
    """Intended needs nothing after the year; observed nothing after 364 days more."""
    first = (dt.date(year, 1, 1) - dt.date(1970, 1, 1)).days
    past = year_end(first)

    def of_year(crossings: list[One], *, intended: bool) -> list[tuple[int, bool]]:
        told = counted([crossings], rule, intended=intended)[0]
        days = {one.tie: one.day for one in crossings}
        return [(o.tie, o.moved) for o in told if first <= days[o.tie] < past]

    known = [one for one in history if one.day < past]
    later = [one for one in history if one.day < past + 364]

    assert of_year(known, intended=True) == of_year(history, intended=True)
    assert of_year(later, intended=False) == of_year(history, intended=False)


def crossing(day: str, direction: str, **more: object) -> One:
    """A crossing of a small story."""
    date = (dt.date.fromisoformat(day) - dt.date(1970, 1, 1)).days
    return One(day=date, tie=date, inward=direction == "in", **more)  # type: ignore[arg-type] # a word each


STORIES = {
    "comes and stays": (
        [crossing("2024-03-01", "in")],
        [("2024-03-01", True)],
    ),
    "stays eleven months": (
        [crossing("2024-03-01", "in"), crossing("2025-02-01", "out")],
        [],
    ),
    "a holiday does not interrupt": (
        [
            crossing("2024-03-01", "in"),
            crossing("2024-07-01", "out"),
            crossing("2024-07-25", "in"),
        ],
        [("2024-03-01", True)],
    ),
    "a season at home does": (
        [
            crossing("2024-03-01", "in"),
            crossing("2024-07-01", "out"),
            crossing("2024-09-25", "in"),
        ],
        [("2024-09-25", True)],
    ),
    "a citizen leaves and comes back after two years": (
        [
            crossing("2022-03-01", "out", home=True),
            crossing("2024-03-01", "in", home=True),
        ],
        [("2022-03-01", False), ("2024-03-01", True)],
    ),
    "a citizen who works abroad for a season": (
        [
            crossing("2024-03-01", "out", home=True),
            crossing("2024-11-01", "in", home=True),
        ],
        [],
    ),
    "a settled foreigner leaves for good": (
        [crossing("2024-03-01", "out", settled=True)],
        [("2024-03-01", False)],
    ),
    "a visitor whose entry was not seen": ([crossing("2024-03-01", "out")], []),
}


@pytest.mark.parametrize("story", STORIES)
def test_stories(story: str) -> None:
    """Cases that a statistician would ask about, under R12 as observed."""
    history, expected = STORIES[story]

    told = counted([history], Rule(), intended=False)[0]

    moves = [(day(one.tie), one.resident) for one in told if one.moved]
    assert moves == expected


def day(number: int) -> str:
    """A day as text."""
    return str(dt.date(1970, 1, 1) + dt.timedelta(days=number))


@pytest.mark.parametrize(
    ("declared", "home", "moves"),
    [
        (400, False, True),
        (365, False, True),
        (90, False, False),
        (None, False, False),
        (None, True, True),
    ],
)
def test_at_the_end_of_the_year_the_declaration_decides(
    declared: int | None, home: bool, moves: bool
) -> None:
    """An entry of December has a year only in what was declared."""
    away = [crossing("2022-01-01", "out", home=home, settled=True)]
    came = crossing("2024-12-20", "in", declared=declared, home=home)
    gone = crossing("2025-02-01", "out", home=home)

    early = counted([[*away, came, gone]], Rule(), intended=True)[0]
    late = counted([[*away, came, gone]], Rule(), intended=False)[0]

    assert [one.moved for one in early][1] == moves
    assert [one.moved for one in late][1] is False


def test_half_a_year_and_a_day_is_residence_under_the_other_rule() -> None:
    """183 days are, 182 are not."""
    for days, moves in ((183, True), (182, False)):
        came = crossing("2024-01-10", "in")
        gone = One(day=came.day + days, tie=1, inward=False)

        told = counted([[came, gone]], Rule(half=True), intended=False)[0]

        assert told[0].moved is moves
