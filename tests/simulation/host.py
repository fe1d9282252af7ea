"""Worker processes around the real runtime, custody, group and heart.

Rules:

- `agents.runtime`, `agents.custody`, `agents.partition`, and what decides anything in
  `agents.group` and `agents.heart` run as they are. Replaced are the event loop,
  threads, the fetcher, the producer, the coordinator, and the files.
- A producer keeps what it was given until the schedule delivers it: in order towards
  one partition, in any order between partitions, also when its chunk was cancelled.
- A rebalance runs as :class:`agents.frame.SeekingConsumer` runs it: revoked, assigned,
  seek.
"""

from __future__ import annotations

import traceback
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, cast
from unittest.mock import patch

from faust.types import TP

from agents import custody, group, heart, mending, partition, runtime
from agents.custody import Custody
from agents.heart import Heart
from agents.limits import ChunkPolicy, Limits
from agents.mending import Mender
from agents.partition import Partition
from agents.runtime import Runtime
from hub.core import guard
from hub.core.log import Incoming, Send
from hub.edge.state import folder_name
from tests.simulation import disk as files
from tests.simulation.broker import Broker, Queue, Ticket
from tests.simulation.disk import Machine, Place, SimState
from tests.simulation.loop import Clock, Loop, Pause, Task, Threads
from tests.simulation.steps import PoisonError, Steps

WIDE = 1 << 40
BUFFERED = 12
"""Messages a partition holds before no more are fetched."""


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
        self.held: set[str] = set()

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Keep verdicts."""
        if name == "messages_total":
            self.seen[labels["outcome"]] += int(amount)

    def gaps(self, _before: set[str], now: set[str]) -> None:
        """Keep what was ever held back."""
        self.held |= now

    def time(self, *_: object) -> None:
        """Nothing."""

    take = gauge = time


class SimPartition(Partition):
    """A partition whose chunks are cut by the schedule instead of by a clock."""

    def __init__(self, tp: TP, generation: int, _policy: ChunkPolicy) -> None:
        policy = ChunkPolicy(size_bytes=WIDE, linger_seconds=0)
        super().__init__(tp, generation, policy)
        self._size = cast("Host", Task.current).size

    async def ready(self) -> None:
        """See :class:`Partition`."""
        await Pause("idle", lambda: bool(self._buffer))

    def take(self) -> list[Incoming]:
        """See :class:`Partition`."""
        self._policy = replace(self._policy, messages=self._size())
        return super().take()


class SimRuntime(Runtime):
    """The runtime; what ends it is looked at."""

    async def _end(self, one: Partition, error: BaseException) -> None:
        if isinstance(error, GeneratorExit):
            raise error  # the schedule put an end to the process
        if not isinstance(error, PoisonError | TimeoutError):
            cast("Host", self.app).broke(error)
        await super()._end(one, error)


class Host:
    """One worker process; stands in for Faust's app and consumer."""

    def __init__(
        self,
        name: str,
        stage: Steps,
        broker: Broker,
        *,
        machine: Machine,
        size: Callable[[], int],
        reached: Callable[[Host, str], None],
    ) -> None:
        self.name = name
        self.stage = stage
        self.broker = broker
        self.machine = machine
        self.disk, self.shelves = machine.disk, machine.shelves
        self.size = size
        self.alive, self.frozen = True, False
        self.deaf_until = 0
        self.generation = 0
        self.news: tuple[int, tuple[TP, ...]] | None = None
        self.tasks: list[Task] = []
        self.fetches: dict[TP, int] = {}
        self.paused: set[TP] = set()
        self.outbox: dict[TP, Queue] = {}
        self.orphans: list[Callable[[], object]] = []
        self.failures: list[str] = []
        self.metrics = Silent()
        self.learning = self.dying = False
        self.busy: set[str] = set()
        self._reached = reached
        self._begin()

    def _begin(self) -> None:
        whole: Any = self
        folder: Any = Place(self.disk, self.shelves, self.name)
        limits = Limits(buffer_bytes=WIDE)
        held = Custody(folder, folder)
        self.runtime = SimRuntime(
            whole, cast("Any", self.stage), held, whole.metrics, limits
        )
        # It would also beat, measure and serve; only what decides anything is called.
        self.heart = Heart.__new__(Heart)
        self.heart._runtime = self.runtime
        self.mender = Mender(self.runtime, cast("Any", self.machine.requests))

    # What a task asks of its process.

    def start(self, work: Coroutine[Any, Any, Any]) -> Task:
        """A task of this process."""
        task = Task(self, work)
        self.tasks.append(task)
        return task

    def reached(self, point: str) -> None:
        """A task stands at a point."""
        self._reached(self, point)

    def broke(self, error: BaseException) -> None:
        """Something raised that nothing may raise."""
        told = "".join(traceback.format_exception(error)[-3:])
        self.failures.append(f"{self.name}: {told}")

    # What the runtime asks of Faust's app and consumer.

    @property
    def consumer(self) -> Host:
        """Faust's consumer."""
        return self

    def pause_partitions(self, tps: Sequence[TP]) -> None:
        """They are not fetched."""
        self.paused |= {*tps}

    def resume_partitions(self, tps: Sequence[TP]) -> None:
        """They are fetched again."""
        self.paused -= {*tps}

    async def seek_wait(self, places: Mapping[TP, int]) -> None:
        """Fetch from there on."""
        await Pause("before seek")
        for tp, offset in places.items():
            if tp in self.fetches:
                self.fetches[tp] = offset

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        """Where logs begin."""
        await Pause("ask starts")
        return {tp: self.broker.logs[tp].start for tp in tps}

    async def highwaters(self, *tps: TP) -> dict[TP, int]:
        """Where logs end."""
        await Pause("ask ends")
        return {tp: self.broker.logs[tp].end for tp in tps}

    async def send_all(self, sends: Sequence[Send], seconds: float) -> None:
        """Give everything to the producer and wait until all is acknowledged."""
        del seconds
        tickets = []
        spoken = {0, len(sends) // 2}
        for number, send in enumerate(sends):
            if number in spoken:
                await Pause("before send")
            tickets.append(Ticket(send))
            tp = TP(send.topic, send.partition)
            self.outbox.setdefault(tp, deque()).append(tickets[-1])
        await Pause("before ack")
        await Pause("after ack", lambda: all(ticket.delivered for ticket in tickets))

    async def die(self, _reason: BaseException) -> None:
        """The process is about to end itself; it may take a while."""
        self.dying = True
        await Pause("dying", lambda: False)

    # What the group asks of its coordinator.

    async def commit(self, hints: Mapping[TP, group.Hint]) -> bool:
        """Take hints, unless the assignment is an older one."""
        await Pause("before hint")
        taken = self.news is None
        if taken:
            self.broker.hints.update(hints)
        await Pause("after hint")
        return taken

    async def committed(self, partitions: set[TP]) -> dict[TP, group.Hint]:
        """Hints given before."""
        await Pause("ask hint")
        hints = self.broker.hints
        return {tp: hints[tp] for tp in partitions if tp in hints}

    # What the schedule does with it.

    def one(self, tp: TP) -> SimPartition:
        """A partition of the assignment in force."""
        return cast("SimPartition", self.runtime.partitions[tp])

    def partitions(self) -> list[tuple[TP, SimPartition]]:
        """All of them."""
        return [(tp, self.one(tp)) for tp in self.runtime.partitions]

    def begin(self, word: str) -> bool:
        """Begin a rebalance, or a part of the heart's beat; false if it cannot be.

        Args:
            word: learn; tell (hints), copy (checkpoints), look (ends of logs), mend
                (what stands still).
        """
        if word in self.busy or (word != "learn" and not self.fetches):
            return False
        whole = cast("Any", self)
        Task.current = self
        work = {
            "learn": self._learn,
            "tell": lambda: group.tell(whole, self.runtime.partitions.values()),
            "copy": self.heart._copy,
            "look": self.heart._ends,
            "mend": self.mender.look,
        }[word]
        self.start(self._busy(word, work)).run()
        return True

    async def _busy(self, word: str, work: Callable[[], Awaitable[None]]) -> None:
        self.busy.add(word)
        await work()
        self.busy.discard(word)

    async def _learn(self) -> None:
        """A rebalance, as the frame has it."""
        self.learning = True
        await self.runtime.revoked(set(self.runtime.partitions))
        self.fetches.clear()
        self.paused.clear()
        assert self.news is not None
        (self.generation, given), self.news = self.news, None
        # As sets, but in the order of the schedule and not of this process's hashes.
        ordered: Any = dict.fromkeys(given).keys()
        await self.runtime.assigned(ordered, self.generation)
        places = await self.runtime.seeks(ordered)
        self.fetches = {tp: at or 0 for tp, at in places.items()}
        self.paused = {tp for tp, at in places.items() if at is None}
        self.learning = False

    def fetchable(self) -> list[TP]:
        """Where there is something to fetch, and room for it."""
        found = []
        logs, partitions = self.broker.logs, self.runtime.partitions
        for tp, offset in self.fetches.items():
            if len(logs[tp].messages) != offset and tp not in self.paused:
                one = partitions.get(tp)
                if one is not None and len(one._buffer) < BUFFERED:
                    found.append(tp)
        return found

    def fetch(self, tp: TP, generation: int) -> None:
        """Faust hands over the next message it has read; outside the log, the first."""
        log = self.broker.logs[tp]
        offset = self.fetches[tp]
        if not log.start <= offset <= log.end:
            if offset > log.end:
                self._noted(tp, generation, None)
            offset = self.fetches[tp] = log.start
        if offset == log.end:
            return
        message = log.messages[offset]
        self.fetches[tp] = offset + 1
        self._noted(tp, generation, message)
        delivery = Delivery(
            tp=tp,
            offset=offset,
            generation_id=generation,
            timestamp=message.time_ms / 1000,
            value=message.value,
        )
        Task.current = self
        with suppress(StopIteration):
            self.runtime.take(cast("Any", delivery)).send(None)
            raise AssertionError("taking a message waited")

    def _noted(self, tp: TP, generation: int, message: Incoming | None) -> None:
        """Note it if a state's owner could know that its log is another one.

        It is handed another message than it stands on, or another genesis; or it asks
        beyond the end, and the log no longer has the message it stands on.
        """
        one, log = self.runtime.partitions.get(tp), self.broker.logs[tp]
        if one is None or not one.flowing or one.generation != generation:
            return
        stands, source = one.position, one.source
        if stands is None or source is None:
            return
        if message is None:
            other = stands.offset >= log.end
        elif message.offset == stands.offset:
            other = guard.digest(message) != stands.digest
        else:
            other = message.offset == 0 and source.log != log.uuid
        if other:
            cast("SimState", one.state).kept.met = True

    def deliver(self, tp: TP, copies: int = 1) -> None:
        """The broker takes the oldest message towards `tp`, and acknowledges it."""
        queue = self.outbox[tp]
        ticket = queue.popleft()
        for _ in range(copies):
            self.broker.receive(ticket.send)
        ticket.delivered = True
        if not queue:
            del self.outbox[tp]

    def orphan(self) -> None:
        """A thread that nobody waits for comes to its call."""
        call = self.orphans.pop(0)
        try:
            call()
        except Exception as error:  # noqa: BLE001 - only the fence may stop it
            if type(error).__name__ != "FencedError":
                self.broke(error)

    def crash(self) -> None:
        """Kill -9: what was delivered and written stays, nothing else."""
        self.alive = self.frozen = self.dying = False
        self.learning = False
        self.busy.clear()
        for task in self.tasks:
            task.end()
        for name, state in list(self.disk.holders.items()):
            if state.holder == self.name:
                state.dead = True
                del self.disk.holders[name]
        for store in (self.tasks, self.fetches, self.outbox, self.orphans, self.paused):
            store.clear()
        self.runtime.partitions.clear()
        self.news = None

    def restart(self) -> None:
        """A new process of the same name."""
        self.alive = True
        self.generation = self.deaf_until = 0
        self._begin()


def name_of(tp: TP) -> str:
    """The folder of a partition's state."""
    return folder_name(tp.topic, tp.partition)


@contextmanager
def in_force() -> Iterator[None]:
    """Everything that is replaced, is replaced."""

    async def commit(app: Host, hints: Mapping[TP, group.Hint]) -> bool:
        return await app.commit(hints)

    async def committed(app: Host, partitions: set[TP]) -> dict[TP, group.Hint]:
        return await app.committed(partitions)

    loop = Loop()
    with ExitStack() as stack:
        for module, name, stand_in in (
            (runtime, "asyncio", loop),
            (runtime, "ThreadPoolExecutor", Threads),
            (runtime, "Partition", SimPartition),
            (partition, "time", Clock),
            (heart, "asyncio", loop),
            (mending, "asyncio", loop),
            (mending, "time", Clock),
            (heart, "time", Clock),
            (custody, "asyncio", loop),
            (custody, "ThreadPoolExecutor", Threads),
            (custody, "open_state", files.open_state),
            (custody, "checkpoints", files.Checkpoints),
            (custody, "Budget", files.Budget),
            (group, "commit", commit),
            (group, "committed", committed),
        ):
            stack.enter_context(patch.object(module, name, stand_in))
        yield
