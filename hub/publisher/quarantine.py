"""Quarantine: refused rows of a ministry, with what they say.

Rules (design: envelope, quarantine):

- The hub says which rows of which batch it refused and why. The rows themselves are
  taken from the ministry's own copy of that batch, so nobody can make it sign a row
  that it never sent; what is about no batch of this spool is passed over.
- At rest content is sealed to the ministry's own key; without it there is nothing to
  read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from hub.core import avro
from hub.core.catalogue.model import Catalogue, Dataflow
from hub.core.errors import EnvelopeError
from hub.core.log import Incoming
from hub.core.messages import (
    INFLATED_BYTES_MAX,
    ROWS_MAX,
    Quarantine,
    Receipt,
    decode_as,
)
from hub.core.topics import quarantine_topic
from hub.publisher import accounts, ledger
from hub.publisher.answers import opened
from hub.publisher.broker import Broker
from hub.publisher.entries import Held, Item
from hub.publisher.sealing import DECLARATION, Sealer
from hub.publisher.spool import Spool


@dataclass(slots=True, kw_only=True)
class Shelf:
    """The refused rows of one ministry.

    Attributes:
        notes: What a person should know, in sentences.
    """

    catalogue: Catalogue
    sealer: Sealer
    spool: Spool
    notes: list[str] = field(default_factory=list)

    def collect(self, broker: Broker) -> int:
        """Take over what the quarantine topic holds; how many rows are new.

        Raises:
            RetriableError: The brokers are away.
        """
        topic = quarantine_topic(self.sealer.member.id)
        new = passed = 0
        for message in broker.read(topic, ledger.position(self.spool, topic)):
            found = self._open(message)
            if found is None:
                passed += 1
            else:
                new += self._take(*found, message.time_ms)
            ledger.move(self.spool, topic, message.offset + 1)
        if passed:
            self.notes.append(
                f"{passed} answers in quarantine are about no batch of this spool and "
                "were passed over"
            )
        for item in accounts.absent(self.spool):
            if len(accounts.known(self.spool, item.digest)) >= accounts.refused(item):
                ledger.forget(self.spool, item)
        accounts.close(self.spool, self.sealer.now_ms())
        return new

    def resume(self, broker: Broker) -> None:
        """Go on with a topic that was read before; see :meth:`collect`."""
        if ledger.position(self.spool, quarantine_topic(self.sealer.member.id)):
            self.collect(broker)

    def _open(self, message: Incoming) -> tuple[Quarantine, Item] | None:
        """What the hub says, if it is about a batch of this spool."""
        try:
            plain = opened(message.value, "quarantine", self.sealer.seals)
            told = decode_as(Quarantine, plain)
        except EnvelopeError:
            return None
        item = ledger.find(self.spool, told.digest)
        if item is None or not told.rows:
            return None
        named = DECLARATION if item.kind == DECLARATION else item.dataflow
        fits = told.dataflow == named and max(r.row for r in told.rows) < item.rows
        return (told, item) if fits else None

    def _take(self, told: Quarantine, item: Item, time_ms: int) -> int:
        """Put the rows on the shelf that are not there yet."""
        known = accounts.known(self.spool, told.digest)
        new = [one for one in told.rows if one.row not in known]
        if not new:
            return 0
        flow = self.catalogue.dataflows[told.dataflow]
        copy = self.sealer.uncopy(ledger.content(self.spool, item, "copy"))
        rows = _frame(copy, flow)[[one.row for one in new]]
        ids = rows["record_id"] if "record_id" in rows.columns else [None] * len(new)
        sealed = self.sealer.copy(avro.container(rows, flow.schema))
        since = decode_as(Receipt, item.receipt).received_ms if item.receipt else 0
        with self.spool.change() as connection:
            held = connection.execute(
                "INSERT INTO held (digest, dataflow, since_ms, sealed) "
                "VALUES (?, ?, ?, ?)",
                (told.digest, told.dataflow, since or time_ms, sealed),
            ).lastrowid
            connection.executemany(
                "INSERT INTO held_rows (digest, row, held, place, reason, field, "
                "record) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        told.digest,
                        one.row,
                        held,
                        place,
                        one.reason,
                        one.field,
                        id_ or "",
                    )
                    for place, (one, id_) in enumerate(zip(new, ids, strict=True))
                ],
            )
            accounts.recheck(self.spool, item)
        return len(new)

    def contents(self, rows: Sequence[Held]) -> pl.DataFrame:
        """The rows as they were sent, in the order given; all of one dataflow.

        Raises:
            EnvelopeError: KEY, if the ministry's key is not here.
        """
        return self._rows(rows, "held", [(one.held, one.place) for one in rows])

    def mended(self, rows: Sequence[Held]) -> pl.DataFrame:
        """The rows as they were corrected; all of one dataflow, all mended."""
        places = [(one.mend or 0, one.mend_place or 0) for one in rows]
        return self._rows(rows, "mends", places)

    def _rows(
        self, rows: Sequence[Held], table: str, places: Sequence[tuple[int, int]]
    ) -> pl.DataFrame:
        flow = self.catalogue.dataflows[rows[0].dataflow]
        column = {"held": "sealed", "mends": "copy"}[table]
        starts: dict[int, int] = {}
        frames: list[pl.DataFrame] = []
        for number, _ in places:
            if number not in starts:
                (sealed,) = self.spool.connection.execute(
                    f"SELECT {column} FROM {table} WHERE id = ?",  # noqa: S608 - two names
                    (number,),
                ).fetchone()
                starts[number] = sum(frame.height for frame in frames)
                frames.append(_frame(self.sealer.uncopy(sealed or b""), flow))
        return pl.concat(frames)[[starts[number] + at for number, at in places]]


def _frame(container: bytes, flow: Dataflow) -> pl.DataFrame:
    return avro.frame(
        container, flow.schema, rows_max=ROWS_MAX, bytes_max=INFLATED_BYTES_MAX
    )
