"""Secrets under lock: a file that only opens with a key that is not on the disk.

Rules (docs/keys.md, "Custody"):

- ``secrets.locked`` holds the kinds of :data:`LOCKED` of a principal, sealed with
  AES-256-GCM under a data key of its own; everything else stays in ``secrets.json``.
- The data key lies in slots, each wrapped by another lock: the custodians' or a
  token's. Whoever opens one slot opens the file; a slot more changes no secret.
- Unlocking puts the data key into memory (:func:`place`) until the machine is switched
  off or `kerwen keys lock` is given. A process that starts again needs nobody.
- Nothing of it is in a backup of the disk, in a log or in an error.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.core.errors import InvalidError, MachineError
from hub.edge.secretfiles import read_text, refuse_shared, write_file

FILE = "secrets.locked"
LOCKED = ("seal", "pseudonym", "disclosure")
"""Kinds of secrets that are locked: what opens batches, and what hides persons."""

KEY_SIZE = 32
NONCE_SIZE = 12
_FILE_LABEL = b"kerwen v1 locked secrets\0"
_SLOT_LABEL = b"kerwen v1 lock slot\0"
MEMORY = Path("/dev/shm")  # noqa: S108 - memory, not a folder of temporary files

Entropy = Callable[[int], bytes]
Secrets = dict[str, dict[str, Any]]
"""Kind (seal, internal, pseudonym, disclosure, staged) -> name -> base64, or epochs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The data key of a file, wrapped by one lock.

    Attributes:
        lock: ``custodians`` or ``token``.
        name: Which: the custody's id, or the token's and its key's label.
    """

    lock: str
    name: str
    wrapped: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """One principal's locked file as it lies there."""

    principal: str
    slots: tuple[Slot, ...]
    nonce: bytes = field(repr=False)
    sealed: bytes = field(repr=False)

    def slot(self, lock: str, name: str = "") -> Slot:
        """A slot of a lock; raises MachineError where there is none."""
        for one in self.slots:
            if one.lock == lock and name in {"", one.name}:
                return one
        raise MachineError(f"the keys of {self.principal} have no lock of {lock}")

    def open(self, key: bytes) -> Secrets:
        """The secrets, or InvalidError for another key or a damaged file."""
        try:
            plain = AESGCM(key).decrypt(
                self.nonce, self.sealed, _FILE_LABEL + self.principal.encode()
            )
        except InvalidTag as error:
            text = f"{FILE} of {self.principal} does not open: restore it from backup"
            raise InvalidError(text) from error
        return dict(json.loads(plain))


def wrap(kek: bytes, key: bytes, principal: str, entropy: Entropy) -> bytes:
    """A data key under a lock's key."""
    nonce = entropy(NONCE_SIZE)
    return nonce + AESGCM(kek).encrypt(nonce, key, _SLOT_LABEL + principal.encode())


def unwrap(kek: bytes, wrapped: bytes, principal: str) -> bytes:
    """The data key in a slot; raises InvalidError for another lock's key."""
    nonce, sealed = wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:]
    try:
        return AESGCM(kek).decrypt(nonce, sealed, _SLOT_LABEL + principal.encode())
    except InvalidTag as error:
        text = f"these are not the custodians of {principal}'s keys"
        raise InvalidError(text) from error


def read(folder: Path) -> Vault | None:
    """The locked file of a folder; None where nothing is locked.

    Raises:
        InvalidError: It is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    refuse_shared(path)
    try:
        said: Mapping[str, Any] = json.loads(read_text(path))
        slots = tuple(
            Slot(
                lock=str(one["lock"]),
                name=str(one["name"]),
                wrapped=base64.b64decode(one["wrapped"], validate=True),
            )
            for one in said["slots"]
        )
        return Vault(
            principal=folder.name,
            slots=slots,
            nonce=base64.b64decode(said["nonce"], validate=True),
            sealed=base64.b64decode(said["sealed"], validate=True),
        )
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise InvalidError(f"{path} is damaged: restore it from backup") from error


def write(
    folder: Path,
    secrets: Secrets,
    key: bytes,
    slots: tuple[Slot, ...],
    entropy: Entropy,
) -> None:
    """Seal the locked kinds of `secrets` under a data key, in place of the file."""
    nonce = entropy(NONCE_SIZE)
    plain = json.dumps({kind: secrets[kind] for kind in LOCKED if kind in secrets})
    label = _FILE_LABEL + folder.name.encode()
    sealed = AESGCM(key).encrypt(nonce, plain.encode(), label)
    said = {
        "slots": [
            {"lock": one.lock, "name": one.name, "wrapped": _text(one.wrapped)}
            for one in slots
        ],
        "nonce": _text(nonce),
        "sealed": _text(sealed),
    }
    text = json.dumps(said, indent=1) + "\n"
    write_file(folder / FILE, text.encode(), 0o600)


def place(folder: Path) -> Path:
    """Where the data key of a folder is while it is unlocked: in memory."""
    named = os.environ.get("KERWEN_UNLOCKED")
    home = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
    if named:
        room = Path(named)
    elif MEMORY.is_dir():
        room = MEMORY / f"kerwen-{os.getuid()}"
    else:
        raise MachineError(
            "this machine has no /dev/shm: set KERWEN_UNLOCKED to a folder in memory"
        )
    return room / f"{home}.key"


def held(folder: Path) -> bytes | None:
    """The data key of a folder if it is unlocked."""
    path = place(folder)
    try:
        _refuse_others(path.parent)
        refuse_shared(path)
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    return key if len(key) == KEY_SIZE else None


def hold(folder: Path, key: bytes) -> None:
    """Put the data key of a folder into memory."""
    path = place(folder)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # In a folder that everybody may write to, somebody may have been here first.
    _refuse_others(path.parent)
    write_file(path, key, 0o600)


def forget(folder: Path) -> bool:
    """Take the data key of a folder out of memory; whether it was there."""
    path = place(folder)
    if not path.exists():
        return False
    path.unlink()
    return True


def _refuse_others(room: Path) -> None:
    """Refuse a room that is not ours alone, or that leads elsewhere."""
    found = room.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not ours or stat.S_IMODE(found.st_mode) & 0o077:
        raise MachineError(f"{room} belongs to others: remove it")


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
