"""A key under way: made beside the old one, held unused, then taken into use.

Rules (see :mod:`hub.edge.rotation`, which says when):

- Doing a step twice changes nothing: what is there is kept.
- An internal key is in both folders of its arrow before it counts as made; of two ends
  that hold it the secret is the same.
- A sealing key opens as soon as it is made; it seals only once the registry names it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from hub.core.envelope.format import SUITE_XWING
from hub.core.envelope.recipients import generate
from hub.core.errors import InvalidError
from hub.core.keys import HUB, Key, Use
from hub.edge import pkcs11
from hub.edge.keyfiles import (
    NEXT,
    PEM,
    SECRET_SIZE,
    STAGED,
    Folder,
    read_pem,
    write_pem,
    write_secrets,
)
from hub.edge.settings import Home

Entropy = Callable[[int], bytes]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of key that is rotated.

    Attributes:
        use: In the registry; None: an internal key, which nobody publishes.
        holders: Folders that hold it; of a member's key, the member's.
        opens: Stages that have to hold it before it is used.
        uses: Stages that begin to use it.
        name: What the id begins with; ``{}`` stands for the member.
    """

    use: Use | None
    holders: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    name: str

    @property
    def member(self) -> bool:
        """Whether a member holds it."""
        return not self.holders

    @property
    def signs(self) -> bool:
        """Whether it is an Ed25519 key."""
        return self.use not in {None, "seal"}

    def stem(self, member: str) -> str:
        """What the ids of its keys begin with."""
        return self.name.format(member)


def _arrow(name: str, sealer: str, opener: str) -> Kind:
    return Kind(
        use=None, holders=(sealer, opener), opens=(opener,), uses=(sealer,), name=name
    )


def _signer(name: Use, stage: str, *, works: bool = True) -> Kind:
    return Kind(use=name, holders=(stage,), uses=(stage,) if works else (), name=name)


KINDS: dict[str, Kind] = {
    "hub": Kind(use="seal", holders=("intake",), opens=("intake",), name=HUB),
    "records": _arrow("records", "intake", "dedupe"),
    "facts": _arrow("facts", "dedupe", "aggregate"),
    "cells": _arrow("cells", "aggregate", "release"),
    "receipt": _signer("receipt", "intake"),
    "statement": _signer("statement", "dedupe"),
    "release": _signer("release", "release"),
    "control": _signer("control", "control", works=False),
    "sign": Kind(use="sign", name="{}-sign"),
    "seal": Kind(use="seal", name="{}-seal"),
}
"""Word of the command -> what it means. ``sign`` and ``seal`` are a member's."""

OWN = tuple(name for name, kind in KINDS.items() if not kind.member)
"""Kinds of the hub itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One key under way.

    Attributes:
        member: X-Road id, or HUB.
        holders: Folders under ``keys``.
        token: A signing key is made in the token that the environment names.
    """

    kind: str
    key_id: str
    member: str
    holders: tuple[str, ...]
    token: bool = False

    @property
    def file(self) -> str:
        """What the file of a signing key is called."""
        return self.key_id + (pkcs11.ENDING if self.token else PEM)


def held(home: Home, holders: Collection[str]) -> set[str]:
    """Ids of all keys in some folders, also of those under way."""
    found: set[str] = set()
    for holder in holders:
        folder = Folder.read(home.root, holder)
        found |= set(folder.secrets.get("seal", {}))
        for epochs in folder.secrets.get("internal", {}).values():
            found |= set(epochs)
        for path in folder.path.iterdir():
            found.add(path.name.removesuffix(NEXT).rpartition(".")[0])
    return found


def make(home: Home, item: Item, entropy: Entropy) -> None:
    """Make the secret of a key, unused."""
    folders = [Folder.read(home.root, holder) for holder in item.holders]
    use = KINDS[item.kind].use
    if use is None:
        _make_internal(folders, item, entropy)
    elif use == "seal":
        part = folders[0].secrets.setdefault("seal", {})
        if item.key_id not in part:
            key = generate(SUITE_XWING, entropy)
            seed = base64.b64encode(key.seed).decode()
            part[item.key_id] = {"suite": key.suite, "seed": seed}
            write_secrets(folders[0].path, folders[0].secrets)
    else:
        path = folders[0].path / item.file
        if path.exists() or _next(path).exists():
            return
        if item.token:
            pkcs11.make_signer(pkcs11.configured(), _next(path), item.key_id)
        else:
            write_pem(_next(path), entropy(SECRET_SIZE))


def public(home: Home, item: Item, not_before_ms: int) -> Key | None:
    """The public half of a key under way; None where there is none."""
    use = KINDS[item.kind].use
    if use is None:
        return None
    folder = Folder.read(home.root, item.holders[0])
    if use == "seal":
        half = folder.seals()[item.key_id].public()
        raw, suite = half.raw, half.suite
    else:
        path = folder.path / item.file
        signer = read_pem(path if path.exists() else _next(path))
        raw, suite = signer.private.public_key().public_bytes_raw(), 0
    return Key(
        key_id=item.key_id,
        use=use,
        member=item.member,
        public=raw,
        suite=suite,
        not_before_ms=not_before_ms,
    )


def use(home: Home, item: Item) -> None:
    """Take a key into use."""
    kind = KINDS[item.kind]
    if kind.use is None:
        for holder in item.holders:
            folder = Folder.read(home.root, holder)
            staged = folder.secrets.get(STAGED, {})
            if staged.get(item.kind) == item.key_id:
                del staged[item.kind]
                if not staged:
                    del folder.secrets[STAGED]
                write_secrets(folder.path, folder.secrets)
    elif kind.use != "seal":
        path = home.keys / item.holders[0] / item.file
        if not path.exists():
            _next(path).rename(path)


def _make_internal(folders: list[Folder], item: Item, entropy: Entropy) -> None:
    """The opener's folder first: a crash in between leaves a key that only reads."""
    known = [
        folder.secrets.get("internal", {}).get(item.kind, {}).get(item.key_id)
        for folder in folders
    ]
    secrets = {one for one in known if one is not None}
    if len(secrets) > 1:
        raise InvalidError(
            f"{item.key_id} differs between {' and '.join(item.holders)}"
        )
    fresh = base64.b64encode(entropy(SECRET_SIZE)).decode()
    secret = secrets.pop() if secrets else fresh
    for folder in reversed(folders):
        epochs = folder.secrets.setdefault("internal", {}).setdefault(item.kind, {})
        if item.key_id not in epochs:
            epochs[item.key_id] = secret
            folder.secrets.setdefault(STAGED, {})[item.kind] = item.key_id
            write_secrets(folder.path, folder.secrets)


def _next(path: Path) -> Path:
    return path.with_name(path.name + NEXT)
