"""The registry of public keys: what is revoked stays so, whoever else writes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub.core.errors import InvalidError, MachineError
from hub.core.keys import Key
from hub.edge import locks, publickeys

SIGN = "sms-sign-2026-11"


@pytest.fixture
def home(tmp_path: Path, november: Path) -> Path:
    """A home with the keys of November."""
    shutil.copytree(november, tmp_path / "home" / "keys")
    return tmp_path / "home"


@pytest.fixture
def offered(home: Path) -> Key:
    """A key that the registry does not have: it was taken out."""
    known = dict(publickeys.known(home))
    key = known.pop(SIGN)
    publickeys.store(home / "keys", known)
    return key


def test_one_command_at_a_time_changes_it(
    home: Path, offered: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the slower one would write back what the other has revoked."""
    before = publickeys.read(home)
    monkeypatch.setattr(locks, "TURN_SECONDS", 0.0)
    with locks.turn(home / "keys" / publickeys.FILE):
        with pytest.raises(MachineError, match="another command"):
            publickeys.add(home, [offered])
        with pytest.raises(MachineError, match="another command"):
            publickeys.revoke(home, ["hub-2026-11"])
        assert publickeys.read(home) == before

    publickeys.add(home, [offered])
    assert publickeys.revoke(home, [SIGN]).revoked(SIGN)


def test_a_revoked_key_that_comes_again_stays_revoked(home: Path) -> None:
    """Whoever sends it as an active one changes nothing."""
    key = publickeys.known(home)[SIGN]
    publickeys.revoke(home, [SIGN])

    assert key.status == "active"
    assert publickeys.add(home, [key]).revoked(SIGN)


def test_all_are_revoked_or_none(home: Path) -> None:
    """One that is not there leaves the others as they are."""
    with pytest.raises(InvalidError, match="not in the registry"):
        publickeys.revoke(home, [SIGN, "nobody-sign-2026-11"])

    assert not publickeys.read(home).revoked(SIGN)
