"""A principal's folder of secrets: what the files look like, and how they are read.

Rules:

- ``keys/<principal>/``: Ed25519 keys as ``<name>-<epoch>.pem`` (``.p11``: in a token),
  all else in ``secrets.json``, or ``secrets.locked`` (:mod:`hub.edge.vault`).
- Epochs are months, so the newest key is the last by name.
- A key under way is there and unused: a signing key as ``….pem.next``, an internal key
  with its id in ``staged`` (see :mod:`hub.edge.rotation`).
- Folders are 0700 and files 0600; a file that others may read is refused.
- Files are replaced whole (write, rename), so a crash leaves the old or the new one.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from hub.core.blocks import InternalKey
from hub.core.envelope.recipients import PrivateKey
from hub.core.errors import InvalidError, MachineError
from hub.core.keys import SigningKey
from hub.edge import custodians, pkcs11, vault
from hub.edge.secretfiles import (
    FILE_BYTES_MAX,
    MAKE,
    read_text,
    refuse_shared,
    write_file,
)
from hub.edge.vault import LOCKED, Secrets

__all__ = [
    "FILE_BYTES_MAX",
    "MAKE",
    "NEXT",
    "SECRETS",
    "SECRET_SIZE",
    "STAGED",
    "Folder",
    "Secrets",
    "read_pem",
    "read_secrets",
    "read_text",
    "refuse_shared",
    "write_file",
    "write_pem",
    "write_secrets",
]

SECRETS = "secrets.json"
STAGED = "staged"
"""Kind of the entry ``arrow -> key id`` of internal keys that only read yet."""

PEM = ".pem"
NEXT = ".next"
"""Ending of a signing key's file that is made and not used yet."""

SECRET_SIZE = 32
_EPOCH = re.compile(r"\d{4}-\d{2}[b-z]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One principal's folder, its ``secrets.json`` read."""

    path: Path
    secrets: Secrets = field(repr=False)

    @classmethod
    def read(cls, home: Path, principal: str) -> Folder:
        """The folder of `principal`; raises MachineError where there is none."""
        path = home / "keys" / principal
        if not path.is_dir():
            raise MachineError(f"{path} is missing: {MAKE}")
        return cls(path=path, secrets=read_secrets(path))

    def secret(self, kind: str, name: str) -> bytes:
        """One 32-byte secret."""
        return self._bytes(self.secrets.get(kind, {}).get(name), f"{kind} {name}")

    def internal(self, arrow: str) -> InternalKey:
        """The newest key of an arrow, with all others for reading.

        A staged one only reads: the other end of the arrow may not hold it yet.
        """
        epochs = self.secrets.get("internal", {}).get(arrow)
        if not isinstance(epochs, Mapping) or not epochs:
            raise MachineError(f"{self.path / SECRETS} lacks key {arrow}: {MAKE}")
        keys = [
            InternalKey(key_id=key_id, secret=self._bytes(epochs[key_id], key_id))
            for key_id in sorted(epochs, reverse=True)
        ]
        staged = self.secrets.get(STAGED, {}).get(arrow)
        first = next((one for one in keys if one.key_id != staged), keys[0])
        older = tuple(one for one in keys if one is not first)
        return InternalKey(key_id=first.key_id, secret=first.secret, older=older)

    def seals(self) -> dict[str, PrivateKey]:
        """Private sealing keys by key id."""
        keys = {}
        for key_id, entry in self.secrets.get("seal", {}).items():
            seed = entry.get("seed") if isinstance(entry, dict) else None
            suite = entry.get("suite") if isinstance(entry, dict) else None
            if suite not in (1, 2):
                raise InvalidError(f"{self.path / SECRETS}: {key_id} has no suite")
            keys[key_id] = PrivateKey(suite=suite, seed=self._bytes(seed, key_id))
        if not keys:
            raise MachineError(f"{self.path / SECRETS} lacks sealing keys: {MAKE}")
        return keys

    def signing(self, name: str) -> SigningKey:
        """The newest signing key called `name`."""
        paths = self.pems(name)
        if not paths:
            raise MachineError(f"{self.path}/{name}-*.pem is missing: {MAKE}")
        return read_pem(paths[-1])

    def pems(self, name: str) -> list[Path]:
        """Files of the signing key called `name`, oldest epoch first."""
        found = [
            path
            for path in self.path.glob(f"{name}-*")
            if path.suffix in {PEM, pkcs11.ENDING}
            and _EPOCH.fullmatch(path.stem.removeprefix(f"{name}-"))
        ]
        return sorted(found, key=lambda path: path.stem)

    def _bytes(self, value: Any, name: str) -> bytes:
        if value is None:
            raise MachineError(f"{self.path / SECRETS} lacks {name}: {MAKE}")
        try:
            secret = base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            text = f"{self.path / SECRETS}: {name} is not base64"
            raise InvalidError(text) from error
        if len(secret) != SECRET_SIZE:
            raise InvalidError(f"{self.path / SECRETS}: {name} is not 32 bytes")
        return secret


def read_secrets(folder: Path) -> Secrets:
    """All secrets of a folder, empty where the principal needs none.

    Raises:
        MachineError: Some are locked.
    """
    return {**read_plain(folder), **_unlocked(folder)}


def read_plain(folder: Path) -> Secrets:
    """Content of ``secrets.json``: what needs no unlocking."""
    path = folder / SECRETS
    if not path.exists():
        return {}
    refuse_shared(path)
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        raise InvalidError(f"{path} is not JSON: restore it from backup") from error
    if not isinstance(content, dict) or not all(
        isinstance(part, dict) for part in content.values()
    ):
        raise InvalidError(f"{path} is not an object of objects")
    return content


def _unlocked(folder: Path) -> Secrets:
    found = vault.read(folder)
    return {} if found is None else found.open(custodians.key_of(folder, found))


def write_secrets(folder: Path, secrets: Secrets) -> None:
    """Write what changed, each kind where it belongs: locked kinds under their lock."""
    found = vault.read(folder)
    if found is not None:
        key = custodians.key_of(folder, found)
        locked = {kind: secrets[kind] for kind in LOCKED if kind in secrets}
        if found.open(key) != locked:
            vault.write(folder, locked, key, found.slots, os.urandom)
        secrets = {kind: secrets[kind] for kind in secrets if kind not in LOCKED}
    path = folder / SECRETS
    text = json.dumps(secrets, indent=1, sort_keys=True) + "\n"
    if not path.exists() or read_text(path) != text:
        write_file(path, text.encode(), 0o600)


def read_pem(path: Path) -> SigningKey:
    """An Ed25519 key, in the file or in a token; its id is the file's name."""
    if path.name.removesuffix(NEXT).endswith(pkcs11.ENDING):
        return pkcs11.read_signer(path, path.name.partition(".")[0])
    refuse_shared(path)
    try:
        private = load_pem_private_key(read_text(path).encode(), password=None)
    except TypeError as error:
        # How the library says that a key is encrypted and no password was given.
        text = (
            f"{path} is locked: `openssl pkey -in {path} -out {path}.open && "
            f"mv {path}.open {path}` unlocks it"
        )
        raise MachineError(text) from error
    except ValueError as error:
        raise InvalidError(f"{path} is no private key in PEM") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise InvalidError(f"{path} is not an Ed25519 key")
    return SigningKey(key_id=path.stem, private=private)


def write_pem(path: Path, seed: bytes) -> None:
    """Write an Ed25519 key as PKCS#8."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_file(path, pem, 0o600)
