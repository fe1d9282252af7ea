"""From a sealed value to a frame of rows, or to the reason why not.

Rules (design §4):

- Address before signature before lane before content: what is not known to come from
  the ministry touches neither the lane nor a private key.
- A refusal before the lane is not final: it says nothing about the batch of that
  digest, only about this copy and this moment. A new envelope with unusable content
  has taken its sequence and is refused for good.
- Nothing raises but what stops the partition; content never does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from hub.core import avro
from hub.core.envelope import format as layout
from hub.core.envelope import seal
from hub.core.envelope.recipients import PrivateKey
from hub.core.errors import EnvelopeError
from hub.core.lanes import Lanes, Outcome, partition_of
from hub.core.log import Incoming
from hub.core.messages import (
    INFLATED_BYTES_MAX,
    ROWS_MAX,
    Envelope,
    EnvelopeHeader,
    decode_as,
)
from hub.core.reasons import Reason
from hub.core.rulebook import Address, Form, Rulebook


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One envelope and what became of it so far.

    Attributes:
        digest: SHA-256 of the whole value.
        header: None if it could not be believed.
        outcome: What it is to its lane; None if it never came so far.
        expected: Next sequence of its lane; 0 without a lane.
        reason: Why it is refused as a whole; None if its rows count.
        form: The dataflow of `rows`.
        rows: As decoded; None if there are none to judge.
    """

    message: Incoming
    digest: bytes
    header: EnvelopeHeader | None = None
    outcome: Outcome | None = None
    expected: int = 0
    reason: Reason | None = None
    form: Form | None = None
    rows: pl.DataFrame | None = field(default=None, repr=False)

    @property
    def height(self) -> int:
        """How many rows there are to judge."""
        return 0 if self.rows is None else self.rows.height


_OF_OUTCOME = {
    Outcome.GAP: Reason.SEQUENCE,
    Outcome.STALE: Reason.SEQUENCE,
    Outcome.FORK: Reason.FORK,
}


def unbelieved(message: Incoming, reason: str) -> Batch:
    """A value that is no envelope of this ministry, as far as can be told."""
    digest = layout.digest(message.value)
    return Batch(message=message, digest=digest, reason=Reason(reason))


def admit(
    envelope: Envelope,
    message: Incoming,
    *,
    address: Address,
    partition: int,
    rulebook: Rulebook,
    lanes: Lanes,
    keys: Mapping[str, PrivateKey],
) -> Batch:
    """Verify, judge and open one envelope; advances its lane if it is new."""
    try:
        header = _believed(envelope, address, partition, rulebook)
    except EnvelopeError as error:
        return unbelieved(message, error.reason)
    digest = layout.digest(message.value)
    outcome, lane = lanes.take(header.lane, header.sequence, header.previous, digest)
    rows, form, reason = None, None, _OF_OUTCOME.get(outcome)
    if outcome is Outcome.NEW and header.kind != "lane":
        form = address.records if header.kind == "records" else address.declarations
        try:
            rows = _rows(envelope, header, form, keys)
        except EnvelopeError as error:
            reason = Reason(error.reason)
    elif outcome is Outcome.NEW and header.sequence != 1:
        reason = Reason.CONTENT  # only the first envelope of a lane opens it
    return Batch(
        message=message,
        digest=digest,
        header=header,
        outcome=outcome,
        expected=lane.expected,
        reason=reason,
        form=form,
        rows=rows,
    )


def set_aside(
    message: Incoming,
    *,
    address: Address,
    partition: int,
    rulebook: Rulebook,
    lanes: Lanes,
) -> Batch:
    """A message that a signed skip sets aside: its lane goes on, its rows do not.

    So the ministry gets a final answer, and the rows come again under a new sequence.
    What is no envelope, or kills the worker even here, is answered unbelieved.
    """
    digest = layout.digest(message.value)
    try:
        envelope = decode_as(Envelope, message.value)
        header = _believed(envelope, address, partition, rulebook)
    except Exception:  # noqa: BLE001 - no state is asked here, so nothing is hidden
        return unbelieved(message, Reason.SKIPPED)
    outcome, lane = lanes.take(header.lane, header.sequence, header.previous, digest)
    return Batch(
        message=message,
        digest=digest,
        header=header,
        outcome=outcome,
        expected=lane.expected,
        reason=_OF_OUTCOME.get(outcome, Reason.SKIPPED),
    )


def _believed(
    envelope: Envelope, address: Address, partition: int, rulebook: Rulebook
) -> EnvelopeHeader:
    """The header, once it fits the topic and the member's active key signed it."""
    header = layout.header_of(envelope)
    claimed = (header.member, header.dataflow, partition_of(header.lane))
    if claimed != (address.member.member, address.records.flow.id, partition):
        text = f"{header.member} {header.dataflow} does not belong in {address.topic}"
        raise EnvelopeError(Reason.ADDRESS, text)
    return seal.verify(envelope, rulebook.registry.signer(header.signer, header.member))


def _rows(
    envelope: Envelope,
    header: EnvelopeHeader,
    form: Form,
    keys: Mapping[str, PrivateKey],
) -> pl.DataFrame:
    """The decoded rows of a verified envelope."""
    if header.schema != form.mark:
        text = f"schema {header.schema.hex()} is not that of {form.flow.id}"
        raise EnvelopeError(Reason.SCHEMA, text)
    payload = seal.open(envelope, header, keys)
    return avro.frame(
        payload,
        form.flow.schema,
        rows_max=ROWS_MAX,
        bytes_max=INFLATED_BYTES_MAX,
    )
