"""CSV files of a ministry as frames of the provider schema, in bounded memory.

Rules:

- Encoding and delimiter are declared (argument, then mapping) or found; what was used
  is in :attr:`Reading.dialect`, so that it can be said to the person who publishes.
- The first record is the header. Names are compared exactly, after stripping.
- Reading is deterministic: the same bytes and mapping give the same rows in the same
  order, which is what lets an interrupted publication go on where it stopped.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from hub.core.catalogue.model import Dataflow
from hub.core.errors import InvalidError
from hub.publisher import mapping as mappings
from hub.publisher.mapping import Mapping
from hub.publisher.sources import encoding as encodings
from hub.publisher.sources.fields import apply
from hub.publisher.sources.records import Reader
from hub.publisher.sources.rows import NOTHING_SAID, Dialect, Reading, Said

HEADER_BYTES_MAX = 64 << 10
"""A header longer than this is no header."""


def read(
    path: Path,
    dataflow: Dataflow,
    mapping: Mapping | None = None,
    said: Said = NOTHING_SAID,
    *,
    chunk_bytes: int = encodings.CHUNK_BYTES,
) -> Reading:
    """Open a CSV file for a dataflow.

    Args:
        path: The file.
        dataflow: Whose provider schema the rows are given.
        mapping: None where the header names the schema's fields.
        said: Encoding and delimiter declared here win over mapping and file.
        chunk_bytes: How much is read at once.

    Raises:
        InvalidError: If the file, its header, encoding or delimiter is unusable.
    """
    wanted = said.encoding or (mapping.encoding if mapping else None)
    cut = said.delimiter or (mapping.delimiter if mapping else None)
    try:
        with path.open("rb") as stream:
            head = stream.read(encodings.HEAD_BYTES)
    except OSError as error:
        raise InvalidError(f"{path}: cannot be read: {error.strerror}") from error
    if not head.strip(b"\0 \r\n"):
        raise InvalidError(f"{path}: the file is empty; nothing to publish")
    name, skip = (
        encodings.declared(wanted, head) if wanted else encodings.detect(head, path)
    )
    pieces = _pieces(path, name, skip, chunk_bytes)
    first = b""
    for piece in pieces:
        first += piece
        if len(first) > HEADER_BYTES_MAX:
            break
    names = mapping.columns() if mapping else {one.name for one in dataflow.fields}
    # The pieces are whole; the bound may fall inside a letter, which is no fault.
    seen = first[:HEADER_BYTES_MAX].decode(errors="ignore")
    cut = cut or encodings.sniff(seen, names, path)
    header, line, rest = _header(first, cut, path)
    chosen = mapping or mappings.by_name(dataflow, header)
    mappings.check_header(chosen, dataflow, header, str(path))
    reader = Reader(delimiter=cut, columns=header, row=2, line=line)
    records = reader.read(itertools.chain([rest], pieces))
    return Reading(
        dialect=Dialect(
            encoding=encodings.spoken(name),
            delimiter=cut,
            columns=header,
            mapping=chosen.name,
        ),
        mapping=chosen,
        chunks=(apply(chosen, dataflow, strings) for strings in records),
    )


def _pieces(path: Path, name: str, skip: int, chunk_bytes: int) -> Iterator[bytes]:
    """The file's text as UTF-8; the file is closed when the last piece is taken."""
    with closing(path.open("rb")) as stream:
        stream.seek(skip)
        yield from encodings.texts(stream, name, path, chunk_bytes=chunk_bytes)


def _header(
    first: bytes, delimiter: str, path: Path
) -> tuple[tuple[str, ...], int, bytes]:
    """Names of the columns, the line of the first row, and the text from there on."""
    line = 2
    if first[:4] == b"sep=":  # a hint that spreadsheets write before the header
        first, line = first.split(b"\n", 1)[1], 3
    end = first.find(b"\n") + 1 or len(first)
    # A column's name may be quoted and hold a line break.
    while 0 < end < HEADER_BYTES_MAX and first.count(b'"', 0, end) % 2:
        end = first.find(b"\n", end) + 1
        line += 1
    if not 0 < end <= HEADER_BYTES_MAX:
        raise InvalidError(
            f"{path}: line 1: no header found in the first {HEADER_BYTES_MAX:,} bytes; "
            "the first line must name the columns"
        )
    text = first[:end].decode()
    cells = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True))
    return tuple(" ".join(cell.split()) for cell in cells), line, first[end:]
