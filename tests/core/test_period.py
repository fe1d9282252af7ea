"""Periods: labels, days, ordinals; scalars and columns agree."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import period
from hub.core.errors import InvalidError

days = st.dates(dt.date(1900, 1, 1), dt.date(2200, 12, 31))
frequencies = st.sampled_from(period.FREQUENCIES)


@st.composite
def periods(draw: st.DrawFn) -> period.Period:
    """Any period of the three frequencies."""
    return period.of_day(draw(days), draw(frequencies))


@pytest.mark.parametrize(
    ("label", "start", "end"),
    [
        ("2025", dt.date(2025, 1, 1), dt.date(2025, 12, 31)),
        ("2025-Q1", dt.date(2025, 1, 1), dt.date(2025, 3, 31)),
        ("2025-Q4", dt.date(2025, 10, 1), dt.date(2025, 12, 31)),
        ("2024-02", dt.date(2024, 2, 1), dt.date(2024, 2, 29)),
        ("2025-12", dt.date(2025, 12, 1), dt.date(2025, 12, 31)),
    ],
)
def test_days_of_known_periods(label: str, start: dt.date, end: dt.date) -> None:
    """Known labels have known first and last days."""
    assert (start, end) == (period.start_date(label), period.end_date(label))


@pytest.mark.parametrize(
    "label",
    ["", "25", "2025-13", "2025-00", "2025-Q0", "2025-Q5", "2025-3", "2025-03-01",
     "2025-q1", " 2025", "2025\n", "0999", "２０２５", "2025-Q", "2025-"],
)  # fmt: skip
def test_parse_refuses_what_is_no_period(label: str) -> None:
    """Anything but the three forms is refused with the forms in the text."""
    with pytest.raises(InvalidError, match="2025-Q1"):
        period.parse(label)


@given(periods())
def test_label_round_trip(value: period.Period) -> None:
    """A period is its label read back."""
    assert value == period.parse(str(value))


@given(days, frequencies)
def test_a_day_lies_in_its_period_only(day: dt.date, frequency: str) -> None:
    """The period of a day holds it; its neighbours do not."""
    value = period.of_day(day, frequency)
    assert value.start <= day <= value.end
    assert value.previous.end == value.start - dt.timedelta(days=1)
    assert value.next.start == value.end + dt.timedelta(days=1)


@given(periods(), periods())
def test_periods_nest_or_are_apart(one: period.Period, other: period.Period) -> None:
    """Of two periods one contains the other or they share no day."""
    apart = one.end < other.start or other.end < one.start
    assert apart != (one.contains(other) or other.contains(one))


@given(periods(), frequencies)
def test_parts_tile_the_period(value: period.Period, frequency: str) -> None:
    """Finer periods inside one follow each other and fill it."""
    parts = value.parts(frequency)
    if period.PER_YEAR[frequency] < period.PER_YEAR[value.frequency]:
        assert parts == ()
        return
    assert (value.start, value.end) == (parts[0].start, parts[-1].end)
    assert all(a.next == b for a, b in pairwise(parts))
    assert all(part.at(value.frequency) == value for part in parts)


@given(periods())
def test_following_label_is_the_next_ordinal(value: period.Period) -> None:
    """The label after a label has the ordinal plus one."""
    assert value.index + 1 == period.parse(period.following(str(value))).index


@given(st.integers(0, 4_102_444_800_000))
def test_local_day_is_utc_plus_five(clock_ms: int) -> None:
    """A local day is the date five hours ahead of UTC, for values and columns."""
    ahead = dt.timezone(dt.timedelta(hours=5))
    expected = dt.datetime.fromtimestamp(clock_ms / 1000, tz=ahead).date()
    assert expected == period.day_of(clock_ms)
    frame = pl.DataFrame({"c": [clock_ms, None]}, schema={"c": pl.Int64})
    assert [expected, None] == frame.select(period.local_day(pl.col("c")))[
        "c"
    ].to_list()


@given(periods())
def test_end_ms_is_the_first_moment_after(value: period.Period) -> None:
    """One millisecond before the end is still inside, the end is not."""
    after = period.end_ms(str(value))
    assert value.end == period.day_of(after - 1)
    assert value.next.start == period.day_of(after)


@given(st.lists(st.none() | days, max_size=8), frequencies)
def test_columns_agree_with_values(rows: list[dt.date | None], frequency: str) -> None:
    """Labels, ordinals and last days of columns are those of single values."""
    frame = pl.DataFrame({"d": rows}, schema={"d": pl.Date})
    ordinals = period.ordinal(pl.col("d"), frequency)
    labels = period.label(pl.col("d"), frequency)
    found = frame.select(
        index=ordinals,
        label=labels,
        read=period.last_day(labels),
    )
    values = [None if day is None else period.of_day(day, frequency) for day in rows]
    expected = [(None,) * 3 if v is None else (v.index, str(v), v.end) for v in values]
    assert expected == found.rows()
    assert pl.Int32 == found.schema["index"]


@given(st.text(alphabet="0123456789-Q \n", max_size=9))
def test_column_labels_are_read_as_values_are(text: str) -> None:
    """A column text gives a day exactly where the value parses."""
    frame = pl.DataFrame({"t": [text]})
    found = frame.select(period.last_day(pl.col("t"))).item()
    try:
        expected = period.end_date(text)
    except InvalidError:
        expected = None
    assert expected == found


@given(st.text(alphabet="0123456789-Q", max_size=9))
def test_the_frequency_of_a_column_label_is_that_of_its_value(text: str) -> None:
    """Month, quarter or year, and nothing where it is no period."""
    frame = pl.DataFrame({"t": [text, "2025", "2025-Q1", "2025-01"]})
    found = frame.select(period.frequency(pl.col("t"))).to_series().to_list()
    try:
        expected = period.parse(text).frequency
    except InvalidError:
        expected = None
    assert [expected, "A", "Q", "M"] == found
