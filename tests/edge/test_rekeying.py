"""Re-keying: other pseudonyms in another home; what was believed, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub.core.bundle import Bundle
from hub.core.errors import InvalidError, MachineError
from hub.core.keys import KeyRegistry, SigningKey
from hub.core.log import Incoming
from hub.core.messages import Config, encode, sign
from hub.core.skips import Skips
from hub.edge import bundles, keylocks, keyring, publickeys, rekeying
from hub.edge.bundles import Library
from hub.edge.files import read_catalogue, read_sources
from hub.edge.settings import Home
from tests.core import ministry

NOW_MS = 1_794_700_000_000
CATALOGUE = read_catalogue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, november: Path) -> Path:
    """All keys of November, under development shares."""
    root = tmp_path_factory.mktemp("made")
    shutil.copytree(november, root / "keys")
    keylocks.develop(root, NOW_MS)
    return root / "keys"


@pytest.fixture
def old(tmp_path: Path, made: Path) -> Home:
    """The hub whose secret leaked; one of its signing keys was revoked."""
    shutil.copytree(made, tmp_path / "old" / "keys")
    publickeys.revoke(tmp_path / "old", ["sms-sign-2026-11"])
    return Home(root=tmp_path / "old")


@pytest.fixture
def new(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(root=tmp_path / "new")


def test_the_new_home_opens_what_the_old_one_did(old: Home, new: Home) -> None:
    """Same keys for batches and answers; other pseudonyms, other internal keys."""
    rekeying.prepare(old, new)
    keyring.create(new.root, CATALOGUE, now_ms=NOW_MS)

    before, after = keyring.intake(old.root), keyring.intake(new.root)
    assert after.hub == before.hub
    assert after.receipt.key_id == before.receipt.key_id
    assert not set(after.pseudonyms.values()) & set(before.pseudonyms.values())
    assert len(set(after.pseudonyms.values())) == len(after.pseudonyms)
    assert after.records.secret != before.records.secret
    assert after.records == keyring.dedupe(new.root).records
    assert keyring.release(new.root).disclosure == keyring.release(old.root).disclosure
    assert keyring.control(new.root).control.key_id == "control-2026-11"


def test_revoked_keys_count_again_until_the_end(old: Home, new: Home) -> None:
    """What they signed before their revocation is in the log that is copied."""
    progress = rekeying.prepare(old, new)

    assert progress.revoked == ("sms-sign-2026-11",)
    assert keyring.registry(new.root).keys["sms-sign-2026-11"].status == "active"
    assert rekeying.read(new) == progress
    for _ in range(2):
        assert rekeying.finish(new) == progress.revoked
    assert keyring.registry(new.root).keys["sms-sign-2026-11"].status == "revoked"
    rekeying.close(new)
    assert rekeying.read(new) is None


def test_a_home_with_keys_is_never_re_keyed(old: Home) -> None:
    """Its own secrets would be lost."""
    with pytest.raises(MachineError, match="empty home only"):
        rekeying.prepare(old, old)


def test_a_preparation_that_broke_off_begins_again(old: Home, new: Home) -> None:
    """Nothing is in its place before all of it is there."""
    (new.root / ".keys.new" / "intake").mkdir(parents=True)
    (new.root / ".keys.new" / "intake" / "half.pem").write_text("")

    rekeying.prepare(old, new)

    assert not list(new.root.rglob("half.pem"))
    assert not (new.root / ".keys.new").exists()


def test_damaged_progress_is_named(old: Home, new: Home) -> None:
    """With what to do."""
    rekeying.prepare(old, new)
    (new.keys / rekeying.FILE).write_text("{")

    with pytest.raises(InvalidError, match="is damaged"):
        rekeying.read(new)


def registry(*, revoked: bool) -> KeyRegistry:
    """The keys of the example ministry; its signing key active or not."""
    known = ministry.registry().keys
    return KeyRegistry(
        keys={
            key_id: replace(key, status="revoked")
            if revoked and key.use == "sign"
            else key
            for key_id, key in known.items()
        }
    )


def test_what_was_believed_at_its_offset_is_copied(tmp_path: Path) -> None:
    """Before a revocation: yes. After it, in another topic, or no batch: no."""
    control = SigningKey(key_id="control-1", private=ministry.CONTROL)
    first = Bundle(catalogue=CATALOGUE, registry=registry(revoked=False))
    second = first.successor(CATALOGUE, registry(revoked=True), Skips())
    for one in (first, second):
        bundles.write(tmp_path, one, *read_sources(), control)
    record = sign(
        Config(bundle=second.digest, created_ms=1, key_id=control.key_id),
        control.private,
    )
    forged = replace(record, created_ms=2)
    batch = ministry.Lane().seal([ministry.crossing(1)])
    values = [batch, b"no message", encode(forged), batch, encode(record), batch]

    def judged(topic: str) -> list[bool]:
        messages: Iterator[Incoming] = (
            Incoming(offset=offset, time_ms=0, value=value)
            for offset, value in enumerate(values)
        )
        library = Library(tmp_path, registry(revoked=False))
        return [good for _, good in rekeying.believed(library, topic, messages)]

    assert judged(ministry.SOURCE.topic) == [True, False, False, True, False, False]
    assert not any(judged("ministry.mfa.border_crossing"))
