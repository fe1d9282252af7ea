"""Checkpoints: whole, digested, never over a state that exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.core.errors import MachineError, RetriableError
from hub.edge import checkpoints
from hub.edge.state import Budget, State, open_state

LOG = "00" * 16


def state(folder: Path) -> State:
    """An open state."""
    made = open_state(folder, Budget.of())
    assert made is not None
    return made


def test_a_lost_state_comes_back_as_it_was(tmp_path: Path) -> None:
    """What was written after the checkpoint is not in it."""
    made = state(tmp_path / "s")
    made.write({b"a": b"1"})
    checkpoints.take(made, tmp_path / "shelf", offset=7, log=LOG)
    made.write({b"a": b"2"})
    made.close()
    (found,) = checkpoints.kept(tmp_path / "shelf")
    checkpoints.restore(found, tmp_path / "t")
    back = state(tmp_path / "t")

    assert (found.offset, found.log) == (7, LOG)
    assert back.get_many([b"a"]) == [b"1"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["s", "shelf", "t"]
    back.close()


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    """Newest first; the same position is taken again in place."""
    made = state(tmp_path / "s")
    for offset in (5, 9, 12, 12):
        made.write({b"n": str(offset).encode()})
        checkpoints.take(made, tmp_path / "shelf", offset=offset, log=LOG)
    made.close()

    assert [one.offset for one in checkpoints.kept(tmp_path / "shelf")] == [12, 9]


def test_a_checkpoint_the_log_has_left_behind_goes(tmp_path: Path) -> None:
    """From before the start of the log nobody could go on."""
    made = state(tmp_path / "s")
    shelf = tmp_path / "shelf"
    for offset, floor in ((5, 0), (9, 6), (12, 11)):
        checkpoints.take(made, shelf, offset=offset, log=LOG, floor=floor)
        made.write({b"n": str(offset).encode()})
    made.close()

    assert checkpoints.claimed(shelf) == [12]


def test_without_room_the_one_before_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left half copied, and the sentence says how much is needed."""
    made = state(tmp_path / "s")
    shelf = tmp_path / "shelf"
    checkpoints.take(made, shelf, offset=5, log=LOG)
    made.write({b"a": b"1"})
    monkeypatch.setattr(checkpoints, "ROOM_BYTES", 1 << 60)
    with pytest.raises(RetriableError, match="no room for a checkpoint"):
        checkpoints.take(made, shelf, offset=9, log=LOG)
    made.close()

    assert [one.name for one in shelf.iterdir()] == [f"{5:020d}"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["s", "shelf"]


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    """A file that changed, or is gone, or a copy that broke off, is no checkpoint."""
    made = state(tmp_path / "s")
    made.write({b"a": b"1"})
    shelf = tmp_path / "shelf"
    checkpoints.take(made, shelf, offset=1, log=LOG)
    newest = checkpoints.take(made, shelf, offset=2, log=LOG)
    made.close()
    victim = next(newest.folder.glob("*.sst"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    (shelf / ".partial").mkdir()
    (shelf / f"{3:020d}").mkdir()

    assert [one.offset for one in checkpoints.kept(shelf)] == [1]
    assert checkpoints.kept(tmp_path / "none") == []


def test_a_state_is_never_overwritten(tmp_path: Path) -> None:
    """Restoring asks for the old state to be moved away."""
    made = state(tmp_path / "s")
    found = checkpoints.take(made, tmp_path / "shelf", offset=1, log=LOG)
    made.close()

    with pytest.raises(MachineError, match="move it away"):
        checkpoints.restore(found, tmp_path / "s")
