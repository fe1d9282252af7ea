"""What members come to the gateway with, and who may no longer come: two small files.

Rules (docs/gateway.md, "Access"):

- ``keys/gateway/tokens.json`` holds hashes of tokens, never tokens: whoever reads the
  file can let nobody in.
- ``pki/revoked.json`` names members, and serial numbers of single certificates. A
  revoked member has no permission in the brokers either, see :mod:`hub.core.access`.
- Files are replaced whole, and read again when they change.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hub.core.errors import InvalidError
from hub.edge import locks
from hub.edge.keyfiles import FILE_BYTES_MAX, write_file
from hub.edge.settings import Home

PREFIX = "kerwen_"
"""What every token starts with, so that scanners find a lost one."""
TOKEN_BYTES = 32
TOKEN_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Whose token it is and until when it counts."""

    member: str
    made_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Since when, and why."""

    since_ms: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """Everybody and everything that was revoked.

    Attributes:
        members: By member id.
        certificates: By serial number, hexadecimal, small letters.
    """

    members: Mapping[str, Revocation] = field(default_factory=dict)
    certificates: Mapping[str, Revocation] = field(default_factory=dict)


def tokens_file(home: Home) -> Path:
    """Where hashes of tokens are."""
    return home.keys / "gateway" / "tokens.json"


def revoked_file(home: Home) -> Path:
    """Where revocations are."""
    return home.pki / "revoked.json"


def digest(token: str) -> str:
    """What a token is known by; tokens are random, so one hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def tokens(home: Home) -> dict[str, Token]:
    """Tokens by digest."""
    content = _read(tokens_file(home))
    return {name: _made(Token, entry, home) for name, entry in content.items()}


def issue(home: Home, member: str, *, now_ms: int, until_ms: int) -> str:
    """A new token of a member; it is told once and kept nowhere."""
    token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    made = Token(member=member, made_ms=now_ms, until_ms=until_ms)
    with locks.turn(tokens_file(home)):
        _write(tokens_file(home), {**tokens(home), digest(token): made})
    return token


def forget(home: Home, member: str) -> int:
    """End every token of a member; how many there were."""
    with locks.turn(tokens_file(home)):
        known = tokens(home)
        kept = {name: one for name, one in known.items() if one.member != member}
        _write(tokens_file(home), kept)
    return len(known) - len(kept)


def revoked(home: Home) -> Revoked:
    """Everything that was revoked."""
    content = _read(revoked_file(home))
    return Revoked(
        members={
            name: _made(Revocation, entry, home)
            for name, entry in content.get("members", {}).items()
        },
        certificates={
            name: _made(Revocation, entry, home)
            for name, entry in content.get("certificates", {}).items()
        },
    )


def revoke(
    home: Home, *, now_ms: int, reason: str, member: str = "", certificate: str = ""
) -> None:
    """Revoke a member, or one certificate by its serial number."""
    since = Revocation(since_ms=now_ms, reason=reason)
    with locks.turn(revoked_file(home)):
        known = revoked(home)
        members, certificates = dict(known.members), dict(known.certificates)
        if member:
            members.setdefault(member, since)
        if certificate:
            certificates.setdefault(certificate.lower(), since)
        _store(home, Revoked(members=members, certificates=certificates))


def restore(home: Home, member: str) -> bool:
    """Take a member's revocation back; whether there was one."""
    with locks.turn(revoked_file(home)):
        known = revoked(home)
        members = {name: one for name, one in known.members.items() if name != member}
        _store(home, Revoked(members=members, certificates=known.certificates))
    return member in known.members


class Watch:
    """Tells whether files changed since the last look."""

    def __init__(self, *paths: Path) -> None:
        self._paths = paths
        self._seen: tuple[object, ...] | None = None

    def changed(self) -> bool:
        """True at the first look, and after each change."""
        now = tuple(map(_stamp, self._paths))
        was, self._seen = self._seen, now
        return was != now


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _store(home: Home, known: Revoked) -> None:
    content = {
        "members": {name: asdict(one) for name, one in known.members.items()},
        "certificates": {name: asdict(one) for name, one in known.certificates.items()},
    }
    _write(revoked_file(home), content)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    plain = {
        name: one if isinstance(one, dict) else asdict(one)
        for name, one in content.items()
    }
    text = json.dumps(plain, indent=1, sort_keys=True) + "\n"
    write_file(path, text.encode(), 0o600)


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InvalidError(f"{path} is larger than any such file")
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InvalidError(f"{path} is not JSON: restore it from backup") from error
    if not isinstance(content, dict):
        raise InvalidError(f"{path} is not an object: restore it from backup")
    return content


def _made(kind: Any, entry: Any, home: Home) -> Any:
    try:
        return kind(**entry)
    except TypeError as error:
        text = f"{home.root}: a token or revocation is damaged: restore from backup"
        raise InvalidError(text) from error
