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
from typing import cast

from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.types import TP

from agents.frame import HubApp, SeekingConsumer
from agents.partition import Partition

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
    consumer = _consumer(app)
    mine = {
        TopicPartition(*tp): OffsetAndMetadata(offset, log)
        for tp, (offset, log) in hints.items()
        if tp in consumer.assignment()
    }
    if not mine:
        return False
    try:
        await consumer.ask(consumer.client.commit(mine))
    except (KafkaError, TimeoutError):
        return False
    return True


async def committed(app: HubApp, partitions: set[TP]) -> dict[TP, Hint]:
    """The hints that were committed for `partitions`."""
    consumer = _consumer(app)
    wanted = [TopicPartition(*tp) for tp in partitions]
    coordinator = consumer.client._coordinator  # noqa: SLF001 - the only door
    found = await consumer.ask(coordinator.fetch_committed_offsets(wanted))
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
    client = _consumer(app)._thread._consumer  # noqa: SLF001 - there may be none yet
    coordinator = getattr(client, "_coordinator", None)
    task = getattr(coordinator, "_coordination_task", None)
    return task is None or not task.done()


async def reach(app: HubApp) -> None:
    """Go into the loop that fetches, and come back.

    Raises:
        TimeoutError: It hangs, or is far behind.
    """
    await _consumer(app).ask(asyncio.sleep(0))


def _consumer(app: HubApp) -> SeekingConsumer:
    return cast("SeekingConsumer", app.consumer)
