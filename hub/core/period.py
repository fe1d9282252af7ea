"""Calendar periods: months, quarters and years in Asia/Ashgabat.

Rules:

- A period is written ``2025-03``, ``2025-Q1`` or ``2025``; nothing else is a period.
- Asia/Ashgabat is UTC+5 the year round, so a local day is an addition.
- An ordinal counts the periods of one frequency (``year``, ``4·year + quarter - 1``,
  ``12·year + month - 1``): what stock postings are keyed by, next = + 1.
- Everything exists for one value (:class:`Period`, functions on labels) and for columns
  (functions on polars expressions), and both agree: a property of the tests.

Invariant: of two periods one contains the other, or they do not meet.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import polars as pl

from hub.core.errors import InvalidError

FREQUENCIES = ("A", "Q", "M")
PER_YEAR = {"A": 1, "Q": 4, "M": 12}
OFFSET_MS = 5 * 3_600_000  # Asia/Ashgabat
DAY_MS = 86_400_000

# Four digits of a year: labels sort as text.
_LABEL = re.compile(r"([1-9]\d{3})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?", re.ASCII)
_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One calendar period.

    Attributes:
        frequency: ``A``, ``Q`` or ``M``.
        index: Ordinal inside the frequency.
    """

    frequency: str
    index: int

    def __str__(self) -> str:
        year, part = divmod(self.index, PER_YEAR[self.frequency])
        if self.frequency == "A":
            return f"{year:04d}"
        if self.frequency == "Q":
            return f"{year:04d}-Q{part + 1}"
        return f"{year:04d}-{part + 1:02d}"

    @property
    def start(self) -> dt.date:
        """First day."""
        year, part = divmod(self.index, PER_YEAR[self.frequency])
        return dt.date(year, part * (12 // PER_YEAR[self.frequency]) + 1, 1)

    @property
    def end(self) -> dt.date:
        """Last day."""
        year, part = divmod(self.index, PER_YEAR[self.frequency])
        month = (part + 1) * (12 // PER_YEAR[self.frequency])
        if month == 12:
            return dt.date(year, 12, 31)
        return dt.date(year, month + 1, 1) - dt.timedelta(days=1)

    @property
    def next(self) -> Period:
        """The period after this one."""
        return Period(frequency=self.frequency, index=self.index + 1)

    @property
    def previous(self) -> Period:
        """The period before this one."""
        return Period(frequency=self.frequency, index=self.index - 1)

    def contains(self, other: Period) -> bool:
        """Whether every day of the other is a day of this one."""
        return self.start <= other.start and other.end <= self.end

    def parts(self, frequency: str) -> tuple[Period, ...]:
        """The periods of a frequency inside this one, in order; none if coarser."""
        per = PER_YEAR[frequency] // PER_YEAR[self.frequency]
        return tuple(
            Period(frequency=frequency, index=self.index * per + step)
            for step in range(per)
        )

    def at(self, frequency: str) -> Period:
        """The period of a frequency that holds the last day of this one."""
        return of_day(self.end, frequency)


def parse(label: str) -> Period:
    """Reads a label.

    Raises:
        InvalidError: It is not a period.
    """
    match = _LABEL.fullmatch(label)
    if match is None:
        message = f"period {label[:20]!r}: write 2025, 2025-Q1 or 2025-03"
        raise InvalidError(message)
    year = int(match[1])
    if match[2]:
        return Period(frequency="Q", index=year * 4 + int(match[2]) - 1)
    if match[3]:
        return Period(frequency="M", index=year * 12 + int(match[3]) - 1)
    return Period(frequency="A", index=year)


def of_day(day: dt.date, frequency: str) -> Period:
    """The period of a frequency that holds a day."""
    per = PER_YEAR[frequency]
    part = (day.month - 1) * per // 12
    return Period(frequency=frequency, index=day.year * per + part)


def day_of(clock_ms: int) -> dt.date:
    """The local day of an append time."""
    return _EPOCH + dt.timedelta(days=(clock_ms + OFFSET_MS) // DAY_MS)


def start_ms(day: dt.date) -> int:
    """The first millisecond of a local day, as the broker's clock counts."""
    return (day - _EPOCH).days * DAY_MS - OFFSET_MS


def end_ms(label: str) -> int:
    """The first millisecond after a period."""
    return start_ms(parse(label).end + dt.timedelta(days=1))


def contains(outer: str, inner: str) -> bool:
    """``contains("2025", "2025-03")`` is true."""
    return parse(outer).contains(parse(inner))


def start_date(label: str) -> dt.date:
    """First day of a period."""
    return parse(label).start


def end_date(label: str) -> dt.date:
    """Last day of a period."""
    return parse(label).end


def following(label: str) -> str:
    """The label of the next period."""
    return str(parse(label).next)


def local_day(clock_ms: pl.Expr) -> pl.Expr:
    """The local day of an append time."""
    days = (clock_ms.cast(pl.Int64) + OFFSET_MS) // DAY_MS
    return days.cast(pl.Int32).cast(pl.Date)


def ordinal(day: pl.Expr, frequency: str) -> pl.Expr:
    """The ordinal (Int32) of the period that holds a day."""
    per = PER_YEAR[frequency]
    part = (day.dt.month().cast(pl.Int32) - 1) * per // 12
    return day.dt.year().cast(pl.Int32) * per + part


def ordinal_label(index: pl.Expr, frequency: str) -> pl.Expr:
    """The label of an ordinal."""
    per = PER_YEAR[frequency]
    year = (index // per).cast(pl.String)
    if frequency == "A":
        return year
    part = (index % per + 1).cast(pl.String)
    if frequency == "Q":
        return pl.concat_str(year, pl.lit("-Q"), part)
    return pl.concat_str(year, pl.lit("-"), part.str.zfill(2))


def label(day: pl.Expr, frequency: str) -> pl.Expr:
    """The label of the period that holds a day."""
    return ordinal_label(ordinal(day, frequency), frequency)


def last_day(labels: pl.Expr) -> pl.Expr:
    """The last day of each label; null where the text is not a period."""
    parts = labels.str.extract_groups(f"^(?:{_LABEL.pattern})$")
    year = parts.struct.field("1").cast(pl.Int32)
    quarter = parts.struct.field("2").cast(pl.Int32)
    month = parts.struct.field("3").cast(pl.Int32)
    last = pl.coalesce(quarter * 3, month, pl.lit(12, dtype=pl.Int32))
    day = pl.date(year, last, 1).dt.month_end()
    return pl.when(year.is_not_null()).then(day).otherwise(None)


def frequency(labels: pl.Expr) -> pl.Expr:
    """The frequency of each label; null where the text is not a period."""
    parts = labels.str.extract_groups(f"^(?:{_LABEL.pattern})$")
    return (
        pl.when(parts.struct.field("2").is_not_null())
        .then(pl.lit("Q"))
        .when(parts.struct.field("3").is_not_null())
        .then(pl.lit("M"))
        .when(parts.struct.field("1").is_not_null())
        .then(pl.lit("A"))
    )
