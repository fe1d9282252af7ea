"""What ``kerwen keys custodians|token|unlock|lock|backup|restore`` do.

Rules (docs/keys.md, "Custody"):

- Shares are shown or written once, before anything is locked with them, and never two
  onto one disk: three folders of three disks, or the screen, one custodian at a time.
- A backup needs nobody; reading it back needs two custodians and an empty home.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from hub.cli.keychange import NOT_DONE, noted
from hub.cli.output import Output
from hub.core.errors import InvalidError, MachineError, UsageError
from hub.edge import custodians, keylocks, pkcs11
from hub.edge.custodians import SHARES, THRESHOLD, Custody
from hub.edge.secretfiles import read_text, write_file
from hub.edge.settings import Settings

_CLEAR = "\033[3J\033[2J\033[H"
"""Empties the screen and what can be scrolled back to."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What these actions take."""
    parser.add_argument(
        "--output",
        type=Path,
        action="append",
        metavar="FOLDER",
        help=f"custodians: a folder for one share, given {SHARES} times",
    )
    parser.add_argument(
        "--same-disk",
        action="store_true",
        help="custodians: let the folders lie on one disk; for trials only",
    )
    parser.add_argument(
        "--share",
        type=Path,
        action="append",
        metavar="FILE",
        help=f"unlock, restore: a share, given {THRESHOLD} times; else asked for",
    )
    parser.add_argument(
        "--token",
        action="store_true",
        help="unlock: by a token; rotate: make signing keys in one",
    )
    parser.add_argument(
        "--file", type=Path, help="backup, restore: the backup; register: an offer"
    )


def custody(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Make shares and put the hub's keys under them."""
    home = settings.home.root
    names = [folder.name for folder in keylocks.folders(home)]
    if not names:
        raise MachineError(f"{settings.home.keys} holds nothing to lock")
    places = _places(args)
    before = custodians.card(home)
    out.say(
        f"the keys of {', '.join(names)} will open to any {THRESHOLD} of {SHARES} "
        "custodians" + ("; the old shares open old backups alone" if before else "")
    )
    if not args.apply:
        out.result({"principals": names, "applied": False}, NOT_DONE)
        return 0
    # A share that is printed into a pipe or a file is not a share any more.
    seen = sys.stdin.isatty() and sys.stdout.isatty()
    if not places and (out.as_json or not seen):
        raise UsageError("custodians: no screen to show shares on; name three --output")
    noted(settings, out, "keys custodians", " ".join(names), args.reason)
    made = custodians.split(os.urandom)
    now_ms = time.time_ns() // 1_000_000
    _hand_out(made, places, now_ms, warn=args.same_disk)
    keylocks.lock(home, made, now_ms=now_ms)
    _drop_development(settings)
    out.result(
        {"principals": names, "custody": made.name, "applied": True},
        f"locked under custody {made.name}, and open until `kerwen keys lock` or a "
        "restart of this machine",
    )
    return 0


def unlock(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Put the keys of this machine into memory, by two custodians or a token."""
    if args.token:
        token = pkcs11.configured(_pin())
        names, by = keylocks.unlock_by(settings.home.root, token), token.label
    else:
        found = _combined(args)
        names, by = keylocks.unlock(settings.home.root, found), found.name
    noted(settings, out, "keys unlock", f"{by} {' '.join(names)}", args.reason)
    out.result({"principals": names, "by": by}, f"unlocked: {', '.join(names)}")
    return 0


def token(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Let a token unlock what the custodians lock."""
    wanted = pkcs11.configured(_pin())
    out.say(f"the token {wanted.label} will unlock the keys of this machine, too")
    names: list[str] = []
    if args.apply:
        noted(settings, out, "keys token", wanted.label, args.reason)
        names = keylocks.add_token(settings.home.root, wanted)
    out.result(
        {"token": wanted.label, "principals": names, "applied": bool(args.apply)},
        f"{wanted.label} unlocks: {', '.join(names)}" if args.apply else NOT_DONE,
    )
    return 0


def _pin() -> str | None:
    """The PIN in two halves, typed unseen; None where a file has it."""
    if os.environ.get(pkcs11.PIN_FILE) or not sys.stdin.isatty():
        return None
    halves = [
        getpass.getpass(f"half of the PIN, custodian {number}: ")
        for number in range(1, THRESHOLD + 1)
    ]
    return "".join(halves)


def lock(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Take the keys of this machine out of memory; running workers go on."""
    noted(settings, out, "keys lock", "", args.reason)
    names = keylocks.forget(settings.home.root)
    text = f"locked: {', '.join(names)}" if names else "nothing was unlocked"
    out.result({"principals": names}, text)
    return 0


def backup(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Write all keys of this home into one sealed file."""
    target = _file(args, "backup")
    if target.exists():
        raise InvalidError(f"{target} exists: name another file")
    noted(settings, out, "keys backup", target.name, args.reason)
    number = keylocks.backup(settings.home.root, target)
    out.result(
        {"file": str(target), "files": number, "bytes": target.stat().st_size},
        f"{target}: all keys of this home; {THRESHOLD} custodians can read it back",
    )
    return 0


def restore(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Write the keys of a backup into an empty home."""
    source = _file(args, "restore")
    if not source.is_file():
        raise InvalidError(f"{source} is no backup of keys")
    found = _combined(args)
    number = keylocks.restore(settings.home.root, source, found)
    noted(settings, out, "keys restore", source.name, args.reason)
    out.result(
        {"file": str(source), "files": number},
        f"{number} files are back in {settings.home.keys}; "
        "`kerwen keys unlock` opens what is locked",
    )
    return 0


def _places(args: argparse.Namespace) -> list[Path]:
    """The folders of the shares, each on a disk of its own."""
    places: list[Path] = args.output or []
    if not places:
        return []
    if len(places) != SHARES or len({place.resolve() for place in places}) != SHARES:
        raise UsageError(f"custodians: name {SHARES} different folders with --output")
    for place in places:
        if not place.is_dir():
            raise InvalidError(f"{place} is no folder")
    disks = {place.stat().st_dev for place in places}
    if len(disks) != SHARES and not args.same_disk:
        raise InvalidError(
            "two of the folders lie on one disk: give each custodian a medium, or show "
            "the shares on the screen by naming no --output"
        )
    return places


def _hand_out(made: Custody, places: list[Path], now_ms: int, *, warn: bool) -> None:
    for number in range(1, SHARES + 1):
        text = custodians.share_text(made, number, now_ms, warn=warn)
        if places:
            name = f"kerwen-share-{made.name}-{number}.txt"
            write_file(places[number - 1] / name, text.encode(), 0o600)
            continue
        sys.stdout.write(text)
        input(f"custodian {number}: write it down, then press Enter ")
        sys.stdout.write(_CLEAR)


def _combined(args: argparse.Namespace) -> Custody:
    return custodians.combine(list(_shares(args)))


def _shares(args: argparse.Namespace) -> Iterator[str]:
    """Share files, or words that custodians type unseen."""
    if args.share:
        for path in args.share:
            yield read_text(path)
        return
    if not sys.stdin.isatty():
        raise UsageError(f"name {THRESHOLD} shares with --share")
    for number in range(1, THRESHOLD + 1):
        yield getpass.getpass(f"share of custodian {number}: ")


def _file(args: argparse.Namespace, action: str) -> Path:
    if args.file is None:
        raise UsageError(f"{action}: name the backup with --file")
    return Path(args.file)


def _drop_development(settings: Settings) -> None:
    """Shares for development open nothing any more; they would only mislead."""
    room = settings.home.keys / custodians.DEVELOPMENT
    for path in room.glob("share-*.txt") if room.is_dir() else ():
        path.unlink()
    if room.is_dir():
        room.rmdir()
