"""Close markers: when every source has said "up to here", and what waits until then.

Rules (design: delivery, rules 8 and 10):

- A source that has brought a marker is *blocked*: what comes after it is held back
  until the marker is complete, that is, has come from every source of the marker's
  bundle or is skipped there by a signed entry.
- A complete marker frees its sources. What they held goes on in the order of arrival,
  and stops again at the next marker. Several markers may be under way.
- A marker that comes again, or after its cut, says nothing new and is dropped.
- Two markers that came in one order here and in the other order there can never both
  be complete: each waits behind the other. The younger one is void (it has to be issued
  again under a new id); nothing is ever stuck.
- A source that is new in a bundle *joins*: it is blocked until every older source has
  come to that bundle. So no row of it stands before a marker that it never got.

State, by kind of entry: ``a`` → everything small; ``z`` marker → done or void; ``v``
marker → a void marker that was not issued again; and those of :mod:`hub.core.held`.

Invariant: what is emitted is a function of the order of messages, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

import ormsgpack

from hub.core.ending import Absent, Ending
from hub.core.held import Queues
from hub.core.log import Coordinate
from hub.core.messages import Close, decode_as, encode
from hub.core.stage import Series
from hub.core.state import Overlay, Reader

ALIGNMENT, DONE, VOID = b"a", b"z", b"v"
_JOIN = b"join"
"""What the name of a join begins with; a marker's name is its 16 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What bundles say about markers; see :class:`hub.core.bundle.Books`.

    Attributes:
        expected: Sources that a marker has to come from, by digest of the bundle.
        newer: The newer of two bundles.
    """

    expected: Callable[[bytes], frozenset[str]]
    newer: Callable[[bytes, bytes], bytes]


@dataclass(slots=True, kw_only=True)
class _Mark:
    """A marker (or a join) under way; `since` orders marks by their first arrival."""

    close: bytes
    since: int
    since_ms: int
    config: bytes
    sources: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What is under way, for status.

    Attributes:
        close: The marker; None where new sources wait to join.
        since_ms: Append time of the newest message when it first came.
        sources: Whom it waits for.
    """

    close: Close | None
    since_ms: int
    sources: tuple[str, ...]


class Alignment:
    """The markers under way in one domain; load, use, :meth:`save`."""

    def __init__(self, overlay: Overlay, rules: Rules) -> None:
        self._overlay = overlay
        self._rules = rules
        self._marks: dict[bytes, _Mark] = {}
        self._blocked: dict[str, bytes] = {}
        self._queues = Queues(overlay)
        self.changed = False
        stored = overlay.get(ALIGNMENT)
        if stored is not None:
            self._load(stored)

    @property
    def waiting(self) -> list[Waiting]:
        """What is under way, oldest first."""
        return [
            Waiting(
                close=decode_as(Close, mark.close) if mark.close else None,
                since_ms=mark.since_ms,
                sources=tuple(sorted(self._awaited(mark))),
            )
            for _, mark in self._in_order()
        ]

    @property
    def held(self) -> int:
        """How many messages are held back."""
        return self._queues.size

    @property
    def ready(self) -> bool:
        """Whether a held message may go on."""
        return any(source not in self._blocked for source in self._queues.ends)

    def free(self, source: str) -> bool:
        """Whether a message of `source` may be handled when it comes."""
        return source not in self._blocked and source not in self._queues

    def hold(self, source: str, after: Coordinate, message: bytes) -> None:
        """Keep a message of a source that is not free; it counts above `after`."""
        self._queues.hold(source, after, message)
        self.changed = True

    def mark(
        self, source: str, close: Close, config: bytes, clock_ms: int
    ) -> list[Ending]:
        """Note that `close` came from `source` under a bundle; what is void by that."""
        if self._overlay.get(DONE + close.marker) is not None:
            return []
        mark = self._touch(close.marker, encode(close), config, clock_ms)
        mark.config = self._rules.newer(mark.config, config)
        mark.sources.add(source)
        mark.skipped.discard(source)
        self._blocked[source] = close.marker
        void: list[Ending] = []
        while crossing := self._crossing():
            youngest = max(crossing, key=lambda marker: self._marks[marker].since)
            ended = self._end(youngest, b"void")
            self._overlay.put(VOID + youngest, ended.close)
            found = decode_as(Close, ended.close)
            void.append(Ending(close=found, config=ended.config, void=True))
        return void

    def join(self, old: bytes, new: bytes, clock_ms: int) -> None:
        """Block the sources that bundle `new` has and `old` had not."""
        joining = self._rules.expected(new) - self._rules.expected(old)
        if joining:
            name = _JOIN + new
            self._touch(name, b"", old, clock_ms)
            self._blocked.update(dict.fromkeys(joining, name))

    def reached(self, source: str, config: bytes) -> None:
        """Note that `source` has come to a bundle."""
        for name, mark in self._marks.items():
            new = name[len(_JOIN) :]
            if mark.close or source in mark.sources:
                continue
            if self._rules.newer(config, new) == config:
                mark.sources.add(source)
                self.changed = True

    def skip(self, skips: Collection[tuple[bytes, str]]) -> None:
        """Count signed skips (marker, source) of markers under way as arrived."""
        for marker, source in skips:
            mark = self._marks.get(marker)
            if mark is not None and source in self._awaited(mark):
                mark.sources.add(source)
                mark.skipped.add(source)
                self.changed = True

    def complete(self) -> Ending | None:
        """The next marker that is complete; its sources are free from now on."""
        for name, mark in self._in_order():
            if self._awaited(mark):
                continue
            self._end(name, b"done")
            if mark.close:
                close = decode_as(Close, mark.close)
                self._reissued(close)
                absent = tuple(
                    Absent(source=source, to=self._queues.handled(source))
                    for source in sorted(mark.skipped)
                )
                return Ending(close=close, config=mark.config, absent=absent)
        return None

    def next(self) -> tuple[str, Coordinate, bytes] | None:
        """The oldest held message of a source that is not blocked."""
        found = self._queues.next(self._blocked)
        self.changed |= found is not None
        return found

    def save(self) -> None:
        """Write what changed."""
        if not self.changed:
            return
        if not self._marks and not self._queues:
            self._overlay.delete(ALIGNMENT)
            return
        marks = [
            (
                name,
                mark.close,
                mark.since,
                mark.since_ms,
                mark.config,
                sorted(mark.sources),
                sorted(mark.skipped),
            )
            for name, mark in self._in_order()
        ]
        blocked = sorted(self._blocked.items())
        queues = sorted(self._queues.ends.items())
        packed = ormsgpack.packb((self._queues.count, marks, blocked, queues))
        self._overlay.put(ALIGNMENT, packed)

    def _load(self, stored: bytes) -> None:
        self._queues.count, marks, blocked, queues = ormsgpack.unpackb(stored)
        for name, close, since, since_ms, config, sources, skipped in marks:
            self._marks[name] = _Mark(
                close=close,
                since=since,
                since_ms=since_ms,
                config=config,
                sources=set(sources),
                skipped=set(skipped),
            )
        self._blocked = dict(blocked)
        self._queues.ends = dict(queues)

    def _awaited(self, mark: _Mark) -> frozenset[str]:
        return self._rules.expected(mark.config) - mark.sources

    def _in_order(self) -> list[tuple[bytes, _Mark]]:
        return sorted(self._marks.items(), key=lambda item: item[1].since)

    def _touch(self, name: bytes, close: bytes, config: bytes, clock_ms: int) -> _Mark:
        mark = self._marks.get(name)
        if mark is None:
            since = self._queues.number()
            mark = _Mark(close=close, since=since, since_ms=clock_ms, config=config)
            self._marks[name] = mark
        self.changed = True
        return mark

    def _end(self, name: bytes, word: bytes) -> _Mark:
        mark = self._marks.pop(name)
        if mark.close:
            self._overlay.put(DONE + name, word)
        self._blocked = {
            source: other for source, other in self._blocked.items() if other != name
        }
        self.changed = True
        return mark

    def _reissued(self, close: Close) -> None:
        """Forget void markers that `close` stands for."""
        for key, value in list(self._overlay.scan(VOID)):
            old = decode_as(Close, value)
            same = (old.period, old.vintage) == (close.period, close.vintage)
            if same and set(old.tables) <= set(close.tables):
                self._overlay.delete(key)

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
        for source in sorted(self._awaited(self._marks[marker])):
            other = self._blocked.get(source)
            if other is not None and other != marker:
                yield other


def voided(overlay: Overlay) -> list[Close]:
    """Void markers that were not issued again."""
    return [decode_as(Close, value) for _, value in overlay.scan(VOID)]


NO_RULES = Rules(expected=lambda _: frozenset(), newer=lambda one, _: one)
"""For whoever only looks at what is held."""


def gauges(state: Reader, source: str, *, quiet: bool) -> dict[Series, float]:
    """How many messages wait in a records partition until a cut is complete.

    Args:
        state: Of the partition.
        source: ``topic/partition``.
        quiet: Show no number.
    """
    held = Alignment(Overlay(state), NO_RULES).held
    shown = min(held, 1) if quiet else held
    return {("cut_held", (("source", source),)): shown}
