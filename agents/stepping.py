"""One step of the stage, in a thread: the attempt is noted before, a death after.

Rules (design: delivery, rules 2 and 12):

- What a signed skip sets aside is marked before the stage sees it.
- An exception that is no fault of the log or of a bundle is a death at this place; it
  is written down before the process ends.
- What the machine lacks, such as a token that is away, says nothing against a message:
  the attempt is taken back before the process ends.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from agents.partition import Partition
from hub.core import coverage, guard
from hub.core.errors import (
    BundleError,
    FencedError,
    LogError,
    MachineError,
    RecountError,
    RetriableError,
)
from hub.core.log import Incoming
from hub.core.stage import Result, Series, Stage
from hub.core.state import Overlay
from hub.edge.bundles import Library
from hub.edge.metrics import Metrics

ROWS = ("rows_total", "facts_total")
"""Counters of rows; a stage's own is the first of these that it has."""


Folded = tuple[Overlay, Result, float]
"""What a chunk gives, and how many seconds it took."""


def step(
    stage: Stage, library: Library | None, one: Partition, chunk: list[Incoming]
) -> Folded:
    """Fold a chunk into an overlay of the partition's state."""
    if one.source is None:
        raise FencedError(f"{one.name}: has no identity yet")
    state = one.state
    before = one.attempt
    attempt = one.begun(chunk)
    state.write({guard.ATTEMPT_KEY: guard.encode_attempt(attempt)})
    overlay = Overlay(state)
    began = time.monotonic()
    try:
        if library is not None:
            chunk = _judged(chunk, library.aside(one.source))
        result = stage.step(overlay, one.source, chunk)
    except (FencedError, LogError, BundleError, RecountError):
        raise
    except (MachineError, RetriableError):
        one.attempt = before
        said = None if before is None else guard.encode_attempt(before)
        state.write({guard.ATTEMPT_KEY: said})
        raise
    except BaseException:
        died = guard.died(attempt)
        state.write({guard.ATTEMPT_KEY: guard.encode_attempt(died)})
        raise
    return overlay, result, time.monotonic() - began


def rows_in(counts: Mapping[Series, float]) -> int:
    """Rows that a step took, as far as they may be counted."""
    for wanted in ROWS:
        found = [amount for (name, _), amount in counts.items() if name == wanted]
        if found:
            return int(sum(found))
    return 0


def _judged(chunk: list[Incoming], aside: frozenset[int]) -> list[Incoming]:
    """The chunk, with what is set aside marked."""
    if aside.isdisjoint(message.offset for message in chunk):
        return chunk
    return [replace(message, aside=message.offset in aside) for message in chunk]


def gaps_after(
    open_: Collection[str], overlay: Overlay, found: Collection[str]
) -> tuple[str, ...]:
    """A gap stays open until its origin's coverage moves and none is found."""
    pending = overlay.pending
    moved = {name for name in open_ if coverage.KIND + name.encode() in pending}
    return tuple(sorted({*open_} - moved | {*found}))


def show(
    metrics: Metrics,
    taken: Sequence[Incoming],
    result: Result,
    seconds: float,
    moments: tuple[float, float],
) -> None:
    """Show a step that is stored.

    Args:
        metrics: Of the worker.
        taken: The messages it folded in.
        result: What the stage said.
        seconds: How long it computed.
        moments: When it began, and when its outputs were acknowledged.
    """
    began, acked = moments
    done = time.monotonic()
    metrics.count("messages_total", len(taken), outcome="applied")
    metrics.time("step_seconds", seconds)
    metrics.time("write_seconds", done - acked)
    metrics.time("chunk_seconds", done - began)
    for message in taken[:1]:  # the oldest speaks for its chunk
        age = time.time() - message.time_ms / 1000
        metrics.time("message_seconds", max(age, 0.0))
    metrics.take(result.counts, result.gauges)
