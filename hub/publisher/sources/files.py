"""Which adapter reads a file: declared, or told by what the file begins with.

Rules:

- Content decides, not the name: ministries rename files as they like.
- What no adapter reads but people send (old workbooks, PDF, ZIP of files) is refused by
  what it is, with what to do about it.
- A compressed file is never unpacked here: how much comes out of it is not known.
- An adapter is imported when a file needs it: CSV needs no library for workbooks.
"""

from __future__ import annotations

import codecs
import importlib
import re
from pathlib import Path

from hub.core.catalogue.model import Dataflow
from hub.core.errors import InvalidError, MachineError
from hub.publisher.mapping import Mapping
from hub.publisher.sources.rows import NOTHING_SAID, Reading, Said

LOOK_BYTES = 64 << 10
"""How much of a file is looked at to tell its form."""

FORMS = ("csv", "jsonl", "paxlst", "xlsx")
"""Forms of files; each is read by the module of its name."""

_OBJECT = re.compile(rb"\s*(?:\{|\[\s*[\[{])")
_INTERCHANGE = re.compile(
    rb"UNA[^\w\s]{2}[.,]\W{1,3}\s*UN[BGH]|UNB\+[A-Z]{4}:\d|UNH\+[^+]{1,14}\+[A-Z]{6}:"
)
"""Narrow, because a register may hold ``UNB`` as a name or a code."""
_ZIP = b"PK\x03\x04"
_FOREIGN = (
    (
        b"\xd0\xcf\x11\xe0",
        "an old Excel file or one with a password; save it as plain .xlsx",
    ),
    (b"%PDF", "a PDF; export the rows as CSV"),
    (b"\x1f\x8b", "compressed; unpack it first"),
    (b"BZh", "compressed; unpack it first"),
    (b"7z\xbc\xaf", "compressed; unpack it first"),
    (b"Rar!", "compressed; unpack it first"),
    (b"SQLite format 3", "a database; read it with [sql] in a mapping"),
)


def read(
    path: Path,
    dataflow: Dataflow,
    mapping: Mapping | None = None,
    said: Said = NOTHING_SAID,
) -> Reading:
    """Open a file with the adapter of its form.

    Raises:
        InvalidError: The file, its form or its columns are unusable.
        MachineError: The library that reads it is not installed.
    """
    form = said.form or tell(path)
    if form not in FORMS:
        raise InvalidError(f"format {form!r} is unknown; known: {', '.join(FORMS)}")
    try:
        adapter = importlib.import_module(f"hub.publisher.sources.{form}")
    except ImportError as error:
        raise MachineError(
            f"{error.name} is not installed, which reads {form}; install it with: "
            "pip install 'kerwen[publisher]'"
        ) from error
    reading: Reading = adapter.read(path, dataflow, mapping, said)
    return reading


def tell(path: Path) -> str:
    """The form of a file by its first bytes.

    Raises:
        InvalidError: It cannot be read, or is of a form that no adapter reads.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(LOOK_BYTES)
    except OSError as error:
        raise InvalidError(f"{path}: cannot be read: {error.strerror}") from error
    for mark, what in _FOREIGN:
        if head.startswith(mark):
            raise InvalidError(f"{path}: this is {what}")
    if head.startswith(_ZIP):
        return "xlsx"
    if _OBJECT.match(head.removeprefix(codecs.BOM_UTF8)):
        return "jsonl"
    if _INTERCHANGE.search(head.translate(None, b"\r\n\0")):
        return "paxlst"
    return "csv"
