"""A runtime with one partition, and fakes of what Faust's app and consumer give it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from agents.custody import Custody
from agents.frame import HubApp, WorkerError
from agents.limits import ChunkPolicy, Limits
from agents.partition import Partition
from agents.runtime import Runtime
from hub.core import guard
from hub.core.errors import LogError
from hub.core.log import Incoming, Send, Source
from hub.core.messages import Genesis, encode
from hub.core.stage import Result
from hub.core.state import Overlay
from hub.edge.metrics import Metrics
from hub.edge.state import Budget, open_state

PLACE = TP("t", 0)
GENESIS = Genesis(
    log=bytes(range(16)),
    topic="t",
    partition=0,
    partitions=1,
    catalogue=bytes(32),
    generation=1,
    created_ms=0,
    key_id="k",
)
LIMITS = Limits(
    chunk=ChunkPolicy(messages=8, linger_seconds=0.01), buffer_bytes=500, ack_seconds=1
)


class Consumer:
    """Faust's consumer, as far as the runtime asks."""

    def __init__(self) -> None:
        self.start, self.end = 0, 100
        self.sought: list[int] = []
        self.paused: set[TP] = set()

    async def earliest_offsets(self, tp: TP) -> dict[TP, int]:
        """Where the log begins."""
        return {tp: self.start}

    async def highwaters(self, tp: TP) -> dict[TP, int]:
        """Where the log ends."""
        return {tp: self.end}

    async def seek_wait(self, places: dict[TP, int]) -> None:
        """Note the seek."""
        self.sought.extend(places.values())

    def pause_partitions(self, tps: set[TP]) -> None:
        """Note the pause."""
        self.paused |= tps

    def resume_partitions(self, tps: set[TP]) -> None:
        """Note the end of the pause."""
        self.paused -= tps


class Producer:
    """Acknowledges when the test says so."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.held: list[asyncio.Future[None]] = []
        self.holding = False

    async def send(
        self, _topic: str, value: bytes, **_: object
    ) -> asyncio.Future[None]:
        """Queue a message."""
        self.sent.append(value)
        ack = asyncio.get_running_loop().create_future()
        if self.holding:
            self.held.append(ack)
        else:
            ack.set_result(None)
        return ack


class Echo:
    """Counts, and sends the offsets of a chunk; fails at will."""

    name = "intake"

    def __init__(self) -> None:
        self.fails: Exception | None = None
        self.refuses = -1
        self.chunks: list[list[int]] = []
        self.asides: list[list[bool]] = []

    def step(
        self, overlay: Overlay, _source: Source, messages: Sequence[Incoming]
    ) -> Result:
        """See the contract."""
        if self.fails is not None:
            raise self.fails
        offsets = [message.offset for message in messages]
        if self.refuses in offsets:
            raise LogError("not here")
        self.chunks.append(offsets)
        self.asides.append([message.aside for message in messages])
        overlay.put(b"n", str(int(overlay.get(b"n") or 0) + len(offsets)).encode())
        value = repr(offsets).encode()
        return Result(sends=[Send(topic="o", partition=0, key=None, value=value)])


class Rig:
    """A runtime with one assigned partition, and what it takes for its app."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.consumer = Consumer()
        self.producer = Producer()
        self.stage = Echo()
        self.deaths: list[WorkerError] = []
        app: Any = self
        self.producer_own = self.producer
        self.send_all = partial(HubApp.send_all, app)
        self.runtime = Runtime(
            app,
            self.stage,
            Custody(folder, folder / "shelves"),
            Metrics("intake"),
            LIMITS,
        )

    async def die(self, reason: WorkerError) -> None:
        """Note why the process would have ended."""
        self.deaths.append(reason)

    @property
    def one(self) -> Partition:
        """The partition."""
        return self.runtime.partitions[PLACE]

    async def give(self, offset: int, value: bytes = b"v", generation: int = 1) -> None:
        """Deliver a message."""
        message: Any = SimpleNamespace(
            tp=PLACE,
            offset=offset,
            timestamp=1.0 + offset,
            value=value if offset or generation == 0 else encode(GENESIS),
            generation_id=generation,
        )
        await self.runtime.take(message)

    def stored(self) -> tuple[int, int]:
        """Position and count on disk; the state must be shut."""
        state = open_state(self.folder / "t-0", Budget.of())
        assert state is not None
        position, count = state.get_many([guard.POSITION_KEY, b"n"])
        state.close()
        offset = guard.decode_position(position).offset if position else -1
        return offset, int(count or 0)


@asynccontextmanager
async def rig(folder: Path) -> AsyncIterator[Rig]:
    """A runtime that has its partition."""
    made = Rig(folder)
    await made.runtime.assigned({PLACE}, 1)
    await made.runtime.seeks({PLACE})
    yield made
    await made.runtime.revoked(set())


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until it is so."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - conditions of foreign objects
            await asyncio.sleep(0.005)
