"""Words for logs: sources, coordinates, what comes in and what goes out.

Rules (design: delivery, rules 5 to 7):

- A *source* is one partition of one log; a log is known by the uuid of its genesis
  record, so a re-created topic of the same name is another source.
- A *coordinate* is (offset, row) in a source, ordered lexicographically. Row
  ``ROW_LAST`` stands for "the whole message".
- Every row that travels inside the hub carries the coordinate it came from, in the
  columns ``origin_offset`` and ``origin_row``; every block says which stretch of its
  source it covers, from (exclusive) to (inclusive).
"""

from __future__ import annotations

from dataclasses import dataclass, field

ROW_LAST = 2**31 - 1
"""The row of a coordinate that covers its whole message."""

PARTITIONS_MINISTRY = 2
PARTITIONS_FACTS = 4
PARTITIONS_ONE = 1


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Coordinate:
    """A place in a source: message offset and row in it; ordered."""

    offset: int
    row: int


START = Coordinate(offset=-1, row=ROW_LAST)
"""Before the first message of a source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One partition of one log.

    Attributes:
        topic: Topic name.
        partition: Partition number.
        log: Genesis uuid of the topic, 16 bytes.
    """

    topic: str
    partition: int
    log: bytes

    @property
    def name(self) -> str:
        """``topic/partition``, for state keys and messages to people."""
        return f"{self.topic}/{self.partition}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One message as read from a source; `time_ms` is the broker's append time.

    Attributes:
        aside: Whether a signed skip sets it aside (see :mod:`hub.core.skips`).
    """

    offset: int
    time_ms: int
    value: bytes = field(repr=False)
    aside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One message to be sent and acknowledged; the partition is always explicit."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None = field(repr=False)
    headers: tuple[tuple[str, bytes], ...] = ()
