"""Messages as frozen values; field order is the schema's.

Rules:

- Ciphertexts, containers and signatures stay out of `repr`: a message may be logged.
- `key_id` names the key in the registry; what it may do is looked up there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from hub.core.log import Coordinate, Source

DIGEST_NONE = bytes(32)
SIGNATURE_NONE = bytes(64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """First message of every partition: which log this is (delivery, rule 7)."""

    log: bytes
    topic: str
    partition: int
    partitions: int
    catalogue: bytes
    generation: int
    created_ms: int
    key_id: str
    signature: bytes = field(default=SIGNATURE_NONE, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The bundle in force from its offset on (delivery, rule 10)."""

    bundle: bytes
    created_ms: int
    key_id: str
    signature: bytes = field(default=SIGNATURE_NONE, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Marker of a cut (delivery, rule 8).

    Attributes:
        period: 2025, 2025-Q1 or 2025-03; it covers the periods inside it.
    """

    marker: bytes
    vintage: str
    tables: tuple[str, ...]
    period: str
    created_ms: int
    key_id: str
    signature: bytes = field(default=SIGNATURE_NONE, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What somebody did to the hub (docs/threat-model.md, "The trail").

    Attributes:
        previous: SHA-256 of the value of the act before; zeros for the first.
        sequence: 1 for the first.
        actor: Account of the operator, or the service that acted on its own.
        verb: The command and its word, e.g. ``keys rotate``.
        subject: What it was done to: ids, never a payload, an identity or a key.
        reason: UTF-8, in the operator's own language.
    """

    previous: bytes
    sequence: int
    actor: str
    verb: str
    subject: str
    reason: bytes
    created_ms: int
    key_id: str
    signature: bytes = field(default=SIGNATURE_NONE, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What release says to the operator about a cut that it does not publish.

    Attributes:
        kind: ``refused``, or ``draft``: it waits for an approval.
        reason: UTF-8; why.
        manifests: Of a draft, without signatures: what would be published, how good.
        digest: Of a draft, over all of them.
    """

    marker: bytes
    kind: str
    vintage: str
    period: str
    reason: bytes
    manifests: tuple[bytes, ...]
    digest: bytes
    created_ms: int
    key_id: str
    signature: bytes = field(default=SIGNATURE_NONE, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stanza:
    """The data key of an envelope, wrapped for one recipient."""

    key_id: str
    encapsulation: bytes = field(repr=False)
    wrapped: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One sealed batch; `header` is an encoded :class:`EnvelopeHeader`."""

    header: bytes = field(repr=False)
    recipients: tuple[Stanza, ...]
    nonce: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)
    signature: bytes = field(default=SIGNATURE_NONE, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeHeader:
    """What is authenticated and readable without a key.

    Attributes:
        member: X-Road id, INSTANCE/CLASS/MEMBER/SUBSYSTEM.
        schema: CRC-64-AVRO fingerprint of the row schema.
        previous: Digest of the lane's previous envelope; zeros at sequence 1.
        commitment: Set by ``seal``: binds the data key.
    """

    version: int = 1
    suite: int = 2
    kind: str
    member: str
    dataflow: str
    schema: bytes
    batch: bytes
    lane: bytes
    sequence: int
    previous: bytes
    created_ms: int
    signer: str
    commitment: bytes = DIGEST_NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A receipt, quarantine or statement for one ministry."""

    kind: str
    member: str
    key_id: str
    suite: int
    encapsulation: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


class Refusal(NamedTuple):
    """How many rows were refused for a reason; a plain pair will do."""

    reason: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What intake did with one batch.

    Attributes:
        digest: SHA-256 of the whole envelope value.
        final: False asks the sender to go back to `expected`.
        expected: Next sequence of the lane.
    """

    batch: bytes
    digest: bytes
    member: str
    dataflow: str
    lane: bytes
    sequence: int
    topic: str
    partition: int
    offset: int
    accepted: int
    refused: tuple[tuple[str, int], ...]
    outcome: str
    final: bool
    expected: int
    received_ms: int
    key_id: str
    signature: bytes = field(default=SIGNATURE_NONE, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedRow:
    """Row number in the batch, reason code, field ("" for the whole row)."""

    row: int
    reason: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """Rows to mend; `container` holds exactly those rows in the provider schema."""

    batch: bytes
    digest: bytes
    member: str
    dataflow: str
    sequence: int
    rows: tuple[QuarantinedRow, ...]
    container: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What dedupe decided about the row at a coordinate of a ministry topic."""

    topic: str
    partition: int
    offset: int
    row: int
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A day's decisions about one member's own rows."""

    member: str
    day: str
    decisions: tuple[Decision, ...]
    created_ms: int
    key_id: str
    signature: bytes = field(default=SIGNATURE_NONE, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """An internal message; `header` is an encoded :class:`BlockHeader`."""

    header: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockHeader:
    """Which stretch of which source a block covers (delivery, rules 5 and 6).

    Attributes:
        clock_ms: Append time of the newest covered inbound message.
        config: Digest of the bundle in force.
    """

    version: int = 1
    stage: str
    kind: str
    source: Source
    from_offset: int
    from_row: int
    to_offset: int
    to_row: int
    clock_ms: int
    config: bytes
    generation: int
    key_id: str

    @property
    def start(self) -> Coordinate:
        """Where the stretch begins, exclusive."""
        return Coordinate(offset=self.from_offset, row=self.from_row)

    @property
    def to(self) -> Coordinate:
        """Where the stretch ends, inclusive."""
        return Coordinate(offset=self.to_offset, row=self.to_row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A named table of rows inside a block."""

    name: str
    count: int
    container: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """Plaintext of a block."""

    sections: tuple[Section, ...]
