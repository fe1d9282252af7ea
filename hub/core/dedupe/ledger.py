"""The ledger: which revision of a record stands, and which records count.

State, by kind of entry (keys are the letter and what follows):

- ``r`` record → rank (13 bytes), flags (1), signature and natural key if there are
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
from typing import TypeGuard

import numpy as np
import polars as pl

from hub.core.dedupe.desk import Desk

RECORDS, NATURAL, SHADOWED, INDEX = b"r", b"n", b"m", b"i"

OUTCOMES = ("unique", "replay", "duplicate", "amendment", "cancellation")
UNIQUE, REPLAY, DUPLICATE, AMENDMENT, CANCELLATION = range(len(OUTCOMES))

RANK_SIZE = 13
DIGEST_SIZE = 8
"""The rank keeps half of the digest: enough to tell revisions of one record apart."""

KEY_SIZE = 16
HEAD_SIZE = RANK_SIZE + 1
CANCELLED = RANK_SIZE - 1
FLAGS = RANK_SIZE
HIDDEN, HAS_NATURAL, HAS_SIGNATURE = 1, 2, 4


def ranks(rows: pl.DataFrame) -> list[bytes]:
    """The rank of every row; ranks compare as bytes."""
    count = rows.height
    table = np.empty((count, RANK_SIZE), np.uint8)
    revisions = rows["revision"].to_numpy().astype(">u4")
    digests = b"".join(rows["digest"].to_list())
    table[:, :4] = revisions.view(np.uint8).reshape(count, 4)
    table[:, 4:CANCELLED] = np.frombuffer(digests, np.uint8).reshape(count, KEY_SIZE)[
        :, :DIGEST_SIZE
    ]
    table[:, CANCELLED] = (rows["action"] == "CANCEL").to_numpy()
    text = table.tobytes()
    return [text[at : at + RANK_SIZE] for at in range(0, len(text), RANK_SIZE)]


def live(entry: bytes | None) -> TypeGuard[bytes]:
    """Whether a record's entry stands and is not cancelled."""
    return entry is not None and not entry[CANCELLED]


def counts(entry: bytes | None) -> TypeGuard[bytes]:
    """Whether a record's entry is live and not shadowed."""
    return entry is not None and not entry[CANCELLED] and not entry[FLAGS] & HIDDEN


def signature_of(entry: bytes) -> bytes | None:
    """The signature in the entry of a live record."""
    if entry[FLAGS] & HAS_SIGNATURE:
        return entry[HEAD_SIZE : HEAD_SIZE + KEY_SIZE]
    return None


def natural_of(entry: bytes | None) -> bytes | None:
    """The natural key in a record's entry."""
    if entry is None or not entry[FLAGS] & HAS_NATURAL:
        return None
    start = HEAD_SIZE + (KEY_SIZE if entry[FLAGS] & HAS_SIGNATURE else 0)
    return entry[start : start + KEY_SIZE]


def blob_of(entry: bytes) -> bytes:
    """The attribute values in the entry of a live record."""
    flags = entry[FLAGS]
    start = HEAD_SIZE
    if flags & HAS_SIGNATURE:
        start += KEY_SIZE
    if flags & HAS_NATURAL:
        start += KEY_SIZE
    return entry[start:]


def _fact(entry: bytes) -> tuple[bytes | None, bytes]:
    return signature_of(entry), blob_of(entry)


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
        self.naturals: list[bytes | None] = rows["nkey"].to_list()
        self.signatures: list[bytes | None] = rows["sig"].to_list()
        self.ranks = ranks(rows)
        self.turn = Turn(outcomes=bytearray((REPLAY,)) * rows.height)
        self.now: dict[bytes, bytes | None] = {}
        self.before: dict[bytes, bytes | None] = {}
        self.heads: dict[bytes, bytes | None] = {}
        self.place_of: dict[bytes, int] = {}

    def accept(self) -> list[int]:
        """Places of the rows that outrank what stood, in order; outcomes of all."""
        asked = list(dict.fromkeys(self.records))
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
        now, before, place_of = self.now, self.before, self.place_of
        for place, blob in zip(accepted, blobs, strict=True):
            record = self.records[place]
            before.setdefault(record, now[record])
            place_of[record] = place
            now[record] = self._entry(place, now[record], blob)
        put = self.desk.pending
        for record in before:
            put[RECORDS + record] = now[record]
        for natural, head in self.heads.items():
            put[NATURAL + natural] = head
        self._compare()
        return self.turn

    def _load_heads(self, accepted: list[int]) -> None:
        asked = {self.naturals[place] for place in accepted}
        asked.update(natural_of(self.now[self.records[place]]) for place in accepted)
        asked.discard(None)
        keys = [natural for natural in asked if natural is not None]
        found = self.desk.get_many([NATURAL + natural for natural in keys])
        self.heads = dict(zip(keys, found, strict=True))

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
        turn, now = self.turn, self.now
        for record, old in self.before.items():
            new = now[record]
            was = signature_of(old) if live(old) else None
            own = signature_of(new) if live(new) else None
            if was != own:
                self._move(record, was, own)
            if old is None:
                # The common case by far: a record that is new.
                if counts(new):
                    turn.rows.append(self.place_of[record])
                continue
            # A new revision that says the same is no change of the fact.
            if counts(old) and counts(new) and _fact(old) == _fact(new):
                continue
            if counts(old):
                turn.gone[record] = old
            if counts(new):
                if record in self.place_of:
                    turn.rows.append(self.place_of[record])
                else:
                    turn.back[record] = new
        turn.rows.sort()

    def _move(self, record: bytes, was: bytes | None, own: bytes | None) -> None:
        if was is not None:
            self.desk.leave(INDEX + was, record)
            self.turn.left.add(was)
        if own is not None:
            self.desk.enter(INDEX + own, record)
            self.turn.entered[own] = self.place_of[record]
