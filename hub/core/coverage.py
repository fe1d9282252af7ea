"""Which stretch of every source a partition has seen (delivery, rules 5 to 7).

Rules:

- One entry a source, kind ``#``: log uuid, offset, row of the last covered place.
- A block applies if it begins at or below that place and ends above it; rows at or
  below the place are dropped by the caller (:func:`unseen`).
- A block that begins above it is a gap: it is held, never applied, until the writer
  emits the missing stretch again.
- Another log of the same name is another source: :class:`~hub.core.errors.LogError`.

Invariant: the covered place only grows, and no row is applied twice or skipped.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

import polars as pl

from hub.core.errors import LogError
from hub.core.log import START, Coordinate, Source
from hub.core.messages import BlockHeader
from hub.core.state import Overlay

KIND = b"#"
_ENTRY = struct.Struct(">16sqi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do with a block.

    Attributes:
        action: "apply" (drop rows at or below `after`), "covered" (drop it whole) or
            "gap" (hold it: something between `after` and its start is missing).
        after: Last covered place of the source.
    """

    action: Literal["apply", "covered", "gap"]
    after: Coordinate


def covered(overlay: Overlay, source: Source) -> Coordinate:
    """The last covered place of `source`, START before its first block."""
    entry = overlay.get(_key(source))
    if entry is None:
        return START
    log, place = place_in(entry)
    if log != source.log:
        raise LogError(
            f"{source.name} is log {source.log.hex()}, but state was made from"
            f" {log.hex()}: the topic was re-created; `kerwen doctor` says which"
            " checkpoint to restore"
        )
    return place


def place_in(entry: bytes) -> tuple[bytes, Coordinate]:
    """Log uuid and last covered place, as an entry of the state holds them."""
    log, offset, row = _ENTRY.unpack(entry)
    return log, Coordinate(offset=offset, row=row)


def place(overlay: Overlay, name: str) -> Coordinate:
    """The last covered place of the source called `name`, whatever its log."""
    entry = overlay.get(KIND + name.encode())
    if entry is None:
        return START
    _, offset, row = _ENTRY.unpack(entry)
    return Coordinate(offset=offset, row=row)


def admit(overlay: Overlay, header: BlockHeader) -> Verdict:
    """What to do with the block of `header`; raises LogError for another log."""
    after = covered(overlay, header.source)
    if header.to <= after:
        return Verdict(action="covered", after=after)
    if header.start > after:
        return Verdict(action="gap", after=after)
    return Verdict(action="apply", after=after)


def advance(overlay: Overlay, header: BlockHeader) -> None:
    """Note that everything up to the block's end is applied."""
    source, to = header.source, header.to
    overlay.put(_key(source), _ENTRY.pack(source.log, to.offset, to.row))


def unseen(frame: pl.DataFrame, after: Coordinate) -> pl.DataFrame:
    """Rows whose origin lies above `after`."""
    if frame.height and frame["origin_offset"].min() > after.offset:  # type: ignore[operator]  # the least of a column that is a number
        return frame  # the common case: nothing was seen before
    offset, row = pl.col("origin_offset"), pl.col("origin_row")
    above = (offset > after.offset) | ((offset == after.offset) & (row > after.row))
    return frame.filter(above)


def _key(source: Source) -> bytes:
    return KIND + source.name.encode()
