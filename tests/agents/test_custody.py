"""Custody: a state that cannot be opened now is waited for, and the reason is said."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

from faust.types import TP

from agents.custody import Custody
from agents.limits import ChunkPolicy
from agents.partition import Condition, Partition


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
