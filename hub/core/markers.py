"""Close markers: when every source has said "up to here", and what waits until then.

Rules (design: delivery, rule 8):

- A source that has brought a marker is *blocked*: what comes after it is held back
  until the marker is complete, that is, has come from every expected source or is
  skipped there by a signed entry.
- A complete marker frees its sources. What they held goes on in the order of arrival,
  and stops again at the next marker. Several markers may be under way.
- A marker that comes again, or after its cut, says nothing new and is dropped.
- Two markers that came in one order here and in the other order there can never both
  be complete: each waits behind the other. The younger one is void (it has to be issued
  again under a new id); nothing is ever stuck.

State, by kind of entry: ``a`` → everything small; ``h`` number → a held message;
``q`` source, place → the number of that source's message; ``z`` marker → done or void.

Invariant: what is emitted is a function of the order of messages, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import ormsgpack

from hub.core.messages import Close, decode_as, encode
from hub.core.state import Overlay

ALIGNMENT, HELD, QUEUE, DONE = b"a", b"h", b"q", b"z"


@dataclass(slots=True, kw_only=True)
class _Mark:
    """A marker under way; `since` orders markers by their first arrival."""

    close: bytes
    since: int
    sources: set[str] = field(default_factory=set)


class Alignment:
    """The markers under way in one domain; load, use, :meth:`save`."""

    def __init__(self, overlay: Overlay, expected: Collection[str]) -> None:
        self._overlay = overlay
        self._expected = frozenset(expected)
        self._marks: dict[bytes, _Mark] = {}
        self._blocked: dict[str, bytes] = {}
        self._queues: dict[str, list[int]] = {}
        self._count = 0
        self.changed = False
        stored = overlay.get(ALIGNMENT)
        if stored is not None:
            self._load(stored)

    @property
    def waiting(self) -> dict[bytes, list[str]]:
        """Markers under way, oldest first, with the sources they wait for."""
        return {
            marker: sorted(self._expected - mark.sources)
            for marker, mark in self._in_order()
        }

    @property
    def held(self) -> int:
        """How many messages are held back."""
        return sum(end - start for start, end in self._queues.values())

    def free(self, source: str) -> bool:
        """Whether a message of `source` may be handled when it comes."""
        return source not in self._blocked and source not in self._queues

    def hold(self, source: str, message: bytes) -> None:
        """Keep a message of a source that is not free."""
        number = self._next_number()
        queue = self._queues.setdefault(source, [0, 0])
        self._overlay.put(HELD + number, message)
        self._overlay.put(_place(source, queue[1]), number)
        queue[1] += 1

    def mark(self, source: str, close: Close) -> list[bytes]:
        """Note that `close` came from `source`; markers that are void by that."""
        if self._overlay.get(DONE + close.marker) is not None:
            return []
        self._touch(close).sources.add(source)
        self._blocked[source] = close.marker
        void: list[bytes] = []
        while crossing := self._crossing():
            youngest = max(crossing, key=lambda marker: self._marks[marker].since)
            self._end(youngest, b"void")
            void.append(youngest)
        return void

    def skip(self, skips: Collection[tuple[bytes, str]]) -> None:
        """Count signed skips (marker, source) of markers under way as arrived."""
        for marker, source in skips:
            mark = self._marks.get(marker)
            if mark is not None and source not in mark.sources:
                mark.sources.add(source)
                self.changed = True

    def complete(self) -> Close | None:
        """The next marker that is complete; its sources are free from now on."""
        for marker, mark in self._in_order():
            if self._expected <= mark.sources:
                self._end(marker, b"done")
                return decode_as(Close, mark.close)
        return None

    def next(self) -> tuple[str, bytes] | None:
        """The oldest held message of a source that is not blocked."""
        ready = {
            source: self._overlay.get(_place(source, queue[0])) or b""
            for source, queue in self._queues.items()
            if source not in self._blocked
        }
        if not ready:
            return None
        source = min(ready, key=lambda name: ready[name])
        number, queue = ready[source], self._queues[source]
        message = self._overlay.get(HELD + number)
        if message is None:
            raise AssertionError("a queue names a message that is not held")
        self._overlay.delete(HELD + number)
        self._overlay.delete(_place(source, queue[0]))
        queue[0] += 1
        if queue[0] == queue[1]:
            del self._queues[source]
        self.changed = True
        return source, message

    def save(self) -> None:
        """Write what changed."""
        if not self.changed:
            return
        if not self._marks and not self._queues:
            self._overlay.delete(ALIGNMENT)
            return
        marks = [
            (marker, mark.close, mark.since, sorted(mark.sources))
            for marker, mark in self._in_order()
        ]
        blocked = sorted(self._blocked.items())
        queues = sorted(self._queues.items())
        packed = ormsgpack.packb((self._count, marks, blocked, queues))
        self._overlay.put(ALIGNMENT, packed)

    def _load(self, stored: bytes) -> None:
        self._count, marks, blocked, queues = ormsgpack.unpackb(stored)
        for marker, close, since, sources in marks:
            self._marks[marker] = _Mark(close=close, since=since, sources=set(sources))
        self._blocked = dict(blocked)
        self._queues = dict(queues)

    def _in_order(self) -> list[tuple[bytes, _Mark]]:
        return sorted(self._marks.items(), key=lambda item: item[1].since)

    def _next_number(self) -> bytes:
        self.changed = True
        self._count += 1
        return self._count.to_bytes(8, "big")

    def _touch(self, close: Close) -> _Mark:
        mark = self._marks.get(close.marker)
        if mark is None:
            self._next_number()
            mark = _Mark(close=encode(close), since=self._count)
            self._marks[close.marker] = mark
        self.changed = True
        return mark

    def _end(self, marker: bytes, word: bytes) -> None:
        del self._marks[marker]
        self._overlay.put(DONE + marker, word)
        self._blocked = {
            source: other for source, other in self._blocked.items() if other != marker
        }
        self.changed = True

    def _crossing(self) -> list[bytes]:
        """Markers that wait for each other in a ring; empty if there is none.

        A marker waits for another if a source it still needs is blocked by that one:
        there it can only come later.
        """
        for start in self._marks:
            paths = [[start]]
            reached = {start}
            while paths:
                path = paths.pop()
                for marker in self._waits_for(path[-1]):
                    if marker == start:
                        return path
                    if marker not in reached:
                        reached.add(marker)
                        paths.append([*path, marker])
        return []

    def _waits_for(self, marker: bytes) -> Iterator[bytes]:
        for source in sorted(self._expected - self._marks[marker].sources):
            other = self._blocked.get(source)
            if other is not None and other != marker:
                yield other


def _place(source: str, place: int) -> bytes:
    return b"".join((QUEUE, source.encode(), b"\0", place.to_bytes(8, "big")))
