"""Times in queries: periods as stretches of days, moments as milliseconds.

Rules (SDMX technical notes, "Time"):

- Every form of ObservationalTimePeriod is read: years, halves, trimesters, quarters,
  months, ISO weeks, days, and a moment, which stands for its day.
- A period lies at or after another if it begins with it or later, at or before if it
  ends with it or earlier: a year is not before its own third quarter.
- A moment without an offset is local, Asia/Ashgabat. A plus sign that a URL turned into
  a space is a plus sign.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache

from hub.core.period import OFFSET_MS
from hub.core.sdmx.refusal import RefusalError, shown, syntax

FORMS = "2025, 2025-Q1, 2025-03 or 2025-03-31"
_TEXT_MAX = 40
_PARTS = {"A": 1, "S": 2, "T": 3, "Q": 4, "M": 12}
_REPORTING = re.compile(r"(\d{4})-([ASTQMWD])(\d{1,3})", re.ASCII)
_GREGORIAN = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T.*)?)?)?", re.ASCII)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LOCAL = dt.timezone(dt.timedelta(milliseconds=OFFSET_MS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """First and last day of a period."""

    start: dt.date
    end: dt.date


@lru_cache(maxsize=4096)
def span(text: str) -> Span:
    """The days of a period.

    Raises:
        RefusalError: SYNTAX; it is no period.
    """
    if len(text) <= _TEXT_MAX:
        try:
            found = _reporting(text) or _gregorian(text)
        except (ValueError, OverflowError):
            found = None
        if found is not None:
            return found
    raise syntax(f"{shown(text)} is no time period; write {FORMS}")


def moment(text: str, name: str) -> int:
    """A moment in milliseconds since 1970.

    Raises:
        RefusalError: SYNTAX; it is no moment.
    """
    if len(text) > _TEXT_MAX or not text.isascii():
        raise _no_moment(text, name)
    try:
        found = dt.datetime.fromisoformat(re.sub(r" (?=\d\d:\d\d$)", "+", text))
        if found.tzinfo is None:
            found = found.replace(tzinfo=_LOCAL)
        past = found - _EPOCH
    except (ValueError, OverflowError):
        raise _no_moment(text, name) from None
    return past // dt.timedelta(milliseconds=1)


def iso(moment_ms: int) -> str:
    """A moment as xs:dateTime, UTC, to the second or the millisecond."""
    found = _EPOCH + dt.timedelta(milliseconds=moment_ms)
    spec = "milliseconds" if moment_ms % 1000 else "seconds"
    return found.isoformat(timespec=spec).replace("+00:00", "Z")


def _no_moment(text: str, name: str) -> RefusalError:
    return syntax(f"{name}={shown(text)} is no moment; write 2025-03-31T12:00:00Z")


def _gregorian(text: str) -> Span | None:
    match = _GREGORIAN.fullmatch(text)
    if match is None:
        return None
    year, month, day = match.groups()
    if day is not None:
        one = dt.datetime.fromisoformat(text).date()
        return Span(start=one, end=one)
    if month is not None:
        return _part(int(year), 12, int(month))
    return _part(int(year), 1, 1)


def _reporting(text: str) -> Span | None:
    match = _REPORTING.fullmatch(text)
    if match is None:
        return None
    year, letter, number = int(match[1]), match[2], int(match[3])
    if letter == "W":
        first = dt.date.fromisocalendar(year, number, 1)
        return Span(start=first, end=first + dt.timedelta(days=6))
    if letter == "D":
        day = dt.date(year, 1, 1) + dt.timedelta(days=number - 1)
        if day.year != year:
            raise ValueError(text)
        return Span(start=day, end=day)
    return _part(year, _PARTS[letter], number)


def _part(year: int, parts: int, number: int) -> Span:
    """The `number`-th of so many equal parts of a year."""
    if not 1 <= number <= parts:
        raise ValueError(number)
    months = 12 // parts
    start = dt.date(year, (number - 1) * months + 1, 1)
    last = number * months
    if last == 12:
        return Span(start=start, end=dt.date(year, 12, 31))
    after = dt.date(year, last + 1, 1)
    return Span(start=start, end=after - dt.timedelta(days=1))
