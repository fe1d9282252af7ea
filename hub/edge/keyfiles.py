"""A principal's folder of secrets: what the files look like, and how they are read.

Rules:

- ``keys/<principal>/``: Ed25519 keys as ``<name>-<epoch>.pem``, all else in
  ``secrets.json``. Epochs are months, so the newest key is the last by name.
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
import stat
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

MAKE = "`kerwen up` makes the keys of a hub on one machine"
SECRETS = "secrets.json"
STAGED = "staged"
"""Kind of the entry ``arrow -> key id`` of internal keys that only read yet."""

NEXT = ".next"
"""Ending of a signing key's file that is made and not used yet."""

SECRET_SIZE = 32
FILE_BYTES_MAX = 16 * 1024 * 1024
_EPOCH = re.compile(r"\d{4}-\d{2}[b-z]?")

Secrets = dict[str, dict[str, Any]]
"""Kind (seal, internal, pseudonym, disclosure, staged) -> name -> base64, or epochs."""


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
            for path in self.path.glob(f"{name}-*.pem")
            if _EPOCH.fullmatch(path.stem.removeprefix(f"{name}-"))
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
    """Content of ``secrets.json``, empty where the principal needs none."""
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


def write_secrets(folder: Path, secrets: Secrets) -> None:
    """Write ``secrets.json`` where it says something else."""
    path = folder / SECRETS
    text = json.dumps(secrets, indent=1, sort_keys=True) + "\n"
    if not path.exists() or read_text(path) != text:
        write_file(path, text.encode(), 0o600)


def read_pem(path: Path) -> SigningKey:
    """An Ed25519 key; its id is the file's name."""
    refuse_shared(path)
    try:
        private = load_pem_private_key(read_text(path).encode(), password=None)
    except TypeError as error:
        # How the library says that a key is encrypted and no password was given.
        text = f"{path} is locked: unlock it with `openssl pkey -in {path}`"
        raise MachineError(text) from error
    except ValueError as error:
        raise InvalidError(f"{path} is no private key in PEM") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise InvalidError(f"{path} is not an Ed25519 key")
    return SigningKey(key_id=path.stem, private=private)


def read_text(path: Path) -> str:
    """A small text file; errors say how to mend it."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InvalidError(f"{path} is larger than any key file")
        return path.read_text("utf-8")
    except FileNotFoundError as error:
        raise MachineError(f"{path} is missing: {MAKE}") from error
    except PermissionError as error:
        text = f"{path} is locked: it is not readable by this user"
        raise MachineError(text) from error
    except UnicodeDecodeError as error:
        raise InvalidError(f"{path} is not UTF-8 text") from error


def refuse_shared(path: Path) -> None:
    """Refuse a secret that others than its owner may read."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except PermissionError as error:
        text = f"{path} is locked: it is not readable by this user"
        raise MachineError(text) from error
    # Windows keeps rights in lists, which a mode does not show; see docs/adapters.md.
    if os.name == "posix" and mode & 0o077:
        raise MachineError(f"{path} is readable by others: `chmod 600 {path}`")


def write_pem(path: Path, seed: bytes) -> None:
    """Write an Ed25519 key as PKCS#8."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_file(path, pem, 0o600)


def write_file(path: Path, content: bytes, mode: int) -> None:
    """Replace a file whole; a crash leaves the old or the new content."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
