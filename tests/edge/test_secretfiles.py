"""Files of secrets: whole, closed, and no draft that a crash left lies about."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hub.core.errors import MachineError
from hub.edge import secretfiles, vault


def left(folder: Path, name: str, seconds: float) -> Path:
    """A draft that is so old."""
    path = folder / name
    path.write_text("secret")
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def test_the_next_write_takes_a_stale_draft_away(tmp_path: Path) -> None:
    """That of the same file; a young one may be somebody's, others are not ours."""
    stale = left(tmp_path, ".secrets.json.4711", 120)
    young = left(tmp_path, ".secrets.json.4712", 1)
    other = left(tmp_path, ".profile.4711", 120)

    secretfiles.write_file(tmp_path / "secrets.json", b"new", 0o600)

    assert (tmp_path / "secrets.json").read_bytes() == b"new"
    assert not stale.exists()
    assert young.exists()
    assert other.exists()
    secretfiles.sweep(tmp_path)
    assert not other.exists()
    assert young.exists()


def test_a_write_that_fails_leaves_no_draft(tmp_path: Path) -> None:
    """Here the place is taken by a folder."""
    (tmp_path / "secrets.json").mkdir()

    with pytest.raises(OSError, match="directory"):
        secretfiles.write_file(tmp_path / "secrets.json", b"new", 0o600)

    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


@pytest.mark.parametrize("how", ["open", "elsewhere"])
def test_a_data_key_is_put_only_where_nobody_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The room in memory lies in a folder that everybody may write to."""
    room = tmp_path / "memory"
    monkeypatch.setenv("KERWEN_UNLOCKED", str(room))
    if how == "open":
        room.mkdir(mode=0o755)
    else:
        (tmp_path / "theirs").mkdir(mode=0o700)
        room.symlink_to(tmp_path / "theirs")

    with pytest.raises(MachineError, match="belongs to others"):
        vault.hold(tmp_path / "intake", bytes(vault.KEY_SIZE))

    assert list(tmp_path.rglob("*.key")) == []
