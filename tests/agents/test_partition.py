"""One partition in one assignment: identity, buffer, chunks, doubt."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
from faust.types import TP

from agents.condition import Condition
from agents.limits import ChunkPolicy
from agents.partition import Partition
from hub.core import guard
from hub.core.errors import FencedError, LogError
from hub.core.guard import Attempt, Position, Verdict
from hub.core.log import Incoming
from hub.core.messages import encode
from hub.edge.state import Budget, State, open_state
from tests.agents.rig import GENESIS

LOG = GENESIS.log
POLICY = ChunkPolicy(messages=4, size_bytes=1_000, linger_seconds=0.01)


def incoming(offset: int, value: bytes = b"v") -> Incoming:
    """A message."""
    return Incoming(offset=offset, time_ms=1_000 + offset, value=value)


FIRST = incoming(0, encode(GENESIS))


def state(tmp_path: Path) -> State:
    """An open state."""
    made = open_state(tmp_path / "s", Budget.of())
    assert made is not None
    return made


def partition(made: State, policy: ChunkPolicy = POLICY) -> Partition:
    """A partition whose state is open."""
    one = Partition(TP("t", 0), 1, policy)
    one.load(made)
    one.condition = Condition.CHECKING
    return one


async def chunk(one: Partition) -> list[Incoming]:
    """A chunk, as a runtime takes it when nobody else steps."""
    await one.ready()
    return one.take()


def at(offset: int, value: bytes = b"v") -> dict[bytes, bytes | None]:
    """What a state holds that stands at `offset`."""
    position = Position(
        offset=offset,
        log=LOG,
        digest=guard.digest(incoming(offset, value)),
        clock_ms=0,
    )
    return {guard.POSITION_KEY: guard.encode_position(position)}


def test_a_new_partition_takes_its_identity_and_folds_the_genesis_record(
    tmp_path: Path,
) -> None:
    """The first message is adopted and waits to be folded like any other."""
    one = partition(state(tmp_path))

    assert one.offer(FIRST) is Verdict.NEXT
    assert one.source is not None
    assert one.source.log == LOG
    assert one.condition is Condition.RUNNING
    assert asyncio.run(chunk(one)) == [FIRST]
    one.shut()


def test_a_known_partition_compares_the_message_at_its_position(
    tmp_path: Path,
) -> None:
    """The message at the position is looked at and not folded twice."""
    made = state(tmp_path)
    made.write(at(7))
    one = partition(made)
    assert one.following == 7
    assert one.offer(incoming(8)) is Verdict.GAP
    assert one.offer(incoming(7)) is Verdict.NEXT
    assert one.offer(incoming(8)) is Verdict.NEXT

    assert [m.offset for m in asyncio.run(chunk(one))] == [8]
    one.shut()


def test_another_message_at_the_position_is_another_log(tmp_path: Path) -> None:
    """A re-created topic is not read on."""
    made = state(tmp_path)
    made.write(at(7, b"old"))
    one = partition(made)

    with pytest.raises(LogError, match="re-created"):
        one.offer(incoming(7, b"new"))
    one.shut()


def test_a_topic_made_again_under_a_running_worker_is_not_read_on(
    tmp_path: Path,
) -> None:
    """It is read from its beginning, and that is another log's."""
    one = partition(state(tmp_path))
    one.offer(FIRST)
    one.stored(one.after([FIRST]))
    for offset in range(1, 4):
        one.offer(incoming(offset))

    assert one.offer(FIRST) is Verdict.REPLAY
    assert one.offer(incoming(2, b"not looked at")) is Verdict.REPLAY
    with pytest.raises(LogError, match="re-created"):
        one.offer(incoming(0, encode(replace(GENESIS, log=b"another log's..."))))
    one.shut()


def test_what_comes_again_at_the_position_must_be_the_same(tmp_path: Path) -> None:
    """A log that was cut and grew again holds another message there."""
    one = partition(state(tmp_path))
    one.offer(FIRST)
    one.offer(incoming(1))
    one.stored(one.after([FIRST, incoming(1)]))

    assert one.offer(incoming(1)) is Verdict.REPLAY
    with pytest.raises(LogError, match="re-created"):
        one.offer(incoming(1, b"other"))
    one.shut()


def test_a_log_that_ends_too_early_twice_stops_the_partition(tmp_path: Path) -> None:
    """Once may be an answer that was under way; what is behind later is not asked."""
    made = state(tmp_path)
    made.write(at(7))
    one = partition(made)
    one.ended(7, one.following)
    one.ended(8, one.following)
    one.offer(incoming(7))
    one.ended(3, one.following)
    one.ended(8, one.following)
    one.ended(3, one.following)
    with pytest.raises(LogError, match="truncated"):
        one.ended(3, one.following)
    one.shut()


def test_a_log_that_ends_at_the_position_was_cut_too(tmp_path: Path) -> None:
    """The message at the position is gone, and nothing comes to be compared with it."""
    made = state(tmp_path)
    made.write(at(7))
    one = partition(made)
    one.ended(7, one.following)
    with pytest.raises(LogError, match="truncated"):
        one.ended(7, one.following)
    one.shut()


def test_a_lost_state_does_not_hide_that_the_log_was_cut(tmp_path: Path) -> None:
    """The hint says how far it had been read: below that nothing would be sent."""
    one = partition(state(tmp_path))
    one.hint = (9, LOG.hex())
    one.offer(FIRST)
    one.ended(7, one.following)
    with pytest.raises(LogError, match="truncated"):
        one.ended(8, one.following)
    one.shut()


def test_retention_may_take_the_message_at_the_position(tmp_path: Path) -> None:
    """If the next message is there, the partition goes on; if not, it stops."""
    made = state(tmp_path)
    made.write(at(7))
    one = partition(made)
    one.placed(8, 20)
    assert (one.following, one.condition) == (8, Condition.RUNNING)

    with pytest.raises(LogError, match="gone"):
        partition(made).placed(9, 20)
    with pytest.raises(LogError, match="truncated"):
        partition(made).placed(0, 7)
    one.shut()


def test_chunks_are_closed_by_count_by_size_and_by_time(tmp_path: Path) -> None:
    """Whichever comes first; nothing is lost or reordered."""
    one = partition(state(tmp_path))
    one.offer(FIRST)
    for offset in range(1, 7):
        one.offer(incoming(offset))
    one.offer(incoming(7, bytes(600)))
    one.offer(incoming(8, bytes(600)))
    one.offer(incoming(9))

    async def chunks() -> list[list[int]]:
        return [[m.offset for m in await chunk(one)] for _ in range(3)]

    assert asyncio.run(chunks()) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    one.shut()


def test_a_rest_ends_when_a_full_chunk_waits(tmp_path: Path) -> None:
    """After a step of a tenth of a second nothing is taken for half a one."""
    one = partition(state(tmp_path), replace(POLICY, rest=5.0))

    async def taken() -> tuple[list[list[int]], bool]:
        one.offer(FIRST)
        chunks = [await chunk(one)]
        one.rest(0.1)
        one.offer(incoming(1))
        asked = asyncio.create_task(chunk(one))
        await asyncio.sleep(2 * POLICY.linger_seconds)
        one.offer(incoming(2))
        chunks.append(await asked)
        one.rest(60.0)
        for offset in range(3, 3 + POLICY.messages):
            one.offer(incoming(offset))
        began = time.monotonic()
        chunks.append(await chunk(one))
        soon = time.monotonic() - began < 1.0
        return [[message.offset for message in each] for each in chunks], soon

    assert asyncio.run(taken()) == ([[0], [1, 2], [3, 4, 5, 6]], True)
    one.shut()


def test_pending_bytes_count_until_stored(tmp_path: Path) -> None:
    """A chunk that is being folded still takes memory."""
    one = partition(state(tmp_path))
    one.offer(FIRST)
    one.offer(incoming(1, bytes(50)))
    taken = asyncio.run(chunk(one))
    one.offer(incoming(2, bytes(10)))
    assert one.pending_bytes == 60 + len(FIRST.value)
    one.stored(one.after(taken))

    assert one.pending_bytes == 10
    assert one.pending_since_ms == 1_002
    assert one.folded == 1
    one.shut()


def test_a_suspect_stretch_is_taken_one_by_one(tmp_path: Path) -> None:
    """After a death inside a chunk, its messages come singly until it is passed."""
    made = state(tmp_path)
    attempt = Attempt(first=8, last=10, starts=1, deaths=1)
    made.write({**at(7), guard.ATTEMPT_KEY: guard.encode_attempt(attempt)})
    one = partition(made)
    for offset in range(7, 15):
        one.offer(incoming(offset))

    async def chunks() -> list[list[int]]:
        return [[m.offset for m in await chunk(one)] for _ in range(4)]

    assert one.begun([incoming(8)]) == Attempt(first=8, last=10, starts=2, deaths=1)
    assert asyncio.run(chunks()) == [[8], [9], [10], [11, 12, 13, 14]]
    one.shut()


def test_a_hopeless_message_stops_the_partition_for_good(tmp_path: Path) -> None:
    """The third death is told, with what a person may do, at every assignment."""
    made = state(tmp_path)
    attempt = Attempt(first=8, last=8, starts=3, deaths=3)
    made.write({**at(7), guard.ATTEMPT_KEY: guard.encode_attempt(attempt)})
    for _ in range(3):
        one = Partition(TP("t", 0), 1, POLICY)
        with pytest.raises(LogError, match="skip --partition t/0 --offset 8 "):
            one.load(made)

        assert one.poison == 8
    one.revive()
    assert (one.poison, one.following, one.condition) == (-1, 7, Condition.CHECKING)
    assert one.begun([incoming(8)]) == Attempt(first=8, last=8, starts=1)
    made.close()


def test_a_chunk_that_never_ends_is_left_alone_for_a_while(tmp_path: Path) -> None:
    """Deaths from outside do not stop a partition for good."""
    made = state(tmp_path)
    attempt = Attempt(first=8, last=8, starts=12, stops=1)
    made.write({**at(7), guard.ATTEMPT_KEY: guard.encode_attempt(attempt)})
    for _ in range(2):
        with pytest.raises(LogError, match="in 1 min by itself"):
            partition(made)

    stored = guard.decode_attempt(made.get_many([guard.ATTEMPT_KEY])[0])
    assert stored is not None
    assert stored.stops == 2
    made.write({guard.ATTEMPT_KEY: guard.encode_attempt(replace(stored, stopped_ms=1))})
    assert partition(made).following == 7
    made.close()


def test_a_rebuild_is_silent_up_to_the_hint_of_this_very_log(tmp_path: Path) -> None:
    """A chunk never spans the hint; the hint of another log counts for nothing."""
    one = partition(state(tmp_path))
    one.hint = (3, LOG.hex())
    one.offer(FIRST)
    for offset in range(1, 6):
        one.offer(incoming(offset))

    async def chunks() -> list[tuple[list[int], bool]]:
        found = [await chunk(one) for _ in range(2)]
        return [([m.offset for m in each], one.silent(each)) for each in found]

    assert one.rebuild == 3
    assert asyncio.run(chunks()) == [([0, 1, 2], True), ([3, 4, 5], False)]
    one.hint = (3, bytes(16).hex())
    assert one.rebuild == 0
    one.shut()


def test_a_killed_partition_gives_nothing_back(tmp_path: Path) -> None:
    """The fence is up and what waited is dropped."""
    made = state(tmp_path)
    one = partition(made)
    one.offer(FIRST)
    one.kill()

    assert (one.condition, one.pending_bytes) == (Condition.GONE, 0)
    with pytest.raises(FencedError):
        made.write({b"a": b"1"})
    one.shut()
