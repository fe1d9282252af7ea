"""Custody: which state a new owner goes on from, and what it waits for."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

from faust.types import TP

from agents.condition import Condition
from agents.custody import Custody
from agents.limits import ChunkPolicy
from agents.partition import Partition
from hub.core import guard
from hub.core.guard import Position
from hub.edge import checkpoints
from hub.edge.state import Budget, folder_name, open_state

LOG, OTHER = b"l" * 16, b"o" * 16


def test_a_full_disk_is_waited_for(tmp_path: Path) -> None:
    """The partition does not stop for good: it opens as soon as there is room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def story() -> tuple[Condition, str, bool, Condition, str]:
        custody = Custody(tmp_path / "state", tmp_path / "shelves")
        one = Partition(TP("t", 0), 1, ChunkPolicy())
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        loading = asyncio.create_task(custody.load(one))
        await asyncio.sleep(0.5)
        said = one.condition, one.error
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        loaded = await asyncio.wait_for(loading, 5)
        found = *said, loaded, one.condition, one.error
        one.kill()
        await custody.shut(one)
        return found

    try:
        condition, why, loaded, after, error = asyncio.run(story())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert condition is Condition.OPENING
    assert "the disk is full" in why
    assert loaded
    assert (after, error) == (Condition.CHECKING, "")


def at(offset: int, log: bytes) -> dict[bytes, bytes | None]:
    """What a state holds that stands at `offset`."""
    position = Position(offset=offset, log=log, digest=bytes(16), clock_ms=0)
    return {guard.POSITION_KEY: guard.encode_position(position)}


def left_behind(tmp_path: Path, *, offset: int, log: bytes) -> tuple[int, bool]:
    """Where a state at 3 is opened beside a checkpoint; whether it was put aside."""
    folder = tmp_path / "state" / folder_name("t", 0)
    shelf = tmp_path / "shelves" / folder_name("t", 0)
    folder.parent.mkdir(parents=True)
    for place, position in (
        (tmp_path / "other", at(offset, log)),
        (folder, at(3, LOG)),
    ):
        made = open_state(place, Budget.of())
        assert made is not None
        made.write(position)
        if place != folder:
            checkpoints.take(made, shelf, offset=offset, log=log.hex())
        made.close()

    async def story() -> int:
        custody = Custody(tmp_path / "state", tmp_path / "shelves")
        one = Partition(TP("t", 0), 1, ChunkPolicy())
        assert await custody.load(one)
        one.kill()
        await custody.shut(one)
        return one.folded

    found = asyncio.run(story())
    return found, folder.with_name(folder.name + ".stale").exists()


def test_a_state_that_was_left_behind_goes_on_from_the_newer_checkpoint(
    tmp_path: Path,
) -> None:
    """Another machine went on, and the log may no longer reach back to this state."""
    assert left_behind(tmp_path, offset=9, log=LOG) == (9, True)


def test_an_older_checkpoint_and_another_logs_change_nothing(tmp_path: Path) -> None:
    """A state that exists is the truth unless somebody has gone further in its log."""
    assert left_behind(tmp_path / "a", offset=2, log=LOG) == (3, False)
    assert left_behind(tmp_path / "b", offset=9, log=OTHER) == (3, False)
