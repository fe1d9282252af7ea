"""Receipts: what the hub signed about each batch, checked and kept.

Rules (design: envelope, receipts):

- A receipt counts only if it opens with the ministry's key, is signed by the hub's
  receipt key, and fits the batch of its digest: batch id, lane, sequence, dataflow,
  member, and rows = accepted + refused.
- Verification needs the registry and the receipt, no network: a ministry can show
  years later what the hub took.
- Whatever comes after a final receipt is an answer to a batch that was sent again. To
  one that was taken it is the original receipt, byte for byte: the hub cannot say
  something else later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hub.core.catalogue.model import Member
from hub.core.envelope import seal
from hub.core.envelope.recipients import PrivateKey
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.keys import KeyRegistry
from hub.core.messages import Receipt, Sealed, decode, decode_as
from hub.core.messages import verify as verify_signature
from hub.core.reasons import Reason
from hub.core.topics import ministry_topic
from hub.publisher import ledger
from hub.publisher.entries import Item
from hub.publisher.spool import Spool

_UUID_NONE = bytes(16)


class Verdict(StrEnum):
    """What a receipt means for the publisher."""

    FINAL = "final"  # taken; accepted and quarantined rows are counted
    DUPLICATE = "duplicate"  # sent again, and the original receipt came again
    GAP = "gap"  # go back to the expected sequence
    FORK = "fork"  # the lane is lost: a new one is needed
    STALE = "stale"  # too old to be told apart: the rows go under a new sequence
    REFUSED = "refused"  # the content could not be used: a person must look
    UNBELIEVED = "unbelieved"  # signature or address: nothing was taken
    FOREIGN = "foreign"  # about no batch of this spool


_VERDICTS: dict[str, Verdict] = {
    Reason.FORK: Verdict.FORK,
    Reason.SEQUENCE: Verdict.STALE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What an offline check of a spool's receipts found.

    Attributes:
        problems: One line for each batch whose receipt does not hold.
    """

    receipts: int
    rows: int
    without: int
    problems: tuple[str, ...]


def open_receipt(
    value: bytes, seals: Mapping[str, PrivateKey], registry: KeyRegistry
) -> Receipt | None:
    """The receipt in a message of ``receipts.*``; None for other messages.

    Raises:
        EnvelopeError: It does not open, or the hub did not sign it.
    """
    message = decode(value)
    if not isinstance(message, Sealed) or message.kind != "receipt":
        return None
    return verify(seal.open_sealed(message, seals), registry)


def verify(encoded: bytes, registry: KeyRegistry) -> Receipt:
    """The receipt in `encoded`, once the hub's signature holds; offline.

    Raises:
        EnvelopeError: MALFORMED or SIGNATURE.
    """
    receipt = decode_as(Receipt, encoded)
    verify_signature(receipt, registry.authority(receipt.key_id, "receipt"))
    return receipt


def match(receipt: Receipt, item: Item, member: Member) -> None:
    """Raise EnvelopeError unless the receipt is about this very batch."""
    said = (receipt.digest, receipt.batch, receipt.lane, receipt.sequence)
    if said != (item.digest, item.batch, item.lane, item.sequence):
        raise EnvelopeError(Reason.ADDRESS, "the receipt is about another batch")
    topic = ministry_topic(member.id, item.dataflow)
    if (receipt.member, receipt.dataflow, receipt.topic) != (
        member.member,
        item.dataflow,
        topic,
    ):
        raise EnvelopeError(Reason.ADDRESS, "the receipt is about another dataflow")
    if receipt.final and receipt.outcome != "refused":
        counted = receipt.accepted + sum(rows for _, rows in receipt.refused)
        if counted != item.rows and item.kind == "records":
            raise EnvelopeError(
                Reason.CONTENT, f"the receipt counts {counted} of {item.rows} rows"
            )


def note(
    spool: Spool, receipt: Receipt, encoded: bytes, member: Member
) -> tuple[Verdict, Item | None]:
    """Note a verified receipt.

    Returns:
        What it means, and the batch as it was before (None: of another spool).

    Raises:
        EnvelopeError: The receipt does not fit the batch of its digest.
    """
    item = ledger.find(spool, receipt.digest)
    if item is None:
        return Verdict.FOREIGN, None
    if receipt.lane == _UUID_NONE:
        # The hub could not believe the envelope, so it says nothing of its header.
        return Verdict.UNBELIEVED, item
    match(receipt, item, member)
    if not receipt.final:
        return Verdict.GAP, item
    if item.receipt is not None:
        ledger.answered(spool, item)
        taken = (decode_as(Receipt, item.receipt).outcome, receipt.outcome)
        if "refused" not in taken and encoded != item.receipt:
            raise EnvelopeError(
                Reason.CONTENT,
                f"{item.dataflow}, batch {item.sequence}: it is not the receipt the "
                "hub gave for this batch before; show both to the hub's operators",
            )
        return Verdict.DUPLICATE, item
    refused = receipt.outcome == "refused"
    ledger.receipted(spool, item, receipt, encoded, refused=refused)
    if not refused:
        return Verdict.FINAL, item
    reason = receipt.refused[0][0] if receipt.refused else Reason.CONTENT
    return _VERDICTS.get(reason, Verdict.REFUSED), item


def verify_spool(spool: Spool, registry: KeyRegistry, member: Member) -> Verified:
    """Check every receipt and every chain of a spool; offline."""
    problems: list[str] = []
    receipts = rows = without = 0
    ends: dict[bytes, bytes] = {}
    for item in ledger.each(spool):
        name = f"{item.dataflow} lane {item.lane.hex()[:8]} #{item.sequence}"
        if ends.get(item.lane, bytes(32)) != item.previous:
            problems.append(f"{name}: the chain is broken before this batch")
        ends[item.lane] = item.digest
        if item.receipt is None:
            without += 1
            continue
        try:
            receipt = verify(item.receipt, registry)
            match(receipt, item, member)
        except EnvelopeError as error:
            problems.append(f"{name}: {error}")
            continue
        receipts += 1
        rows += receipt.accepted
    return Verified(
        receipts=receipts, rows=rows, without=without, problems=tuple(problems)
    )


def export(spool: Spool, digest: bytes) -> bytes:
    """The encoded receipt of a batch, for :func:`verify` elsewhere.

    Raises:
        InvalidError: There is none.
    """
    item = ledger.find(spool, digest)
    if item is None or item.receipt is None:
        text = f"no final receipt for batch {digest.hex()[:16]} in {spool.path}"
        raise InvalidError(text)
    return item.receipt
