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
    BARE,
    CANCELLED,
    FLAGS,
    HAS_NATURAL,
    HAS_SIGNATURE,
    HEAD_SIZE,
    HIDDEN,
    NATURAL_SIZE,
    RANK_SIZE,
    SIGNED,
    SIGNED_NATURAL,
    counts,
    fact_of,
    live,
    natural_of,
    ranks,
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
    """Rows on their way into the ledger."""

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
        self.now: dict[bytes, bytes | None] = {}
        self.before: dict[bytes, bytes | None] = {}
        self.heads: dict[bytes, bytes | None] = {}
        self.place_of: dict[bytes, int] = {}

    def accept(self) -> list[int]:
        """Places of the rows that outrank what stood, in order; outcomes of all."""
        asked = sorted(set(self.records))
        found = self.desk.get_many([RECORDS + record for record in asked])
        self.now = dict(zip(asked, found, strict=True))
        standing = {
            record: entry[:RANK_SIZE]
            for record, entry in self.now.items()
            if entry is not None
        }
        outcomes = self.turn.outcomes
        accepted: list[int] = []
        for place, record in enumerate(self.records):
            rank = self.ranks[place]
            stood = standing.get(record)
            if stood is not None and rank <= stood:
                continue
            if rank[CANCELLED]:
                outcomes[place] = CANCELLATION
            else:
                outcomes[place] = UNIQUE if stood is None else AMENDMENT
            standing[record] = rank
            accepted.append(place)
        return accepted

    def apply(self, accepted: list[int], blobs: list[bytes]) -> Turn:
        """Write the accepted rows and say what changed."""
        self._load_heads(accepted)
        now, before = self.now, self.before
        for place, blob in zip(accepted, blobs, strict=True):
            record = self.records[place]
            entry = self._alone(place, blob) if now[record] is None else None
            if entry is None:
                entry = self._entry(place, now[record], blob)
            before.setdefault(record, now[record])
            self.place_of[record] = place
            now[record] = entry
        put = self.desk.pending
        for record in before:
            put[RECORDS + record] = now[record]
        for natural, head in self.heads.items():
            put[NATURAL + natural] = head
        self._compare()
        return self.turn

    def _load_heads(self, accepted: list[int]) -> None:
        asked = {self.naturals[place] for place in accepted}
        for place in accepted:
            old = self.now[self.records[place]]
            if old is not None:
                asked.add(natural_of(old))
        keys = sorted(natural for natural in asked if natural is not None)
        found = self.desk.get_many([NATURAL + natural for natural in keys])
        self.heads = dict(zip(keys, found, strict=True))

    def _alone(self, place: int, blob: bytes) -> bytes | None:
        """The entry of a new record that meets no other, None if it does."""
        rank, natural = self.ranks[place], self.naturals[place]
        signature = self.signatures[place]
        if rank[CANCELLED]:
            return None
        if natural is None:
            if signature is None:
                return b"".join((rank, BARE, blob))
            return b"".join((rank, SIGNED, signature, blob))
        if signature is None or self.heads[natural] is not None:
            return None
        self.heads[natural] = self.records[place]
        return b"".join((rank, SIGNED_NATURAL, signature, natural, blob))

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
                if old is None and self.heads[natural] is not None:
                    self.turn.outcomes[place] = DUPLICATE
                hidden = self._claim(natural, record)
        elif old is not None and had is not None:
            hidden = old[FLAGS] & HIDDEN
        if cancelled:
            return rank + b"\0"
        signature = self.signatures[place]
        flags = hidden
        if signature is not None:
            flags |= HAS_SIGNATURE
        if natural is not None:
            flags |= HAS_NATURAL
        return b"".join((rank, bytes((flags,)), signature or b"", natural or b"", blob))

    def _claim(self, natural: bytes, record: bytes) -> int:
        """Take a place at `natural`; HIDDEN if another record counts."""
        head = self.heads[natural]
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
        if self.heads[natural] != record:
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
                # The common case by far: a record that is new.
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
