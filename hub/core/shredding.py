"""Destroyed keys: a signed statement of what nobody can read any more.

Rules (envelope-v1 §11; docs/keys.md, "Destruction"):

- A statement names the key by a digest, and the messages that were sealed to it: log,
  topic, partition, first and last offset, how many. It is signed by control.
- It is made before the key is destroyed, so an act that broke off can be finished; its
  digest stands in the trail, which says when.
- The text is canonical: one spelling, one digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from cryptography.exceptions import InvalidSignature

from hub.core.errors import EnvelopeError, InvalidError
from hub.core.keys import KeyRegistry, SigningKey
from hub.core.reasons import Reason

_SIGN = b"kerwen v1 sign Destruction\0"
_KEY = b"kerwen v1 destroyed key\0"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Range:
    """Messages of one partition that were sealed to a key.

    Attributes:
        log: Identity of the log, in hex.
        first: Offset of the first of them; `last` of the last.
    """

    topic: str
    partition: int
    log: str
    first: int
    last: int
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Destruction:
    """What control says about a key that is no more.

    Attributes:
        key: Digest of the secret, in hex: a copy that turns up is recognised by it.
        retained: Of the messages, how many are still in the logs, unreadable.
        signature: Control's, in hex; empty before it is signed.
    """

    key_id: str
    key: str
    ranges: tuple[Range, ...]
    retained: int
    reason: str
    created_ms: int
    signer: str = ""
    signature: str = ""

    def text(self) -> str:
        """The canonical JSON text."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=True) + "\n"

    def digest(self) -> bytes:
        """SHA-256 of the text, as the trail names it."""
        return hashlib.sha256(self.text().encode()).digest()


def fingerprint(secret: bytes) -> str:
    """What a destroyed secret of 32 random bytes is known by."""
    return hashlib.sha256(_KEY + secret).hexdigest()


def merge(*groups: Iterable[Range]) -> tuple[Range, ...]:
    """Ranges of several looks at the logs as one list.

    A later look may have lost the beginning to retention, and found more at the end.
    """
    found: dict[tuple[str, int, str], Range] = {}
    for one in (one for group in groups for one in group):
        place = (one.topic, one.partition, one.log)
        known = found.get(place, one)
        found[place] = replace(
            one,
            first=min(one.first, known.first),
            last=max(one.last, known.last),
            messages=max(one.messages, known.messages),
        )
    return tuple(sorted(found.values()))


def sign(statement: Destruction, key: SigningKey) -> Destruction:
    """The statement, signed by control."""
    named = replace(statement, signer=key.key_id, signature="")
    said = _SIGN + named.text().encode()
    return replace(named, signature=key.private.sign(said).hex())


def verify(statement: Destruction, registry: KeyRegistry) -> None:
    """Raise EnvelopeError(SIGNATURE) unless a control key of this hub signed it."""
    public = registry.signed_once(statement.signer, "control")
    unsigned = replace(statement, signature="")
    try:
        public.verify(
            bytes.fromhex(statement.signature), _SIGN + unsigned.text().encode()
        )
    except (InvalidSignature, ValueError) as error:
        text = f"the statement on {statement.key_id} is not signed by control"
        raise EnvelopeError(Reason.SIGNATURE, text) from error


def read(text: str) -> Destruction:
    """The statement in a text; raises InvalidError."""
    try:
        said: dict[str, Any] = json.loads(text)
        ranges = tuple(Range(**one) for one in said.pop("ranges"))
        found = Destruction(ranges=ranges, **said)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidError("a statement of destruction is damaged") from error
    if found.text() != text:
        raise InvalidError("a statement of destruction is not in its one spelling")
    return found
