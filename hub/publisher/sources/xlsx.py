"""Workbooks of a ministry: one sheet as frames of the provider schema, streaming.

Rules:

- The sheet is named (argument, then mapping) or it is the only visible one; a hidden
  sheet is read only by name.
- A row that a merged cell runs through is refused: whose value the covered cells have
  is a guess. So is one with a formula that has no value, or an error.
- Rows are numbered as the spreadsheet numbers them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hub.core.catalogue.model import Dataflow
from hub.core.errors import InvalidError
from hub.publisher import mapping as mappings
from hub.publisher.mapping import Mapping
from hub.publisher.sources import sheet as sheets
from hub.publisher.sources.fields import apply
from hub.publisher.sources.rows import (
    NOTHING_SAID,
    ROW,
    Chunk,
    Dialect,
    Reading,
    Said,
)
from hub.publisher.sources.sheet import Fault
from hub.publisher.sources.table import Table, stamped, text_of
from hub.publisher.sources.workbook import Sheet, Workbook, opened

MERGED_MAX = 100_000

_UNMERGE = "unmerge the cells and write the value in each"


def read(
    path: Path,
    dataflow: Dataflow,
    mapping: Mapping | None = None,
    said: Said = NOTHING_SAID,
) -> Reading:
    """Open a workbook for a dataflow.

    Raises:
        InvalidError: The workbook, its sheet or its header is unusable.
    """
    wanted = said.sheet or (mapping.sheet if mapping else None)
    with opened(path) as book:
        sheet = _choose(book, wanted)
        merged = _Merged(book.merged(sheet.part), path)
        place = f"{path}: sheet {sheet.name}"
        columns = _header(book, sheet, mapping.header if mapping else 1, merged, place)
    chosen = mapping or mappings.by_name(dataflow, list(columns))
    mappings.check_header(chosen, dataflow, list(columns), place)
    return Reading(
        dialect=Dialect(
            columns=tuple(columns),
            mapping=chosen.name,
            form="xlsx",
            sheet=sheet.name,
        ),
        mapping=chosen,
        chunks=_chunks(path, sheet, dataflow, chosen, columns=columns, merged=merged),
        notes=_hidden(book) if wanted is None else (),
    )


def _choose(book: Workbook, wanted: str | None) -> Sheet:
    """The sheet to read."""
    names = ", ".join(one.name for one in book.sheets)
    if wanted is not None:
        for one in book.sheets:
            if one.name.strip() == wanted.strip():
                return one
        raise InvalidError(f"{book.path}: no sheet {wanted!r}; there are: {names}")
    visible = [one for one in book.sheets if one.visible]
    if len(visible) == 1:
        return visible[0]
    if not visible:
        raise InvalidError(
            f"{book.path}: no visible sheet (hidden: {names}); name one with --sheet"
        )
    raise InvalidError(
        f"{book.path}: {len(visible)} sheets; say which with --sheet: "
        f"{', '.join(one.name for one in visible)}"
    )


def _hidden(book: Workbook) -> tuple[str, ...]:
    names = [one.name for one in book.sheets if not one.visible]
    if not names:
        return ()
    return (f"hidden sheets were not read: {', '.join(names)}",)


def _header(
    book: Workbook, sheet: Sheet, number: int, merged: _Merged, place: str
) -> dict[str, int]:
    """Names of the columns and where they stand."""
    values: dict[int, object] = {}
    for row, found in sheets.rows(book, sheet):
        if row >= number:
            values = found if row == number else {}
            break
    if not values:
        raise InvalidError(
            f"{place}: row {number} is empty; it must name the columns (or a mapping "
            "says which row does: header = N)"
        )
    covered = merged.through(number)
    if any(index in covered for index in range(max(values) + 1)):
        raise InvalidError(
            f"{place}: row {number}: merged cells in the header; {_UNMERGE}"
        )
    names: dict[str, int] = {}
    for index, value in sorted(values.items()):
        text = "" if isinstance(value, Fault) else text_of(value) or ""
        name = " ".join(text.split())
        if name in names:
            raise InvalidError(
                f"{place}: line {number}: column {name or '(no name)'} stands twice; "
                "rename or remove one"
            )
        names[name] = index
    return names


class _Merged:
    """Merged ranges, asked row by row in rising order."""

    def __init__(self, references: list[str], path: Path) -> None:
        if len(references) > MERGED_MAX:
            raise InvalidError(f"{path}: {len(references):,} merged ranges; {_UNMERGE}")
        self._waiting: list[tuple[int, int, int, int]] = []
        for reference in references:
            first, last = (sheets.corner(one) for one in reference.split(":"))
            self._waiting.append((first[0], last[0], first[1], last[1]))
        self._waiting.sort(reverse=True)
        self._open: list[tuple[int, int, int, int]] = []

    def through(self, row: int) -> set[int]:
        """Columns of `row` that lie below a merged cell whose value is elsewhere."""
        while self._waiting and self._waiting[-1][0] <= row:
            self._open.append(self._waiting.pop())
        if not self._open:
            return set()
        self._open = [one for one in self._open if one[1] >= row]
        covered: set[int] = set()
        for first, _, left, right in self._open:
            # The top left cell has the value; the others have none.
            covered.update(range(left + (row == first), right + 1))
        return covered


def _chunks(
    path: Path,
    sheet: Sheet,
    dataflow: Dataflow,
    mapping: Mapping,
    *,
    columns: dict[str, int],
    merged: _Merged,
) -> Iterator[Chunk]:
    """The rows under the header; the workbook is open while they are read."""
    asked = mapping.columns()
    places = {name: index for name, index in columns.items() if name in asked}
    table = Table(tuple(places), stamped(mapping, dataflow))
    known = set(columns.values())
    with opened(path) as book:
        last = mapping.header
        for number, values in sheets.rows(book, sheet):
            if number <= mapping.header:
                continue
            if number > last + 1:
                _gap(table, last + 1, number - last - 1)
            last = number
            if values.keys() <= known:
                _row(table, number, values, places, merged.through(number))
            else:
                what = "a value stands below no column's name"
                table.refuse(number, number, ROW, what, "name its column or remove it")
            if table.full:
                yield apply(mapping, dataflow, table.take())
    yield apply(mapping, dataflow, table.take())


def _gap(table: Table, first: int, size: int) -> None:
    """Empty rows between others: one refusal, however many a file claims."""
    what = "the row is empty" if size == 1 else f"{size:,} rows are empty"
    table.refuse(first, first, ROW, what, "delete the empty rows")


def _row(
    table: Table,
    number: int,
    values: dict[int, object],
    places: dict[str, int],
    covered: set[int],
) -> None:
    """One row into the table, or its refusal."""
    for name, index in places.items():
        value = values.get(index)
        if index in covered:
            what = "the cell is part of a merged one"
            table.refuse(number, number, name, what, _UNMERGE)
            return
        if isinstance(value, Fault):
            table.refuse(number, number, name, value.what, value.mend)
            return
    table.add(number, number, [values.get(index) for index in places.values()])
