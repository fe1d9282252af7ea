"""What this worker can account for: positions, coverage, sums, and a minute ago.

Rules (design: conservation, delivery rules 5 to 7):

- Position: the last message folded in. Coverage: up to where each origin's messages are
  in this partition's state. Sums: :mod:`hub.core.totals`. All three are read from the
  state when it is opened and follow every chunk, so a start changes none of them.
- *Settled* is what a position and the sums were :data:`SETTLED_SECONDS` ago. What is
  not covered downstream by then is late; what is younger is on its way.
- Of a quiet log neither position nor coverage is shown, but a mark of each: equal when
  they are equal, and telling nothing else.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from agents.partition import Partition
from hub.core import coverage, totals
from hub.core.books import mark
from hub.core.errors import FencedError
from hub.core.log import ROW_LAST, Coordinate
from hub.core.stage import Series
from hub.core.state import Overlay, Reader
from hub.core.totals import Totals

SETTLED_SECONDS = 60.0
SAMPLE_SECONDS = 5.0
"""Between two notes of where a partition stands."""

Samples = list[tuple[Series, float]]


class Look(Protocol):
    """What a stage shows of the state of one partition."""

    def __call__(
        self, state: Reader, source: str, *, quiet: bool
    ) -> Mapping[Series, float]:
        """Gauges of the partition `source`; no number of a quiet one."""


@dataclass(slots=True, kw_only=True)
class _Entry:
    """One partition of this assignment.

    Attributes:
        covered: Origin -> its entry of coverage.
        past: (time, position, sums), oldest first.
    """

    totals: Totals
    covered: dict[str, bytes]
    past: deque[tuple[float, int, Totals]] = field(default_factory=deque)


class Account:
    """The account of one worker; lives in the loop of the app."""

    def __init__(
        self,
        quiet: Container[str] = (),
        look: Look | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """An account of nothing yet.

        Args:
            quiet: Topics that get marks only.
            look: Gauges that the stage has in its state.
            clock: Monotonic seconds.
        """
        self._quiet = quiet
        self._look = look
        self._clock = clock
        self._entries: dict[Partition, _Entry] = {}

    def opened(self, one: Partition) -> None:
        """A state is open: take over what it holds."""
        state = one.state
        (stored,) = state.get_many([totals.TOTALS_KEY])
        self._entries[one] = _Entry(
            totals=totals.decode(stored),
            covered={
                key[len(coverage.KIND) :].decode(): value
                for key, value in state.scan(coverage.KIND)
            },
        )

    def add(
        self, one: Partition, overlay: Overlay, counts: Mapping[Series, float]
    ) -> None:
        """Put the new sums into the batch of a chunk."""
        entry = self._entries.get(one)
        if entry is None:
            return
        after = totals.add(entry.totals, counts)
        if after is not entry.totals:
            overlay.put(totals.TOTALS_KEY, totals.encode(after))

    def folded(self, one: Partition, overlay: Overlay) -> None:
        """The batch of a chunk is written."""
        entry = self._entries.get(one)
        if entry is None:
            return
        pending = overlay.pending
        stored = pending.get(totals.TOTALS_KEY)
        if stored is not None:
            entry.totals = totals.decode(stored)
        for key in overlay.single:
            value = pending.get(key)
            if key.startswith(coverage.KIND) and value is not None:
                entry.covered[key[len(coverage.KIND) :].decode()] = value

    def gone(self, one: Partition) -> None:
        """A partition was taken away."""
        self._entries.pop(one, None)

    def samples(self) -> Samples:
        """Everything as series; called once a second."""
        now = self._clock()
        return [
            sample
            for one, entry in self._entries.items()
            for sample in self._of(one, entry, now)
        ]

    def lags(self, age: Callable[[Partition], float]) -> Samples:
        """How long messages of each partition wait; nothing of quiet ones."""
        return [
            (("source_lag_seconds", (("source", one.name),)), age(one))
            for one in self._entries
            if one.tp.topic not in self._quiet
        ]

    def _of(
        self, one: Partition, entry: _Entry, now: float
    ) -> Iterator[tuple[Series, float]]:
        past = entry.past
        if not past or now - past[-1][0] >= SAMPLE_SECONDS:
            past.append((now, one.folded, entry.totals))
        while len(past) > 1 and now - past[1][0] >= SETTLED_SECONDS:
            past.popleft()
        stands = [("position", one.folded, entry.totals)]
        if now - past[0][0] >= SETTLED_SECONDS:
            stands.append(("settled", past[0][1], past[0][2]))
        log = one.source.log if one.source else bytes(16)
        quiet = one.tp.topic in self._quiet
        for word, offset, sums in stands:
            place = Coordinate(offset=offset, row=ROW_LAST)
            yield self._place(word, (("source", one.name),), log, place, quiet=quiet)
            for (name, labels), amount in () if quiet else sums.items():
                named = tuple(sorted((*labels, ("source", one.name))))
                sum_ = name if word == "position" else name.replace("counted", word)
                yield (sum_, named), amount
        if self._look is not None:
            with suppress(FencedError):
                yield from self._look(one.state, one.name, quiet=quiet).items()
        for origin, stored in entry.covered.items():
            log, place = coverage.place_in(stored)
            quiet = origin.rpartition("/")[0] in self._quiet
            labels = (("into", one.name), ("source", origin))
            yield self._place("covered", labels, log, place, quiet=quiet)

    def _place(
        self,
        word: str,
        labels: tuple[tuple[str, str], ...],
        log: bytes,
        place: Coordinate,
        *,
        quiet: bool,
    ) -> tuple[Series, float]:
        whole = place.offset if place.row == ROW_LAST else place.offset - 1
        if quiet:
            return (f"{word}_mark", labels), mark(log, whole)
        return (f"{word}_offset", labels), whole
