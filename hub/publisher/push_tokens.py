"""Who may push: names with the digests of their tokens, in a file of the home.

Rules:

- A token is 256 random bits, shown once when it is made; only its digest is kept, so
  the file opens nothing. Digests are compared in constant time.
- A token may be bound to dataflows. Taking its line out of the file revokes it at once:
  the file is read at every request.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hub.core.errors import InvalidError, MachineError

ENTROPY_BYTES = 32
FILE_BYTES_MAX = 1 << 20
EVERY = "*"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who may push.

    Attributes:
        dataflows: Which; ``*`` is every one of the member.
    """

    name: str
    dataflows: frozenset[str]

    def may(self, dataflow: str) -> bool:
        """Whether this dataflow is allowed."""
        return dataflow in self.dataflows or EVERY in self.dataflows


def create(
    path: Path, name: str, dataflows: list[str], entropy: Callable[[int], bytes]
) -> str:
    """Add a client; returns its token, which is nowhere else.

    Raises:
        InvalidError: The name is none, or taken.
        MachineError: The file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise InvalidError(f"{name!r}: names are small letters, digits and dashes")
    lines = _lines(path)
    if any(line.split(" ")[0] == name for line in lines):
        raise InvalidError(f"{name}: has a token already; take its line out of {path}")
    token = base64.urlsafe_b64encode(entropy(ENTROPY_BYTES)).decode().rstrip("=")
    lines.append(f"{name} {_digest(token)} {','.join(dataflows) or EVERY}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        fresh.replace(path)
    except OSError as error:
        raise MachineError(f"{path}: cannot be written: {error.strerror}") from error
    return token


def find(path: Path, token: str) -> Client | None:
    """Whose token this is; None: nobody's."""
    digest = _digest(token)
    found = None
    for line in _lines(path):
        name, known, dataflows = (*line.split(" "), "", "", "")[:3]
        if hmac.compare_digest(known, digest):  # every line, so time tells nothing
            found = Client(name, frozenset(dataflows.split(",")))
    return found


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InvalidError(f"{path}: too large for a file of tokens")
        return path.read_text("utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise MachineError(f"{path}: cannot be read") from error
