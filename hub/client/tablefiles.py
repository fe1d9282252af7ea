"""Files of figures: written beside their proof, read back to be verified.

Rules:

- ``.jsonl`` is one row a line, ``.csv`` a header and rows; both say everything that a
  manifest signs, so both can be verified on a machine that never saw the hub.
- The proof stands beside the file under the same name and ``.proof.json``.
- Reading is strict and by the line: what cannot be read is named by line and column.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from hub.core import flat
from hub.core.catalogue.model import Catalogue, Table
from hub.core.errors import InvalidError
from hub.core.observation import Observation

SHAPES = (".jsonl", ".csv")
PROOF_BYTES_MAX = 1 << 30


def proof_beside(path: Path) -> Path:
    """Where the proof of a file stands."""
    return path.with_name(path.name + ".proof.json")


def shape_of(path: Path) -> str:
    """``jsonl`` or ``csv``; raises InvalidError for any other name."""
    if path.suffix not in SHAPES:
        raise InvalidError(
            f"{path}: expected a name that ends in {' or '.join(SHAPES)}"
        )
    return path.suffix[1:]


def write(
    stream: TextIO, shape: str, tables: Sequence[Table], found: Iterable[Observation]
) -> None:
    """Write figures as they come; each line is out before the next is asked for."""
    by_id = {table.id: table for table in tables}
    rows = (flat.row_of(by_id[one.table], one) for one in found)
    if shape == "jsonl":
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            stream.flush()
        return
    columns = flat.columns(tables)
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row)
        stream.flush()


def read(path: Path, catalogue: Catalogue) -> Iterator[Observation]:
    """The figures of a file.

    Raises:
        InvalidError: Not such a file; the line and the column are named.
    """
    try:
        # The line end of a line is its own: nothing may hide in another one.
        with path.open(encoding="utf-8", newline="") as stream:
            rows = _jsonl(stream) if shape_of(path) == "jsonl" else _csv(stream)
            for number, row in rows:
                try:
                    yield flat.one_of(catalogue, row)
                except InvalidError as error:
                    raise InvalidError(f"{path}, line {number}: {error}") from error
    except UnicodeDecodeError as error:
        raise InvalidError(f"{path}: not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise InvalidError(f"{path}: {error.strerror or 'cannot be read'}") from error


def _jsonl(stream: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(stream, 1):
        try:
            row = json.loads(line, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise InvalidError(f"line {number}: not a JSON object") from error
        if not isinstance(row, dict):
            raise InvalidError(f"line {number}: not a JSON object")
        yield number, row


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand once; the second of two would win silently."""
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("a key stands twice")
    return row


def _csv(stream: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(stream, strict=True)
    try:
        names = reader.fieldnames or []
        if len(set(names)) < len(names):
            raise InvalidError("line 1: a column stands twice")
        for row in reader:
            if None in row or None in row.values():
                text = f"line {reader.line_num}: {len(names)} columns expected"
                raise InvalidError(text)
            yield reader.line_num, row
    except csv.Error as error:
        raise InvalidError(f"line {reader.line_num}: {error}") from error
