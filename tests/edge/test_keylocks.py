"""Backups of keys: made by nobody in particular, read back by two custodians."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hub.core.errors import InvalidError, MachineError
from hub.edge import custodians, keylocks, keyring
from hub.edge.files import read_catalogue

NOW_MS = 1_794_700_000_000
CUSTODY = custodians.split(os.urandom)
OTHER = custodians.split(os.urandom)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home under custody."""
    root = tmp_path_factory.mktemp("locked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERWEN_UNLOCKED", str(root / "memory"))
        keyring.create(root, read_catalogue(), now_ms=NOW_MS)
        keylocks.lock(root, CUSTODY, now_ms=NOW_MS)
    return root


@pytest.fixture
def home(tmp_path: Path, locked: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, shut."""
    monkeypatch.setenv("KERWEN_UNLOCKED", str(tmp_path / "memory"))
    shutil.copytree(locked / "keys", tmp_path / "home" / "keys")
    return tmp_path / "home"


def files(home: Path) -> dict[str, tuple[bytes, int]]:
    """Every key file with its content and rights."""
    return {
        str(path.relative_to(home)): (path.read_bytes(), path.stat().st_mode)
        for path in (home / "keys").rglob("*")
        if path.is_file()
    }


@pytest.fixture
def safe(tmp_path: Path) -> Path:
    """Where a backup is put."""
    return tmp_path / "keys.backup"


def test_a_backup_brings_every_file_back(
    home: Path, safe: Path, tmp_path: Path
) -> None:
    """Made while everything is shut; the same bytes and rights."""
    made = keylocks.backup(home, safe)

    number = keylocks.restore(tmp_path / "new", safe, CUSTODY)

    assert safe.stat().st_mode & 0o077 == 0
    assert files(tmp_path / "new") == files(home)
    assert number == made == len(files(home))
    keylocks.unlock(tmp_path / "new", CUSTODY)
    keyring.intake(tmp_path / "new")


def test_a_backup_shows_nothing(home: Path, safe: Path) -> None:
    """Not even which keys there are."""
    keylocks.backup(home, safe)
    content = safe.read_bytes()

    pem = (home / "keys" / "control" / "control-2026-11.pem").read_bytes()
    assert pem[30:60] not in content
    assert b"sms" not in content


def test_a_home_without_custodians_has_no_backup(tmp_path: Path, safe: Path) -> None:
    """Nobody could be trusted to read it back; development shares are nobody."""
    keyring.create(tmp_path, read_catalogue(), now_ms=NOW_MS)
    with pytest.raises(MachineError, match="kerwen keys custodians"):
        keylocks.backup(tmp_path, safe)
    keylocks.develop(tmp_path, NOW_MS)
    with pytest.raises(MachineError, match="kerwen keys custodians"):
        keylocks.backup(tmp_path, safe)
    assert not safe.exists()


def test_a_backup_that_another_made_is_refused(
    home: Path, safe: Path, tmp_path: Path
) -> None:
    """Whoever reads custody.json has the public key, and not the word."""
    path = home / "keys" / custodians.WORD
    assert path.stat().st_mode & 0o077 == 0
    word = path.read_bytes()
    path.write_bytes(b"00" * 32)
    keylocks.backup(home, safe)
    with pytest.raises(InvalidError, match="made by somebody else"):
        keylocks.restore(tmp_path / "new", safe, CUSTODY)
    assert not (tmp_path / "new").exists()

    path.unlink()
    with pytest.raises(MachineError, match="two custodians bring it back"):
        keylocks.backup(home, safe)
    keylocks.unlock(home, CUSTODY)
    assert path.read_bytes() == word
    keylocks.backup(home, safe)


def test_what_cannot_be_restored_is_said(
    home: Path, safe: Path, tmp_path: Path
) -> None:
    """Other custodians, damage, a cut, another file, keys that are there."""
    keylocks.backup(home, safe)
    content = safe.read_bytes()
    new = tmp_path / "new"

    with pytest.raises(InvalidError, match=f"no backup of custody {OTHER.name}"):
        keylocks.restore(new, safe, OTHER)
    for damaged, why in (
        (content[:-1] + bytes([content[-1] ^ 1]), "changed or cut off"),
        (content[:-100], "changed or cut off"),
        (content[:100], "no backup of custody"),
        (b"x" + content, "no archive"),
    ):
        safe.write_bytes(damaged)
        with pytest.raises(InvalidError, match=why):
            keylocks.restore(new, safe, CUSTODY)
    assert not new.exists()
    with pytest.raises(MachineError, match="empty home only"):
        keylocks.restore(home, safe, CUSTODY)
