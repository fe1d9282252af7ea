"""Arrears: batches a ministry has signed that never came.

Rules (design: lane machine, conservation):

- A gap shows that the batches before it were sent: their sequences are signed for by
  the one that came too early. Until the lane has passed them they are missing.
- A new lane closes the arrears of the older ones in its partition: a publisher replaces
  a lane when it no longer has what is asked for, and seals the rows again there.

State entry (kind ``m``): ``m`` ‖ lane → first missing sequence, last, time of the first
complaint.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hub.core.admission import Batch
from hub.core.lanes import Outcome
from hub.core.log import Incoming
from hub.core.stage import Series
from hub.core.state import Overlay, Reader
from hub.core.topics import parse_ministry

KIND = b"m"
_ENTRY = struct.Struct(">qqq")


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What one lane lacks: sequences from `first` to `last`, known since `since_ms`."""

    first: int
    last: int
    since_ms: int


def follow(overlay: Overlay, batch: Batch) -> None:
    """Note what a believed envelope says about its lane."""
    header = batch.header
    if header is None:
        return
    if batch.outcome is Outcome.GAP:
        _late(overlay, header.lane, batch.expected, header.sequence, batch.message)
    elif batch.outcome is Outcome.NEW:
        _came(overlay, header.lane, header.sequence)


def _late(
    overlay: Overlay, lane: bytes, expected: int, sequence: int, message: Incoming
) -> None:
    known = overlay.get(KIND + lane)
    last, since = sequence - 1, message.time_ms
    if known is not None:
        _, before, since = _ENTRY.unpack(known)
        last = max(last, before)
    overlay.put(KIND + lane, _ENTRY.pack(expected, last, since))


def _came(overlay: Overlay, lane: bytes, sequence: int) -> None:
    if sequence == 1:
        for key, _ in list(overlay.scan(KIND)):
            overlay.delete(key)
        return
    known = overlay.get(KIND + lane)
    if known is None:
        return
    _, last, since = _ENTRY.unpack(known)
    if sequence >= last:
        overlay.delete(KIND + lane)
    else:
        overlay.put(KIND + lane, _ENTRY.pack(sequence + 1, last, since))


def missing(state: Reader) -> list[Missing]:
    """What is missing in one partition, lane by lane."""
    found = []
    for _, value in state.scan(KIND):
        first, last, since = _ENTRY.unpack(value)
        found.append(Missing(first=first, last=last, since_ms=since))
    return found


def gauges(state: Reader, source: str, *, quiet: bool) -> dict[Series, float]:
    """What is missing in a ministry partition; of a quiet one only that something is.

    Args:
        state: Of the partition.
        source: ``topic/partition``.
        quiet: Show no number.
    """
    found = missing(state)
    ministry, dataflow = parse_ministry(source.rpartition("/")[0])
    labels = (("dataflow", dataflow), ("ministry", ministry), ("source", source))
    number = sum(one.last - one.first + 1 for one in found)
    made: dict[Series, float] = {
        ("lane_missing", labels): min(number, 1) if quiet else number
    }
    if found:
        # Seconds: a sample of Prometheus is a float.
        made["lane_since", labels] = min(one.since_ms for one in found) // 1000
    if found and not quiet:
        made["lane_expected", labels] = min(one.first for one in found)
    return made
