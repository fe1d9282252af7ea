"""Messages held back: a queue for every source that may not go on.

Rules (design: delivery, rule 8):

- What a source holds goes on in the order of arrival over all sources.
- A source with a queue stays in it: what comes later is held behind.

State, by kind of entry: ``h`` number → a held message; ``q`` source, place → the number
of that source's message. Where queues begin and end is kept by whoever owns them.
"""

from __future__ import annotations

from collections.abc import Container

import ormsgpack

from hub.core import coverage
from hub.core.log import Coordinate
from hub.core.state import Overlay

HELD, QUEUE = b"h", b"q"


class Queues:
    """The queues of one partition's state.

    Attributes:
        ends: Source -> places of its first message and after its last.
        count: How many messages were ever numbered.
    """

    def __init__(self, overlay: Overlay) -> None:
        self._overlay = overlay
        self.ends: dict[str, list[int]] = {}
        self.count = 0

    def __contains__(self, source: str) -> bool:
        return source in self.ends

    def __bool__(self) -> bool:
        return bool(self.ends)

    @property
    def size(self) -> int:
        """How many messages are held back."""
        return sum(end - start for start, end in self.ends.values())

    def number(self) -> int:
        """The next number; it orders whatever is given one."""
        self.count += 1
        return self.count

    def hold(self, source: str, after: Coordinate, message: bytes) -> None:
        """Keep a message; its rows count above `after`."""
        number = self.number().to_bytes(8, "big")
        queue = self.ends.setdefault(source, [0, 0])
        held = ormsgpack.packb((after.offset, after.row, message))
        self._overlay.put(HELD + number, held)
        self._overlay.put(_place(source, queue[1]), number)
        queue[1] += 1

    def next(self, blocked: Container[str]) -> tuple[str, Coordinate, bytes] | None:
        """Take the oldest message of a source that is not blocked."""
        ready = {
            source: self._number(source)
            for source in self.ends
            if source not in blocked
        }
        if not ready:
            return None
        source = min(ready, key=lambda name: ready[name])
        after, message = self._read(ready[source])
        queue = self.ends[source]
        self._overlay.delete(HELD + ready[source])
        self._overlay.delete(_place(source, queue[0]))
        queue[0] += 1
        if queue[0] == queue[1]:
            del self.ends[source]
        return source, after, message

    def handled(self, source: str) -> Coordinate:
        """Up to where a source was handled: all that was covered and is not held."""
        if source not in self.ends:
            return coverage.place(self._overlay, source)
        after, _ = self._read(self._number(source))
        return after

    def _number(self, source: str) -> bytes:
        """The number of a source's first message."""
        return self._overlay.get(_place(source, self.ends[source][0])) or b""

    def _read(self, number: bytes) -> tuple[Coordinate, bytes]:
        stored = self._overlay.get(HELD + number)
        if stored is None:
            raise AssertionError("a queue names a message that is not held")
        offset, row, message = ormsgpack.unpackb(stored)
        return Coordinate(offset=offset, row=row), message


def _place(source: str, place: int) -> bytes:
    return b"".join((QUEUE, source.encode(), b"\0", place.to_bytes(8, "big")))
