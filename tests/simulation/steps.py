"""A stage in the simulator: the real step, remembered; and messages that kill.

Rules:

- A step is a function of its messages and of what it reads. What was computed once is
  looked up when messages and reads are the same; so a schedule costs what is new in it.
  What is remembered is dropped with the workload it belongs to.
- A poisoned message raises out of the step, as often as its poison says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast
from unittest.mock import patch

from hub.core import blocks
from hub.core.log import Incoming, Source
from hub.core.stage import Result, Stage
from hub.core.state import Overlay, Reader
from tests.simulation.disk import Marked

Key = tuple[Any, ...]
Pending = dict[bytes, bytes | None]
TRIES = 8
"""So many remembered steps are compared before one is computed."""


class PoisonError(Exception):
    """What a message does that nobody foresaw."""


class Reads:
    """A reader that notes what it was asked, and what it said."""

    def __init__(self, below: Reader) -> None:
        self._below = below
        self.values: dict[bytes, bytes | None] = {}
        self.lists: dict[bytes, list[tuple[bytes, bytes]]] = {}

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See :class:`Reader`."""
        found = self._below.get_many(keys)
        self.values.update(zip(keys, found, strict=True))
        return found

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See :class:`Reader`."""
        found = self.lists[prefix] = list(self._below.scan(prefix))
        return iter(found)

    def same(self, below: Reader) -> bool:
        """Whether another state says the same."""
        values = self.values
        return below.get_many([*values]) == [*values.values()] and all(
            list(below.scan(prefix)) == found for prefix, found in self.lists.items()
        )


@dataclass(frozen=True, slots=True)
class Found:
    """Something computed: what it read, wrote and gave."""

    reads: Reads
    pending: Pending
    given: Any


@dataclass(slots=True)
class Memo:
    """What was computed for one workload under one set of rules."""

    asked: int = 0
    computed: int = 0
    _found: dict[Key, list[Found]] = field(default_factory=lambda: defaultdict(list))

    def get(self, key: Key, below: Reader) -> Found | None:
        """What was computed under `key` with the same reads."""
        self.asked += 1
        found = self._found.get(key, [])
        for one in found[-TRIES:]:
            if one.reads.same(below):
                return one
        return None

    def make(self, key: Key, below: Reader, call: Callable[[Overlay], Any]) -> Found:
        """Compute and remember."""
        self.computed += 1
        reads = Reads(below)
        overlay = Overlay(reads)
        given = call(overlay)
        made = Found(reads, overlay.pending, given)
        self._found[key].append(made)
        return made

    def ask(self, key: Key, below: Reader, call: Callable[[Overlay], Any]) -> Found:
        """Look up or compute."""
        return self.get(key, below) or self.make(key, below, call)


Process = tuple[tuple[int, int], int]
"""What a process has of its own: epochs of its keys, and rows of a message."""

Begun = dict[Key, dict[tuple[Process, int], None]]
"""From where on chunks were folded in a run: by which process, how many messages."""


@dataclass(slots=True)
class Steps:
    """A stage of one process.

    Attributes:
        poison: (topic, partition, offset) -> how often it still kills.
        epochs: Of the keys it has.
        split: Rows after which it cuts a message in two.
        begun: Of the run it belongs to.
    """

    stage: Stage
    memo: Memo
    poison: dict[tuple[str, int, int], int] = field(default_factory=dict)
    epochs: tuple[int, int] = (1, 1)
    split: int = 20_000
    begun: Begun = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The stage's word."""
        return self.stage.name

    def step(
        self, overlay: Overlay, source: Source, messages: Sequence[Incoming]
    ) -> Result:
        """See :class:`hub.core.stage.Stage`."""
        if self.poison:
            self._swallow(source, messages)
        state = cast("Marked", overlay._below)
        process: Process = (self.epochs, self.split)
        at = place_of(self.name, source, state.kept.mark)
        self.begun.setdefault(at, {})[process, len(messages)] = None
        key = key_of(self.name, source, process, messages)
        found = self.memo.ask(key, state, partial(self._compute, source, messages))
        overlay.pending.update(found.pending)
        return cast("Result", found.given)

    def _compute(
        self, source: Source, messages: Sequence[Incoming], overlay: Overlay
    ) -> Result:
        cut = partial(blocks.seal, rows_max=self.split)
        with patch.object(blocks, "seal", cut):
            return self.stage.step(overlay, source, messages)

    def _swallow(self, source: Source, messages: Sequence[Incoming]) -> None:
        for message in messages:
            place = (source.topic, source.partition, message.offset)
            left = self.poison.get(place, 0)
            if left:
                self.poison[place] = left - 1
                raise PoisonError


def key_of(
    stage: str, source: Source, process: Process, messages: Sequence[Incoming]
) -> Key:
    """What a step is given."""
    told = tuple((one.offset, one.time_ms, one.value) for one in messages)
    return (stage, source.topic, source.partition, source.log, process, told)


def place_of(stage: str, source: Source, mark: int) -> Key:
    """What a step begins from."""
    return (stage, source.topic, source.partition, source.log, mark)
