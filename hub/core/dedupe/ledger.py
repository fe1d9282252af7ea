"""The ledger: which revision of a record stands, and which records count.

State, by kind of entry (keys are the letter and what follows):

- ``r`` record → rank (11 bytes), flags (1), signature and natural key if there are
  any, blob; a cancelled record keeps its rank only;
- ``n`` natural key → the least live record that has it;
- ``m`` natural key, record → empty: the other live records that have it;
- ``i`` signature, record → empty: the live records of a signature.

Rules (design: delivery, rules 9 and 13):

- A record's *rank* is (revision, content digest, cancelled). The greatest rank stands,
  whatever came first; a cancellation of an unknown record waits as a tombstone.
- Of the live records with one natural key the least record key counts; the others
  are *shadowed*: not counted, yet still evidence of who the person is.
- The outcome of a row is decided by what stood when it arrived: `replay` (no greater
  rank), `cancellation`, `amendment`, `duplicate` (a first row whose natural key another
  live record has) or `unique`.

Invariant: what stands and what counts is a function of the set of rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from hub.core.dedupe.desk import Desk
from hub.core.dedupe.entries import (
    CANCELLED,
    FLAGS,
    HEAD_SIZE,
    HIDDEN,
    NATURAL_SIZE,
    RANK_SIZE,
    counts,
    entry_of,
    fact_of,
    in_order,
    live,
    natural_of,
    ordered,
    ranks,
    repeated,
    signature_of,
)
from hub.core.persons import SIGNATURE_SIZE

RECORDS, NATURAL, SHADOWED, INDEX = b"r", b"n", b"m", b"i"

OUTCOMES = ("unique", "replay", "duplicate", "amendment", "cancellation")
UNIQUE, REPLAY, DUPLICATE, AMENDMENT, CANCELLATION = range(len(OUTCOMES))


@dataclass(slots=True, kw_only=True)
class Turn:
    """What a batch of rows did to the ledger.

    Attributes:
        outcomes: One of the outcome numbers for every row.
        gone: Facts that no longer count: record -> entry before.
        rows: Places of rows whose fact counts now, in order.
        back: Facts that count now without a row in the batch: record -> entry.
        entered: Signatures that got a record -> place of a row that has its keys.
        left: Signatures that lost a record.
    """

    outcomes: bytearray
    gone: dict[bytes, bytes] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    back: dict[bytes, bytes] = field(default_factory=dict)
    entered: dict[bytes, int] = field(default_factory=dict)
    left: set[bytes] = field(default_factory=set)


class Batch:
    """Rows on their way into the ledger.

    A *plain* row is of a record that is new and comes once, with a natural key that
    nobody else has, here or in state: it meets nothing and is written at once.

    Attributes:
        new: Places of records that are new and come once.
        twice: Records that come more than once.
        met: Natural keys that more than one row has, or had.
        now: Entries of all other records, as they stand now.
        before: Of those written, the entry that stood.
        heads: Least live record of natural keys that have one.
        place_of: Place of the row of a record that was written.
    """

    def __init__(self, desk: Desk, rows: pl.DataFrame) -> None:
        self.desk = desk
        self.records: list[bytes] = rows["record"].to_list()
        kept = rows.select(
            pl.col("nkey").bin.head(NATURAL_SIZE),
            pl.col("sig").bin.head(SIGNATURE_SIZE),
        )
        self.naturals: list[bytes | None] = kept["nkey"].to_list()
        self.signatures: list[bytes | None] = kept["sig"].to_list()
        self.ranks = ranks(rows)
        self.turn = Turn(outcomes=bytearray((REPLAY,)) * rows.height)
        self.new: list[int] = []
        self.twice: frozenset[bytes] = frozenset()
        self.met: frozenset[bytes] = frozenset()
        self.now: dict[bytes, bytes | None] = {}
        self.before: dict[bytes, bytes | None] = {}
        self.heads: dict[bytes, bytes | None] = {}
        self.place_of: dict[bytes, int] = {}

    def accept(self) -> list[int]:
        """Places of the rows that outrank what stood, in order; outcomes of all."""
        found = self._stored()
        ranks, twice, records = self.ranks, self.twice, self.records
        # The common case by far is a record that is new and comes once.
        outcomes = self.turn.outcomes = bytearray((UNIQUE,)) * len(records)
        others = [
            place
            for place, entry in enumerate(found)
            if entry is not None or ranks[place][CANCELLED] or records[place] in twice
        ]
        accepted = set(range(len(records))).difference(others)
        self.new = sorted(accepted)
        standing: dict[bytes, bytes] = {}
        for place in others:
            record, rank, entry = records[place], ranks[place], found[place]
            self.now[record] = entry
            stood = standing.get(record) or (entry and entry[:RANK_SIZE])
            if stood is not None and rank <= stood:
                outcomes[place] = REPLAY
                continue
            if rank[CANCELLED]:
                outcomes[place] = CANCELLATION
            elif stood is not None:
                outcomes[place] = AMENDMENT
            standing[record] = rank
            accepted.add(place)
        return sorted(accepted)

    def _stored(self) -> list[bytes | None]:
        """The entry of every row's record."""
        records = self.records
        order = in_order(records)
        found = self.desk.get_many([RECORDS + records[place] for place in order])
        stored: list[bytes | None] = [None] * len(records)
        for place, entry in zip(order, found, strict=True):
            stored[place] = entry
        if len(set(records)) != len(records):
            self.twice = repeated(records)
        return stored

    def apply(self, accepted: list[int], blobs: list[bytes]) -> Turn:
        """Write the accepted rows and say what changed."""
        self._load_heads(accepted)
        rest = self._write_plain(dict(zip(accepted, blobs, strict=True)))
        now, before = self.now, self.before
        for place, blob in rest.items():
            record = self.records[place]
            old = now.get(record)
            before.setdefault(record, old)
            now[record] = self._entry(place, old, blob)
            self.place_of[record] = place
        put = self.desk.pending
        for record in before:
            put[RECORDS + record] = now[record]
        for natural, head in self.heads.items():
            put[NATURAL + natural] = head
        self._compare()
        return self.turn

    def _load_heads(self, accepted: list[int]) -> None:
        """Find who has the natural keys of rows and of what they replace."""
        naturals = [self.naturals[place] for place in accepted]
        now, records = self.now, self.records
        replaced = [
            natural_of(now[one]) for at in accepted if (one := records[at]) in now
        ]
        asked = [natural for natural in (*naturals, *replaced) if natural is not None]
        keys = [asked[place] for place in in_order(asked)]
        found = self.desk.get_many([NATURAL + natural for natural in keys])
        self.heads = {
            natural: head
            for natural, head in zip(keys, found, strict=True)
            if head is not None
        }
        if len(set(asked)) != len(asked):
            self.met = repeated(asked)

    def _write_plain(self, blobs: dict[int, bytes]) -> dict[int, bytes]:
        """Write new records that meet no other; the rest of place -> blob."""
        plain = [place for place in self.new if self._is_plain(place)]
        if not plain:
            return blobs
        records = [self.records[place] for place in plain]
        naturals = [self.naturals[place] for place in plain]
        signatures = [self.signatures[place] for place in plain]
        entries = [
            entry_of(self.ranks[place], 0, signature, natural, blobs.pop(place))
            for place, signature, natural in zip(
                plain, signatures, naturals, strict=True
            )
        ]
        # In key order: the state takes a sorted run in a fifth of the time.
        put = self.desk.pending
        written = ordered(list(zip(records, entries, strict=True)))
        put.update((RECORDS + record, entry) for record, entry in written)
        claims = [
            (natural, record)
            for natural, record in zip(naturals, records, strict=True)
            if natural is not None
        ]
        put.update((NATURAL + natural, record) for natural, record in ordered(claims))
        signed = [
            (signature, place)
            for signature, place in zip(signatures, plain, strict=True)
            if signature is not None
        ]
        signed = ordered(signed)
        self.turn.entered.update(signed)
        self.desk.enter_all(
            [INDEX + signature for signature, _ in signed],
            [self.records[place] for _, place in signed],
        )
        self.turn.rows += plain
        return blobs

    def _is_plain(self, place: int) -> bool:
        """Whether nobody else has the natural key of a new record."""
        natural = self.naturals[place]
        return natural is None or (
            natural not in self.heads and natural not in self.met
        )

    def _entry(self, place: int, old: bytes | None, blob: bytes) -> bytes:
        """The entry of an accepted row, with its claim on the natural key settled."""
        record, rank = self.records[place], self.ranks[place]
        cancelled = rank[CANCELLED]
        natural = None if cancelled else self.naturals[place]
        hidden = 0
        had = natural_of(old)
        if had != natural:
            if had is not None:
                self._release(had, record)
            if natural is not None:
                if old is None and self.heads.get(natural) is not None:
                    self.turn.outcomes[place] = DUPLICATE
                hidden = self._claim(natural, record)
        elif old is not None and had is not None:
            hidden = old[FLAGS] & HIDDEN
        if cancelled:
            return rank + b"\0"
        return entry_of(rank, hidden, self.signatures[place], natural, blob)

    def _claim(self, natural: bytes, record: bytes) -> int:
        """Take a place at `natural`; HIDDEN if another record counts."""
        head = self.heads.get(natural)
        if head is not None and head < record:
            self.desk.enter(SHADOWED + natural, record)
            return HIDDEN
        self.heads[natural] = record
        if head is not None:
            self.desk.enter(SHADOWED + natural, head)
            self._hide(head, HIDDEN)
        return 0

    def _release(self, natural: bytes, record: bytes) -> None:
        """Give the place at `natural` up; the next record may count again."""
        if self.heads.get(natural) != record:
            self.desk.leave(SHADOWED + natural, record)
            return
        others = self.desk.members(SHADOWED + natural)
        self.heads[natural] = others[0] if others else None
        if others:
            self.desk.leave(SHADOWED + natural, others[0])
            self._hide(others[0], 0)

    def _hide(self, record: bytes, hidden: int) -> None:
        if record not in self.now:
            self.now[record] = self.desk.get(RECORDS + record)
        entry = self.now[record]
        if entry is None:
            raise AssertionError("a natural key names a record that does not stand")
        self.before.setdefault(record, entry)
        flags = bytes((entry[FLAGS] & ~HIDDEN | hidden,))
        self.now[record] = entry[:FLAGS] + flags + entry[HEAD_SIZE:]

    def _compare(self) -> None:
        """Fill the turn from the entries before and now."""
        for record, old in self.before.items():
            new = self.now[record]
            if old is not None:
                self._compare_one(record, old, new)
            elif live(new):
                place = self.place_of[record]
                signature = self.signatures[place]
                if signature is not None:
                    self.desk.enter(INDEX + signature, record)
                    self.turn.entered[signature] = place
                if not new[FLAGS] & HIDDEN:
                    self.turn.rows.append(place)
        self.turn.rows.sort()

    def _compare_one(self, record: bytes, old: bytes, new: bytes | None) -> None:
        was = signature_of(old) if live(old) else None
        own = signature_of(new) if live(new) else None
        if was != own:
            self._move(record, was, own)
        # A new revision that says the same is no change of the fact.
        if counts(old) and counts(new) and fact_of(old) == fact_of(new):
            return
        if counts(old):
            self.turn.gone[record] = old
        if counts(new):
            if record in self.place_of:
                self.turn.rows.append(self.place_of[record])
            else:
                self.turn.back[record] = new

    def _move(self, record: bytes, was: bytes | None, own: bytes | None) -> None:
        if was is not None:
            self.desk.leave(INDEX + was, record)
            self.turn.left.add(was)
        if own is not None:
            self.desk.enter(INDEX + own, record)
            self.turn.entered[own] = self.place_of[record]
