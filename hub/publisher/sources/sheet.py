"""Rows of one sheet, read as a stream of XML events.

Rules:

- Memory holds the shared strings and the rows of one piece, however long the sheet is.
- A cell is a value or a :class:`Fault`: a formula that was never computed, an error, a
  date outside the calendar. Nothing is put in its place.
- Numbers are what the spreadsheet shows: fifteen digits.

openpyxl's own reader keeps an element a row and cannot say that a formula has no value;
on the same sheet it reads a quarter of the rows a second (benchmarks/README.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from xml.parsers import expat

from openpyxl.utils.datetime import from_excel, from_ISO8601

from hub.core.errors import InvalidError
from hub.publisher.sources.table import TEXT_MAX
from hub.publisher.sources.workbook import Sheet, Workbook

ROWS_MAX = 1_048_576
COLUMNS_MAX = 16_384
"""The size of a sheet."""

_DIGITS = "0123456789"
_LETTERS_MAX = 3
_LETTERS = re.compile(r"([A-Z]{1,3})(\d{1,7})")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a cell, and how to mend it."""

    what: str
    mend: str


UNCOMPUTED = Fault(
    "the formula was never computed",
    "open the file in a spreadsheet and save it, or paste values",
)
NO_DATE = Fault("a date outside the calendar", "write an existing date")
NO_VALUE = Fault("the cell cannot be read", "type its value again")

Row = tuple[int, dict[int, object]]
"""Number of a row, and its values by column; the first column is 0."""


def rows(book: Workbook, sheet: Sheet) -> Iterator[Row]:
    """Rows that hold something, in order.

    Raises:
        InvalidError: The sheet is not the XML of a sheet.
    """
    strings = _strings(book)
    events = _Cells(book, strings)
    for piece in book.pieces(sheet.part):
        events.feed(piece)
        yield from events.take()
    events.feed(b"", final=True)
    yield from events.take()


def corner(reference: str) -> tuple[int, int]:
    """Row (from 1) and column (from 0) of a cell such as ``B3``.

    Raises:
        ValueError: It is none.
    """
    found = _LETTERS.fullmatch(reference)
    if found is None:
        raise ValueError("no cell reference")
    return int(found[2]), _column(found[1])


@lru_cache(maxsize=COLUMNS_MAX)
def _column(letters: str) -> int:
    if not 1 <= len(letters) <= _LETTERS_MAX or not letters.isascii():
        raise ValueError("no column")
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


@dataclass(slots=True)
class _Events:
    """An expat parser that gathers text and never follows entities."""

    book: Workbook
    part: str
    keep: bool = False
    _text: list[str] = field(default_factory=list)
    _size: int = 0
    _parser: expat.XMLParserType = field(default_factory=expat.ParserCreate)

    def __post_init__(self) -> None:
        parser = self._parser
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""

    def feed(self, piece: bytes, *, final: bool = False) -> None:
        """Parse one more piece."""
        try:
            self._parser.Parse(piece, final)
        except (expat.ExpatError, ValueError) as error:
            raise InvalidError(
                f"{self.book.path}: {self.part}: not the XML of a workbook "
                f"({type(error).__name__}); open it in a spreadsheet and save it again"
            ) from error

    def clear(self) -> None:
        """Begin a new text."""
        self._text.clear()
        self._size = 0

    @property
    def text(self) -> str:
        """What was gathered; cut where no value is that long."""
        return "".join(self._text)

    def _characters(self, data: str) -> None:
        if self.keep and self._size <= TEXT_MAX:
            self._text.append(data)
            self._size += len(data)

    def _doctype(self, *_: object) -> None:
        raise ValueError("a document type")


def _strings(book: Workbook) -> list[str]:
    """The shared strings, in order."""
    if book.strings is None:
        return []
    events = _Shared(book, "shared strings")
    for piece in book.pieces(book.strings):
        events.feed(piece)
    events.feed(b"", final=True)
    return events.found


@dataclass(slots=True)
class _Shared(_Events):
    """Texts of ``si`` elements; phonetic runs are no part of them."""

    found: list[str] = field(default_factory=list)
    _aside: int = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        del attributes
        local = name.rpartition(":")[2]
        if local == "si":
            self.clear()
        elif local == "rPh":
            self._aside += 1
        self.keep = local == "t" and not self._aside

    def end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        self.keep = False
        if local == "si":
            self.found.append(self.text)
        elif local == "rPh":
            self._aside -= 1


class _Cells(_Events):
    """Cells of ``sheetData``."""

    __slots__ = (
        "_aside",
        "_cell",
        "_column",
        "_done",
        "_formula",
        "_kind",
        "_number",
        "_shared",
        "_style",
        "_valued",
        "_values",
    )

    def __init__(self, book: Workbook, shared: list[str]) -> None:
        super().__init__(book, "sheet")
        self._shared = shared
        self._done: list[Row] = []
        self._values: dict[int, object] = {}
        self._number = self._aside = 0
        self._column = -1
        self._kind, self._style = "n", 0
        self._formula = self._valued = False

    def take(self) -> list[Row]:
        """Rows that are whole."""
        done, self._done = self._done, []
        return done

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2] if ":" in name else name
        if local in {"v", "t"}:
            self.keep = not self._aside
            self._valued = True
        elif local == "c":
            self._open(attributes)
        elif local == "row":
            self._row(attributes.get("r"))
        elif local == "f":
            self._formula = True
        elif local == "rPh":
            self._aside += 1

    def end(self, name: str) -> None:
        local = name.rpartition(":")[2] if ":" in name else name
        self.keep = False
        if local == "c":
            value = self._value()
            if value is not None:
                self._values[self._column] = value
        elif local == "row":
            if self._values:
                self._done.append((self._number, self._values))
            self._values = {}
        elif local == "rPh":
            self._aside -= 1

    def _row(self, said: str | None) -> None:
        number = self._number + 1 if said is None else int(said)
        if not self._number < number <= ROWS_MAX:
            raise InvalidError(
                f"{self.book.path}: row {number} after row {self._number}: the rows of "
                "the sheet are not in order; open it in a spreadsheet and save it again"
            )
        self._number, self._column = number, -1

    def _open(self, attributes: dict[str, str]) -> None:
        said = attributes.get("r")
        column = self._column + 1 if said is None else _column(said.rstrip(_DIGITS))
        if not self._column < column < COLUMNS_MAX:
            raise InvalidError(
                f"{self.book.path}: row {self._number}: a cell in column "
                f"{column + 1:,}: no sheet has it there; open it in a spreadsheet and "
                "save it again"
            )
        self._column = column
        self._kind = attributes.get("t", "n")
        self._style = int(attributes.get("s", 0))
        self._formula = self._valued = False
        self.clear()

    def _value(self) -> object:
        """The value of the cell that ends here."""
        text = self.text
        if self._formula and not text and not (self._valued and self._kind == "str"):
            return UNCOMPUTED
        if not text:
            return None
        try:
            return self._typed(text)
        except (ValueError, IndexError, OverflowError):
            return NO_DATE if self._style in self.book.dates else NO_VALUE

    def _typed(self, text: str) -> object:
        if self._kind == "n":
            return self._numeric(text)
        if self._kind == "s":
            return self._shared[int(text)]
        if self._kind == "b":
            return text.strip() == "1"
        if self._kind == "e":
            return Fault(f"the formula gives {text[:16]}", "correct it, or clear it")
        if self._kind == "d":
            return from_ISO8601(text)
        return text

    def _numeric(self, text: str) -> object:
        book = self.book
        if self._style in book.dates:
            span = self._style in book.spans
            value: object = from_excel(float(text), book.epoch, timedelta=span)
            return value
        if text.isascii() and text.lstrip("-").isdigit():
            return text
        return float(f"{float(text):.15g}")
