"""Freshness: the newest event date; nothing refused, nothing of quiet sources."""

from __future__ import annotations

import datetime as dt

import polars as pl

from hub.core import freshness
from hub.core.state import Memory, Overlay

SOURCE = "ministry.sms.border_crossing/1"
DAY = 86_400


def follow(memory: Memory, *dates: dt.date | None) -> None:
    """Note these dates in one step."""
    overlay = Overlay(memory)
    freshness.follow(overlay, "border_crossing", pl.Series(dates, dtype=pl.Date))
    memory.apply(overlay.pending)


def test_the_newest_date_stays() -> None:
    """Older rows, rows without a date and no rows change nothing."""
    memory = Memory()
    follow(memory, dt.date(2025, 3, 1), dt.date(2025, 3, 9), None)
    follow(memory, dt.date(2024, 1, 1))
    follow(memory, None)
    follow(memory)

    [(name, labels)] = freshness.gauges(memory, SOURCE, quiet=False)
    assert name == "event_newest_seconds"
    assert dict(labels) == {
        "ministry": "sms",
        "dataflow": "border_crossing",
        "source": SOURCE,
    }
    days = (dt.date(2025, 3, 9) - dt.date(1970, 1, 1)).days
    assert freshness.gauges(memory, SOURCE, quiet=False)[name, labels] == days * DAY


def test_a_quiet_source_shows_nothing() -> None:
    """When somebody was last helped is a secret."""
    memory = Memory()
    follow(memory, dt.date(2025, 3, 1))
    assert freshness.gauges(memory, SOURCE, quiet=True) == {}


def test_what_is_no_calendar_day_is_no_date() -> None:
    """A period as text has no day."""
    overlay = Overlay(Memory())
    freshness.follow(overlay, "x", pl.Series(["2025-03"]))
    assert not overlay.pending
