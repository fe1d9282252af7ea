"""Polls a database into the spool: what is new since the last mark.

Rules:

- The mark moves in the transaction of the batch whose rows it covers: killed at any
  moment, the next poll begins where the spool ends. Nothing is left out, and what is
  read twice says nothing new and is not sent.
- A mark belongs to a dataflow and a query: another query begins from the beginning.
- Rows that cannot be read are listed in a file, by row and column, without values.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from hub.core.catalogue.model import Dataflow
from hub.publisher import revisions
from hub.publisher.courier import Tell
from hub.publisher.entries import Publication
from hub.publisher.filling import Filler
from hub.publisher.mapping import Mapping
from hub.publisher.refusals import Refusals
from hub.publisher.sources import sql
from hub.publisher.sources.rows import Chunk

Stopping = Callable[[], bool]
"""Whether to stop at the next whole piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What a poll came to.

    Attributes:
        read: Rows the database gave.
        spooled: Rows that said something new.
        rejected: Rows that could not be read.
        notes: What a person should know.
    """

    read: int
    spooled: int
    rejected: int
    rejected_file: Path | None
    notes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Poll:
    """One poll of one query.

    Attributes:
        url: Address with user and password; shown nowhere.
        listing: Beside which file refused rows are listed.
    """

    filler: Filler
    flow: Dataflow
    mapping: Mapping
    url: str = field(repr=False)
    listing: Path
    _publication: Publication | None = None
    _read: int = 0
    _spooled: int = 0

    @property
    def source(self) -> str:
        """What the mark is kept under."""
        query = sql.query_of(self.mapping)
        said = repr((self.flow.id, query.table, query.query, query.mark))
        return hashlib.sha256(said.encode()).hexdigest()

    def run(
        self, *, tell: Tell | None = None, stopping: Stopping = lambda: False
    ) -> Polled:
        """Read what is new, and spool it.

        Raises:
            InvalidError: Query, mapping and database do not fit.
            RetriableError: The database is away or took too long.
        """
        notes = []
        before = mark_of(self.filler.spool.connection, self.source)
        if before is None and sql.unmarked(self.url, sql.query_of(self.mapping)):
            notes.append("rows without a mark are not read; fill the mark column")
        self.listing.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        pieces = sql.pieces(self.url, self.flow, self.mapping, before)
        with Refusals(self.listing) as refusals, closing(pieces):
            for piece in pieces:
                for chunk in refusals.watch(iter([piece.chunk])):
                    self._piece(chunk, piece.mark)
                if tell is not None:
                    tell("spooled", self._spooled, 0)
                if stopping():
                    break
        if self._publication is not None:
            now_ms = self.filler.sealer.now_ms()
            self.filler.spool.finish(self._publication, now_ms)
        return Polled(
            read=self._read,
            spooled=self._spooled,
            rejected=refusals.rows,
            rejected_file=refusals.file if refusals.rows else None,
            notes=tuple(notes),
        )

    def _piece(self, chunk: Chunk, mark: sql.Mark | None) -> None:
        """One piece: a batch with its mark, or the mark alone."""
        spool = self.filler.spool
        self._read += chunk.frame.height + len({one.row for one in chunk.rejected})
        frame, rows = chunk.frame, chunk.rows
        if "revision" not in self.mapping.cells and frame.height:
            news = revisions.fresh(spool.connection, self.flow, frame)
            frame, rows = frame.filter(news), rows[news.to_numpy()]

        def move(connection: sqlite3.Connection) -> None:
            if mark is not None:
                _move(connection, self.source, mark)

        if not frame.height:
            with spool.change() as connection:
                move(connection)
            return
        if self._publication is None:
            self._publication = self._begin()
        self.filler.put(
            self.flow,
            self.mapping,
            self._publication.id,
            frame,
            rows.tolist(),
            also=move,
        )
        self._spooled += frame.height

    def _begin(self) -> Publication:
        """A publication for what is new; one that was interrupted is over."""
        query = sql.query_of(self.mapping)
        name = f"sql:{query.table or 'query'}"
        spool, now_ms = self.filler.spool, self.filler.sealer.now_ms()
        with spool.change() as connection:
            connection.execute(
                "UPDATE files SET finished_ms = ? "
                "WHERE dataflow = ? AND name = ? AND finished_ms IS NULL",
                (now_ms, self.flow.id, name),
            )
        key = self.filler.sealer.entropy(32)
        return spool.begin(self.flow.id, key, name, now_ms, again=False)


def mark_of(connection: sqlite3.Connection, source: str) -> sql.Mark | None:
    """The last mark of a source."""
    row = connection.execute(
        "SELECT value FROM marks WHERE source = ?", (source,)
    ).fetchone()
    return None if row is None else sql.read_mark(row[0])


def _move(connection: sqlite3.Connection, source: str, mark: sql.Mark) -> None:
    connection.execute(
        "INSERT INTO marks (source, value) VALUES (?, ?) "
        "ON CONFLICT (source) DO UPDATE SET value = excluded.value",
        (source, sql.written(mark)),
    )
