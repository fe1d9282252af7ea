"""The trail: every act of an operator or on a key, in a chain that nobody can mend.

Rules (docs/threat-model.md, "The trail"):

- An act names the digest of the act before it and its number, and is signed by the
  control key. So one that was changed, taken out, put in or moved is found.
- An act of a revoked control key counts up to the act that revoked it, in the chain
  itself: what was signed before stays signed, what comes after is found.
- Two operators may act at once: the later act of the two names a link that is taken.
  It is *raced*, not lost: its writer writes it again behind the other. A raced act
  changes nothing.
- That the end was cut off cannot be seen in the chain; whoever keeps the head (number
  and digest) elsewhere sees it.

Invariant: without a finding, the acts are exactly those that were written up to the
last, in their order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from hub.core.errors import EnvelopeError, InvalidError
from hub.core.keys import KeyRegistry, SigningKey
from hub.core.log import Incoming
from hub.core.messages import DIGEST_NONE, Act, Genesis, decode, encode, sign, verify
from hub.core.messages.schemas import TOPIC_MAX
from hub.core.reasons import Reason

REVOKE = "keys revoke"
"""The verb of an act whose subject, a key's id, signs no act after it."""

_MORE = " ..."
END = -1
"""Offset of a finding about the end of a trail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of a chain: number and digest of its last act."""

    sequence: int = 0
    digest: bytes = DIGEST_NONE

    def text(self) -> str:
        """``number:digest``, to be kept elsewhere."""
        return f"{self.sequence}:{self.digest.hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What does not hold, and at which offset of the trail."""

    offset: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """A trail as it was read.

    Attributes:
        acts: Those that stand in the chain, with their offsets.
        raced: Offsets of acts that lost a race; written again by their writers.
        findings: What does not hold; empty: nothing was touched.
        lost: Whether the head that was noted down before is not here.
    """

    acts: tuple[tuple[int, Act], ...]
    head: Head
    raced: tuple[int, ...]
    findings: tuple[Finding, ...]
    lost: bool = False


def read_head(text: str) -> Head:
    """The head in its text; raises InvalidError."""
    found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text, re.ASCII)
    if found is None:
        raise InvalidError(
            f"head {text!r}: expected NUMBER:DIGEST, as `kerwen log verify` prints it"
        )
    return Head(sequence=int(found[1]), digest=bytes.fromhex(found[2]))


def link(
    head: Head, *, actor: str, verb: str, subject: str, reason: str, at_ms: int
) -> Act:
    """The act that follows `head`, not yet signed."""
    return Act(
        previous=head.digest,
        sequence=head.sequence + 1,
        actor=actor,
        verb=verb,
        subject=_fitted(subject),
        reason=reason.encode(),
        created_ms=at_ms,
        key_id="",
    )


def _fitted(subject: str) -> str:
    """Ids as far as an act has room for them; one alone always has."""
    if len(subject) <= TOPIC_MAX:
        return subject
    return subject[: TOPIC_MAX - len(_MORE)] + _MORE


def value_of(act: Act, key: SigningKey) -> bytes:
    """The Kafka value of an act, signed; raises EnvelopeError for one out of bounds."""
    return encode(sign(replace(act, key_id=key.key_id), key.private))


def follow(
    messages: Iterable[Incoming], registry: KeyRegistry, kept: Head | None = None
) -> Trail:
    """Read a trail from its beginning and judge it.

    Args:
        messages: Every message of the topic, in order.
        registry: The public keys; the control key must have signed each act.
        kept: A head that was noted down before; it must stand in this trail.
    """
    heads = [Head()]
    acts: list[tuple[int, Act]] = []
    raced: list[int] = []
    findings: list[Finding] = []
    revoked: set[str] = set()
    for message in messages:
        try:
            act = _act(message, registry, revoked)
        except EnvelopeError as error:
            findings.append(Finding(offset=message.offset, text=str(error)))
            continue
        if act is None:
            continue
        head = heads[-1]
        if act.verb == REVOKE:
            revoked.add(act.subject)
        if (act.sequence, act.previous) == (head.sequence + 1, head.digest):
            acts.append((message.offset, act))
            digest = hashlib.sha256(message.value).digest()
            heads.append(Head(sequence=act.sequence, digest=digest))
        elif Head(sequence=act.sequence - 1, digest=act.previous) in heads:
            raced.append(message.offset)
        else:
            findings.append(Finding(offset=message.offset, text=_broken(act, head)))
            # What follows is judged from here, so one wound is one finding.
            digest = hashlib.sha256(message.value).digest()
            acts.append((message.offset, act))
            heads.append(Head(sequence=act.sequence, digest=digest))
    lost = kept is not None and kept not in heads
    if kept is not None and lost:
        text = f"act {kept.sequence}, noted down before, is not here as it was"
        findings.append(Finding(offset=END, text=text))
    return Trail(
        acts=tuple(acts),
        head=heads[-1],
        raced=tuple(raced),
        findings=tuple(findings),
        lost=lost,
    )


def _act(message: Incoming, registry: KeyRegistry, revoked: set[str]) -> Act | None:
    """The act in a message; None for the genesis at the beginning."""
    found = decode(message.value)
    if isinstance(found, Genesis) and message.offset == 0:
        return None
    if not isinstance(found, Act):
        raise EnvelopeError("content", "not an act")
    if found.key_id in revoked:
        text = f"signed by {found.key_id}, which was revoked before"
        raise EnvelopeError(Reason.SIGNATURE, text)
    verify(found, registry.signed_once(found.key_id, "control"))
    return found


def _broken(act: Act, head: Head) -> str:
    missing = act.sequence - head.sequence - 1
    if missing > 0:
        return f"act {act.sequence}: {missing} before it missing"
    return f"act {act.sequence}: does not follow act {head.sequence}"
