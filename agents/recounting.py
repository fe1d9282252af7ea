"""A partition whose state is no use begins again with another one.

Rules (design: delivery, rule 11):

- Where the log no longer reaches back to a state, a checkpoint that another worker took
  meanwhile may have come further: then it takes the place of that state.
- A state that did not look at what a new table counts is made anew, from the log's
  beginning.
- Only where the log still has its beginning; otherwise the partition stops and keeps
  its state.
- Checkpoints go first, then the state: killed in between, the state is still there, and
  asks for the same again.
- What was acknowledged is not sent again; cuts wait until the partition is back at the
  end of its log.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from agents import group
from agents.frame import WorkerError
from hub.core.errors import FencedError, LogError, RecountError

if TYPE_CHECKING:
    from agents.partition import Partition
    from agents.runtime import Runtime

logger = logging.getLogger(__name__)


async def anew(runtime: Runtime, one: Partition, why: RecountError) -> None:
    """Put a partition without a state in the place of one whose state is no use."""
    try:
        await _anew(runtime, one, why)
    except Exception as error:  # noqa: BLE001 - whatever it is ends the process
        text = f"{one.name}: {type(error).__name__} while it was begun anew"
        await runtime.app.die(WorkerError(text))


async def behind(runtime: Runtime, one: Partition, why: LogError) -> None:
    """Go on from a newer checkpoint, or stop for a person."""
    try:
        if not one.flowing or not await runtime.custody.overtaken(one):
            runtime.stop(one, why)
            return
        runtime.app.consumer.pause_partitions({one.tp})
        runtime.account.gone(one)
        one.kill()
        await runtime.custody.shut(one)
        _replace(runtime, one)
    except FencedError:
        pass
    except Exception as error:  # noqa: BLE001 - whatever it is ends the process
        await runtime.app.die(WorkerError(f"{one.name}: {type(error).__name__}"))


def _replace(runtime: Runtime, one: Partition) -> None:
    """Another partition in its place, unless it was taken away meanwhile."""
    if runtime.partitions.get(one.tp) is one:
        runtime.begin(one.tp, one.generation).held_back = True


async def _anew(runtime: Runtime, one: Partition, why: RecountError) -> None:
    consumer = runtime.app.consumer
    consumer.pause_partitions({one.tp})
    start = (await consumer.earliest_offsets(one.tp))[one.tp]
    if start:
        text = f"{why}, and the log begins at {start}; take the tables back"
        runtime.stop(one, LogError(f"{one.name}: {text}"))
        return
    logger.warning("%s is counted anew: %s", one.name, why)
    await group.tell(runtime.app, [one])
    if runtime.partitions.get(one.tp) is not one:
        return  # taken away; its next owner will find the same
    runtime.account.gone(one)
    one.kill()
    await runtime.custody.drop(one)
    _replace(runtime, one)
