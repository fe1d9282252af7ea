"""A key under way: made, held, used, in this order and as often as one likes."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hub.core.errors import InvalidError
from hub.core.keys import HUB
from hub.edge import keymaking, keyring, keystock, publickeys, staging
from hub.edge.files import read_catalogue
from hub.edge.keyfiles import Folder, write_secrets
from hub.edge.settings import Home
from hub.edge.staging import KINDS, Item

NOW_MS = 1_794_700_000_000
CATALOGUE = read_catalogue()


@pytest.fixture
def home(tmp_path: Path, november: Path) -> Home:
    """A home with all keys of November."""
    shutil.copytree(november, tmp_path / "keys")
    return Home(root=tmp_path)


def item(kind: str) -> Item:
    """A second key of a kind, in the same month."""
    place = KINDS[kind]
    member = HUB if not place.member else CATALOGUE.members["sms"].member
    return Item(
        kind=kind,
        key_id=f"{place.stem('sms')}-2026-11b",
        member=member,
        holders=place.holders or ("sms",),
    )


def in_use(home: Home, kind: str) -> str:
    """Id of the key that signs or seals now."""
    intake, dedupe = keyring.intake(home.root), keyring.dedupe(home.root)
    release, sms = keyring.release(home.root), keyring.ministry(home.root, "sms")
    registry = keyring.registry(home.root)
    return {
        "hub": lambda: registry.recipient(HUB)[0],
        "seal": lambda: registry.recipient(CATALOGUE.members["sms"].member)[0],
        "records": lambda: intake.records.key_id,
        "facts": lambda: dedupe.facts.key_id,
        "cells": lambda: keyring.aggregate(home.root).cells.key_id,
        "receipt": lambda: intake.receipt.key_id,
        "statement": lambda: dedupe.statement.key_id,
        "release": lambda: release.release.key_id,
        "control": lambda: keyring.control(home.root).control.key_id,
        "sign": lambda: sms.sign.key_id,
    }[kind]()


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_used_only_at_the_end(home: Home, kind: str) -> None:
    """Made: the old one works on. Used: the new one does. Twice is as good as once."""
    one, old = item(kind), in_use(home, kind)

    for _ in range(2):
        staging.make(home, one, os.urandom)
    assert in_use(home, kind) == old
    for _ in range(2):
        public = staging.public(home, one, NOW_MS + 1)
    if public is not None:
        assert (public.key_id, public.member) == (one.key_id, one.member)
        publickeys.add(home.root, [public])
    for _ in range(2):
        staging.use(home, one)

    assert in_use(home, kind) == one.key_id
    assert not list(home.keys.rglob("*.next"))
    assert "staged" not in (home.keys / "intake" / "secrets.json").read_text()


@pytest.mark.parametrize("kind", ["records", "facts", "cells"])
def test_the_opener_holds_a_staged_key_already(home: Home, kind: str) -> None:
    """Blocks of the first worker that uses it open at the other end."""
    one = item(kind)

    staging.make(home, one, os.urandom)

    opener = {
        "records": lambda: keyring.dedupe(home.root).records,
        "facts": lambda: keyring.aggregate(home.root).facts,
        "cells": lambda: keyring.release(home.root).cells,
    }[kind]()
    assert opener.key_id != one.key_id
    assert [older.key_id for older in opener.older] == [one.key_id]


def test_a_crash_between_the_two_ends_is_mended(home: Home) -> None:
    """The second run takes the secret of the first, in whichever folder it is."""
    one = item("records")
    staging.make(home, one, os.urandom)
    made = keyring.dedupe(home.root).records.older
    path = home.keys / "intake" / "secrets.json"
    content = json.loads(path.read_text())
    del content["internal"]["records"][one.key_id], content["staged"]
    path.write_text(json.dumps(content))

    staging.make(home, one, os.urandom)

    assert keyring.intake(home.root).records.older == made


def test_two_ends_with_two_secrets_are_refused(home: Home) -> None:
    """Nobody can say which of them is right."""
    one = item("facts")
    staging.make(home, one, os.urandom)
    path = home.keys / "dedupe" / "secrets.json"
    content = json.loads(path.read_text())
    content["internal"]["facts"][one.key_id] = "A" * 43 + "="
    path.write_text(json.dumps(content))

    with pytest.raises(InvalidError, match="differs between dedupe and aggregate"):
        staging.make(home, one, os.urandom)


def test_a_second_key_under_one_id_is_refused(home: Home) -> None:
    """The registry never names two keys by one id."""
    known = keyring.registry(home.root).keys
    other = replace(known["hub-2026-11"], public=known["sms-seal-2026-11"].public)

    with pytest.raises(InvalidError, match="as another key"):
        publickeys.add(home.root, [other])


def test_the_stock_lists_every_key_by_age(home: Home) -> None:
    """Kinds, ages, what is due; no secret is shown."""
    staging.make(home, item("records"), os.urandom)
    later_ms = NOW_MS + 40 * 86_400_000

    found = {one.key_id: one for one in keystock.stock(home, later_ms)}

    hub = found["hub-2026-11"]
    assert (hub.kind, hub.days, hub.due_days, hub.used) == ("hub", 40, -9, True)
    assert found["records-2026-11b"].status == "staged"
    assert found["records-2026-11"].used
    assert found["sms-sign-2026-11"].due_days == 357
    assert found["pseudonym-mobility"].due_days is None
    assert found["disclosure-noise"].holder == "release"
    (home.keys / "destroyed").mkdir()
    (home.keys / "destroyed" / "hub-2026-11.json").write_text("")

    def status() -> str:
        found = {one.key_id: one.status for one in keystock.stock(home, later_ms)}
        return found["hub-2026-11"]

    assert status() == "active"  # its secret is still here
    intake = Folder.read(home.root, "intake")
    del intake.secrets["seal"]["hub-2026-11"]
    write_secrets(intake.path, intake.secrets)
    assert status() == "destroyed"


def test_what_is_missing_is_named_before_it_is_made(tmp_path: Path) -> None:
    """And nothing is missing after."""
    before = list(keymaking.missing(tmp_path, CATALOGUE))

    keyring.create(tmp_path, CATALOGUE, now_ms=NOW_MS)

    assert "intake: pseudonym MOBILITY" in before
    assert "sms: signing key sms-sign" in before
    assert list(keymaking.missing(tmp_path, CATALOGUE)) == []
