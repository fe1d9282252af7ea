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
from hub.core.blocks import Part
from hub.core.log import Incoming, Source
from hub.core.stage import Result, Stage
from hub.core.state import Overlay, Reader
from tests.simulation.disk import Marked

Key = tuple[Any, ...]
Pending = dict[bytes, bytes | None]
WIDEST = 20_000
"""Rows after which a message is cut in production."""

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


@dataclass(slots=True)
class Found:
    """Something computed: what it read, wrote and gave.

    Attributes:
        splits: From which to which number of rows it would be the same, if a process
            cut its messages there.
    """

    reads: Reads
    pending: Pending
    given: Any
    splits: tuple[int, int] = (0, WIDEST)


@dataclass(slots=True)
class Memo:
    """What was computed for one workload under one set of rules."""

    asked: int = 0
    computed: int = 0
    _found: dict[Key, list[Found]] = field(default_factory=lambda: defaultdict(list))

    def get(self, key: Key, below: Reader, split: int = WIDEST) -> Found | None:
        """What was computed under `key` with the same reads, for messages cut there."""
        self.asked += 1
        found = self._found.get(key, [])
        for one in found[-TRIES:]:
            least, most = one.splits
            if least <= split <= most and one.reads.same(below):
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
        found = self.memo.get(key, state, self.split)
        if found is None:
            largest = [0]
            call = partial(self._compute, source, messages, largest)
            found = self.memo.make(key, state, call)
            uncut = largest[0] <= self.split
            found.splits = (largest[0], WIDEST) if uncut else (self.split, self.split)
        overlay.pending.update(found.pending)
        return cast("Result", found.given)

    def _compute(
        self,
        source: Source,
        messages: Sequence[Incoming],
        largest: list[int],
        overlay: Overlay,
    ) -> Result:
        """Step; `largest` gets the rows of the largest part that could be cut."""
        whole = blocks.seal

        def cut(parts: Sequence[Part], **given: Any) -> list[bytes]:
            sizes = (sum(rows.height for _, rows, _ in one.sections) for one in parts)
            largest[0] = max(largest[0], *sizes, 0)
            return whole(parts, **given, rows_max=self.split)

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
    epochs, _ = process  # where it cuts, what was found says itself
    return (stage, source.topic, source.partition, source.log, epochs, told)


def place_of(stage: str, source: Source, mark: int) -> Key:
    """What a step begins from."""
    return (stage, source.topic, source.partition, source.log, mark)
