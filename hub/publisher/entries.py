"""What stands in a spool: its tables, and their rows as values.

Rules:

- ``batches``: one row a sealed batch, from spooled to receipted. ``first_ms`` and
  ``sent_ms`` are this machine's clock at the first and the last acknowledgement.
- ``held``: refused rows, sealed to the ministry itself; ``mends``: corrected ones, in
  the same way, until they are in a batch.
- ``held_rows``: what became of each refused row. Its reason, field and record id stand
  there in clear, its content does not. ``place`` is its place in ``held``, ``file`` the
  publication it was sent again with.
- ``figures``: single numbers, such as how far the clock is off.
- ``marks``: how far a database was read, moved with the batch that it belongs to.
- ``pushes``: what was answered to a push, by its idempotency key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

SCHEMA = """
CREATE TABLE lanes (
    lane BLOB PRIMARY KEY,
    dataflow TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    digest BLOB NOT NULL,
    open INTEGER NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX lanes_open ON lanes (dataflow) WHERE open = 1;
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL,
    round INTEGER NOT NULL,
    dataflow TEXT NOT NULL,
    name TEXT NOT NULL,
    last_row INTEGER NOT NULL DEFAULT 0,
    started_ms INTEGER NOT NULL,
    finished_ms INTEGER,
    UNIQUE (key, round)
);
CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    dataflow TEXT NOT NULL,
    lane BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    previous BLOB NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    batch BLOB NOT NULL,
    kind TEXT NOT NULL,
    file INTEGER,
    rows INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'spooled',
    sends INTEGER NOT NULL DEFAULT 0,
    sent_offset INTEGER NOT NULL DEFAULT -1,
    answers INTEGER NOT NULL DEFAULT 0,
    topic TEXT,
    partition INTEGER,
    offset INTEGER,
    envelope BLOB,
    copy BLOB,
    listing BLOB,
    receipt BLOB,
    UNIQUE (lane, sequence)
);
CREATE INDEX batches_state ON batches (state);
CREATE INDEX batches_offset ON batches (topic, partition, offset);
CREATE TABLE records (
    dataflow TEXT NOT NULL,
    record TEXT NOT NULL,
    revision INTEGER NOT NULL,
    content BLOB NOT NULL,
    action TEXT NOT NULL,
    PRIMARY KEY (dataflow, record)
) WITHOUT ROWID;
CREATE TABLE positions (topic TEXT PRIMARY KEY, offset INTEGER NOT NULL)
"""

SECOND = """
ALTER TABLE batches ADD COLUMN first_ms INTEGER;
ALTER TABLE batches ADD COLUMN sent_ms INTEGER;
CREATE TABLE held (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL,
    dataflow TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    sealed BLOB
);
CREATE TABLE mends (id INTEGER PRIMARY KEY, copy BLOB NOT NULL);
CREATE TABLE held_rows (
    digest BLOB NOT NULL,
    row INTEGER NOT NULL,
    held INTEGER NOT NULL,
    place INTEGER NOT NULL,
    reason TEXT NOT NULL,
    field TEXT NOT NULL,
    record TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    mend INTEGER,
    mend_place INTEGER,
    file INTEGER,
    closed_ms INTEGER,
    PRIMARY KEY (digest, row)
) WITHOUT ROWID;
CREATE INDEX held_rows_state ON held_rows (state);
CREATE TABLE figures (name TEXT PRIMARY KEY, value INTEGER NOT NULL)
"""
THIRD = """
CREATE TABLE marks (source TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE pushes (
    key TEXT PRIMARY KEY,
    digest BLOB NOT NULL,
    answer TEXT NOT NULL,
    since_ms INTEGER NOT NULL
)
"""
VERSIONS = (SCHEMA, SECOND, THIRD)
"""What brings a spool from each version to the next."""


class State(StrEnum):
    """How far a batch is."""

    SPOOLED = "spooled"  # here, not acknowledged by the broker
    SENT = "sent"  # acknowledged by the broker, no final receipt yet
    FINAL = "final"  # final receipt, rows accepted or quarantined
    REFUSED = "refused"  # final negative receipt: the rows are still here
    REPLACED = "replaced"  # its rows were sealed again under another sequence


class Fate(StrEnum):
    """What became of a refused row."""

    OPEN = "open"  # waits to be mended
    MENDED = "mended"  # corrected here, not sent yet
    RESENT = "resent"  # in a later batch, of its own or of a newer file
    PURGED = "purged"  # given up by a person


class Held(NamedTuple):
    """One refused row without its content.

    Attributes:
        digest: Of the batch it was refused in.
        row: Its row there.
        held: Where its content is; `place` is its row in it.
        since_ms: When the hub refused it.
        batch: Id of the batch in the spool.
        name: File it was published from.
    """

    digest: bytes
    row: int
    held: int
    place: int
    reason: str
    field: str
    record: str
    state: str
    mend: int | None
    mend_place: int | None
    since_ms: int
    dataflow: str
    batch: int
    name: str

    @property
    def reference(self) -> str:
        """What names the row towards a person."""
        return f"{self.digest.hex()[:12]}/{self.row}"


class Place(NamedTuple):
    """A place in a lane."""

    lane: bytes
    sequence: int
    previous: bytes


class Publication(NamedTuple):
    """One publication of one file.

    Attributes:
        last_row: Row of the file up to which rows are in batches.
        finished_ms: None while the file is not wholly in the spool.
    """

    id: int
    key: bytes
    round: int
    dataflow: str
    name: str
    last_row: int
    started_ms: int
    finished_ms: int | None


class Item(NamedTuple):
    """A batch without its contents.

    Attributes:
        sends: How often the broker acknowledged it.
        answers: How many receipts came for it.
        receipt: The first final receipt, encoded.
    """

    id: int
    dataflow: str
    lane: bytes
    sequence: int
    previous: bytes
    digest: bytes
    batch: bytes
    kind: str
    file: int | None
    rows: int
    state: str
    sends: int
    answers: int
    receipt: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A sealed batch on its way into the spool.

    Attributes:
        value: The Kafka value.
        copy: Its content, sealed to the ministry itself: to seal it again.
        listing: Record ids and row numbers: to read statements and quarantine.
        last_row: Row of the file that it ends with.
    """

    value: bytes = field(repr=False)
    digest: bytes
    batch: bytes
    kind: str
    rows: int
    copy: bytes = field(repr=False)
    listing: bytes = field(default=b"", repr=False)
    file: int | None = None
    last_row: int | None = None
