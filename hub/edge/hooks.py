"""Addresses of members that are to be told of releases: one small file.

Rules (docs/gateway.md, "Webhooks"):

- ``keys/gateway/hooks.json`` holds address, member and secret; the secret signs what is
  sent, so the file is as closed as a key.
- Addresses are entered by the hub's operator, never by a request; https, but for this
  machine itself.
- The file is replaced whole, and read again at each release.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from hub.core.errors import InvalidError, UsageError
from hub.edge import locks
from hub.edge.keyfiles import read_text, refuse_shared, write_file
from hub.edge.settings import Home

SECRET_BYTES = 32
URL_LENGTH_MAX = 1_000
HOOKS_MAX = 200
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One address.

    Attributes:
        id: Short; for taking it back.
        secret: Key of the signature.
    """

    id: str
    member: str
    url: str
    secret: str = field(repr=False)


def file(home: Home) -> Path:
    """Where they are."""
    return home.keys / "gateway" / "hooks.json"


def known(home: Home) -> list[Hook]:
    """Every address.

    Raises:
        InvalidError: The file is damaged.
        MachineError: It cannot be read, or others can read it as well.
    """
    path = file(home)
    try:
        refuse_shared(path)
    except FileNotFoundError:
        return []
    try:
        return [Hook(**one) for one in json.loads(read_text(path))]
    except (ValueError, TypeError) as error:
        raise InvalidError(f"{path} is damaged: restore it from backup") from error


def add(home: Home, member: str, url: str) -> Hook:
    """Note an address; its secret is made here and told once.

    Raises:
        UsageError: It is no address that may be told.
        InvalidError: There are too many.
    """
    check(url)
    with locks.turn(file(home)):
        before = known(home)
        if len(before) >= HOOKS_MAX:
            raise InvalidError(f"there are {HOOKS_MAX} webhooks; remove one first")
        made = Hook(
            id=secrets.token_hex(4),
            member=member,
            url=url,
            secret=secrets.token_urlsafe(SECRET_BYTES),
        )
        _write(home, [*before, made])
    return made


def remove(home: Home, id_: str) -> bool:
    """Take an address back; whether it was there."""
    with locks.turn(file(home)):
        before = known(home)
        kept = [one for one in before if one.id != id_]
        if len(kept) < len(before):
            _write(home, kept)
    return len(kept) < len(before)


def check(url: str) -> None:
    """Raise UsageError unless an address may be told."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    plain = url.isascii() and url.isprintable() and len(url) <= URL_LENGTH_MAX
    if not plain or host is None or port == 0 or "@" in parts.netloc:
        raise UsageError("--url: expected https://host/path, without a password in it")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise UsageError("--url: expected https; http is for this machine alone")


def _write(home: Home, hooks: list[Hook]) -> None:
    path = file(home)
    text = json.dumps([asdict(one) for one in hooks], indent=1) + "\n"
    write_file(path, text.encode(), 0o600)
