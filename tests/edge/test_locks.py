"""Commands that change one small file take turns, whichever file it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hub.core.errors import MachineError
from hub.edge import locks, passes
from hub.edge.settings import Home

FAR_MS = 4_000_000_000_000
MEMBERS = [f"m{number}" for number in range(12)]


def together(step: Callable[[str], object]) -> None:
    """Do something for every member at the same moment."""
    ready = threading.Barrier(len(MEMBERS))

    def one(member: str) -> None:
        ready.wait(20)
        step(member)

    with ThreadPoolExecutor(len(MEMBERS)) as pool:
        list(pool.map(one, MEMBERS))


def test_of_revocations_at_one_moment_none_is_lost(tmp_path: Path) -> None:
    """Whoever was revoked stays out, whatever else was written meanwhile."""
    home = Home(root=tmp_path)
    together(lambda who: passes.revoke(home, now_ms=1, reason="left", member=who))

    assert set(passes.revoked(home).members) == set(MEMBERS)


def test_a_token_that_ended_does_not_come_back(tmp_path: Path) -> None:
    """Others get theirs at the same moment."""
    home = Home(root=tmp_path)
    for who in MEMBERS[::2]:
        passes.issue(home, who, now_ms=1, until_ms=FAR_MS)

    def step(who: str) -> None:
        if who in MEMBERS[::2]:
            passes.forget(home, who)
        else:
            passes.issue(home, who, now_ms=1, until_ms=FAR_MS)

    together(step)
    left = [one.member for one in passes.tokens(home).values()]

    assert sorted(left) == sorted(MEMBERS[1::2])


def test_a_turn_that_does_not_come_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the file and what to do; afterwards it is free."""
    monkeypatch.setattr(locks, "TURN_SECONDS", 0.05)
    path = tmp_path / "room" / "file.json"
    told = pytest.raises(MachineError, match="give this one again")
    with locks.turn(path), told, locks.turn(path):
        raise AssertionError
    with locks.turn(path):
        assert not path.exists()
