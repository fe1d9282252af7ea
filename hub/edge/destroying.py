"""Destroying a key of a past epoch, so that what was sealed to it is gone for good.

Rules (envelope-v1 §11; docs/keys.md, "Destruction"):

- Never a key that seals now, and never one to which something waits to be opened.
- Where messages sealed to it are still retained, only with the caller's word that they
  are to become unreadable before their time.
- In this order: the statement, the trail, the secret out of every folder, the workers.
  A run that broke off is finished by the next.
- What lies in a backup is not reached from here; the statement's fingerprint tells
  whether a copy that turns up is this key.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.core import shredding
from hub.core.catalogue.model import Catalogue
from hub.core.errors import InvalidError, MachineError
from hub.core.keys import HUB
from hub.core.shredding import Destruction, Range
from hub.edge import impact, kafka, keyring, keystamps, layout, secretfiles
from hub.edge.keyfiles import Folder, read_text, write_file, write_secrets
from hub.edge.keymaking import ARROWS
from hub.edge.settings import Home, Settings

WORKERS_SECONDS = 120.0
Positions = Mapping[tuple[str, int], int]
"""Topic and partition -> last offset folded in by the stage that opens it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """A key that may be destroyed.

    Attributes:
        holders: Folders that hold it.
        secret: The key itself, for its fingerprint.
        ranges: What was sealed to it, as far as logs and earlier looks tell.
        retained: How many of these messages are still there.
    """

    key_id: str
    holders: tuple[str, ...]
    secret: bytes
    ranges: tuple[Range, ...]
    retained: int


def look(settings: Settings, catalogue: Catalogue, key_id: str) -> Doomed:
    """What would be destroyed.

    Raises:
        InvalidError: It is no key of a past epoch of this hub.
        MachineError: It is not on this machine, or is locked.
    """
    holders, secret = _find(settings.home, key_id)
    found = census(settings, catalogue, key_id)
    return Doomed(
        key_id=key_id,
        holders=holders,
        secret=secret,
        ranges=shredding.merge(_noted(settings.home, key_id), found),
        retained=sum(one.messages for one in found),
    )


def refuse(doomed: Doomed, positions: Positions, *, early: bool) -> None:
    """Raise InvalidError where the key is still needed.

    Args:
        doomed: The key.
        positions: How far its openers are.
        early: Messages that are retained may become unreadable.
    """
    if not doomed.retained:
        return
    for one in doomed.ranges:
        at = positions.get((one.topic, one.partition))
        if at is None or at < one.last:
            raise InvalidError(
                f"{one.topic}/{one.partition} is not opened up to the last message "
                f"sealed to {doomed.key_id}: `kerwen status --partitions`"
            )
    if not early:
        raise InvalidError(
            f"messages sealed to {doomed.key_id} are still retained, and without it "
            "no audit or rebuild can read them: wait for their retention, or give "
            "--early"
        )


def state(settings: Settings, doomed: Doomed, reason: str, now_ms: int) -> Destruction:
    """Sign the statement and keep it; one that is there already is taken."""
    path = _file(settings.home, doomed.key_id)
    if path.exists():
        return read(settings.home, doomed.key_id)
    made = shredding.sign(
        Destruction(
            key_id=doomed.key_id,
            key=shredding.fingerprint(doomed.secret),
            ranges=doomed.ranges,
            retained=doomed.retained,
            reason=reason,
            created_ms=now_ms,
        ),
        keyring.control(settings.home.root).control,
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(path, made.text().encode(), 0o644)
    return made


def destroy(settings: Settings, doomed: Doomed, tell: Callable[[str], None]) -> None:
    """Take the secret out of every folder, and wait until no worker holds it."""
    for holder in doomed.holders:
        folder = Folder.read(settings.home.root, holder)
        folder.secrets.get("seal", {}).pop(doomed.key_id, None)
        for epochs in folder.secrets.get("internal", {}).values():
            epochs.pop(doomed.key_id, None)
        write_secrets(folder.path, folder.secrets)
        secretfiles.sweep(folder.path)  # what a crash left would still open it
    keystamps.wait(settings.home, set(doomed.holders), WORKERS_SECONDS, tell)


def note(settings: Settings, catalogue: Catalogue, key_id: str) -> None:
    """Write down which messages a key was used for, before retention takes them."""
    found = shredding.merge(
        _noted(settings.home, key_id), census(settings, catalogue, key_id)
    )
    draft = Destruction(
        key_id=key_id,
        key="",
        ranges=found,
        retained=sum(one.messages for one in found),
        reason="census",
        created_ms=time.time_ns() // 1_000_000,
    )
    path = _census(settings.home, key_id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(path, draft.text().encode(), 0o644)


def read(home: Home, key_id: str) -> Destruction:
    """The statement on a key; raises MachineError where there is none."""
    found = shredding.read(read_text(_file(home, key_id)))
    shredding.verify(found, keyring.registry(home.root))
    return found


def statements(home: Home) -> Iterator[Destruction]:
    """All statements of a home, verified."""
    for path in sorted((home.keys / "destroyed").glob("*.json")):
        yield read(home, path.stem)


def census(settings: Settings, catalogue: Catalogue, key_id: str) -> tuple[Range, ...]:
    """Messages in the logs that are sealed to a key."""
    registry = keyring.registry(settings.home.root)
    found = impact.of(settings, catalogue, key_id, registry).places
    with kafka.admin(settings) as client:
        logs = layout.identities(client, sorted({one.topic for one in found}))
    return tuple(
        Range(
            topic=one.topic,
            partition=one.partition,
            log=logs[one.topic].hex(),
            first=one.first,
            last=one.last,
            messages=one.messages,
        )
        for one in found
    )


def _find(home: Home, key_id: str) -> tuple[tuple[str, ...], bytes]:
    """Folders that hold a past key, and the key."""
    folder = Folder.read(home.root, "intake")
    seals = folder.seals()
    if key_id in seals:
        registry = keyring.registry(home.root)
        if registry.recipient(HUB)[0] == key_id:
            raise InvalidError(f"{key_id} is in use: `kerwen keys rotate hub` first")
        if key_id not in registry.keys:
            text = f"{key_id} is not used yet: `kerwen keys rotate --apply` goes on"
            raise InvalidError(text)
        if registry.keys[key_id].status == "active":
            # Were the newer ones revoked, senders would seal to what nobody holds.
            raise InvalidError(f"{key_id} is active: `kerwen keys revoke` it first")
        return ("intake",), seals[key_id].seed
    for arrow, ends in ARROWS.items():
        held = [Folder.read(home.root, end) for end in ends]
        epochs: dict[str, Any] = {}
        for one in held:
            epochs |= one.secrets.get("internal", {}).get(arrow, {})
        if key_id in epochs:
            if any(one.internal(arrow).key_id == key_id for one in held):
                text = f"{key_id} is in use: `kerwen keys rotate {arrow}` first"
                raise InvalidError(text)
            return ends, base64.b64decode(epochs[key_id])
    raise InvalidError(
        f"{key_id} is no sealing key of this hub: only keys that open what is sealed "
        "to them are destroyed; `kerwen keys list`"
    )


def _noted(home: Home, key_id: str) -> tuple[Range, ...]:
    path = _census(home, key_id)
    return shredding.read(read_text(path)).ranges if path.exists() else ()


def _file(home: Home, key_id: str) -> Path:
    if "/" in key_id or key_id.startswith("."):
        raise MachineError(f"{key_id} is no key")
    return home.keys / "destroyed" / f"{key_id}.json"


def _census(home: Home, key_id: str) -> Path:
    return _file(home, key_id).with_suffix(".census")
