"""Stamps of keys: who is behind is known, and nobody waits for the dead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agents.keyed import Keyed
from hub.core.errors import RetriableError
from hub.edge import keyring, keystamps, staging
from hub.edge.files import read_catalogue
from hub.edge.settings import Home
from hub.edge.staging import Item

NOW_MS = 1_794_700_000_000
RECORDS = Item(
    kind="records",
    key_id="records-2026-11b",
    member="hub",
    holders=("intake", "dedupe"),
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with all keys and a worker of intake that holds them."""
    keyring.create(tmp_path, read_catalogue(), now_ms=NOW_MS)
    home = Home(root=tmp_path)
    Keyed(home, "intake").tell("intake-0")
    return home


def test_a_worker_is_behind_when_its_keys_change(home: Home) -> None:
    """And only a worker of that stage."""
    assert list(keystamps.behind(home, {"intake", "dedupe"})) == []

    staging.make(home, RECORDS, os.urandom)

    assert list(keystamps.behind(home, {"intake"})) == ["intake-0"]
    assert list(keystamps.behind(home, {"dedupe"})) == []
    with pytest.raises(RetriableError, match="intake-0 has not taken the new keys"):
        keystamps.wait(home, {"intake"}, 0.0)
    Keyed(home, "intake").tell("intake-0")
    keystamps.wait(home, {"intake"}, 0.0)


def test_a_worker_that_is_gone_holds_nobody_up(home: Home) -> None:
    """Its file stays, its process does not."""
    staging.make(home, RECORDS, os.urandom)
    path = home.run / "intake-0.keys"
    path.write_text(path.read_text().replace(f'"pid": {os.getpid()}', '"pid": 4194305'))
    (home.run / "intake-1.keys").write_text("{")

    assert list(keystamps.behind(home, {"intake"})) == []


def test_keys_that_changed_and_are_whole_make_a_worker_start_again(home: Home) -> None:
    """After a second look, so that two files written one after the other count once."""
    keyed = Keyed(home, "intake")
    assert not keyed.changed()

    staging.make(home, RECORDS, os.urandom)

    assert [keyed.changed(), keyed.changed()] == [False, True]


def test_keys_that_cannot_be_read_change_nothing(home: Home) -> None:
    """A worker goes on with what it holds until they are mended."""
    keyed = Keyed(home, "intake")
    path = home.keys / "intake" / "secrets.json"
    whole = path.read_text()
    path.write_text("{")

    assert [keyed.changed() for _ in range(3)] == [False] * 3
    path.write_text(whole)
    staging.make(home, RECORDS, os.urandom)
    assert [keyed.changed() for _ in range(2)] == [False, True]


def test_a_stamp_tells_nothing_of_a_key(home: Home) -> None:
    """It is a digest of digests; folders that are not there have one, too."""
    found = keystamps.stamp(home, "intake")

    assert len(bytes.fromhex(found)) == 32
    assert keystamps.stamp(home, "nobody") != found
