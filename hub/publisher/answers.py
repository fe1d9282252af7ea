"""What the hub sends back beside receipts: rows to mend, and daily statements.

Rules (design: envelope, quarantine and statements):

- Both are sealed to the ministry; a statement counts only with the hub's signature.
- They name rows by batch and place. The spool turns that into file, row and record id,
  also long after the content of a batch is gone.
- Rows to mend are written as a file of the provider's own columns: mended, it is
  published like any other, under the same record ids. What was wrong stands in a
  second file beside it.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from hub.core import avro
from hub.core.catalogue.model import Catalogue
from hub.core.envelope import seal
from hub.core.errors import EnvelopeError
from hub.core.keys import KeyRegistry
from hub.core.messages import (
    INFLATED_BYTES_MAX,
    ROWS_MAX,
    Quarantine,
    Sealed,
    Statement,
    decode,
    decode_as,
    verify,
)
from hub.core.topics import quarantine_topic, statements_topic
from hub.publisher import ledger
from hub.publisher.broker import Broker
from hub.publisher.entries import Item
from hub.publisher.sealing import Sealer, listing
from hub.publisher.spool import Spool

REASONS = ("file", "row", "record_id", "reason", "field")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One refused row.

    Attributes:
        file: Name of the file it was published from; empty if not from this spool.
        row: Its row there; 0 if not from this spool.
        field: Empty for the row as a whole.
    """

    dataflow: str
    file: str
    row: int
    record_id: str
    reason: str
    field: str


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

    catalogue: Catalogue
    sealer: Sealer
    registry: KeyRegistry
    spool: Spool
    broker: Broker = field(repr=False)

    def faults(self) -> Iterator[tuple[list[Fault], pl.DataFrame]]:
        """Refused rows, batch by batch: what is wrong, and the rows as sent."""
        topic = quarantine_topic(self.sealer.member.id)
        for plain in self._opened(topic, "quarantine"):
            told = decode_as(Quarantine, plain)
            flow = self.catalogue.dataflows[told.dataflow]
            rows = avro.frame(
                told.container,
                flow.schema,
                rows_max=ROWS_MAX,
                bytes_max=INFLATED_BYTES_MAX,
            )
            item = ledger.find(self.spool, told.digest)
            name, _, numbers = self._listing(item)
            records = rows["record_id"] if "record_id" in rows else [""] * rows.height
            yield (
                [
                    Fault(
                        dataflow=flow.id,
                        file=name,
                        row=numbers[one.row] if one.row < len(numbers) else 0,
                        record_id=record or "",
                        reason=one.reason,
                        field=one.field,
                    )
                    for one, record in zip(told.rows, records, strict=True)
                ],
                rows,
            )

    def mend(self, folder: Path) -> dict[str, int]:
        """Write the rows to mend; returns how many, by dataflow.

        ``<dataflow>.mend.csv`` has the provider's columns, ``<dataflow>.reasons.csv``
        says what was wrong with each of its rows, in the same order.
        """
        faults: dict[str, list[Fault]] = defaultdict(list)
        frames: dict[str, list[pl.DataFrame]] = defaultdict(list)
        for found, rows in self.faults():
            for one in found[:1]:
                frames[one.dataflow].append(rows)
                faults[one.dataflow] += found
        folder.mkdir(parents=True, exist_ok=True)
        for flow, kept in frames.items():
            pl.concat(kept).write_csv(folder / f"{flow}.mend.csv")
            place = folder / f"{flow}.reasons.csv"
            with place.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.writer(stream)
                writer.writerow(REASONS)
                writer.writerows(
                    [getattr(one, name) for name in REASONS] for one in faults[flow]
                )
        return {flow: len(found) for flow, found in faults.items()}

    def statements(self) -> Iterator[Told]:
        """Decisions about this ministry's rows, of all days that are kept.

        Raises:
            EnvelopeError: SIGNATURE, if the hub did not sign a statement.
        """
        topic = statements_topic(self.sealer.member.id)
        for plain in self._opened(topic, "statement"):
            told = decode_as(Statement, plain)
            verify(told, self.registry.authority(told.key_id, "statement"))
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

    def _opened(self, topic: str, kind: str) -> Iterator[bytes]:
        """Plaintexts of the sealed messages of a topic; others are passed over."""
        for message in self.broker.read(topic, 0):
            if not message.value:
                continue
            try:
                value = decode(message.value)
                if isinstance(value, Sealed) and value.kind == kind:
                    yield seal.open_sealed(value, self.sealer.seals)
            except EnvelopeError:
                # Sealed to a key that is gone, or not by the hub: nothing to show.
                continue

    def _listing(self, item: Item | None) -> tuple[str, list[str | None], list[int]]:
        """File name, record ids and row numbers of a batch of this spool."""
        if item is None:
            return "", [], []
        row = self.spool.connection.execute(
            "SELECT name FROM files WHERE id = ?", (item.file,)
        ).fetchone()
        records, numbers = listing(ledger.content(self.spool, item, "listing"))
        return (row[0] if row else "", records, numbers)
