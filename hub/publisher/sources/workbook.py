"""A workbook's package, bounded before anything in it is read.

Rules:

- Sizes are judged by the package's own list before a byte is unpacked: parts, their
  sum, how much each shrinks. ``zipfile`` gives no more of a part than the list says.
- No part may declare a document type: entities make much out of little.
- Of the description only what rows need is read: names of sheets, formats of dates, the
  1904 calendar. Odd colours and broken names stop nobody.
"""

from __future__ import annotations

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from posixpath import dirname, join, normpath
from xml.etree import ElementTree as ET

from openpyxl.styles.numbers import (
    BUILTIN_FORMATS,
    is_date_format,
    is_timedelta_format,
)
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

from hub.core.errors import InvalidError

PARTS_MAX = 10_000
PACKAGE_BYTES_MAX = 8 << 30
"""Unpacked size of all parts."""
MEMORY_PART_BYTES_MAX = 32 << 20
"""Unpacked size of a part that is read as a whole."""
STRINGS_BYTES_MAX = 256 << 20
"""Unpacked size of the table of shared strings, which is kept in memory."""
RATIO_MAX = 250
RATIO_FROM_BYTES = 16 << 20
"""Parts from this size on may not shrink to less than a ``RATIO_MAX``-th of it."""

_PIECE_BYTES = 1 << 20
_OVERLAP = 256
_BOOK = "xl/workbook.xml"
_LOCAL_DATES = frozenset((*range(27, 37), *range(50, 59)))
"""Formats without a text that are dates in the languages that have them."""
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]{0,99}?ref="([A-Z]+\d+:[A-Z]+\d+)"')
_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError),
    *(AttributeError, IndexError, EOFError, NotImplementedError, SyntaxError),
    *(RuntimeError, OSError),
)
"""What a broken package makes ``zipfile`` and the parser raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One sheet: its name, its part, and whether a person sees it."""

    name: str
    part: str
    visible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbook:
    """An opened package.

    Attributes:
        epoch: Day 0 of the workbook's calendar.
        dates: Ids of styles that show a number as a date.
        spans: Ids of styles that show a number as a length of time.
        strings: Part of the shared strings, None if there is none.
    """

    path: Path
    archive: zipfile.ZipFile
    sheets: tuple[Sheet, ...]
    epoch: datetime
    dates: frozenset[int]
    spans: frozenset[int]
    strings: str | None

    def pieces(self, part: str) -> Iterator[bytes]:
        """A part, unpacked a piece at a time.

        Raises:
            InvalidError: Its bytes are damaged.
        """
        with _readable(self.path), self.archive.open(part) as stream:
            while piece := stream.read(_PIECE_BYTES):
                yield piece

    def merged(self, part: str) -> list[str]:
        """Ranges of merged cells in a sheet, such as ``B2:B5``.

        They stand behind the rows, so the part is looked through once before it is
        read; a damaged or half-written file is found here, before a row of it is used.

        Raises:
            InvalidError: The part is damaged, or declares a document type.
        """
        found: list[str] = []
        rest = b""
        for piece in self.pieces(part):
            data = rest + piece
            if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
                raise _entities(self.path, part)
            end = 0
            if b"mergeCell " in data:
                for one in _MERGED.finditer(data):
                    found.append(one[1].decode())
                    end = one.end()
            rest = data[max(end, len(data) - _OVERLAP) :]
        return found


@contextmanager
def opened(path: Path) -> Iterator[Workbook]:
    """A workbook; closed at the end.

    Raises:
        InvalidError: It is no workbook, is damaged, or is too large.
    """
    with ExitStack() as stack:
        with _readable(path):
            archive = stack.enter_context(zipfile.ZipFile(path))
            _bound(path, archive)
            _known(path, archive.namelist())
            book = _described(path, archive)
        yield book


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns what a damaged package raises into a sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl tells of what it leaves out
            yield
    except InvalidError:
        raise
    except _FAULTS as error:
        raise InvalidError(
            f"{path}: the workbook is damaged or not whole ({type(error).__name__}); "
            "open it in a spreadsheet and save it again as .xlsx"
        ) from error


def _bound(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse what would unpack to too much."""
    parts = archive.infolist()
    if len(parts) > PARTS_MAX or len({one.filename for one in parts}) < len(parts):
        raise InvalidError(
            f"{path}: {len(parts):,} parts or two of one name: no workbook"
        )
    for one in parts:
        if one.flag_bits & 1:
            raise InvalidError(f"{path}: protected with a password; save it without")
        packed = max(one.compress_size, 1)
        if one.file_size > max(RATIO_FROM_BYTES, RATIO_MAX * packed):
            raise _bomb(path, one.filename, one.file_size)
        strings = one.filename.endswith("sharedStrings.xml")
        if strings and one.file_size > STRINGS_BYTES_MAX:
            raise _bomb(path, one.filename, one.file_size)
    total = sum(one.file_size for one in parts)
    if total > PACKAGE_BYTES_MAX:
        raise _bomb(path, "all parts", total)


def _bomb(path: Path, part: str, size: int) -> InvalidError:
    return InvalidError(
        f"{path}: {part} would unpack to {size >> 20:,} MB; that is too much for a "
        "workbook: publish the rows as CSV"
    )


def _entities(path: Path, part: str) -> InvalidError:
    return InvalidError(
        f"{path}: {part} declares entities, which no spreadsheet does; open it in a "
        "spreadsheet and save it again"
    )


def _known(path: Path, names: list[str]) -> None:
    """Refuse packages that are something else, by what they are."""
    if "xl/workbook.bin" in names:
        raise InvalidError(f"{path}: a binary workbook (.xlsb); save it as .xlsx")
    if "mimetype" in names:
        raise InvalidError(f"{path}: an OpenDocument file; save it as .xlsx or CSV")
    if "[Content_Types].xml" not in names:
        raise InvalidError(f"{path}: a ZIP of files, no workbook; unpack it first")


def _described(path: Path, archive: zipfile.ZipFile) -> Workbook:
    """Sheets, formats and calendar."""
    names = set(archive.namelist())
    related = _related(path, archive, _BOOK)
    sheets, epoch = [], CALENDAR_WINDOWS_1900
    for one in _tree(path, archive, _BOOK).iter():
        tag = _local(one.tag)
        if tag == "workbookPr" and one.get("date1904") in {"1", "true"}:
            epoch = CALENDAR_MAC_1904
        if tag == "sheet":
            said = {_local(key): value for key, value in one.attrib.items()}
            kind, part = related.get(said.get("id", ""), ("", ""))
            if kind == "worksheet" and part in names:
                visible = said.get("state", "visible") == "visible"
                sheets.append(Sheet(name=said["name"], part=part, visible=visible))
    found = {kind: part for kind, part in related.values() if part in names}
    dates, spans = _formats(path, archive, found.get("styles"))
    return Workbook(
        path=path,
        archive=archive,
        sheets=tuple(sheets),
        epoch=epoch,
        dates=dates,
        spans=spans,
        strings=found.get("sharedStrings"),
    )


def _related(
    path: Path, archive: zipfile.ZipFile, part: str
) -> dict[str, tuple[str, str]]:
    """Kind and part of what a part refers to, by id."""
    folder = dirname(part)
    listed = _tree(path, archive, f"{folder}/_rels/{part[len(folder) + 1 :]}.rels")
    return {
        one.get("Id", ""): (
            one.get("Type", "").rpartition("/")[2],
            normpath(join("/", folder, one.get("Target", ""))).lstrip("/"),
        )
        for one in listed
    }


def _formats(
    path: Path, archive: zipfile.ZipFile, part: str | None
) -> tuple[frozenset[int], frozenset[int]]:
    """Styles that show dates, and those of them that show lengths of time."""
    if part is None:
        return frozenset(), frozenset()
    texts: dict[int, str] = dict(BUILTIN_FORMATS)
    used: list[int] = []
    for one in _tree(path, archive, part).iter():
        if _local(one.tag) == "numFmt":
            texts[int(one.get("numFmtId", -1))] = one.get("formatCode", "")
        elif _local(one.tag) == "cellXfs":
            used = [int(style.get("numFmtId", 0)) for style in one]
    dates, spans = set(), set()
    for style, number in enumerate(used):
        text = texts.get(number, "")
        if number in _LOCAL_DATES or is_date_format(text):
            dates.add(style)
        if is_timedelta_format(text):
            dates.add(style)
            spans.add(style)
    return frozenset(dates), frozenset(spans)


def _tree(path: Path, archive: zipfile.ZipFile, part: str) -> ET.Element:
    """A part that is read as a whole."""
    if archive.getinfo(part).file_size > MEMORY_PART_BYTES_MAX:
        raise _bomb(path, part, archive.getinfo(part).file_size)
    content = archive.read(part)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise _entities(path, part)
    return ET.fromstring(content)  # noqa: S314 - entities are refused above


def _local(name: str) -> str:
    """A name without its namespace: two editions of the standard differ in it."""
    return name.rpartition("}")[2]
