"""The order of a chunk, the fence, the deadline: without Kafka, with every race held.

Fakes stand for Faust's app and consumer (tests/agents/rig.py).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from agents import group
from agents.condition import Condition
from agents.frame import WorkerError
from hub.core import guard
from hub.core.errors import LogError, MachineError, RecountError
from hub.edge.state import Budget, open_state
from tests.agents.rig import LIMITS, PLACE, Rig, rig, until


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
