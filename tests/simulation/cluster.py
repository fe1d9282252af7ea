"""Brokers, disks and worker processes in memory, around the real runtime.

Rules:

- `agents.runtime.Runtime` and `agents.partition.Partition` run as they are: guard,
  order of a chunk, fence, silence and attempts are theirs. Replaced are the event loop
  (every await is a :class:`Pause`, and the schedule says who goes on), the producer,
  the group, the threads and the disk.
- A producer keeps what it was given until the schedule delivers it: in order towards
  one partition, in any order between partitions, also when its chunk was cancelled.
- A disk gives a state to one holder at a time, like RocksDB's lock file.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, cast

from faust.types import TP

from agents.limits import ChunkPolicy, Limits
from agents.partition import Condition, Partition
from agents.runtime import Runtime
from hub.core.errors import FencedError, LogError
from hub.core.log import Incoming, Send
from hub.core.stage import Stage
from hub.core.state import Memory
from tests.simulation import world

WIDE = 1 << 40


@dataclass(slots=True, kw_only=True)
class Pause:
    """An await; its task goes on when the schedule says so and `ready` is true."""

    point: str
    ready: Callable[[], bool] = lambda: True

    def __await__(self) -> Generator[Pause, None, None]:
        yield self


class Task:
    """A coroutine of one process, driven by hand; stands in for `asyncio.Task`."""

    def __init__(
        self, host: Host, tp: TP | None, work: Coroutine[Any, Any, Any]
    ) -> None:
        self.host = host
        self.tp = tp
        self.done = False
        self.at = Pause(point="start")
        self._work = work
        self._cancelled = False

    @property
    def ready(self) -> bool:
        """Whether it could go on."""
        return not self.done and (self._cancelled or self.at.ready())

    def cancel(self) -> bool:
        """As asyncio does: the coroutine hears of it when it would go on."""
        self._cancelled = True
        return True

    def run(self) -> None:
        """Go on to the next pause."""
        cancelled, self._cancelled = self._cancelled, False
        try:
            if cancelled:
                self.at = self._work.throw(asyncio.CancelledError())
            else:
                self.at = self._work.send(None)
        except (StopIteration, asyncio.CancelledError):
            self.done = True

    def end(self) -> None:
        """The process is no more."""
        self.done = True
        self._work.close()


class Broker:
    """All logs; genesis records are there from the beginning."""

    def __init__(self) -> None:
        self.logs: dict[TP, list[Incoming]] = {}
        self.answers: dict[str, list[Send]] = defaultdict(list)
        self.hints: dict[TP, tuple[int, str]] = {}
        self._clock_ms = 0
        for born in world.births():
            self.logs[born.tp] = [Incoming(offset=0, time_ms=0, value=born.value)]

    def append(self, tp: TP, value: bytes, time_ms: int | None = None) -> None:
        """One more message of a log that is read."""
        self._clock_ms += 1
        log = self.logs[tp]
        at = self._clock_ms if time_ms is None else time_ms
        log.append(Incoming(offset=len(log), time_ms=at, value=value))

    def newest_ms(self, tp: TP) -> int:
        """Append time of the newest message."""
        return self.logs[tp][-1].time_ms

    def receive(self, send: Send) -> None:
        """What a producer delivers."""
        tp = TP(send.topic, send.partition)
        if tp in self.logs:
            self.append(tp, send.value or b"")
        else:
            self.answers[send.topic].append(send)


class SimState(Memory):
    """A state with a fence, as :class:`hub.edge.state.State` has it."""

    fenced = True
    """Switched off by the test that shows what the fence is for."""

    def __init__(self, disk: Disk, tp: TP, holder: str) -> None:
        super().__init__()
        self.entries = disk.states.setdefault(tp, {})
        self.holder = holder
        self.dead = False
        self._disk, self._tp = disk, tp

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See :class:`hub.core.state.Reader`."""
        self._check()
        return super().get_many(keys)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See :class:`hub.core.state.Reader`."""
        self._check()
        return super().scan(prefix)

    def write(self, pending: Mapping[bytes, bytes | None], sync: bool = False) -> None:
        """One atomic batch."""
        del sync
        self._check()
        self.apply(dict(pending))

    def kill(self) -> None:
        """Raise the fence."""
        self.dead = True

    def close(self) -> None:
        """Give up the folder."""
        self.dead = True
        if self._disk.holders.get(self._tp) is self:
            del self._disk.holders[self._tp]

    def _check(self) -> None:
        if self.dead and self.fenced:
            raise FencedError("taken away")


class Disk:
    """State folders of one machine, and the shelf its checkpoints are kept on."""

    def __init__(self) -> None:
        self.states: dict[TP, dict[bytes, bytes]] = {}
        self.holders: dict[TP, SimState] = {}
        self.shelf: dict[TP, dict[bytes, bytes]] = {}

    def open(self, tp: TP, holder: str) -> SimState | None:
        """The state; what is lost comes back from its checkpoint; None while held."""
        if tp in self.holders:
            return None
        if tp not in self.states and tp in self.shelf:
            self.states[tp] = dict(self.shelf[tp])
        self.holders[tp] = SimState(self, tp, holder)
        return self.holders[tp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message as Faust hands it over."""

    tp: TP
    offset: int
    generation_id: int
    timestamp: float
    value: bytes


class Silent:
    """Metrics nobody reads, but for how messages were judged."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Keep verdicts."""
        if name == "messages_total":
            self.seen[labels["outcome"]] += int(amount)

    def time(self, *_: object) -> None:
        """Nothing."""

    take = gaps = time


class SimPartition(Partition):
    """A partition whose chunks are cut by the schedule instead of by a clock."""

    def __init__(self, tp: TP, generation: int, size: Callable[[], int]) -> None:
        policy = ChunkPolicy(size_bytes=WIDE, linger_seconds=0)
        super().__init__(tp, generation, policy)
        self._size = size

    @property
    def waiting(self) -> int:
        """Messages in the buffer."""
        return len(self._buffer)

    async def chunk(self) -> list[Incoming]:
        """See :class:`Partition`."""
        await Pause(point="idle", ready=lambda: bool(self._buffer))
        self._policy = replace(self._policy, messages=self._size())
        return self._take()


class SimRuntime(Runtime):
    """The runtime with threads and clock taken out."""

    def __init__(self, host: Host, stage: Stage) -> None:
        limits = Limits(buffer_bytes=WIDE)
        whole: Any = host
        super().__init__(whole, stage, whole, whole.metrics, limits)
        self._host = host

    async def _in(
        self, executor: object, call: Callable[..., Any], *args: object
    ) -> Any:
        word = "step" if executor is self._steps else "write"
        try:
            await Pause(point=f"before {word}")
        except asyncio.CancelledError:
            # A thread cannot be called back: it may come to it any time later.
            self._host.orphans.append(lambda: call(*args))
            raise
        result = call(*args)
        await Pause(point=f"after {word}")
        return result

    async def _end(self, one: Partition, error: BaseException) -> None:
        if not isinstance(error, GeneratorExit):
            told = "".join(traceback.format_exception(error)[-3:])
            self._host.failures.append(f"{one.name}: {told}")

    def _recover_soon(self, one: Partition) -> None:
        self._host.lost.append(one.tp)


@dataclass(slots=True)
class Ticket:
    """A message on its way."""

    send: Send
    delivered: bool = False


@dataclass(slots=True)
class Host:
    """One worker process; stands in for Faust's app and for the custody of states."""

    name: str
    stage: Stage
    broker: Broker
    disk: Disk
    size: Callable[[], int]
    alive: bool = True
    frozen: bool = False
    generation: int = 0
    news: tuple[int, tuple[TP, ...]] | None = None
    tasks: list[Task] = field(default_factory=list)
    fetches: dict[TP, int] = field(default_factory=dict)
    outbox: dict[TP, deque[Ticket]] = field(default_factory=dict)
    orphans: list[Callable[[], object]] = field(default_factory=list)
    lost: list[TP] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    metrics: Silent = field(default_factory=Silent)
    learning: bool = False
    runtime: SimRuntime = field(init=False)

    def __post_init__(self) -> None:
        self.runtime = SimRuntime(self, self.stage)

    @property
    def consumer(self) -> Host:
        """Faust's consumer."""
        return self

    def pause_partitions(self, _: object) -> None:
        """A stopped partition is not fetched: see `flowing`."""

    async def shut(self, one: Partition) -> None:
        """Custody: give a state up."""
        await Pause(point="before shut")
        one.shut()

    async def send_all(self, sends: Sequence[Send], seconds: float) -> None:
        """Give everything to the producer and wait until all is acknowledged."""
        del seconds
        tickets = []
        for send in sends:
            await Pause(point="before send")
            tickets.append(Ticket(send))
            tp = TP(send.topic, send.partition)
            self.outbox.setdefault(tp, deque()).append(tickets[-1])
        await Pause(point="before ack")
        await Pause(
            point="after ack", ready=lambda: all(ticket.delivered for ticket in tickets)
        )

    def deliver(self, tp: TP, copies: int = 1) -> None:
        """The broker takes the oldest message towards `tp`, and acknowledges it."""
        queue = self.outbox[tp]
        ticket = queue.popleft()
        for _ in range(copies):
            self.broker.receive(ticket.send)
        ticket.delivered = True
        if not queue:
            del self.outbox[tp]

    def one(self, tp: TP) -> SimPartition:
        """A partition of the assignment in force."""
        return cast("SimPartition", self.runtime.partitions[tp])

    def partitions(self) -> list[tuple[TP, SimPartition]]:
        """All of them."""
        return [(tp, self.one(tp)) for tp in self.runtime.partitions]

    def start(self, tp: TP | None, work: Coroutine[Any, Any, Any]) -> Task:
        """A task of this process."""
        task = Task(self, tp, work)
        self.tasks.append(task)
        return task

    async def learn(self) -> None:
        """Faust's rebalance: let go of everything, then take what was given."""
        self.learning = True
        await self.runtime._take_away(list(self.runtime.partitions.values()))
        assert self.news is not None
        (self.generation, given), self.news = self.news, None
        for tp in given:
            self.runtime.partitions[tp] = SimPartition(tp, self.generation, self.size)
        self.learning = False

    def open(self, tp: TP) -> bool:
        """Try to open the state of a partition and to begin."""
        state = self.disk.open(tp, self.name)
        if state is None:
            return False
        one = self.one(tp)
        try:
            one.load(cast("Any", state))
        except LogError as error:
            self.runtime.stop(one, error)
            return True
        one.condition = Condition.CHECKING
        one.hint = self.broker.hints.get(tp, one.hint)
        self.fetches[tp] = one.following
        one.working = cast("Any", self.start(tp, self.runtime._work(one)))
        return True

    def fetch(self, tp: TP, generation: int) -> None:
        """Faust hands over the next message it has read."""
        offset = self.fetches[tp]
        message = self.broker.logs[tp][offset]
        self.fetches[tp] = offset + 1
        delivery = Delivery(
            tp=tp,
            offset=offset,
            generation_id=generation,
            timestamp=message.time_ms / 1000,
            value=message.value,
        )
        with suppress(StopIteration):
            self.runtime.take(cast("Any", delivery)).send(None)
            raise AssertionError("taking a message waited")

    def recover(self, tp: TP) -> None:
        """The seek back of the runtime."""
        if tp not in self.runtime.partitions:
            return
        one = self.one(tp)
        try:
            one.placed(0, len(self.broker.logs[tp]))
        except LogError as error:
            self.runtime.stop(one, error)
            return
        if one.flowing:
            self.fetches[tp] = one.following

    async def tell(self) -> None:
        """Commit hints, as `agents.group.tell` does."""
        moved = [
            (tp, one.acknowledged, one.position.log.hex())
            for tp, one in self.partitions()
            if one.position is not None and one.acknowledged > one.hinted
        ]
        await Pause(point="before hint")
        for tp, offset, log in moved:
            if tp in self.runtime.partitions and self.news is None:
                self.broker.hints[tp] = (offset, log)
                self.one(tp).hinted = offset
        await Pause(point="after hint")

    def crash(self) -> None:
        """Kill -9: what was delivered and written stays, nothing else."""
        self.alive = self.frozen = self.learning = False
        for task in self.tasks:
            task.end()
        for tp, state in list(self.disk.holders.items()):
            if state.holder == self.name:
                del self.disk.holders[tp]
        for store in (self.tasks, self.fetches, self.outbox, self.orphans, self.lost):
            store.clear()
        self.news = None

    def restart(self) -> None:
        """A new process of the same name."""
        self.alive = True
        self.generation = 0
        self.runtime = SimRuntime(self, self.stage)
