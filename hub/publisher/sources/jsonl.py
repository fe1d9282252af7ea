"""JSON Lines of a ministry: one object a line, as frames of the provider schema.

Rules:

- UTF-8, one flat object a line. A line that is none is refused by its number, and the
  next line is read: after a broken line nothing is out of step.
- Numbers keep their digits; a key that is no column, a key twice, a nested value, NaN
  refuse the line and say which key.
- A line longer than ``LINE_BYTES_MAX`` is skipped as it is read, never held.
"""

from __future__ import annotations

import codecs
import contextlib
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from hub.core.catalogue.model import Dataflow
from hub.core.errors import InvalidError
from hub.publisher import mapping as mappings
from hub.publisher.mapping import Mapping
from hub.publisher.sources.fields import apply
from hub.publisher.sources.rows import (
    NOTHING_SAID,
    ROW,
    Chunk,
    Dialect,
    Reading,
    Said,
)
from hub.publisher.sources.table import Table

LINE_BYTES_MAX = 1 << 20
"""A line longer than this is no record."""

_PIECE_BYTES = 1 << 20
_KEY_MAX = 40
_FLAT = "a value is a list or an object"


class LineError(Exception):
    """A line that cannot be a row: what, where in it, and how to mend it."""

    def __init__(self, column: str, what: str, mend: str) -> None:
        super().__init__(what)
        self.column, self.what, self.mend = column, what, mend


def read(
    path: Path,
    dataflow: Dataflow,
    mapping: Mapping | None = None,
    said: Said = NOTHING_SAID,
) -> Reading:
    """Open a JSON Lines file for a dataflow.

    Raises:
        InvalidError: The file cannot be read, is empty, or is not UTF-8.
    """
    if (said.encoding or "utf-8").lower() not in {"utf-8", "utf8", "utf-8-sig"}:
        raise InvalidError(f"{path}: JSON Lines are UTF-8; save the file as UTF-8")
    try:
        with path.open("rb") as stream:
            head = stream.read(_PIECE_BYTES)
    except OSError as error:
        raise InvalidError(f"{path}: cannot be read: {error.strerror}") from error
    _check_head(path, head)
    chosen = mapping or mappings.by_name(dataflow, _fields(dataflow, head))
    asked = sorted(chosen.columns())
    return Reading(
        dialect=Dialect(
            encoding="utf-8",
            columns=tuple(asked),
            mapping=chosen.name,
            form="jsonl",
        ),
        mapping=chosen,
        chunks=_chunks(path, dataflow, chosen, tuple(asked)),
    )


def _check_head(path: Path, head: bytes) -> None:
    """Refuse what is no JSON Lines from its first bytes on."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InvalidError(f"{path}: UTF-16 text; save the file as UTF-8")
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not text:
        raise InvalidError(f"{path}: the file is empty; nothing to publish")
    if text.startswith(b"["):
        raise InvalidError(
            f"{path}: line 1: a JSON list; write one object a line, without commas "
            "between them"
        )


def _fields(dataflow: Dataflow, head: bytes) -> list[str]:
    """The fields that lines may have: control fields only if the first line has them.

    A source has revisions or it has not; the spool keeps them for one that has not.
    """
    found: object = None
    with contextlib.suppress(LineError, ValueError, RecursionError):
        first = head.removeprefix(codecs.BOM_UTF8).lstrip().split(b"\n", 1)[0]
        found = _DECODER.decode(first.decode().strip())
    keys = found.keys() if isinstance(found, dict) else set()
    absent = mappings.OPTIONAL - keys
    return [one.name for one in dataflow.fields if one.name not in absent]


def _chunks(
    path: Path, dataflow: Dataflow, mapping: Mapping, columns: tuple[str, ...]
) -> Iterator[Chunk]:
    """The rows; the file is open while they are read."""
    table = Table(columns)
    with closing(path.open("rb")) as stream:
        blank: list[int] = []
        for number, line in _lines(stream):
            if line is not None and not line.strip():
                blank = blank or [number]  # blank lines at the end are no rows
                continue
            for empty in blank:
                table.refuse(empty, empty, ROW, "the line is empty", "delete it")
            blank = []
            try:
                table.add(number, number, _values(line, columns, mapping.ignore))
            except LineError as error:
                table.refuse(number, number, error.column, error.what, error.mend)
            if table.full:
                yield apply(mapping, dataflow, table.take())
    yield apply(mapping, dataflow, table.take())


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers; None for one that is too long."""
    number, first = 0, True
    while line := stream.readline(LINE_BYTES_MAX + 1):
        number += 1
        if first:
            line, first = line.removeprefix(codecs.BOM_UTF8), False
        if len(line) <= LINE_BYTES_MAX:
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(_PIECE_BYTES)
        yield number, None


def _values(
    line: bytes | None, columns: tuple[str, ...], ignored: frozenset[str]
) -> list[object]:
    """The values of a line in the order of the columns.

    Raises:
        LineError: It is no flat object of known keys.
    """
    if line is None:
        raise LineError(
            ROW, f"longer than {LINE_BYTES_MAX:,} bytes", "write one record a line"
        )
    try:
        found = _DECODER.decode(line.decode().strip())
    except UnicodeDecodeError as error:
        raise LineError(ROW, "not UTF-8 text", "save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        what = f"not JSON from character {error.pos + 1} on"
        raise LineError(ROW, what, "write one whole JSON object a line") from error
    except RecursionError as error:
        raise LineError(ROW, _FLAT, "write flat objects") from error
    if not isinstance(found, dict):
        raise LineError(ROW, "not an object", "write one JSON object a line")
    unknown = found.keys() - set(columns) - ignored
    if unknown:
        key = min(unknown)[:_KEY_MAX]
        raise LineError(
            _printable(key), "no field has this key", "remove it, or ignore it"
        )
    values = [found.get(name) for name in columns]
    for name, value in zip(columns, values, strict=True):
        if isinstance(value, dict | list):
            raise LineError(name, _FLAT, "write flat objects")
    return values


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object, unless a key stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise LineError(
                    _printable(key[:_KEY_MAX]), "the key stands twice", "remove one"
                )
            seen.add(key)
    return found


def _constant(name: str) -> object:
    raise LineError(ROW, f"{name} is no value", "write null where there is no value")


def _printable(key: str) -> str:
    """A key for a list of refusals: text that a spreadsheet will not take amiss."""
    return "".join(one if one.isalnum() or one in "_-. " else "?" for one in key)


# Numbers stay the text they are: no float on the way, no digit lost.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=str, parse_int=str, parse_constant=_constant
)
