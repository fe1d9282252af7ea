"""Logs folded by one writer that nothing happens to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from faust.types import TP

from hub.core.log import Incoming, Send
from hub.core.stage import Result
from hub.core.state import Overlay
from tests.simulation.disk import Entries, Marked
from tests.simulation.steps import Begun, Memo, key_of, place_of
from tests.simulation.world import World, source_of

Known = tuple[Memo, Begun]
"""Steps that a run has taken."""

CHUNK = 16
"""Messages folded at once where nothing is known."""


@dataclass(slots=True)
class Fold:
    """State, outputs and counts of a log.

    Steps that the run has taken from the same state on the same messages are looked up;
    :func:`fold` without what is known computes every one, in chunks of another size.
    """

    state: Marked = field(default_factory=lambda: Marked(Entries()))
    sends: list[Send] = field(default_factory=list)
    counts: Counter[Any] = field(default_factory=Counter)
    gaps: set[str] = field(default_factory=set)

    def answers(self) -> dict[str, list[bytes]]:
        """What does not stay inside, by topic."""
        found: dict[str, list[bytes]] = defaultdict(list)
        for send in self.sends:
            if not send.topic.startswith("hub."):
                found[send.topic].append(send.value or b"")
        return found


def fold(
    world: World,
    stage: str,
    tp: TP,
    log: Sequence[Incoming],
    known: Known | None = None,
) -> Fold:
    """A whole log, from its genesis record on."""
    made = Fold()
    offset, more = 0, False
    while offset < len(log) or more:
        length, result = _known(made.state, stage, tp, log[offset:], known)
        if result is None:
            chunk = log[offset : offset + CHUNK]
            length = len(chunk)
            overlay = Overlay(made.state)
            result = world.stage(stage, (2, 2)).step(overlay, source_of(tp), chunk)
            made.state.apply(overlay.pending)
        made.sends += result.sends
        made.counts.update(result.counts)
        made.gaps.update(result.gaps)
        offset += length if result.taken is None else result.taken
        more = result.more
    return made


def _known(
    state: Marked,
    stage: str,
    tp: TP,
    log: Sequence[Incoming],
    known: Known | None,
) -> tuple[int, Result | None]:
    """A chunk from the beginning of `log` that was folded before, and its messages."""
    if known is None:
        return 0, None
    memo, begun = known
    source = source_of(tp)
    for process, length in begun.get(place_of(stage, source, state.kept.mark), ()):
        key = key_of(stage, source, process, log[:length])
        found = memo.get(key, state, process[1])
        if found is not None:
            state.apply(found.pending)
            return length, cast("Result", found.given)
    return 0, None
