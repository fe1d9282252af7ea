"""A person asks what is held of them: find their record, cancel it, prove it is gone.

Rules (docs/disclosure.md, "A person's request"):

- Only the ministry can: record ids stand in its own spool, never in a log in clear.
- A cancellation is a row like any other. It repeats what the record said last, which
  the ministry has in its own files, with the action CANCEL and the next revision.
- It is proved when the last row about the record is a cancellation that a signed
  receipt took and a signed statement of the hub calls one. What the hub then still
  counts of the record is nothing: ``kerwen audit`` shows it for everybody at once.
- What was published before stays published; a later vintage moves when three records
  moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hub.core.catalogue.model import Dataflow
from hub.core.errors import InvalidError
from hub.core.messages import Receipt, decode_as, encode
from hub.publisher import ledger
from hub.publisher.answers import Answers
from hub.publisher.entries import Item, Publication, State
from hub.publisher.mapping import Mapping
from hub.publisher.publish import Session
from hub.publisher.sealing import RECORDS, listing, publication_key
from hub.publisher.sources import files
from hub.publisher.sources.rows import NOTHING_SAID
from hub.publisher.spool import Spool

CANCEL, CANCELLATION = "CANCEL", "cancellation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One row about a record.

    Attributes:
        place: Its place in the batch, from 0.
        row: Its row in the file it came with.
        file: Name of that file.
    """

    item: Item
    place: int
    row: int
    file: str

    @property
    def receipt(self) -> Receipt | None:
        """What the hub signed about its batch."""
        return decode_as(Receipt, self.item.receipt) if self.item.receipt else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What shows that a record is gone.

    Attributes:
        found: The row that cancelled it, the last about the record.
        statement: The hub's, signed, encoded.
    """

    found: Found
    day: str
    key_id: str
    statement: bytes


def find(spool: Spool, record: str, dataflow: str | None = None) -> list[Found]:
    """Every row about a record that was sealed here, in order.

    Args:
        spool: Of the ministry.
        record: Its own record id.
        dataflow: Only of this one.
    """
    names = dict(spool.connection.execute("SELECT id, name FROM files").fetchall())
    found = []
    for item in ledger.items(spool, dataflow=dataflow):
        if item.kind != RECORDS or item.state == State.REPLACED:
            continue
        records, numbers = listing(ledger.content(spool, item, "listing"))
        found += [
            Found(item=item, place=at, row=numbers[at], file=names.get(item.file, ""))
            for at, one in enumerate(records)
            if one == record
        ]
    return found


def cancel(
    session: Session,
    flow: Dataflow,
    record: str,
    path: Path,
    mapping: Mapping | None = None,
) -> Publication:
    """Spool the cancellation of a record; :meth:`Session.settle` sends it.

    Args:
        session: Of the ministry.
        flow: Of the record.
        record: Its id.
        path: A file in which the record stands as it was published last.
        mapping: As the file was published with.

    Raises:
        InvalidError: The record was never published from here, or is not in the file.
    """
    if not find(session.spool, record, flow.id):
        raise InvalidError(
            f"the record of {flow.id} was not published from this spool; "
            "`kerwen receipts find` looks in all dataflows"
        )
    reading = files.read(path, flow, mapping, NOTHING_SAID)
    rows = [
        chunk.frame.filter(pl.col("record_id") == record) for chunk in reading.chunks
    ]
    mine = pl.concat(rows).tail(1) if rows else pl.DataFrame()
    if not mine.height:
        raise InvalidError(f"{path}: the record is not in it")
    mine = mine.with_columns(action=pl.lit(CANCEL, dtype=pl.String))
    if "revision" in reading.mapping.cells:
        mine = mine.with_columns(pl.col("revision") + 1)
    key = publication_key(record.encode(), flow.id, CANCEL)
    now_ms = session.sealer.now_ms()
    publication = session.spool.begin(flow.id, key, CANCEL, now_ms, again=True)
    filler = session.filler
    filler.put(flow, reading.mapping, publication.id, mine, [1])
    session.spool.finish(publication, now_ms)
    return publication


def prove(answers: Answers, record: str, dataflow: str) -> Proof:
    """The proof that a record is gone.

    Raises:
        InvalidError: There is none, and why.
        EnvelopeError: SIGNATURE, if the hub did not sign a statement.
    """
    found = find(answers.spool, record, dataflow)
    if not found:
        raise InvalidError(f"the record of {dataflow} was not published here")
    last = found[-1]
    receipt = last.receipt
    if receipt is None or last.item.state != State.FINAL:
        raise InvalidError("the last row about the record has no final receipt yet")
    where = (receipt.topic, receipt.partition, receipt.offset, last.place)
    for told in answers.signed():
        for one in told.decisions:
            if (one.topic, one.partition, one.offset, one.row) != where:
                continue
            if one.decision != CANCELLATION:
                continue
            return Proof(
                found=last,
                day=told.day,
                key_id=told.key_id,
                statement=encode(told),
            )
    raise InvalidError(
        "no statement of the hub calls the last row about the record a cancellation; "
        "statements come when a day is over, or a period was closed"
    )
