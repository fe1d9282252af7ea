"""The store of bundles: one folder each, named by its digest, never changed.

Rules (design: delivery, rule 10; docs/adr/0005-bundle.md):

- ``<home>/bundles/<digest>/``: ``catalogue`` (a whole catalogue folder, its schemas
  inside), ``registry.json``, ``skips.json``, and ``bundle.json`` with number,
  predecessor and control's signature.
- What is read is checked: the digest is computed again from the content, the signature
  against the control keys in ``keys/registry.json`` as it was when the worker started,
  and against those of the bundle before: so a rotated control key is believed without
  a new start. What fails is not held.
- A bundle appears whole or not at all; adding one that is there changes nothing.
- Any copy of a folder is as good as the original: that is how another machine gets it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

from hub.core import bundle as bundles
from hub.core.bundle import NONE, Bundle
from hub.core.catalogue.load import load
from hub.core.catalogue.schemas import canonical
from hub.core.errors import HubError, InvalidError
from hub.core.keys import KeyRegistry, SigningKey, read_registry
from hub.core.log import Source
from hub.core.skips import read_skips
from hub.edge.files import read_files, read_schemas
from hub.edge.keyfiles import read_text, write_file

LOADED_MAX = 8
"""Bundles kept in memory; a catalogue takes a few megabytes."""

_HEAD, _REGISTRY, _SKIPS, _CATALOGUE = (
    "bundle.json",
    "registry.json",
    "skips.json",
    "catalogue",
)
_APPLIED = "applied"
NAME_SIZE = 64
"""A folder is called by its digest in hex."""

logger = logging.getLogger(__name__)


class Library:
    """The bundles in a folder; a :class:`hub.core.bundle.Bundles`."""

    def __init__(
        self, folder: Path, trusted: KeyRegistry, own: Bundle | None = None
    ) -> None:
        """Look into `folder`.

        Args:
            folder: The store; it may be missing yet.
            trusted: Knows the control keys that may have signed bundles.
            own: The first bundle as this worker's own files make it; held while the
                store holds none. A config record names what it is by its digest, so
                nobody has to sign it.
        """
        self._own = own
        self.folder = folder
        self.trusted = trusted
        self._lock = threading.Lock()
        self._loaded: OrderedDict[bytes, Bundle] = OrderedDict()
        self._numbers: dict[str, int] = {}

    def get(self, digest: bytes) -> Bundle:
        """The bundle of a digest, or the oldest one for NONE.

        Raises:
            BundleError: It is not held, or what is there in its name is not it.
        """
        if digest == NONE:
            held = self.held()
            if not held:
                raise bundles.missing(digest)
            return self.get(held[0])
        with self._lock:
            return self._get(digest)

    def _get(self, digest: bytes) -> Bundle:
        found = self._loaded.get(digest)
        if found is None:
            found = self._loaded[digest] = self._load(digest)
            while len(self._loaded) > LOADED_MAX:
                self._loaded.popitem(last=False)
        return found

    def _known(self, folder: Path) -> KeyRegistry:
        """The keys that may have signed what is in `folder`."""
        head = _head(folder)
        signer = self.trusted.keys.get(str(head.get("key_id")))
        if signer is not None or head.get("previous") in {None, NONE.hex()}:
            return self.trusted
        before = self._get(bytes.fromhex(str(head["previous"]))).registry.keys
        return KeyRegistry(keys={**before, **self.trusted.keys})

    def held(self) -> Sequence[bytes]:
        """Digests of all bundles in the store, oldest first."""
        found = self._stored()
        if not found and self._own is not None:
            return [self._own.digest]
        return found

    def _stored(self) -> list[bytes]:
        if not self.folder.is_dir():
            return []
        names = [
            one.name for one in self.folder.iterdir() if len(one.name) == NAME_SIZE
        ]
        numbered = [(self._number(name), name) for name in names]
        return [bytes.fromhex(name) for number, name in sorted(numbered) if number]

    def newest(self) -> Bundle | None:
        """The newest bundle that is whole; None in an empty store."""
        for digest in reversed(self.held()):
            try:
                return self.get(digest)
            except HubError as error:
                logger.warning("%s", error)
        return None

    def has(self, digest: bytes) -> bool:
        """Whether a bundle is there and whole."""
        try:
            self.get(digest)
        except HubError:
            return False
        return True

    def aside(self, source: Source) -> frozenset[int]:
        """Offsets of a log that signed skips set aside."""
        newest = self.newest()
        if newest is None:
            return frozenset()
        return newest.skips.offsets(source.name, source.log)

    def _load(self, digest: bytes) -> Bundle:
        if self._own is not None and digest == self._own.digest:
            return self._own
        folder = self.folder / digest.hex()
        if not folder.is_dir():
            raise bundles.missing(digest)
        try:
            found = read(folder, self._known(folder))
        except (HubError, OSError, ValueError) as error:
            logger.warning("%s: %s", folder, error)
            raise bundles.missing(digest) from error
        if found.digest != digest:
            logger.warning("%s holds another bundle", folder)
            raise bundles.missing(digest)
        return found

    def _number(self, name: str) -> int:
        """The number of a bundle; 0 while its folder cannot be read."""
        known = self._numbers.get(name, 0)
        if not known:
            try:
                known = int(_head(self.folder / name)["number"])
            except (HubError, OSError, ValueError, KeyError):
                return 0
            self._numbers[name] = known
        return known


def read(folder: Path, trusted: KeyRegistry) -> Bundle:
    """The bundle in a folder, checked.

    Raises:
        HubError: It is not whole, or nobody we trust signed it.
    """
    head = _head(folder)
    place = folder / _CATALOGUE
    try:
        number, previous = int(head["number"]), bytes.fromhex(head["previous"])
        key_id, signature = str(head["key_id"]), bytes.fromhex(head["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidError(f"{folder / _HEAD} is damaged") from error
    found = Bundle(
        catalogue=load(read_files(place), read_schemas(place / "schemas")),
        registry=read_registry(read_text(folder / _REGISTRY)),
        skips=read_skips(read_text(folder / _SKIPS)),
        number=number,
        previous=previous,
    )
    bundles.verify(found.digest, key_id, signature, trusted)
    return found


def write(
    folder: Path,
    bundle: Bundle,
    files: Mapping[str, bytes],
    schemas: Mapping[str, str],
    key: SigningKey,
) -> Path:
    """Sign a bundle and put it into the store `folder`; where it is.

    Args:
        folder: The store.
        bundle: What is signed.
        files: The catalogue's files, as they were read for it.
        schemas: Provider schemas; those its dataflows name are taken.
        key: Control's.
    """
    target = folder / bundle.digest.hex()
    draft = _draft(target)
    used = {flow.schema for flow in bundle.catalogue.dataflows.values()}
    _write_files(draft / _CATALOGUE, files)
    room = draft / _CATALOGUE / "schemas" / "provider"
    room.mkdir(parents=True, exist_ok=True)
    for name, text in schemas.items():
        if canonical(text) in used:
            (room / f"{name}.avsc").write_text(text, "utf-8")
    (draft / _REGISTRY).write_text(bundle.registry.text(), "utf-8")
    (draft / _SKIPS).write_text(bundle.skips.text(), "utf-8")
    head = {
        "number": bundle.number,
        "previous": bundle.previous.hex(),
        "key_id": key.key_id,
        "signature": bundles.sign(bundle.digest, key).hex(),
    }
    (draft / _HEAD).write_text(json.dumps(head, indent=1) + "\n", "utf-8")
    _appear(draft, target)
    return target


def add(folder: Path, given: Path, trusted: KeyRegistry) -> Bundle:
    """Copy a bundle from anywhere into the store `folder`.

    Raises:
        HubError: What was given is no bundle that control signed.
    """
    found = read(given, trusted)
    target = folder / found.digest.hex()
    draft = _draft(target)
    shutil.copytree(given, draft)
    _appear(draft, target)
    return found


def applied(folder: Path) -> bytes:
    """Digest of the bundle whose config records all ministries' logs have, or NONE."""
    try:
        return bytes.fromhex((folder / _APPLIED).read_text("ascii").strip())
    except (OSError, ValueError):
        return NONE


def set_applied(folder: Path, digest: bytes) -> None:
    """Note that every ministry's log has the config record of a bundle."""
    write_file(folder / _APPLIED, f"{digest.hex()}\n".encode(), 0o644)


def _head(folder: Path) -> Mapping[str, str]:
    try:
        content = json.loads(read_text(folder / _HEAD))
    except ValueError as error:
        raise InvalidError(f"{folder / _HEAD} is damaged") from error
    if not isinstance(content, dict):
        raise InvalidError(f"{folder / _HEAD} is damaged")
    return content


def _write_files(place: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _draft(target: Path) -> Path:
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return draft


def _appear(draft: Path, target: Path) -> None:
    """Put a draft in its place; what is there was damaged, or is the same."""
    # A config record that names it may outlive a power failure: so must it.
    for path in (*draft.rglob("*"), draft):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    if target.exists():
        aside = target.with_name(f".{target.name}.{os.getpid()}.old")
        target.rename(aside)
        draft.rename(target)
        shutil.rmtree(aside, ignore_errors=True)
        return
    draft.rename(target)
