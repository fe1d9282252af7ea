"""Making the keys of a hub: what is there stays, what is missing is added.

Rules:

- Nothing is replaced, so a second run changes nothing, and a run with a new member in
  the catalogue adds that member's keys only.
- Secrets are written before the registry names their public half: a crash in between
  is mended by the next run, which reads the folders again.
- A revoked entry of the registry stays revoked.
- This makes all keys in one place, for one machine; in production each principal
  makes its own and sends the public half.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from hub.core import epochs
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.envelope.format import SUITE_XWING
from hub.core.envelope.recipients import generate
from hub.core.errors import InvalidError, MachineError
from hub.core.keys import HUB, Key, KeyRegistry, Use
from hub.edge import publickeys
from hub.edge.keyfiles import (
    SECRET_SIZE,
    SECRETS,
    Folder,
    read_pem,
    read_secrets,
    write_pem,
    write_secrets,
)

ARROWS = {
    "records": ("intake", "dedupe"),
    "facts": ("dedupe", "aggregate"),
    "cells": ("aggregate", "release"),
}
"""Internal key -> the two principals at the ends of its arrow."""
SIGNERS: dict[str, Use] = {
    "intake": "receipt",
    "dedupe": "statement",
    "release": "release",
    "control": "control",
}
PRINCIPALS = ("intake", "dedupe", "aggregate", "release", "control")

Entropy = Callable[[int], bytes]


def create(
    home: Path,
    catalogue: Catalogue,
    *,
    entropy: Entropy = os.urandom,
    now_ms: int,
) -> KeyRegistry:
    """Make every missing key under ``home/keys`` and write the registry.

    Args:
        home: The hub's home.
        catalogue: Its members that provide dataflows get signing and sealing keys.
        entropy: Source of every secret.
        now_ms: Names the epoch (month) of new keys.
    """
    epoch, taken = epochs.month(now_ms), publickeys.known(home)
    held = held_elsewhere(home)
    ministries = {
        m.id: m.member
        for m in catalogue.members.values()
        if m.provides and m.id not in held
    }
    clash = sorted(set(ministries) & {*PRINCIPALS, HUB})
    if clash:
        raise InvalidError(f"member {clash[0]}: the id is a principal of the hub")
    folders = {
        name: _folder(home / "keys" / name) for name in (*PRINCIPALS, *ministries)
    }
    for arrow, ends in ARROWS.items():
        _add_internal([folders[end] for end in ends], f"{arrow}-{epoch}", entropy)
    for domain in Domain:
        _add_secret(folders["intake"], "pseudonym", domain.value, entropy)
    _add_secret(folders["release"], "disclosure", "noise", entropy)
    for name, stem in {"intake": HUB, **{m: f"{m}-seal" for m in ministries}}.items():
        # A lost key's id is taken for good: the registry names its public half.
        _add_seal(folders[name], epochs.following(stem, taken, now_ms), entropy)
    for folder in folders.values():
        write_secrets(folder.path, folder.secrets)
    signers = {**SIGNERS, **{name: f"{name}-sign" for name in ministries}}
    for principal, name in signers.items():
        if not folders[principal].pems(name):
            key_id = epochs.following(name, taken, now_ms)
            path = folders[principal].path / f"{key_id}.pem"
            write_pem(path, entropy(SECRET_SIZE))
    return _write_registry(home, folders, ministries, now_ms)


def missing(home: Path, catalogue: Catalogue) -> Iterator[str]:
    """What :func:`create` would make, ``folder: what``."""
    held = held_elsewhere(home)
    secrets: dict[str, list[tuple[str, str]]] = {
        "intake": [("pseudonym", domain.value) for domain in Domain],
        "release": [("disclosure", "noise")],
    }
    for arrow, ends in ARROWS.items():
        for end in ends:
            secrets.setdefault(end, []).append(("internal", arrow))
    signers: dict[str, str] = dict(SIGNERS)
    seals = {"intake"}
    for member in catalogue.members.values():
        if member.provides and member.id not in held:
            signers[member.id] = f"{member.id}-sign"
            seals.add(member.id)
    for principal in sorted({*PRINCIPALS, *signers}):
        path = home / "keys" / principal
        folder = Folder(path=path, secrets=read_secrets(path) if path.exists() else {})
        for kind, name in secrets.get(principal, ()):
            if not folder.secrets.get(kind, {}).get(name):
                yield f"{principal}: {kind} {name}"
        if principal in seals and not folder.secrets.get("seal"):
            yield f"{principal}: sealing key"
        if principal in signers and not folder.pems(signers[principal]):
            yield f"{principal}: signing key {signers[principal]}"


def create_member(
    home: Path,
    name: str,
    member: str,
    *,
    entropy: Entropy = os.urandom,
    now_ms: int,
) -> tuple[Key, ...]:
    """A ministry's own keys, made where the ministry is; the public halves.

    Args:
        home: The ministry's home; the keys go into ``keys/<name>``.
        name: Its short id, e.g. ``sms``.
        member: Its X-Road id.
        entropy: Source of every secret.
        now_ms: Names the epoch of new keys.
    """
    taken = publickeys.known(home)
    folder = _folder(home / "keys" / name)
    _add_seal(folder, epochs.following(f"{name}-seal", taken, now_ms), entropy)
    write_secrets(folder.path, folder.secrets)
    if not folder.pems(f"{name}-sign"):
        key_id = epochs.following(f"{name}-sign", taken, now_ms)
        write_pem(folder.path / f"{key_id}.pem", entropy(SECRET_SIZE))
    return tuple(_member_halves(folder, name, member, now_ms))


def held_elsewhere(home: Path) -> frozenset[str]:
    """Ministries that made their own keys and sent the public halves."""
    sent = (home / "onboarding").glob("*/request.json")
    return frozenset(path.parent.name for path in sent)


def _member_halves(
    folder: Folder, name: str, member: str, now_ms: int
) -> Iterator[Key]:
    for path in folder.pems(f"{name}-sign"):
        public = read_pem(path).private.public_key().public_bytes_raw()
        yield Key(
            key_id=path.stem,
            use="sign",
            member=member,
            public=public,
            not_before_ms=now_ms,
        )
    for key_id, private in folder.seals().items():
        yield Key(
            key_id=key_id,
            use="seal",
            member=member,
            public=private.public().raw,
            suite=private.suite,
            not_before_ms=now_ms,
        )


def _folder(path: Path) -> Folder:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        text = f"cannot make {path}: {error.strerror}; set KERWEN_HOME"
        raise MachineError(text) from error
    return Folder(path=path, secrets=read_secrets(path))


def _fresh(entropy: Entropy) -> str:
    return base64.b64encode(entropy(SECRET_SIZE)).decode()


def _add_secret(folder: Folder, kind: str, name: str, entropy: Entropy) -> None:
    part = folder.secrets.setdefault(kind, {})
    if name not in part:
        part[name] = _fresh(entropy)


def _add_seal(folder: Folder, key_id: str, entropy: Entropy) -> None:
    part = folder.secrets.setdefault("seal", {})
    if not part:
        key = generate(SUITE_XWING, entropy)
        seed = base64.b64encode(key.seed).decode()
        part[key_id] = {"suite": key.suite, "seed": seed}


def _add_internal(ends: list[Folder], key_id: str, entropy: Entropy) -> None:
    """Both ends hold the same epochs; a lost end is filled from the other."""
    arrow = key_id.partition("-")[0]
    epochs: dict[str, str] = {}
    for folder in ends:
        held = folder.secrets.setdefault("internal", {}).setdefault(arrow, {})
        for name, secret in held.items():
            if epochs.setdefault(name, secret) != secret:
                text = f"{folder.path / SECRETS}: {name} differs at the other end"
                raise InvalidError(text)
    if not epochs:
        epochs[key_id] = _fresh(entropy)
    for folder in ends:
        folder.secrets["internal"][arrow] = dict(epochs)


def _write_registry(
    home: Path, folders: dict[str, Folder], ministries: dict[str, str], now_ms: int
) -> KeyRegistry:
    keys = dict(publickeys.known(home))
    for key in _public_halves(folders, ministries, now_ms):
        # An entry that is there keeps its status and its date.
        if keys.setdefault(key.key_id, key).public != key.public:
            path = home / "keys" / publickeys.FILE
            raise InvalidError(f"{path}: {key.key_id} is not the key in its folder")
    return publickeys.store(home / "keys", keys)


def _public_halves(
    folders: dict[str, Folder], ministries: dict[str, str], now_ms: int
) -> Iterator[Key]:
    for principal, use in SIGNERS.items():
        for path in folders[principal].pems(use):
            yield Key(
                key_id=path.stem,
                use=use,
                member=HUB,
                public=read_pem(path).private.public_key().public_bytes_raw(),
                not_before_ms=now_ms,
            )
    for key_id, private in folders["intake"].seals().items():
        yield Key(
            key_id=key_id,
            use="seal",
            member=HUB,
            public=private.public().raw,
            suite=private.suite,
            not_before_ms=now_ms,
        )
    for name, member in ministries.items():
        yield from _member_halves(folders[name], name, member, now_ms)
