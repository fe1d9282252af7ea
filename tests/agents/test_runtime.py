"""The order of a chunk, the fence, the deadline: without Kafka, with every race held.

The fakes stand for Faust's app and consumer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from agents import group
from agents.condition import Condition
from agents.custody import Custody
from agents.frame import HubApp, WorkerError
from agents.limits import ChunkPolicy, Limits
from agents.partition import Partition
from agents.runtime import Runtime
from hub.core import guard
from hub.core.errors import LogError, MachineError, RecountError
from hub.core.log import Incoming, Send, Source
from hub.core.messages import Genesis, encode
from hub.core.stage import Result
from hub.core.state import Overlay
from hub.edge.metrics import Metrics
from hub.edge.state import Budget, open_state

PLACE = TP("t", 0)
GENESIS = encode(
    Genesis(
        log=bytes(range(16)),
        topic="t",
        partition=0,
        partitions=1,
        catalogue=bytes(32),
        generation=1,
        created_ms=0,
        key_id="k",
    )
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
            value=value if offset or generation == 0 else GENESIS,
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


@pytest.fixture(autouse=True)
def no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no group to ask for hints, or to tell."""

    async def none(*_: object) -> dict[TP, group.Hint]:
        return {}

    monkeypatch.setattr(group, "committed", none)
    monkeypatch.setattr(group, "commit", none)


def test_state_is_written_only_after_every_acknowledgement(tmp_path: Path) -> None:
    """Compute, send, acknowledge, store: in this order."""

    async def story() -> int:
        async with rig(tmp_path) as made:
            made.producer.holding = True
            await made.give(0)
            await until(lambda: bool(made.producer.held))
            await asyncio.sleep(0.05)
            before = made.one.folded
            made.producer.held[0].set_result(None)
            await until(lambda: made.one.folded == 0)
            return before

    assert asyncio.run(story()) == -1
    assert Rig(tmp_path).stored() == (0, 1)


def test_a_revocation_while_acknowledgements_are_awaited_writes_nothing(
    tmp_path: Path,
) -> None:
    """The outputs are out, the state is the next owner's."""

    async def story() -> tuple[int, int]:
        async with rig(tmp_path) as made:
            made.producer.holding = True
            await made.give(0)
            await until(lambda: bool(made.producer.held))
            await made.runtime.revoked(set())
            found = made.stored()
            await asyncio.sleep(0.05)
            assert made.deaths == []
            return found

    assert asyncio.run(story()) == (-1, 0)
    assert Rig(tmp_path).stored() == (-1, 0)


def test_the_deadline_for_acknowledgements_ends_the_process(tmp_path: Path) -> None:
    """Another producer would send twice, so there is no second try in this one."""

    async def story() -> list[str]:
        async with rig(tmp_path) as made:
            made.producer.holding = True
            await made.give(0)
            await until(lambda: bool(made.deaths))
            return [str(reason) for reason in made.deaths]

    assert asyncio.run(story()) == ["t/0: TimeoutError after offset -1"]
    assert Rig(tmp_path).stored() == (-1, 0)


def test_what_arrives_while_others_step_is_of_the_chunk(tmp_path: Path) -> None:
    """A chunk is taken when its turn has come, not when it was ready."""

    async def story() -> list[list[int]]:
        async with rig(tmp_path) as made:
            async with made.runtime.turn:  # another partition steps
                for offset in range(3):
                    await made.give(offset)
                    await asyncio.sleep(2 * LIMITS.chunk.linger_seconds)
            await until(lambda: made.one.folded == 2)
            return made.stage.chunks

    assert asyncio.run(story()) == [[0, 1, 2]]


def test_a_partition_that_stops_while_it_waits_folds_nothing(tmp_path: Path) -> None:
    """What it would have taken is gone when its turn comes."""

    async def story() -> list[list[int]]:
        async with rig(tmp_path) as made:
            async with made.runtime.turn:
                await made.give(0)
                await asyncio.sleep(2 * LIMITS.chunk.linger_seconds)
                made.runtime.stop(made.one, LogError("not here"))
            await asyncio.sleep(2 * LIMITS.chunk.linger_seconds)
            return made.stage.chunks

    assert asyncio.run(story()) == []
    assert Rig(tmp_path).stored() == (-1, 0)


def test_a_partition_that_goes_on_has_one_who_folds(tmp_path: Path) -> None:
    """It was stopped from outside, while nothing was under way."""

    async def story() -> tuple[list[int], set[TP]]:
        async with rig(tmp_path) as made:
            await made.give(0)
            await until(lambda: made.one.folded == 0)
            before = asyncio.all_tasks()
            made.runtime.stop(made.one, LogError("not here"))
            await made.runtime.revive(made.one)
            assert asyncio.all_tasks() == before
            for offset in (0, 1, 2):
                await made.give(offset)
            await until(lambda: made.one.folded == 2)
            folded = [offset for chunk in made.stage.chunks for offset in chunk]
            return folded, made.consumer.paused

    assert asyncio.run(story()) == ([0, 1, 2], set())
    assert Rig(tmp_path).stored() == (2, 3)


def test_a_partition_goes_on_after_the_chunk_under_way(tmp_path: Path) -> None:
    """It was stopped, and asked to go on, before that chunk was acknowledged."""

    async def story() -> list[int]:
        async with rig(tmp_path) as made:
            await made.give(0)
            await until(lambda: made.one.folded == 0)
            made.producer.holding = True
            await made.give(1)
            await until(lambda: bool(made.producer.held))
            made.runtime.stop(made.one, LogError("not here"))
            going = asyncio.create_task(made.runtime.revive(made.one))
            await asyncio.sleep(0.05)
            assert made.consumer.sought == []
            made.producer.holding = False
            made.producer.held.pop().set_result(None)
            await going
            assert made.consumer.sought == [1]
            for offset in (1, 2):
                await made.give(offset)
            await until(lambda: made.one.folded == 2)
            return [offset for chunk in made.stage.chunks for offset in chunk]

    assert asyncio.run(story()) == [0, 1, 2]
    assert Rig(tmp_path).stored() == (2, 3)


def test_replays_are_skipped_gaps_are_fetched_again(tmp_path: Path) -> None:
    """What is folded is the log, whatever is delivered, buffered ones included."""

    async def story() -> tuple[list[int], list[int]]:
        async with rig(tmp_path) as made:
            await made.give(0, b"of another assignment", generation=0)
            for offset in (0, 1, 1, 0, 5, 6, 2, 3):
                await made.give(offset)
            await until(lambda: made.one.folded == 3 and bool(made.consumer.sought))
            folded = [offset for chunk in made.stage.chunks for offset in chunk]
            return folded, made.consumer.sought

    folded, sought = asyncio.run(story())
    assert folded == [0, 1, 2, 3]
    assert sought[0] in (2, 4)
    assert Rig(tmp_path).stored() == (3, 4)


def test_a_refusal_stops_the_partition_and_nothing_else(tmp_path: Path) -> None:
    """A log that is not the one pauses the partition; the process lives."""

    async def story() -> tuple[Condition, str, set[TP], list[WorkerError]]:
        async with rig(tmp_path) as made:
            made.stage.fails = LogError("another log")
            await made.give(0)
            await until(lambda: made.one.condition is Condition.STOPPED)
            await made.give(1)
            one = made.one
            return one.condition, one.error, made.consumer.paused, made.deaths

    assert asyncio.run(story()) == (
        Condition.STOPPED,
        "t/0: another log",
        {PLACE},
        [],
    )


def test_what_stands_before_a_refused_message_is_folded(tmp_path: Path) -> None:
    """A refused chunk is taken again, one message at a time."""

    async def story() -> tuple[Condition, list[list[int]]]:
        async with rig(tmp_path) as made:
            made.stage.refuses = 2
            for offset in range(5):
                await made.give(offset)
            await until(lambda: made.one.condition is Condition.STOPPED)
            return made.one.condition, made.stage.chunks

    assert asyncio.run(story()) == (Condition.STOPPED, [[0], [1]])
    assert Rig(tmp_path).stored() == (1, 2)


@pytest.mark.parametrize("start", [0, 1])
def test_a_state_that_has_to_be_made_anew(tmp_path: Path, start: int) -> None:
    """It goes, with its checkpoints, and is begun again; never where a log is cut."""

    async def story() -> tuple[Condition, list[int], list[list[int]]]:
        async with rig(tmp_path) as made:
            for offset in range(3):
                await made.give(offset)
            await until(lambda: made.one.folded == 2)
            await made.runtime.custody.checkpoint(made.one)
            made.consumer.start = start
            made.stage.fails = RecountError("new tables have a past: X")
            first = made.one
            await made.give(3)
            await until(lambda: bool(made.one.error) or made.one is not first)
            made.stage.fails = None
            if not start:
                await until(lambda: made.one.flowing and not made.consumer.paused)
                for offset in range(5):
                    await made.give(offset)
                await until(lambda: made.one.folded == 4)
            assert not made.deaths
            return made.one.condition, made.consumer.sought, made.stage.chunks

    condition, sought, chunks = asyncio.run(story())
    if start:
        assert condition is Condition.STOPPED
        assert Rig(tmp_path).stored() == (2, 3)
        return
    assert (condition, sought[-1]) == (Condition.RUNNING, 0)
    assert [offset for chunk in chunks for offset in chunk][-5:] == [0, 1, 2, 3, 4]
    assert Rig(tmp_path).stored() == (4, 5)
    assert not list((tmp_path / "shelves").rglob("manifest.json"))


def test_any_other_exception_ends_the_process_and_is_remembered(
    tmp_path: Path,
) -> None:
    """The reason names a class and a place, never the exception's own words."""

    async def story() -> list[str]:
        async with rig(tmp_path) as made:
            made.stage.fails = ValueError("I-AŞ 123456")
            await made.give(0)
            await until(lambda: bool(made.deaths))
            return [str(reason) for reason in made.deaths]

    assert asyncio.run(story()) == ["t/0: ValueError after offset -1"]
    state = open_state(tmp_path / "t-0", Budget.of())
    assert state is not None
    attempt = guard.decode_attempt(state.get_many([guard.ATTEMPT_KEY])[0])
    state.close()
    assert attempt is not None
    assert (attempt.first, attempt.deaths) == (0, 1)


def test_what_the_machine_lacks_is_no_word_against_a_message(tmp_path: Path) -> None:
    """A token that is away ends the process again and again, and poisons nothing."""

    async def story() -> list[str]:
        async with rig(tmp_path) as made:
            made.stage.fails = MachineError("the token is not plugged in")
            await made.give(0)
            await until(lambda: bool(made.deaths))
            return [str(reason) for reason in made.deaths]

    for _ in range(guard.DEATHS_MAX + 1):
        assert asyncio.run(story()) == ["t/0: MachineError after offset -1"]
    state = open_state(tmp_path / "t-0", Budget.of())
    assert state is not None
    assert state.get_many([guard.ATTEMPT_KEY]) == [None]
    state.close()


def test_a_full_buffer_holds_up_the_input(tmp_path: Path) -> None:
    """Memory is bounded by bytes, over the chunk under way as well."""

    async def story() -> tuple[bool, bool]:
        async with rig(tmp_path) as made:
            made.producer.holding = True
            await made.give(0)
            await made.give(1, bytes(200))
            waiting = asyncio.create_task(made.give(2, bytes(300)))
            await until(lambda: bool(made.producer.held))
            await asyncio.sleep(0.05)
            held_up = not waiting.done()
            made.producer.holding = False
            made.producer.held[0].set_result(None)
            await asyncio.wait_for(waiting, 2)
            return held_up, waiting.done()

    assert asyncio.run(story()) == (True, True)


def test_a_state_held_by_another_worker_is_waited_for(tmp_path: Path) -> None:
    """The partition is held back, then sought and resumed when the lock is free."""

    async def story() -> tuple[Any, list[int], set[TP], Condition]:
        other = open_state(tmp_path / "t-0", Budget.of())
        assert other is not None
        made = Rig(tmp_path)
        await made.runtime.assigned({PLACE}, 1)
        async with asyncio.timeout(3):
            asking = asyncio.create_task(made.runtime.seeks({PLACE}))
            await asyncio.sleep(0.3)
            asking.cancel()
        made.one.held_back = True
        made.consumer.paused.add(PLACE)
        before = made.one.condition
        other.close()
        await until(lambda: made.one.condition is Condition.CHECKING)
        await until(lambda: not made.consumer.paused)
        found = made.consumer.sought, made.consumer.paused, made.one.condition
        await made.runtime.revoked(set())
        return before, *found

    assert asyncio.run(story()) == (
        Condition.OPENING,
        [0],
        set(),
        Condition.CHECKING,
    )


def test_a_revocation_while_a_state_is_awaited_leaves_nothing_open(
    tmp_path: Path,
) -> None:
    """Taken away before it was opened: nobody opens it afterwards."""

    async def story() -> bool:
        other = open_state(tmp_path / "t-0", Budget.of())
        assert other is not None
        made = Rig(tmp_path)
        await made.runtime.assigned({PLACE}, 1)
        await asyncio.sleep(0.1)
        await made.runtime.revoked(set())
        other.close()
        await asyncio.sleep(0.5)
        return made.stored() == (-1, 0)

    assert asyncio.run(story())
