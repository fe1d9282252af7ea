"""The store of bundles: whole or not there, checked when read, never changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core.bundle import NONE, Bundle
from hub.core.errors import BundleError, EnvelopeError, HubError
from hub.core.keys import HUB, Key, KeyRegistry, SigningKey
from hub.core.log import Source
from hub.core.skips import CutSkip, MessageSkip, Skips
from hub.edge import bundles
from hub.edge.bundles import Library
from hub.edge.files import read_catalogue, read_sources

CONTROL = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
SIGNER = SigningKey(key_id="control-1", private=CONTROL)


def registry(private: Ed25519PrivateKey = CONTROL) -> KeyRegistry:
    """Knows one control key."""
    public = private.public_key().public_bytes_raw()
    key = Key(key_id="control-1", use="control", member=HUB, public=public)
    return KeyRegistry(keys={key.key_id: key})


FIRST = Bundle(catalogue=read_catalogue(), registry=registry())
SOURCE = Source(topic="ministry.sms.border_crossing", partition=1, log=b"l" * 16)
SKIPS = (
    Skips()
    .with_cut(CutSkip(marker=b"m" * 16, source="a/0", reason="r", created_ms=1))
    .with_message(
        MessageSkip(
            source=SOURCE.name, log=SOURCE.log, offset=7, reason="r", created_ms=1
        )
    )
)
SECOND = FIRST.successor(FIRST.catalogue, FIRST.registry, SKIPS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two bundles, written once."""
    folder = tmp_path_factory.mktemp("made")
    for one in (SECOND, FIRST):
        bundles.write(folder, one, *read_sources(), SIGNER)
    return folder


@pytest.fixture
def store(tmp_path: Path, made: Path) -> Path:
    """A store of two bundles, for one test."""
    return Path(shutil.copytree(made, tmp_path / "bundles"))


def test_a_bundle_is_read_as_it_was_written(store: Path) -> None:
    """Content, number, chain and skips; the catalogue by its digest."""
    library = Library(store, registry())

    assert list(library.held()) == [FIRST.digest, SECOND.digest]
    assert library.get(NONE).number == 1
    found = library.get(SECOND.digest)
    assert (found.number, found.previous) == (2, FIRST.digest)
    assert found.digest == SECOND.digest
    assert found.skips == SKIPS
    assert library.newest() is found
    assert library.aside(SOURCE) == {7}
    assert not [one for one in store.iterdir() if one.name.startswith(".")]


def test_an_empty_store_holds_nothing(tmp_path: Path) -> None:
    """Also one that is not there."""
    library = Library(tmp_path / "none", registry())

    assert (list(library.held()), library.newest()) == ([], None)
    assert library.aside(SOURCE) == frozenset()
    with pytest.raises(BundleError):
        library.get(NONE)


def test_a_worker_without_a_store_holds_what_its_own_files_make(
    store: Path, tmp_path: Path
) -> None:
    """So a first deployment copies nothing; once there is a store, that counts."""
    library = Library(tmp_path / "none", registry(), FIRST)
    assert library.newest() is FIRST
    assert not library.has(SECOND.digest)

    held = Library(store, registry(), FIRST)
    assert list(held.held()) == [FIRST.digest, SECOND.digest]


def damaged(name: str) -> Callable[[Path], None]:
    """A file with one letter changed."""

    def harm(folder: Path) -> None:
        path = folder / name
        content = path.read_bytes()
        path.write_bytes(content.replace(b"1", b"2", 1) or b"x")

    return harm


HARMS: dict[str, Callable[[Path], None]] = {
    "gone": shutil.rmtree,
    "no head": lambda folder: (folder / "bundle.json").unlink(),
    "another number": damaged("bundle.json"),
    "another key": damaged("registry.json"),
    "no skips": lambda folder: (folder / "skips.json").unlink(),
    "another catalogue": damaged("catalogue/policies/C.toml"),
    "no schema": lambda folder: next(folder.rglob("*.avsc")).unlink(),
}


@pytest.mark.parametrize("name", HARMS)
def test_what_is_not_whole_is_not_held(store: Path, name: str) -> None:
    """And a copy that is whole heals it, in a library that is open."""
    copy = store.parent / "copy"
    shutil.copytree(store / SECOND.digest.hex(), copy)
    HARMS[name](store / SECOND.digest.hex())
    library = Library(store, registry())

    assert not library.has(SECOND.digest)
    newest = library.newest()
    assert newest is not None
    assert newest.digest == FIRST.digest
    assert bundles.add(store, copy, registry()).digest == SECOND.digest
    assert library.has(SECOND.digest)


def test_only_control_makes_bundles(store: Path) -> None:
    """One signed by a stranger is neither read nor added."""
    stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    assert not Library(store, registry(stranger)).has(FIRST.digest)
    with pytest.raises(EnvelopeError, match="not signed"):
        bundles.add(store, store / FIRST.digest.hex(), registry(stranger))


def test_a_bundle_under_a_wrong_name_is_not_held(store: Path) -> None:
    """The name is the digest, or it is nothing."""
    wrong = store / ("ab" * 32)
    (store / FIRST.digest.hex()).rename(wrong)
    library = Library(store, registry())

    assert not library.has(bytes.fromhex(wrong.name))
    assert not library.has(FIRST.digest)


def test_what_was_put_into_every_log_is_noted(store: Path) -> None:
    """Nothing, before it was; damage counts as nothing."""
    assert bundles.applied(store) == NONE
    bundles.set_applied(store, FIRST.digest)
    assert bundles.applied(store) == FIRST.digest
    (store / "applied").write_text("x")
    assert bundles.applied(store) == NONE


def test_a_copy_of_nothing_is_refused(store: Path) -> None:
    """With a sentence."""
    with pytest.raises(HubError):
        bundles.add(store, store.parent, registry())


def test_a_bundle_of_a_newer_control_key_is_believed_by_its_predecessor(
    tmp_path: Path,
) -> None:
    """A worker that began before a rotation of the control key goes on after it."""
    newer = Ed25519PrivateKey.from_private_bytes(b"d" * 32)
    key = Key(
        key_id="control-2",
        use="control",
        member=HUB,
        public=newer.public_key().public_bytes_raw(),
    )
    both = KeyRegistry(keys={**registry().keys, key.key_id: key})
    named = FIRST.successor(FIRST.catalogue, both, Skips())
    after = named.successor(FIRST.catalogue, both, SKIPS)
    bundles.write(tmp_path, FIRST, *read_sources(), SIGNER)
    bundles.write(tmp_path, named, *read_sources(), SIGNER)
    signer = SigningKey(key_id=key.key_id, private=newer)
    bundles.write(tmp_path, after, *read_sources(), signer)

    assert Library(tmp_path, registry()).get(after.digest).number == 3
    shutil.rmtree(tmp_path / named.digest.hex())
    with pytest.raises(BundleError):
        Library(tmp_path, registry()).get(after.digest)
