"""What the group knows of us: offsets as hints, and whether we still belong to it.

Rules (design: delivery, rule 2):

- A committed offset is a hint for lag and rebuild, never the truth. It carries the uuid
  of its log, so that a hint for a topic that was made again is not believed.
- Never Faust's own `_commit`: it crashes the process when a partition has just been
  taken away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, cast

from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from agents.frame import HubApp, SeekingConsumer
from agents.partition import Partition

HINT_SECONDS = 5.0

Hint = tuple[int, str]
"""Next offset, and the log's uuid in hex."""


async def tell(app: HubApp, ones: Iterable[Partition]) -> None:
    """Commit what was stored since the last time."""
    moved = {
        one: (one.acknowledged, one.position.log.hex())
        for one in ones
        if one.position is not None and one.acknowledged > one.hinted
    }
    if moved and await commit(app, {one.tp: hint for one, hint in moved.items()}):
        for one, (following, _) in moved.items():
            one.hinted = following


async def learn(app: HubApp, ones: Iterable[Partition]) -> None:
    """How far the outputs of partitions are known to be acknowledged.

    A state that was lost, or came back from a checkpoint, is silent up to there.
    """
    flowing = {one.tp: one for one in ones if one.flowing}
    if flowing:
        for tp, hint in (await committed(app, set(flowing))).items():
            flowing[tp].hint = hint


async def commit(app: HubApp, hints: Mapping[TP, Hint]) -> bool:
    """Commit hints; false if the broker did not take them, or not in time."""
    thread = _thread(app)

    async def in_thread() -> bool:
        consumer = thread._ensure_consumer()  # noqa: SLF001 - the only door
        mine = {
            TopicPartition(*tp): OffsetAndMetadata(offset, log)
            for tp, (offset, log) in hints.items()
        }
        for gone in mine.keys() - consumer.assignment():
            del mine[gone]
        if mine:
            await consumer.commit(mine)
        return bool(mine)

    try:
        return bool(await asyncio.wait_for(thread.call_thread(in_thread), HINT_SECONDS))
    except (KafkaError, TimeoutError):
        return False


async def committed(app: HubApp, partitions: set[TP]) -> dict[TP, Hint]:
    """The hints that were committed for `partitions`."""
    thread = _thread(app)
    wanted = [TopicPartition(*tp) for tp in partitions]

    async def in_thread() -> dict[TP, Any]:
        coordinator = thread._ensure_consumer()._coordinator  # noqa: SLF001 - see commit
        return dict(await coordinator.fetch_committed_offsets(wanted))

    found = await asyncio.wait_for(thread.call_thread(in_thread), HINT_SECONDS)
    return {
        TP(*tp): (one.offset, one.metadata or "")
        for tp, one in found.items()
        if one.offset > 0
    }


def belongs(app: HubApp) -> bool:
    """Whether the task that keeps us in the group is alive.

    aiokafka lets it die of an unexpected error and goes on fetching, while the group
    gives our partitions to others, who then wait for our states for ever.
    """
    consumer = _thread(app)._consumer  # noqa: SLF001 - see commit
    coordinator = getattr(consumer, "_coordinator", None)
    task = getattr(coordinator, "_coordination_task", None)
    return task is None or not task.done()


def _thread(app: HubApp) -> AIOKafkaConsumerThread:
    return cast("SeekingConsumer", app.consumer)._thread  # noqa: SLF001 - see commit
