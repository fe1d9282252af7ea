"""The release calendar: which vintage of which period is due when.

Rules (docs/disclosure.md, "Release"):

- Each frequency has a day for its provisional, revised and final vintage, counted from
  the last day of the period; they follow each other in this order.
- A vintage is released once. Before the next one, and after it, nothing of that period
  moves; what has to go is withdrawn, with a reason.
- Everybody gets a release at the same moment: the marker that closes a period is
  written at the calendar's hour, and nothing is computed for anybody before.
- Which day it is comes from the caller; nothing here asks a clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hub.core.errors import InvalidError
from hub.core.period import Period, day_of, of_day, parse, start_ms

FREQUENCIES = ("M", "Q", "A")
VINTAGES = ("P", "R", "F")
HOUR_MS = 3_600_000
_YEARS_MAX = 10


class Term(NamedTuple):
    """A stretch of time after the last day of a period."""

    days: int = 0
    months: int = 0

    def after(self, day: dt.date) -> dt.date:
        """The day it ends on; the last of a month where the month is shorter."""
        month = day.month - 1 + self.months
        year, month = day.year + month // 12, month % 12 + 1
        following = dt.date(year + month // 12, month % 12 + 1, 1)
        last = (following - dt.timedelta(days=1)).day
        start = dt.date(year, month, min(day.day, last))
        return start + dt.timedelta(days=self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When figures are due.

    Attributes:
        hour: Of the day, Asia/Ashgabat; everybody gets them then.
        terms: Frequency → vintage → term after the period's last day.
        approval: Short id of the member whose word lets a release out; empty: nobody's.
        repeated: Tables whose vintages may be released again, for trials; ``*``: all.
    """

    hour: int = 10
    terms: Mapping[str, Mapping[str, Term]] = field(default_factory=dict)
    approval: str = ""
    repeated: frozenset[str] = frozenset()

    def day(self, period: Period, vintage: str) -> dt.date:
        """When a vintage of a period is due."""
        return self.terms[period.frequency][vintage].after(period.end)

    def repeats(self, table: str) -> bool:
        """Whether a vintage of a table may be released again."""
        return not self.repeated.isdisjoint({table, "*"})


class Released(NamedTuple):
    """A vintage that was released: of a table, for a marker's period."""

    table: str
    period: str
    vintage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Tables of one frequency, a period and a vintage that belong together.

    Attributes:
        state: "released", "due" (its day has come), or "planned".
        tables: Those still to be released; of a released one, all.
    """

    period: str
    vintage: str
    day: dt.date
    state: str
    tables: tuple[str, ...]


def plan(
    calendar: Calendar,
    tables: Mapping[str, Sequence[str]],
    released: Collection[Released],
    today: dt.date,
    *,
    years: int = 3,
) -> list[Due]:
    """What is, was and will be due, by day.

    Args:
        calendar: Its terms.
        tables: Frequency → ids of the published tables.
        released: What stands released; withdrawn vintages left out.
        today: In Asia/Ashgabat.
        years: How many years of periods to look back.
    """
    if not 0 < years <= _YEARS_MAX:
        raise InvalidError(f"years {years}: expected 1 to {_YEARS_MAX}")
    found: list[Due] = []
    for frequency in FREQUENCIES:
        listed = tables.get(frequency, ())
        for period in _periods(frequency, today, years):
            for vintage in VINTAGES:
                day = calendar.day(period, vintage)
                done = {
                    one.table
                    for one in released
                    if one.vintage == vintage and parse(one.period).contains(period)
                }
                found += [
                    Due(
                        period=str(period),
                        vintage=vintage,
                        day=day,
                        state=state,
                        tables=some,
                    )
                    for state, some in _split(listed, done, day, today)
                    if some
                ]
    return sorted(found, key=lambda one: (one.day, one.period, one.vintage))


def released_day(now_ms: int, hour: int) -> dt.date:
    """The last day whose hour has come, in Asia/Ashgabat."""
    return day_of(now_ms - hour * HOUR_MS)


def hour_ms(day: dt.date, hour: int) -> int:
    """When that hour of a day begins, in Asia/Ashgabat."""
    return start_ms(day) + hour * HOUR_MS


def standing(
    tables: Iterable[str], period: str, vintage: str, released: Collection[Released]
) -> list[str]:
    """Which tables have that vintage of a period, or of a part of it, already."""
    wanted = parse(period)
    taken = {
        one.table
        for one in released
        if one.vintage == vintage
        and (parse(one.period).contains(wanted) or wanted.contains(parse(one.period)))
    }
    return [table for table in tables if table in taken]


def _split(
    tables: Sequence[str], done: Collection[str], day: dt.date, today: dt.date
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Tables that are released, and those that are not, with their states."""
    yield "released", tuple(one for one in tables if one in done)
    left = tuple(one for one in tables if one not in done)
    yield ("due" if day <= today else "planned"), left


def _periods(frequency: str, today: dt.date, years: int) -> list[Period]:
    """Ended periods of the last years, and the one that runs."""
    period = of_day(today, frequency)
    first = of_day(dt.date(today.year - years, 1, 1), frequency)
    found = []
    while period.index >= first.index:
        found.append(period)
        period = period.previous
    return found
