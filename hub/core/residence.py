"""Usual residence from histories of crossings: who moved, who only visited.

Rules (docs/catalogue.md, "Residence"):

- What counts is the side on which a person ends a day. Crossings of one day alternate
  from the last known state, ties by record key; a crossing to the side where the person
  already is says nothing new. Before the first crossing she was on the other side.
- A crossing to the other side than that of residence moves the residence if the person
  then lives there for a year of 365 days. R12: there on the last of these days, and
  away on at most `away_days` of them. R6P1: there on at least 183 of them.
- Before the first crossing a person of `home` resides inside; of the others, whoever
  leaves first and is `settled` does; everybody else resides outside.
- *Observed*: every crossing counts; who does not return stays. *Intended*: nothing
  after the calendar year of the crossing is known. From then on the person stays until
  the declared days of the last crossing are over and then goes back for good; without
  a declaration everybody stays at home, or goes there.

Invariant: the observed reading of a year depends on crossings up to 364 days after it,
the intended one on no crossing after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Days = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

YEAR_DAYS = 365
HALF_DAYS = YEAR_DAYS // 2 + 1
"""Six months and a day: more than half of a year."""
NEVER = 2**31
"""A day that does not come: the end of a stay without an end."""
NOT_DECLARED = -1
_DAY_BITS = 33
_ORIGIN = 2**31  # days before 1970 are negative; a key is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a stay is residence.

    Attributes:
        half: R6P1 instead of R12.
        away_days: Days of absence in a year that R12 overlooks.
    """

    half: bool = False
    away_days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossings:
    """Crossings of many persons, one entry each in every array, in any order.

    Attributes:
        owner: Number of the person, 0 … 2^30.
        day: Days since 1970.
        tie: Order among crossings of one person and day, by record key.
        inward: Into the country.
        declared: Days declared on the other side of this crossing, or
            :data:`NOT_DECLARED`.
        home: Whether the person belongs inside.
        settled: Whether an exit shows that the person resided inside.
    """

    owner: Days = field(repr=False)
    day: Days = field(repr=False)
    tie: Days = field(repr=False)
    inward: Flags = field(repr=False)
    declared: Days = field(repr=False)
    home: Flags = field(repr=False)
    settled: Flags = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One reading of the changes of side, entry by entry as in :class:`Changes`.

    Attributes:
        moved: The residence moves with this change.
        resident: Where the residence is afterwards: inside.
        length: Days until the next change of side.
    """

    moved: Flags = field(repr=False)
    resident: Flags = field(repr=False)
    length: Days = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Changes of side, by person and day.

    Attributes:
        row: Which crossing it is.
        inward: Into the country.
    """

    row: Days = field(repr=False)
    inward: Flags = field(repr=False)
    observed: Reading
    intended: Reading


def read(crossings: Crossings, rule: Rule) -> Changes:
    """Every change of side, in both readings."""
    flips = _flips(crossings)
    full = _lives(flips, rule, flips.day + YEAR_DAYS, NEVER)
    observed = _residence(flips, full, flips.first, flips.presumed)
    before = np.where(flips.first, flips.presumed, np.roll(observed.resident, 1))
    # A year begins with what was observed before it: windows of earlier years are over.
    opens = flips.first | (flips.year != np.roll(flips.year, 1))
    horizon = _year_start(flips.year + 1)
    some = _lives(flips, rule, flips.day + YEAR_DAYS, horizon)
    intended = _residence(flips, some, opens, before)
    planned = np.maximum(flips.planned, horizon)
    ahead = np.where(flips.until < horizon, flips.until, planned)
    return Changes(
        row=flips.row,
        inward=flips.inward,
        observed=observed,
        intended=Reading(
            moved=intended.moved,
            resident=intended.resident,
            length=ahead - flips.day,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flips:
    """Changes of side, sorted by owner and day.

    Attributes:
        key: Owner and day in one number, strictly rising.
        first: First of its owner.
        until: Day of the next change, or :data:`NEVER`.
        inside: Days inside before this change, counted through all owners.
        planned: Last declared day on this side + 1; the past where one goes at once.
        presumed: Whether the owner resides inside before the first change.
    """

    row: Days
    day: Days
    year: Days
    inward: Flags
    key: Days
    first: Flags
    until: Days
    inside: Days
    planned: Days
    presumed: Flags


def _flips(crossings: Crossings) -> _Flips:
    row, inward = _alternated(crossings)
    owner, day = crossings.owner[row], crossings.day[row]
    first = _starts(owner)
    last = np.roll(first, -1)
    until = np.where(last, NEVER, np.roll(day, -1))
    spent = np.where(inward & ~last, until - day, 0)
    home = crossings.home[row]
    stays = np.where(inward == home, NEVER, -NEVER)
    declared = crossings.declared[row]
    starts = np.maximum.accumulate(np.where(first, np.arange(row.size), 0))
    presumed = home | (crossings.settled[row] & ~inward)
    return _Flips(
        row=row,
        day=day,
        year=day.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64),
        inward=inward,
        key=_key(owner, day),
        first=first,
        until=until,
        inside=np.cumsum(spent) - spent,
        planned=np.where(declared == NOT_DECLARED, stays, day + declared),
        presumed=presumed[starts],
    )


def _alternated(crossings: Crossings) -> tuple[Days, Flags]:
    """Crossings that change the side on which a day ends, and to which."""
    order = _ordered(crossings)
    key = _key(crossings.owner, crossings.day)[order]
    owner, inward = crossings.owner[order], crossings.inward[order]
    # A day of a person: so many in, so many out. They alternate as long as both last,
    # so a day ends on the side of the greater number, or where it began.
    begins = np.flatnonzero(_starts(key))
    group = np.cumsum(_starts(key)) - 1
    ins = np.add.reduceat(inward.astype(np.int64), begins) if key.size else begins
    outs = np.diff(np.append(begins, key.size)) - ins
    net = np.sign(ins - outs)
    opens = _starts(owner[begins])
    was = np.where(inward[begins], -1, 1)  # before the first crossing: the other side
    after = _carried(net, opens, was)
    before = np.where(opens, was, np.roll(after, 1))
    flips = after != before
    # Of a change's direction, the one that is left when the others have alternated.
    so_far = np.cumsum(inward)
    rank_in: Days = so_far - (so_far[begins] - inward[begins])[group]
    rank = np.where(inward, rank_in, np.arange(key.size) - begins[group] + 1 - rank_in)
    side = after[group] == np.where(inward, 1, -1)
    chosen = flips[group] & side & (rank == np.minimum(ins, outs)[group] + 1)
    return order[chosen], inward[chosen]


def _ordered(crossings: Crossings) -> Days:
    """By owner, day and tie; ties are rare, so they are put in order apart."""
    key = _key(crossings.owner, crossings.day)
    order = np.argsort(key, kind="stable")
    same = ~_starts(key[order])
    tied = np.flatnonzero(same | np.append(same[1:], values=False))
    if tied.size:
        rows = order[tied]
        order[tied] = rows[np.lexsort((crossings.tie[rows], key[rows]))]
    return order


def _lives(flips: _Flips, rule: Rule, end: Days, horizon: Days | int) -> Flags:
    """Whether a change leads to a year on its side; nothing is known from `horizon`."""
    known = np.minimum(end, horizon)
    last = np.searchsorted(flips.key, _owner(flips.key) + known + _ORIGIN) - 1
    there = flips.inward[last]
    spent = (
        flips.inside[last] - flips.inside + np.where(there, known - flips.day[last], 0)
    )
    planned = np.clip(flips.planned[last], known, end)
    spent += np.where(there, planned - known, end - planned)
    days = np.where(flips.inward, spent, end - flips.day - spent)
    if rule.half:
        return np.asarray(days >= HALF_DAYS)
    stays = (planned == end) == (there == flips.inward)
    return np.asarray(stays & (end - flips.day - days <= rule.away_days))


def _residence(flips: _Flips, lives: Flags, opens: Flags, before: Flags) -> Reading:
    """Residence moves with a change that leads to a year on the other side.

    Args:
        flips: The changes.
        lives: Which of them lead to a year on their side.
        opens: Where a stretch begins whose first residence is known.
        before: That residence: inside.
    """
    sides = np.where(flips.inward, 1, -1)
    start = np.where(before, 1, -1)
    after = _carried(np.where(lives, sides, 0), opens, start)
    was = np.where(opens, start, np.roll(after, 1))
    return Reading(
        moved=lives & (sides != was),
        resident=after == 1,
        length=flips.until - flips.day,
    )


def _carried(values: Days, opens: Flags, start: Days) -> Days:
    """Each value, or where it is 0 the last before it; `start` where none is."""
    filled = np.where(opens & (values == 0), start, values)
    places = np.where(filled != 0, np.arange(filled.size), 0)
    return np.asarray(filled[np.maximum.accumulate(places)])


def _starts(sorted_: Days) -> Flags:
    """Where a new value begins."""
    found = np.ones(sorted_.size, dtype=np.bool_)
    found[1:] = sorted_[1:] != sorted_[:-1]
    return found


def _key(owner: Days, day: Days) -> Days:
    return (owner << _DAY_BITS) + day + _ORIGIN


def _owner(key: Days) -> Days:
    """The key of an owner's day −2^31."""
    return (key >> _DAY_BITS) << _DAY_BITS


def _year_start(year: Days) -> Days:
    """The first day of years since 1970."""
    return year.astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
