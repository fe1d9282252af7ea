"""How new what a ministry sends is: the newest event date that was accepted.

Rules (operators):

- Event time, not arrival: a ministry may send every day and be a month behind.
- Kept with the state of the partition, so a start or another worker changes nothing.
- Nothing of quiet dataflows, and nothing of dates that are no calendar day.

State entry: ``@newest`` ‖ dataflow -> days since 1970.
"""

from __future__ import annotations

import struct

import polars as pl

from hub.core.stage import Series
from hub.core.state import Overlay, Reader
from hub.core.topics import parse_ministry

KIND = b"@newest"
_DAYS = struct.Struct(">q")
_DAY_SECONDS = 86_400


def follow(overlay: Overlay, dataflow: str, dates: pl.Series) -> None:
    """Note the newest of the event dates that were accepted."""
    if dates.dtype != pl.Date:
        return
    newest = dates.to_physical().max()
    if not isinstance(newest, int):
        return
    key = KIND + dataflow.encode()
    known = overlay.get(key)
    if known is None or _DAYS.unpack(known)[0] < newest:
        overlay.put(key, _DAYS.pack(newest))


def gauges(state: Reader, source: str, *, quiet: bool) -> dict[Series, float]:
    """The newest event date of a ministry partition, in seconds since 1970.

    Args:
        state: Of the partition.
        source: ``topic/partition``.
        quiet: Show nothing.
    """
    if quiet:
        return {}
    ministry, _ = parse_ministry(source.rpartition("/")[0])
    return {
        (
            "event_newest_seconds",
            (
                ("dataflow", key[len(KIND) :].decode()),
                ("ministry", ministry),
                ("source", source),
            ),
        ): _DAYS.unpack(value)[0] * _DAY_SECONDS
        for key, value in state.scan(KIND)
    }
