"""Periods as stretches of days, moments as milliseconds; what is neither is refused."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.period import parse
from hub.core.sdmx.refusal import Fault, RefusalError
from hub.core.sdmx.times import Span, iso, moment, span

SPANS = [
    ("2025", "2025-01-01", "2025-12-31"),
    ("2025-A1", "2025-01-01", "2025-12-31"),
    ("2025-S2", "2025-07-01", "2025-12-31"),
    ("2025-T2", "2025-05-01", "2025-08-31"),
    ("2025-Q1", "2025-01-01", "2025-03-31"),
    ("2024-02", "2024-02-01", "2024-02-29"),
    ("2025-M12", "2025-12-01", "2025-12-31"),
    ("2020-W53", "2020-12-28", "2021-01-03"),
    ("2024-D366", "2024-12-31", "2024-12-31"),
    ("2025-03-31", "2025-03-31", "2025-03-31"),
    ("2025-03-31T12:30:00", "2025-03-31", "2025-03-31"),
]
NO_PERIODS = [
    "",
    "25",
    "2025-13",
    "2025-00",
    "2025-Q5",
    "2025-Q0",
    "2025-W54",
    "2025-D366",
    "2025-02-30",
    "0000",
    "2025-Q1 ",
    "２０２５",
    "2025-03-31Tx",
    "2" * 100,
]


@pytest.mark.parametrize(("text", "start", "end"), SPANS)
def test_every_form_of_a_period_is_its_days(text: str, start: str, end: str) -> None:
    """The forms of the standard, at their edges."""
    expected = Span(start=dt.date.fromisoformat(start), end=dt.date.fromisoformat(end))

    assert span(text) == expected


@pytest.mark.parametrize("text", NO_PERIODS)
def test_what_is_no_period_is_refused_with_the_forms(text: str) -> None:
    """A sentence, whatever it was."""
    with pytest.raises(RefusalError, match="2025-Q1") as caught:
        span(text)
    assert caught.value.fault is Fault.SYNTAX


@given(st.integers(1000, 9999), st.sampled_from(["", "-Q1", "-Q4", "-01", "-12"]))
def test_days_are_those_of_the_calendar(year: int, part: str) -> None:
    """A period of the hub is the same days here."""
    mine = parse(f"{year}{part}")

    assert span(f"{year}{part}") == Span(start=mine.start, end=mine.end)


@given(st.integers(0, 4_000_000_000_000))
def test_moments_are_written_and_read_alike(found: int) -> None:
    """To the millisecond."""
    assert moment(iso(found), "asOf") == found


def test_a_moment_without_offset_is_local() -> None:
    """Asia/Ashgabat; a plus sign may have become a space."""
    there = moment("2026-01-01T05:00:00", "asOf")

    assert there == moment("2026-01-01T00:00:00Z", "asOf")
    assert there == moment("2026-01-01T05:00:00+05:00", "asOf")
    assert there == moment("2026-01-01T05:00:00 05:00", "asOf")


@pytest.mark.parametrize("text", ["", "now", "2026-13-01", "1e9", "2026-01-01T99:00"])
def test_what_is_no_moment_is_refused_with_its_name(text: str) -> None:
    """Whose value it is stands in the sentence."""
    with pytest.raises(RefusalError, match="updatedAfter="):
        moment(text, "updatedAfter")
