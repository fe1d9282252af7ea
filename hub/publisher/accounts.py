"""The account of refused rows: which are open, and what became of the others.

Rules (design: envelope, quarantine):

- quarantined = open + mended + resent + purged + absent, always, for every dataflow;
  absent are rows that receipts count and the quarantine topic has not told yet.
- A row closes when its record is in a later batch that the hub took: sent again from
  quarantine, or corrected at the source and published with a newer file.
- No key is needed here: reasons, fields and record ids, never what a row says.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hub.core.messages import Receipt, decode_as
from hub.publisher import ledger
from hub.publisher.entries import Fate, Held, Item, State
from hub.publisher.sealing import DECLARATION, RECORDS, listing
from hub.publisher.spool import Spool

_HELD = (
    "r.digest, r.row, r.held, r.place, r.reason, r.field, r.record, r.state, r.mend, "
    "r.mend_place, h.since_ms, h.dataflow, b.id, COALESCE(f.name, '') FROM held_rows r "
    "JOIN held h ON h.id = r.held JOIN batches b ON b.digest = r.digest "
    "LEFT JOIN files f ON f.id = b.file"
)
_CHECKED = "closed:"
"""Figure of a dataflow: up to which batch open rows were compared with what came."""

Fates = Mapping[tuple[bytes, int], int | None]
"""(digest, row) -> the publication it was sent again with, if it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Refused rows of one dataflow, by what became of them.

    Attributes:
        oldest_ms: When the oldest row that is not closed was refused; 0: all are.
    """

    dataflow: str
    open: int = 0
    mended: int = 0
    resent: int = 0
    purged: int = 0
    absent: int = 0
    oldest_ms: int = 0

    @property
    def quarantined(self) -> int:
        """Every row that was ever refused."""
        return self.waiting + self.resent + self.purged

    @property
    def waiting(self) -> int:
        """Rows that somebody has to do something about."""
        return self.open + self.mended + self.absent


def accounts(spool: Spool) -> list[Account]:
    """The account of every dataflow that ever had a refused row."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    oldest: dict[str, int] = {}
    for flow, state, number, since in spool.connection.execute(
        "SELECT h.dataflow, r.state, count(*), min(h.since_ms) FROM held_rows r "
        "JOIN held h ON h.id = r.held GROUP BY 1, 2"
    ):
        found[flow][state] = number
        if state in (Fate.OPEN, Fate.MENDED):
            oldest[flow] = min(since, oldest.get(flow, since))
    for item in absent(spool):
        flow = DECLARATION if item.kind == DECLARATION else item.dataflow
        found[flow]["absent"] += refused(item) - len(known(spool, item.digest))
        since = decode_as(Receipt, item.receipt or b"").received_ms
        oldest[flow] = min(since, oldest.get(flow, since))
    return [
        Account(dataflow=flow, oldest_ms=oldest.get(flow, 0), **counts)
        for flow, counts in sorted(found.items())
    ]


def absent(spool: Spool) -> Iterator[Item]:
    """Taken batches of which refused rows are still to come."""
    places = spool.connection.execute(
        "SELECT digest FROM batches WHERE state = 'final' AND copy IS NOT NULL"
    ).fetchall()
    for (digest,) in places:
        item = ledger.find(spool, digest)
        if item is not None:
            yield item


def refused(item: Item) -> int:
    """Rows of a batch that its receipt says were refused."""
    if item.receipt is None:
        return 0
    return sum(rows for _, rows in decode_as(Receipt, item.receipt).refused)


def known(spool: Spool, digest: bytes) -> set[int]:
    """Refused rows of a batch that the hub has told."""
    rows = spool.connection.execute(
        "SELECT row FROM held_rows WHERE digest = ?", (digest,)
    )
    return {row for (row,) in rows}


def rows(
    spool: Spool,
    *states: Fate,
    dataflow: str | None = None,
    batch: str | None = None,
    reason: str | None = None,
    row: int | None = None,
) -> list[Held]:
    """Refused rows, oldest first.

    Args:
        spool: Where they stand.
        states: What became of them; none given: all.
        dataflow: Only of this one.
        batch: How the batch's digest begins, in hexadecimal.
        reason: Only these.
        row: Only this row of a batch.
    """
    clauses = ["1"]
    values: list[str | int] = []
    if states:
        clauses.append(f"r.state IN ({', '.join('?' * len(states))})")
        values += states
    for clause, value in (
        ("h.dataflow = ?", dataflow),
        ("lower(hex(r.digest)) LIKE ? || '%'", batch.lower() if batch else None),
        ("r.reason = ?", reason),
        ("r.row = ?", row),
    ):
        if value is not None:
            clauses.append(clause)
            values.append(value)
    found = spool.connection.execute(
        f"SELECT {_HELD} WHERE {' AND '.join(clauses)} ORDER BY r.held, r.place",
        values,
    )
    return [Held(*one) for one in found]


def settle(spool: Spool, fate: Fate, fates: Fates, now_ms: int) -> None:
    """Close rows, inside a transaction; content goes where nothing is open."""
    connection = spool.connection
    connection.executemany(
        "UPDATE held_rows SET state = ?, file = ?, closed_ms = ?, mend = NULL, "
        "mend_place = NULL WHERE digest = ? AND row = ?",
        [(fate, file, now_ms, *place) for place, file in fates.items()],
    )
    connection.execute(
        "UPDATE held SET sealed = NULL WHERE sealed IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM held_rows r WHERE r.held = held.id "
        "AND r.state IN ('open', 'mended'))"
    )
    connection.execute(
        "DELETE FROM mends WHERE NOT EXISTS "
        "(SELECT 1 FROM held_rows r WHERE r.mend = mends.id)"
    )


def purge(spool: Spool, chosen: Sequence[Held], now_ms: int) -> None:
    """Give rows up: their content goes, their place in the account stays."""
    with spool.change():
        fates = {(one.digest, one.row): None for one in chosen}
        settle(spool, Fate.PURGED, fates, now_ms)


def recheck(spool: Spool, item: Item) -> None:
    """Compare what was sent after this batch once more; inside a transaction."""
    name = _CHECKED + item.dataflow
    if ledger.figure(spool, name) > item.id:
        ledger.note(spool, name, item.id)


def close(spool: Spool, now_ms: int) -> int:
    """Close rows whose record was taken with a later batch; how many."""
    by_flow: dict[str, list[Held]] = defaultdict(list)
    for one in rows(spool, Fate.OPEN, Fate.MENDED):
        if one.record:
            by_flow[one.dataflow].append(one)
    return sum(_close(spool, *entry, now_ms) for entry in by_flow.items())


def _close(spool: Spool, flow: str, waiting: Sequence[Held], now_ms: int) -> int:
    wanted: dict[str, list[Held]] = defaultdict(list)
    for one in waiting:
        wanted[one.record].append(one)
    name = _CHECKED + flow
    start = max(ledger.figure(spool, name), min(one.batch for one in waiting))
    closed: dict[tuple[bytes, int], int | None] = {}
    reached, whole = start, True
    for item in ledger.later(spool, flow, start):
        if item.kind == RECORDS and item.state not in (State.REPLACED, State.REFUSED):
            # Until it is told which of its rows were refused, nothing follows from it.
            told = item.state == State.FINAL and not ledger.content(spool, item, "copy")
            whole = whole and told
            for record in _taken(spool, item) & wanted.keys() if told else ():
                for one in wanted[record]:
                    if one.batch < item.id:
                        closed[one.digest, one.row] = item.file
        reached = item.id if whole else reached
    with spool.change():
        ledger.note(spool, name, reached)
        if closed:
            settle(spool, Fate.RESENT, closed, now_ms)
    return len(closed)


def _taken(spool: Spool, item: Item) -> set[str]:
    """Record ids of a batch's rows that were not refused."""
    bad = known(spool, item.digest)
    records, _ = listing(ledger.content(spool, item, "listing"))
    return {one for row, one in enumerate(records) if one and row not in bad}
