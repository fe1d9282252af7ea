"""What a ministry hears about its batches: receipts, and rows to mend.

Rules (design §4):

- Every envelope gets a signed receipt with batch facts only. One that was re-sent gets
  the original receipt, byte for byte, sealed anew.
- Final is what will never change: the sender may forget a batch, or must send its rows
  again under a new sequence. A gap is not final, and neither is what could not be
  believed.
- Refused rows go back sealed to the ministry's key; nobody else can read them. Many of
  them go in several answers: none is larger than a topic takes.
- Answers about a quiet dataflow have a size class, like its batches.
- Without an active key of the ministry nothing is sent (fail closed) and it is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl

from hub.core import avro, topics
from hub.core.admission import Batch
from hub.core.envelope import format as layout
from hub.core.envelope.recipients import PublicKey
from hub.core.envelope.seal import seal_to_member
from hub.core.errors import EnvelopeError
from hub.core.keys import KeyRegistry, SigningKey
from hub.core.lanes import Outcome
from hub.core.log import Send, Source
from hub.core.messages import (
    Quarantine,
    QuarantinedRow,
    Receipt,
    encode,
    sign,
)
from hub.core.rulebook import Address
from hub.core.validate import TEXT_LENGTH_MAX, Refused

QUARANTINE_BYTES_MAX = layout.ANSWER_CLASSES[-2] - layout.LENGTH_SIZE
"""Larger answers are cut in two."""
_UUID_NONE = bytes(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Writes to one ministry, about one of its partitions.

    Attributes:
        recipient: The ministry's sealing key; None if it has none.
    """

    address: Address
    source: Source
    signer: SigningKey = field(repr=False)
    recipient: tuple[str, PublicKey] | None

    @classmethod
    def of(
        cls, address: Address, source: Source, signer: SigningKey, registry: KeyRegistry
    ) -> Desk:
        """The desk for a ministry with the keys in force."""
        try:
            recipient = registry.recipient(address.member.member)
        except EnvelopeError:
            recipient = None
        return cls(address=address, source=source, signer=signer, recipient=recipient)

    def receipt(self, batch: Batch, refused: Sequence[Refused]) -> Receipt:
        """The signed receipt of a batch that is no duplicate."""
        header = batch.header
        counted = Counter(row.reason.value for row in refused)
        # Receipts account for records; a declaration is none.
        records = batch.height if header and header.kind == "records" else 0
        reasons = sorted(counted.items())
        if batch.reason is not None:
            reasons = [(batch.reason.value, 0)]
        receipt = Receipt(
            batch=header.batch if header else _UUID_NONE,
            digest=batch.digest,
            member=self.address.member.member,
            dataflow=self.address.records.flow.id,
            lane=header.lane if header else _UUID_NONE,
            sequence=header.sequence if header else 0,
            topic=self.source.topic,
            partition=self.source.partition,
            offset=batch.message.offset,
            accepted=max(records - len(refused), 0),
            refused=tuple(reasons),
            outcome=_outcome(batch),
            final=batch.outcome not in (None, Outcome.GAP),
            expected=batch.expected,
            received_ms=batch.message.time_ms,
            key_id=self.signer.key_id,
        )
        return sign(receipt, self.signer.private)

    def send_receipt(self, receipt: bytes) -> list[Send]:
        """An encoded receipt on its way."""
        topic = topics.receipts_topic(self.address.member.id)
        return self._sealed("receipt", topic, receipt)

    def send_quarantine(self, batch: Batch, refused: Sequence[Refused]) -> list[Send]:
        """The refused rows of a batch on their way back; `row` is the row in it."""
        header, form, rows = batch.header, batch.form, batch.rows
        if not refused or header is None or form is None or rows is None:
            return []
        if self.recipient is None:
            return []

        def written(chosen: Sequence[Refused], rows: pl.DataFrame) -> bytes:
            quarantine = Quarantine(
                batch=header.batch,
                digest=batch.digest,
                member=header.member,
                dataflow=form.flow.id,
                sequence=header.sequence,
                rows=tuple(
                    QuarantinedRow(
                        row=one.row, reason=one.reason.value, field=one.field
                    )
                    for one in chosen
                ),
                container=_extract(rows, chosen, form.flow.schema),
            )
            return encode(quarantine)

        topic = topics.quarantine_topic(self.address.member.id)
        return [
            send
            for piece in _pieces(refused, rows, written)
            for send in self._sealed("quarantine", topic, piece)
        ]

    def _sealed(self, kind: str, topic: str, plaintext: bytes) -> list[Send]:
        if self.recipient is None:
            return []
        key_id, public = self.recipient
        member = self.address.member.member
        quiet = self.address.records.flow.quiet
        sealed = seal_to_member(kind, member, key_id, public, plaintext, quiet=quiet)
        return [Send(topic=topic, partition=0, key=None, value=encode(sealed))]


def _outcome(batch: Batch) -> str:
    if batch.outcome is Outcome.GAP:
        return "expected"
    return "accepted" if batch.reason is None else "refused"


def _pieces(
    refused: Sequence[Refused],
    rows: pl.DataFrame,
    written: Callable[[Sequence[Refused], pl.DataFrame], bytes],
) -> list[bytes]:
    """Answers about `refused` that are small enough to be sent."""
    whole = written(refused, rows)
    if len(whole) <= QUARANTINE_BYTES_MAX:
        return [whole]
    if len(refused) == 1:
        # One row with texts of megabytes: their beginnings say which row it is.
        return [written(refused, rows.with_columns(_BEGINNINGS))]
    half = len(refused) // 2
    return [
        *_pieces(refused[:half], rows, written),
        *_pieces(refused[half:], rows, written),
    ]


_BEGINNINGS = pl.col(pl.String).str.slice(0, TEXT_LENGTH_MAX)


def _extract(rows: pl.DataFrame, refused: Sequence[Refused], schema: str) -> bytes:
    """A container of exactly the refused rows, in their order."""
    return avro.container(rows[[one.row for one in refused]], schema)
