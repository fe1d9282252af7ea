"""Rows to a sealed batch in its place, and back again for the ministry itself.

Rules (envelope-v1 §4):

- Sealed to the hub's current key, signed by the ministry; without either, nothing is
  written.
- The copy in the spool is sealed to the ministry's own key: what has to be sealed
  again under another sequence comes from there, and the log never holds a stanza for
  anyone but the hub.
- Quiet dataflows are padded to a size class, so a batch tells nothing by its size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import ormsgpack
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core.avro import fingerprint
from hub.core.catalogue.model import Dataflow, Member
from hub.core.envelope import format as layout
from hub.core.envelope import seal
from hub.core.envelope.recipients import PrivateKey, PublicKey, unwrap, wrap
from hub.core.errors import EnvelopeError
from hub.core.keys import HUB, KeyRegistry
from hub.core.messages import EnvelopeHeader
from hub.core.reasons import Reason
from hub.publisher.entries import Parcel, Place

QUIET_SIZE = layout.SIZE_CLASSES[2]
"""Bytes that every batch is padded to which waits for its slot."""
QUIET_ROWS = 400
"""Rows of such a batch at most: 650 bytes each, far above what a schema needs."""
RECORDS = "records"
DECLARATION = "declaration"
_LABEL = b"kerwen spool v1\0"


class Signing(Protocol):
    """A signing key with its id, as the keyring gives it."""

    @property
    def key_id(self) -> str:
        """Its id in the registry."""

    @property
    def private(self) -> Ed25519PrivateKey:
        """The key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a batch holds, before it has a place.

    Attributes:
        schema: Registered text of the rows' schema.
        container: Avro container of the rows.
        records: Record ids, row by row.
        numbers: Row numbers in the file.
    """

    kind: str
    schema: str = field(repr=False)
    container: bytes = field(repr=False)
    rows: int
    records: tuple[str | None, ...] = field(default=(), repr=False)
    numbers: tuple[int, ...] = field(default=(), repr=False)
    file: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealer:
    """Seals for one ministry.

    Attributes:
        now_ms: Time, for headers and batch ids.
        entropy: Source of keys, nonces and ids.
        hub: The hub's current sealing key.
        own: The ministry's own sealing key.
        seals: The ministry's private sealing keys.
        moment: What a batch of a quiet dataflow is dated, where it has to wait for its
            slot (:mod:`hub.publisher.quiet`); then all of them are of one size.
    """

    member: Member
    sign: Signing = field(repr=False)
    hub: tuple[str, PublicKey]
    own: tuple[str, PublicKey]
    seals: Mapping[str, PrivateKey] = field(repr=False)
    entropy: Callable[[int], bytes]
    now_ms: Callable[[], int]
    moment: Callable[[Dataflow], int] | None = None

    def seal(self, dataflow: Dataflow, content: Content, place: Place) -> Parcel:
        """The batch for its place in the lane of `dataflow`."""
        slotted = dataflow.quiet and self.moment is not None
        now_ms = self.moment(dataflow) if slotted and self.moment else self.now_ms()
        header = EnvelopeHeader(
            suite=self.hub[1].suite,
            kind=content.kind,
            member=self.member.member,
            dataflow=dataflow.id,
            schema=fingerprint(content.schema),
            batch=uuid7(now_ms, self.entropy),
            lane=place.lane,
            sequence=place.sequence,
            previous=place.previous,
            created_ms=now_ms,
            signer=self.sign.key_id,
        )
        size = 0
        if dataflow.quiet:
            classes = (QUIET_SIZE,) if slotted else layout.SIZE_CLASSES
            size = layout.size_class(len(content.container), classes)
        value = seal.seal(
            header,
            content.container,
            recipients=[self.hub],
            signer=self.sign.private,
            entropy=self.entropy,
            pad_to=size,
        )
        return Parcel(
            value=value,
            digest=layout.digest(value),
            batch=header.batch,
            kind=content.kind,
            rows=content.rows,
            copy=self.copy(content.container),
            listing=ormsgpack.packb([content.records, content.numbers]),
            file=content.file,
            last_row=content.numbers[-1] if content.numbers else None,
        )

    def copy(self, container: bytes) -> bytes:
        """A container, sealed to the ministry itself."""
        key_id, public = self.own
        encapsulation, ciphertext = wrap(public, container, _info(key_id))
        return ormsgpack.packb([key_id, public.suite, encapsulation, ciphertext])

    def uncopy(self, copy: bytes) -> bytes:
        """The container in a copy.

        Raises:
            EnvelopeError: KEY, if the ministry's key is no longer held here.
        """
        if not copy:
            text = "the batch's content was already deleted; publish its file again"
            raise EnvelopeError(Reason.KEY, text)
        key_id, suite, encapsulation, ciphertext = ormsgpack.unpackb(copy)
        if key_id not in self.seals:
            raise EnvelopeError(Reason.KEY, f"the private key {key_id} is not here")
        return unwrap(
            self.seals[key_id], suite, encapsulation, ciphertext, _info(key_id)
        )


def sealer(
    member: Member,
    sign: Signing,
    seals: Mapping[str, PrivateKey],
    registry: KeyRegistry,
    *,
    entropy: Callable[[int], bytes],
    now_ms: Callable[[], int],
) -> Sealer:
    """A sealer with the keys that are in force now.

    Raises:
        EnvelopeError: A key is missing or revoked: nothing is published unsealed.
    """
    # The look-up refuses a revoked key here, before a row is read.
    registry.signer(sign.key_id, member.member)
    return Sealer(
        member=member,
        sign=sign,
        hub=registry.recipient(HUB),
        own=registry.recipient(member.member),
        seals=seals,
        entropy=entropy,
        now_ms=now_ms,
    )


def listing(packed: bytes) -> tuple[list[str | None], list[int]]:
    """Record ids and row numbers of a batch."""
    if not packed:
        return [], []
    records, numbers = ormsgpack.unpackb(packed)
    return records, numbers


def uuid7(now_ms: int, entropy: Callable[[int], bytes]) -> bytes:
    """A UUID of version 7: time, then randomness."""
    value = bytearray(now_ms.to_bytes(6, "big") + entropy(10))
    value[6] = value[6] & 0x0F | 0x70
    value[8] = value[8] & 0x3F | 0x80
    return bytes(value)


def publication_key(content: bytes, dataflow: str, *words: str) -> bytes:
    """What identifies a publication: the file's digest and how it is read."""
    digest = hashlib.sha256(content)
    for word in (dataflow, *words):
        encoded = word.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.digest()


def _info(key_id: str) -> bytes:
    return _LABEL + key_id.encode()
