"""What the hub sends back beside receipts: answers opened, daily statements read.

Rules (design: envelope, statements):

- Answers are sealed to the ministry; a statement counts only with the hub's signature.
- They name rows by batch and place. The spool turns that into file, row and record id,
  also long after the content of a batch is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hub.core.envelope import seal
from hub.core.envelope.recipients import PrivateKey
from hub.core.errors import EnvelopeError
from hub.core.keys import KeyRegistry
from hub.core.messages import (
    Sealed,
    Statement,
    decode,
    decode_as,
    verify,
)
from hub.core.reasons import Reason
from hub.core.topics import statements_topic
from hub.publisher import ledger
from hub.publisher.broker import Broker
from hub.publisher.entries import Item
from hub.publisher.sealing import Sealer, listing
from hub.publisher.spool import Spool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one accepted row: replay, duplicate, amendment, cancellation."""

    day: str
    dataflow: str
    file: str
    row: int
    record_id: str
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Reads the answers to one ministry; moves no position."""

    sealer: Sealer
    registry: KeyRegistry
    spool: Spool
    broker: Broker = field(repr=False)

    def statements(self) -> Iterator[Told]:
        """Decisions about this ministry's rows, of all days that are kept.

        Raises:
            EnvelopeError: SIGNATURE, if the hub did not sign a statement.
        """
        for told in self.signed():
            for one in told.decisions:
                item = ledger.at(self.spool, one.topic, one.partition, one.offset)
                name, records, numbers = self._listing(item)
                known = one.row < len(records)
                yield Told(
                    day=told.day,
                    dataflow=one.topic.split(".")[-1],
                    file=name,
                    row=numbers[one.row] if known else 0,
                    record_id=(records[one.row] or "") if known else "",
                    decision=one.decision,
                )

    def signed(self) -> Iterator[Statement]:
        """The hub's statements to this ministry, verified.

        Raises:
            EnvelopeError: SIGNATURE, if the hub did not sign one.
        """
        topic = statements_topic(self.sealer.member.id)
        for message in self.broker.read(topic, 0):
            try:
                plain = opened(message.value, "statement", self.sealer.seals)
            except EnvelopeError:
                # Sealed to a key that is gone, or not by the hub: nothing to show.
                continue
            told = decode_as(Statement, plain)
            if self.registry.revoked(told.key_id):
                # When it was signed, nobody can tell: it proves nothing any more.
                continue
            verify(told, self.registry.authority(told.key_id, "statement"))
            yield told

    def _listing(self, item: Item | None) -> tuple[str, list[str | None], list[int]]:
        """File name, record ids and row numbers of a batch of this spool."""
        if item is None:
            return "", [], []
        row = self.spool.connection.execute(
            "SELECT name FROM files WHERE id = ?", (item.file,)
        ).fetchone()
        records, numbers = listing(ledger.content(self.spool, item, "listing"))
        return (row[0] if row else "", records, numbers)


def opened(value: bytes, kind: str, seals: Mapping[str, PrivateKey]) -> bytes:
    """The message in a sealed answer of this kind.

    Raises:
        EnvelopeError: It is no such answer, or is sealed to a key that is not here.
    """
    sealed = decode(value)
    if not isinstance(sealed, Sealed) or sealed.kind != kind:
        raise EnvelopeError(Reason.MALFORMED, f"this is no {kind}")
    return seal.open_sealed(sealed, seals)
