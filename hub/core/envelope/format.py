"""Envelope v1: bytes to fields and back, and what is signed; no key is seen here.

Rules (envelope-v1 §3):

- `parse` accepts one spelling only: envelope and header re-encode to the same bytes.
- Nothing here decrypts or verifies; what it returns is a claim until ``seal.verify``.
- The plaintext is length, payload, zeros: quiet dataflows fill up to a size class,
  and so do the answers about them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from hub.core.binary import malformed
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.messages import (
    DIGEST_NONE,
    ENVELOPE_BYTES_MAX,
    RECIPIENTS_MAX,
    Envelope,
    EnvelopeHeader,
    Stanza,
    decode,
    decode_as,
    encode,
)
from hub.core.reasons import Reason

SUITE_X25519 = 1
SUITE_XWING = 2
TAG_SIZE = 16
LENGTH_SIZE = 4
WRAPPED_SIZE = 32 + TAG_SIZE
ENCAPSULATION_SIZES = {SUITE_X25519: 32, SUITE_XWING: 1120}
PLAIN_BYTES_MAX = ENVELOPE_BYTES_MAX - 64 * 1024
"""Leaves room for the header and sixteen hybrid stanzas."""
SIZE_CLASSES = tuple(2**power * 1024 for power in (4, 6, 8, 10, 12))
"""16 KiB to 4 MiB in steps of four: what an observer of a quiet dataflow sees."""
ANSWER_CLASSES = tuple(2**power * 1024 for power in (2, 4, 6, 8, 10, 12, 13))
"""4 KiB, which holds any receipt, to 8 MiB: the same for answers."""
ANSWER_BYTES_MAX = ANSWER_CLASSES[-1]
assert SIZE_CLASSES[-1] <= PLAIN_BYTES_MAX  # noqa: S101 - relation of two constants
assert RECIPIENTS_MAX * (1120 + 256) + 4096 < 64 * 1024  # noqa: S101 - the same

_LABEL_SIGN = b"kerwen envelope v1 sign\0"
_LABEL_WRAP = b"kerwen envelope v1 wrap\0"
_MEMBER = re.compile(r"[A-Z0-9_-]{1,16}(/[A-Za-z0-9_-]{1,24}){3}")
_DATAFLOW = re.compile(r"[a-z][a-z0-9_]{0,63}")


def parse(value: bytes) -> tuple[Envelope, EnvelopeHeader]:
    """The envelope in a Kafka value and its header, both unverified.

    Raises:
        EnvelopeError: MALFORMED or OVERSIZED.
    """
    envelope = decode(value)
    if not isinstance(envelope, Envelope):
        raise malformed("not an envelope")
    return envelope, header_of(envelope)


def header_of(envelope: Envelope) -> EnvelopeHeader:
    """The header of an envelope, with everything its fields must satisfy."""
    header = decode_as(EnvelopeHeader, envelope.header)
    check_header(header)
    _check_stanzas(envelope.recipients, header.suite)
    if len(envelope.ciphertext) < LENGTH_SIZE + TAG_SIZE:
        raise malformed("ciphertext is too short")
    return header


def check_header(header: EnvelopeHeader) -> None:
    """Refuse a header whose fields contradict one another."""
    if not _MEMBER.fullmatch(header.member):
        raise malformed("member is not INSTANCE/CLASS/MEMBER/SUBSYSTEM")
    if not _DATAFLOW.fullmatch(header.dataflow):
        raise malformed("dataflow is not a lower-case id")
    if header.batch[6] >> 4 != 7 or header.batch[8] >> 6 != 0b10:
        raise malformed("batch is not a UUIDv7")
    if (header.sequence == 1) != (header.previous == DIGEST_NONE):
        raise malformed("the chain begins at sequence 1 and nowhere else")


def _check_stanzas(stanzas: Sequence[Stanza], suite: int) -> None:
    if not stanzas:
        raise malformed("no recipient")
    if len({stanza.key_id for stanza in stanzas}) != len(stanzas):
        raise malformed("a recipient stands twice")
    for stanza in stanzas:
        # Lengths are the suite's own: another suite's stanza cannot slip in.
        if len(stanza.encapsulation) != ENCAPSULATION_SIZES[suite]:
            raise malformed("an encapsulation is not of the suite's length")
        if len(stanza.wrapped) != WRAPPED_SIZE:
            raise malformed("a wrapped key has the wrong length")


def digest(value: bytes) -> bytes:
    """SHA-256 of the whole envelope value: its name in receipts and in the chain."""
    return hashlib.sha256(value).digest()


def wrap_info(header: bytes, key_id: str) -> bytes:
    """What ties a wrapped data key to this header and this recipient."""
    return _LABEL_WRAP + hashlib.sha256(header).digest() + key_id.encode()


def signed_bytes(envelope: Envelope) -> bytes:
    """What the member signs: label, header, recipients, nonce, ciphertext."""
    recipients = hashlib.sha256()
    for stanza in envelope.recipients:
        for part in (stanza.key_id.encode(), stanza.encapsulation, stanza.wrapped):
            recipients.update(len(part).to_bytes(4, "big") + part)
    return b"".join(
        (
            _LABEL_SIGN,
            hashlib.sha256(envelope.header).digest(),
            recipients.digest(),
            envelope.nonce,
            hashlib.sha256(envelope.ciphertext).digest(),
        )
    )


def pack(payload: bytes, pad_to: int = 0, *, most: int = PLAIN_BYTES_MAX) -> bytes:
    """The plaintext of `payload`: length, payload, zeros up to `pad_to` bytes."""
    size = LENGTH_SIZE + len(payload)
    if size > most:
        text = f"a batch of {len(payload)} bytes is too large; send fewer rows"
        raise EnvelopeError(Reason.OVERSIZED, text)
    if pad_to and size > pad_to:
        raise InvalidError(f"a batch of {size} bytes does not fit {pad_to}")
    padding = bytes(max(pad_to - size, 0))
    return len(payload).to_bytes(LENGTH_SIZE, "big") + payload + padding


def unpack(plain: bytes) -> bytes:
    """The payload in a plaintext; raises EnvelopeError(CONTENT)."""
    end = LENGTH_SIZE + int.from_bytes(plain[:LENGTH_SIZE], "big")
    if len(plain) < LENGTH_SIZE or end > len(plain) or any(plain[end:]):
        raise EnvelopeError(Reason.CONTENT, "the plaintext is not well packed")
    return plain[LENGTH_SIZE:end]


def size_class(size: int, classes: Sequence[int] = SIZE_CLASSES) -> int:
    """The plaintext size a payload of `size` bytes is padded to when quiet."""
    for step in classes:
        if size + LENGTH_SIZE <= step:
            return step
    text = f"a quiet batch of {size} bytes is too large; send fewer rows"
    raise EnvelopeError(Reason.OVERSIZED, text)


def build(
    header: EnvelopeHeader,
    recipients: Sequence[Stanza],
    nonce: bytes,
    ciphertext: bytes,
) -> Envelope:
    """An unsigned envelope, checked as a reader would check it."""
    envelope = Envelope(
        header=encode(header),
        recipients=tuple(recipients),
        nonce=nonce,
        ciphertext=ciphertext,
    )
    header_of(envelope)
    return envelope
