"""Custodians: two of three persons together unlock what opens batches.

Rules (docs/keys.md, "Custody"):

- A master secret is split by SLIP-39 (library ``shamir-mnemonic``) into shares of
  words; any two make it again, one tells nothing. The master is written nowhere.
- Each principal's lock has a key of its own, derived from the master: the host of one
  never holds what unlocks another.
- Shares are handed out before anything is locked: who loses a share loses no secret.
- Development shares lie beside what they unlock, so that a hub on one machine works out
  of the box. They say so themselves, and are made for a new embedded hub only.
- Errors never repeat a word of a share.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.core.envelope.format import SUITE_XWING
from hub.core.envelope.recipients import PrivateKey
from hub.core.errors import HubError, InvalidError, MachineError
from hub.edge import vault
from hub.edge.secretfiles import read_text, refuse_shared, write_file
from hub.edge.vault import Entropy, Slot, Vault

THRESHOLD = 2
SHARES = 3
LOCK = "custodians"
FILE = "custody.json"
WORD = "custody.word"
"""File with what only this home and its custodians know; see :func:`backup_word`."""
DEVELOPMENT = "development-shares"
WARNING = "DEVELOPMENT SHARES: all on one disk, they protect nothing"
UNLOCK = "two custodians unlock it with `kerwen keys unlock`"

_LABEL = b"kerwen v1 custody\0"
_NUMBERS = ("first", "second", "third", "fourth", "fifth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Custody:
    """A master secret and its shares, in memory for the time of a ceremony.

    Attributes:
        name: Eight hex digits; every share and every lock bears them.
    """

    name: str
    master: bytes = field(repr=False)
    shares: tuple[str, ...] = field(repr=False)

    def lock_key(self, principal: str) -> bytes:
        """What wraps the data key of one principal."""
        return derive(self.master, f"lock {principal}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is public of a custody; ``keys/custody.json``.

    Attributes:
        backup: Public key that backups are sealed to, in hex (X-Wing).
    """

    name: str
    threshold: int
    shares: int
    made_ms: int
    development: bool
    backup: str


def split(entropy: Entropy) -> Custody:
    """A new master secret and its shares."""
    # Ministries read keys by the same files and do not install the library.
    from shamir_mnemonic import generate_mnemonics  # noqa: PLC0415

    master = entropy(vault.KEY_SIZE)
    (words,) = generate_mnemonics(
        1, [(THRESHOLD, SHARES)], master, iteration_exponent=0
    )
    return Custody(name=_name(master), master=master, shares=tuple(words))


def combine(texts: Sequence[str]) -> Custody:
    """The custody that shares belong to.

    Args:
        texts: Share files or their words; two of them.

    Raises:
        InvalidError: A share is mistyped, given twice or of another custody, or they
            are too few.
    """
    from shamir_mnemonic import (  # noqa: PLC0415 - as above
        MnemonicError,
        Share,
        combine_mnemonics,
    )

    found: dict[int, tuple[Share, str]] = {}
    for number, text in enumerate(texts):
        which = _NUMBERS[min(number, len(_NUMBERS) - 1)]
        words = _words(text)
        try:
            share = Share.from_mnemonic(words)
        except MnemonicError as error:
            raise InvalidError(
                f"the {which} share is mistyped or damaged: its words do not add up; "
                "compare them with the paper, word by word"
            ) from error
        first = next(iter(found.values()), None)
        if first is not None and first[0].identifier != share.identifier:
            raise InvalidError(f"the {which} share is of another custody")
        if share.index in found:
            raise InvalidError(
                f"the {which} share was given before: two different ones are needed"
            )
        found[share.index] = share, words
    if len(found) < THRESHOLD:
        raise InvalidError(
            f"{len(found)} share of the {THRESHOLD} that are needed: "
            "name another one with --share"
        )
    try:
        master = combine_mnemonics([words for _, words in found.values()][:THRESHOLD])
    except MnemonicError as error:
        raise InvalidError("these shares do not belong together") from error
    return Custody(name=_name(master), master=master, shares=())


def lock(
    home: Path,
    custody: Custody,
    folders: Sequence[Path],
    secrets: Sequence[vault.Secrets],
    *,
    entropy: Entropy,
    now_ms: int,
    development: bool = False,
) -> None:
    """Put the secrets of some folders under a custody, with new data keys.

    What was locked before opens with these shares only; other locks have to be made
    again. The caller writes what stays in ``secrets.json`` after.
    """
    for folder, held in zip(folders, secrets, strict=True):
        key = entropy(vault.KEY_SIZE)
        kek = custody.lock_key(folder.name)
        wrapped = vault.wrap(kek, key, folder.name, entropy)
        slot = Slot(lock=LOCK, name=custody.name, wrapped=wrapped)
        if not development:
            vault.hold(
                folder, key
            )  # who locks has it open; `kerwen keys lock` shuts it
        vault.write(folder, held, key, (slot,), entropy)
    card = Card(
        name=custody.name,
        threshold=THRESHOLD,
        shares=SHARES,
        made_ms=now_ms,
        development=development,
        backup=backup_key(custody).public().raw.hex(),
    )
    text = json.dumps(asdict(card), indent=1) + "\n"
    write_file(home / "keys" / FILE, text.encode(), 0o644)
    write_word(home, custody)


def unlock(folder: Path, custody: Custody) -> None:
    """Put the data key of a folder into memory.

    Raises:
        InvalidError: These are not its custodians.
        MachineError: Nothing is locked there.
    """
    found = vault.read(folder)
    if found is None:
        raise MachineError(f"nothing is locked in {folder}")
    vault.hold(folder, _opened(found, custody))


def key_of(folder: Path, found: Vault) -> bytes:
    """The data key of a locked file.

    Raises:
        MachineError: It is locked.
    """
    room = folder.parent / DEVELOPMENT
    trouble: HubError | None = None
    if room.is_dir():
        try:
            shares = [read_text(path) for path in sorted(room.glob("share-*.txt"))]
            return _opened(found, combine(shares[:THRESHOLD]))
        except HubError as error:
            trouble = error  # they may be left over from before a ceremony
    key = vault.held(folder)
    if key is not None:
        return key
    if trouble is not None:
        raise MachineError(f"{room}: {trouble}") from trouble
    raise MachineError(f"{folder / vault.FILE} is locked: {UNLOCK}")


def card(home: Path) -> Card | None:
    """What is public of this home's custody; None where there is none."""
    path = home / "keys" / FILE
    if not path.exists():
        return None
    try:
        return Card(**json.loads(read_text(path)))
    except (ValueError, TypeError) as error:
        raise InvalidError(f"{path} is damaged: restore it from backup") from error


def share_text(custody: Custody, number: int, now_ms: int, *, warn: bool) -> str:
    """What is printed on the paper of one custodian; `number` from 1."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC).date().isoformat()
    lines = [
        f"# Kerwen, share {number} of {SHARES}; any {THRESHOLD} unlock the hub's keys",
        f"# custody {custody.name}, made {day}",
    ]
    if warn:
        lines.insert(0, f"# {WARNING}")
    return "\n".join([*lines, custody.shares[number - 1], ""])


def write_development(home: Path, custody: Custody, now_ms: int) -> None:
    """Write all shares into the home, marked as what they are."""
    room = home / "keys" / DEVELOPMENT
    room.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(1, SHARES + 1):
        text = share_text(custody, number, now_ms, warn=True)
        write_file(room / f"share-{number}.txt", text.encode(), 0o600)


def backup_key(custody: Custody) -> PrivateKey:
    """What opens backups of this custody."""
    return PrivateKey(suite=SUITE_XWING, seed=derive(custody.master, "backup"))


def backup_word(custody: Custody) -> bytes:
    """What a backup proves its maker by: a home under this custody, or its shares."""
    return derive(custody.master, "backup word")


def write_word(home: Path, custody: Custody) -> None:
    """Let a home make backups that its custodians believe."""
    write_file(home / "keys" / WORD, backup_word(custody).hex().encode(), 0o600)


def read_word(home: Path) -> bytes:
    """The word of this home.

    Raises:
        MachineError: It is not here.
    """
    path = home / "keys" / WORD
    if not path.exists():
        raise MachineError(
            f"{path} is missing, by which a backup proves its maker: two custodians "
            "bring it back with `kerwen keys unlock`"
        )
    refuse_shared(path)
    try:
        return bytes.fromhex(read_text(path))
    except ValueError as error:
        raise InvalidError(f"{path} is damaged: remove it") from error


def derive(master: bytes, use: str) -> bytes:
    """A key of 32 bytes for one use of the master."""
    info = _LABEL + use.encode()
    return HKDF(hashes.SHA256(), vault.KEY_SIZE, salt=None, info=info).derive(master)


def _opened(found: Vault, custody: Custody) -> bytes:
    slot = found.slot(LOCK)
    if not hmac.compare_digest(slot.name, custody.name):
        raise InvalidError(
            f"the keys of {found.principal} are under custody {slot.name}, "
            f"these shares are of {custody.name}"
        )
    return vault.unwrap(
        custody.lock_key(found.principal), slot.wrapped, found.principal
    )


def _name(master: bytes) -> str:
    return derive(master, "name")[:4].hex()


def _words(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return " ".join(" ".join(lines).lower().split())
