"""A worker with the guard taken out: what Faust alone would do with our stages.

Only for the chaos trial, which names this module in place of ``agents.<stage>``; the
stage is the first word of the worker's name. What is taken out:

- the seek to the stored position: Faust goes on where it committed;
- the comparison of every message with the position of the state;
- the silence of what is not ours to commit: Faust acknowledges what it has handed over;
- the coverage of rows: a consumer believes that every message is the next one.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from faust.streams import Stream
from faust.transport.drivers.aiokafka import Consumer

from agents import frame, group
from agents.condition import Condition
from agents.partition import Partition
from agents.worker import main
from hub.core import coverage, guard
from hub.core.guard import Verdict
from hub.core.log import START, Incoming, Source
from hub.core.messages import BlockHeader
from hub.core.state import Overlay


def offer(one: Partition, message: Incoming) -> Verdict:
    """Take whatever comes."""
    if one.condition is Condition.CHECKING:
        one.condition = Condition.RUNNING
    if one.source is None:
        topic, partition = one.tp
        one.source = Source(topic=topic, partition=partition, log=bytes(16))
        if message.offset == 0:
            one.source = guard.adopt(topic, partition, message)
    one._append(message)
    return Verdict.NEXT


def admit(_overlay: Overlay, _header: BlockHeader) -> coverage.Verdict:
    """Apply whatever comes."""
    return coverage.Verdict(action="apply", after=START)


async def nothing(*_: Any) -> None:
    """Commit nothing beside Faust, and ask for no hint."""


def take_out() -> None:
    """Take the guard out of this process."""
    setattr(frame.SeekingConsumer, "perform_seek", Consumer.perform_seek)  # noqa: B010
    setattr(Partition, "offer", offer)  # noqa: B010 - a method for a method
    setattr(Stream, "noack", lambda stream: stream)  # noqa: B010 - Faust's default
    setattr(group, "tell", nothing)  # noqa: B010
    setattr(group, "learn", nothing)  # noqa: B010
    setattr(coverage, "admit", admit)  # noqa: B010


if __name__ == "__main__":
    take_out()
    stage = os.environ["KERWEN_WORKER"].partition("-")[0]
    main(stage, importlib.import_module(f"agents.{stage}").build)
