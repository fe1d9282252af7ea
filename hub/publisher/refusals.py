"""Rows refused at the source, beside the file they stand in.

Rules:

- ``<file>.rejected.csv`` lists row, line, column, what is wrong and how to mend it;
  never a value, so the list may be passed around.
- One line a wrong value; a row with two of them counts once.
- Written anew by each publication of the file; none wrong, no list.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from hub.core.errors import InvalidError, MachineError
from hub.publisher.sources.rows import Chunk, Reading, Rejected
from hub.publisher.summary import Source

SUFFIX = ".rejected.csv"
HEADER = ("row", "line", "column", "what", "mend")


class Refusals:
    """Watches chunks go by and keeps the list; use as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.with_name(path.name + SUFFIX)
        self.first: Rejected | None = None
        self.rows = 0
        self._emptied: Counter[str] = Counter()
        self._stream: IO[str] | None = None

    def __enter__(self) -> Self:
        with suppress(FileNotFoundError):
            self.file.unlink()
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def watch(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """The chunks, with what they refused written down."""
        for chunk in chunks:
            self._emptied.update(dict(chunk.emptied))
            if chunk.rejected:
                self._write(chunk.rejected)
            yield chunk

    def _write(self, rejected: tuple[Rejected, ...]) -> None:
        self.first = self.first or rejected[0]
        self.rows += len({one.row for one in rejected})
        try:
            if self._stream is None:
                self._stream = self.file.open("w", encoding="utf-8", newline="")
                csv.writer(self._stream).writerow(HEADER)
            csv.writer(self._stream).writerows(
                (one.row, one.line, one.column, one.what, one.mend) for one in rejected
            )
            self._stream.flush()
        except OSError as error:
            raise MachineError(
                f"{self.file}: the list of rejected rows cannot be written "
                f"({error.strerror}); publish from a folder you may write to"
            ) from error

    def some(self, rows: int) -> None:
        """Refuse a file of which nothing was left.

        Raises:
            InvalidError: No row could be read, or there is none.
        """
        if rows:
            return
        if self.first is None:
            raise InvalidError(
                f"{self.path}: no rows under the header; an empty period is declared "
                "with `kerwen declare --nil`"
            )
        one = self.first
        raise InvalidError(
            f"{self.path}: row {one.row} (line {one.line}), column {one.column}: "
            f"{one.what}; {one.mend}. No row could be read; all are in {self.file}"
        )

    def source(self, reading: Reading) -> Source:
        """What reading gave."""
        return Source(
            rejected=self.rows,
            rejected_file=self.file if self.rows else None,
            emptied=dict(self._emptied),
            dialect=reading.dialect,
            deviations=dict(reading.deviations),
            notes=reading.notes,
        )


def refuse_list(path: Path) -> None:
    """Refuse to publish a list of rejected rows: it lies where its file lies.

    Raises:
        InvalidError: By its name it is one.
    """
    if path.name.endswith(SUFFIX):
        raise InvalidError(
            f"{path}: this is the list of rejected rows, not a file to publish"
        )
