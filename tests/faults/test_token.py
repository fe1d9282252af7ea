"""A token that is not there is called by name, and never tried with a wrong PIN."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hub.cli import stores
from hub.edge import pkcs11, staging
from hub.edge.settings import Home
from tests.edge import softhsm

RELEASE = softhsm.hubs_own("release", "release-2026-12")


@pytest.fixture
def home(tmp_path: Path, november: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose release key is in a token."""
    room = tmp_path / "token"
    room.mkdir()
    softhsm.initialise(room)
    softhsm.use(room, monkeypatch)
    shutil.copytree(november, tmp_path / "home" / "keys")
    made = Home(root=tmp_path / "home")
    staging.make(made, RELEASE, os.urandom)
    staging.use(made, RELEASE)
    return made


def found(home: Home) -> str:
    """What doctor says of it; empty: nothing."""
    said = list(stores.of_token(home))
    assert {one.what for one in said} <= {"token away"}
    return said[0].cause if said else ""


def test_a_token_that_is_not_there_is_called_by_name(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not set up, another one, without its PIN; and well again."""
    assert found(home) == ""
    for name, value, word in (
        (pkcs11.MODULE, "", "PKCS11_MODULE is missing"),
        (pkcs11.TOKEN, "lost", "has no such token"),
        (pkcs11.PIN_FILE, "", "PIN_FILE is missing"),
    ):
        with monkeypatch.context() as broken:
            broken.setenv(name, value)
            assert word in found(home)
            assert "release-2026-12" in found(home)
    assert found(home) == ""


def test_looking_never_logs_in(home: Home, tmp_path: Path) -> None:
    """As often as one likes: a wrong PIN would block the token."""
    (tmp_path / "token" / "pin").write_text("90210")
    assert [found(home) for _ in range(20)] == [""] * 20
    (tmp_path / "token" / "pin").write_text(softhsm.PIN)
    key = pkcs11.read_signer(home.keys / "release" / RELEASE.file, RELEASE.key_id)
    assert len(key.private.sign(b"x")) == 64


def test_without_keys_in_a_token_none_is_looked_for(tmp_path: Path) -> None:
    """Most homes have none."""
    assert found(Home(root=tmp_path)) == ""
