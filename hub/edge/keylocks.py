"""Locking the folders of a home, unlocking them, and copies of all keys for a safe.

Rules (docs/keys.md, "Custody", "Backup"):

- Locked are the folders that hold what opens batches or hides persons: intake, release.
- A backup is an archive (:mod:`hub.edge.archive`) whose recovery key is the custody:
  making it needs nobody, reading it needs two custodians. It is written back into an
  empty home only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from hub.core.envelope.format import SUITE_XWING
from hub.core.envelope.recipients import PublicKey
from hub.core.errors import EnvelopeError, InvalidError, MachineError
from hub.edge import archive, custodians, pkcs11, vault
from hub.edge.archive import Recovery, Writing
from hub.edge.custodians import Custody
from hub.edge.keyfiles import read_secrets, write_secrets
from hub.edge.pkcs11 import Token
from hub.edge.vault import Slot, Vault

PRINCIPALS = ("intake", "release")
"""Whose folders are locked."""

TOKEN = "token"  # noqa: S105 - the word for a lock
_TOKEN_KEY = "kerwen-"  # noqa: S105 - what labels of keys begin with


def folders(home: Path) -> Iterator[Path]:
    """The folders of this machine that can be locked."""
    for principal in PRINCIPALS:
        if (home / "keys" / principal).is_dir():
            yield home / "keys" / principal


def lock(
    home: Path, custody: Custody, *, now_ms: int, development: bool = False
) -> list[str]:
    """Put everything that can be under a custody; whose keys it was.

    Raises:
        MachineError: They are under another custody and locked.
    """
    found = list(folders(home))
    if not found:
        raise MachineError(f"{home / 'keys'} holds nothing to lock")
    secrets = [read_secrets(folder) for folder in found]
    custodians.lock(
        home,
        custody,
        found,
        secrets,
        entropy=os.urandom,
        now_ms=now_ms,
        development=development,
    )
    for folder, held in zip(found, secrets, strict=True):
        write_secrets(folder, held)
    return [folder.name for folder in found]


def develop(home: Path, now_ms: int) -> None:
    """Put a new hub of one machine under development shares."""
    custody = custodians.split(os.urandom)
    custodians.write_development(home, custody, now_ms)
    lock(home, custody, now_ms=now_ms, development=True)


def unlock(home: Path, custody: Custody) -> list[str]:
    """Unlock every folder of this machine; whose they are.

    Raises:
        InvalidError: These are not the custodians.
        MachineError: Nothing is locked here.
    """
    locked = _locked(home)
    for folder, _ in locked:
        custodians.unlock(folder, custody)
    if not (home / "keys" / custodians.WORD).exists():
        custodians.write_word(home, custody)
    return [folder.name for folder, _ in locked]


def add_token(home: Path, token: Token) -> list[str]:
    """Let a token unlock every folder of this machine, too; whose they are.

    Raises:
        MachineError: They are locked, or under no custody yet, or the token is away.
    """
    names = []
    for folder, found in _locked(home):
        key = custodians.key_of(folder, found)
        label = f"{_TOKEN_KEY}{folder.name}"
        wrapped = pkcs11.seal(token, label, key, folder.name.encode())
        others = tuple(slot for slot in found.slots if slot.lock != TOKEN)
        slot = Slot(lock=TOKEN, name=token.label, wrapped=wrapped)
        vault.write(folder, found.open(key), key, (*others, slot), os.urandom)
        names.append(folder.name)
    return names


def unlock_by(home: Path, token: Token) -> list[str]:
    """Unlock every folder of this machine by a token; whose they are."""
    names = []
    for folder, found in _locked(home):
        slot = found.slot(TOKEN, token.label)
        label = f"{_TOKEN_KEY}{folder.name}"
        key = pkcs11.unseal(token, label, slot.wrapped, folder.name.encode())
        vault.hold(folder, key)
        names.append(folder.name)
    return names


def _locked(home: Path) -> list[tuple[Path, Vault]]:
    found = [
        (folder, one)
        for folder in folders(home)
        if (one := vault.read(folder)) is not None
    ]
    if not found:
        raise MachineError(f"nothing in {home / 'keys'} is locked")
    return found


def forget(home: Path) -> list[str]:
    """Take the keys of this machine out of memory; whose they were."""
    return [folder.name for folder in folders(home) if vault.forget(folder)]


def backup(home: Path, target: Path) -> int:
    """All keys of a home in an archive that is sealed to its custody; how many files.

    Raises:
        MachineError: There is no custody, or only one for development.
    """
    card = custodians.card(home)
    if card is None or card.development:
        raise MachineError(
            "a backup is sealed to the custodians, and this home has none: "
            "`kerwen keys custodians` first"
        )
    room = home / "keys"
    parts = [one for one in sorted(room.rglob("*")) if not one.name.startswith(".")]
    to = Writing(
        public=PublicKey(suite=SUITE_XWING, raw=bytes.fromhex(card.backup)),
        word=custodians.read_word(home),
    )
    files = [one for one in parts if one.is_file()]
    return archive.write(target, room, files, to=to, about={"custody": card.name})


def restore(home: Path, source: Path, custody: Custody) -> int:
    """Write the keys of a backup into an empty home; how many files.

    Raises:
        InvalidError: It is no backup, or not one of these custodians.
        MachineError: There are keys already.
    """
    room = home / "keys"
    if room.exists() and any(room.iterdir()):
        raise MachineError(f"{room} holds keys: a backup goes into an empty home only")
    key = Recovery(
        private=custodians.backup_key(custody), word=custodians.backup_word(custody)
    )
    try:
        _, found = archive.restore(source, room, key)
    except EnvelopeError as error:
        raise InvalidError(
            f"{source} is no backup of custody {custody.name}, or was made by somebody"
            " else: take another copy, or the shares of its own custodians"
        ) from error
    return len(found)
