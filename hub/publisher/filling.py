"""From a source into the spool: batches cut, sealed and put, one transaction each.

Rules:

- A file that was interrupted goes on after the last row in the spool; one that was
  published before does nothing, unless it is wanted again.
- Revisions a source does not have come from the spool, in the batch's transaction.
- Whoever streams may move its own mark in that transaction too: the batch and the mark
  are there together, or neither is.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hub.core.catalogue.model import Dataflow
from hub.publisher import batches, revisions
from hub.publisher.courier import Tell
from hub.publisher.entries import Parcel, Place, Publication
from hub.publisher.mapping import Mapping
from hub.publisher.refusals import Refusals, refuse_list
from hub.publisher.sealing import QUIET_ROWS, Sealer, publication_key
from hub.publisher.sources import files
from hub.publisher.sources.rows import Said
from hub.publisher.spool import Spool
from hub.publisher.summary import Source

Also = Callable[[sqlite3.Connection], None]
"""What is written in a batch's own transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filler:
    """Fills the spool of one ministry.

    Attributes:
        batch_rows: Rows in a batch.
    """

    sealer: Sealer
    spool: Spool
    batch_rows: int

    def rows_of(self, flow: Dataflow) -> int:
        """Rows in a batch of a dataflow; fewer where all batches are of one size."""
        slotted = flow.quiet and self.sealer.moment is not None
        return min(self.batch_rows, QUIET_ROWS) if slotted else self.batch_rows

    def file(
        self,
        flow: Dataflow,
        path: Path,
        mapping: Mapping | None,
        said: Said,
        *,
        again: bool,
        tell: Tell | None,
    ) -> tuple[Publication, Source]:
        """Read and seal a file; a second time, say what is there.

        Raises:
            InvalidError: The file, its columns or its mapping is unusable.
            MachineError: There is no room for the spool.
        """
        refuse_list(path)
        reading = files.read(path, flow, mapping, said)
        size = path.stat().st_size
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").digest()
        text = mapping.text if mapping else ""
        key = publication_key(content, flow.id, text, *reading.dialect.words())
        now_ms = self.sealer.now_ms()
        publication = self.spool.begin(flow.id, key, path.name, now_ms, again=again)
        if publication.finished_ms is not None:
            return publication, Source()
        # Sealed, compressed rows and their copy are smaller than the text they are of.
        self.spool.room(size)
        with Refusals(path) as refusals:
            chunks = refusals.watch(reading.chunks)
            rows = 0
            for frame, numbers in batches.cut(
                chunks, self.rows_of(flow), publication.last_row
            ):
                self.put(flow, reading.mapping, publication.id, frame, numbers)
                rows += frame.height
                if tell is not None:
                    tell("spooled", rows, 0)
            refusals.some(rows or publication.last_row)
        self.spool.finish(publication, self.sealer.now_ms())
        return publication, refusals.source(reading)

    def put(
        self,
        flow: Dataflow,
        mapping: Mapping,
        publication: int,
        frame: pl.DataFrame,
        numbers: list[int],
        *,
        also: Also | None = None,
    ) -> None:
        """One batch into the spool, with the revisions its source does not have."""

        def make(place: Place) -> Parcel:
            rows = frame
            if "revision" not in mapping.cells:
                rows = revisions.fill(self.spool.connection, flow, frame)
            elif "action" not in mapping.cells:
                rows = revisions.act(frame)
            if also is not None:
                also(self.spool.connection)
            content = batches.records(flow, rows, numbers, publication)
            return self.sealer.seal(flow, content, place)

        self.spool.put(flow.id, self.sealer.entropy, make)
