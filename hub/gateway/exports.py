"""Files for people and data frames: a workbook, and Parquet.

Rules (docs/gateway.md, "Formats"):

- Both hold what SDMX-CSV holds: one row an observation, codes as codes; the workbook
  has names beside codes and says on its first sheet what it is.
- Text is written as text: no cell becomes a formula.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from hub.core.catalogue.model import Text
from hub.core.sdmx.cube import Message, View, view
from hub.core.sdmx.model import ALL_DIMENSIONS, Component
from hub.core.sdmx.times import iso

_WORDS = {
    "about": Text(en="About", ru="О таблице", tk="Tablisa barada"),
    "data": Text(en="Data", ru="Данные", tk="Maglumatlar"),
    "table": Text(en="Table", ru="Таблица", tk="Tablisa"),
    "title": Text(en="Title", ru="Название", tk="Ady"),
    "definition": Text(en="Definition", ru="Определение", tk="Kesgitleme"),
    "prepared": Text(en="As of", ru="По состоянию на", tk="Ýagdaýy"),
    "column": Text(en="Column", ru="Столбец", tk="Sütün"),
    "code": Text(en="Code", ru="Код", tk="Kod"),
    "meaning": Text(en="Meaning", ru="Значение", tk="Manysy"),
}


def workbook(message: Message, definition: Text, language: str) -> bytes:
    """An XLSX file: what it is, what codes mean, the data.

    Args:
        message: What to write; always flat.
        definition: Of the table.
        language: en, ru or tk.
    """
    cut = view(message.structure, ALL_DIMENSIONS, message.detail)
    held = io.BytesIO()
    book = xlsxwriter.Workbook(
        held,
        {
            "in_memory": True,
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
        },
    )
    # The same content is the same bytes: the file says when the content was made.
    moment = datetime.fromtimestamp(message.prepared_ms / 1000, UTC)
    book.set_properties({"created": moment.replace(tzinfo=None)})
    bold = book.add_format({"bold": True})
    about = book.add_worksheet(_word("about", language))
    about.set_column(0, 2, 40)
    facts = {
        "table": message.flow_urn.partition("=")[2],
        "title": getattr(message.structure.name, language),
        "definition": getattr(definition, language),
        "prepared": iso(message.prepared_ms),
    }
    for at, (name, text) in enumerate(facts.items()):
        about.write_string(at, 0, _word(name, language), bold)
        about.write_string(at, 1, text)
    start = len(facts) + 1
    for at, name in enumerate(("column", "code", "meaning")):
        about.write_string(start, at, _word(name, language), bold)
    for at, cells in enumerate(_meanings(cut, language), start + 1):
        for place, text in enumerate(cells):
            about.write_string(at, place, text)
    _data(book.add_worksheet(_word("data", language)), bold, message, cut)
    book.close()
    return held.getvalue()


def _word(name: str, language: str) -> str:
    return str(getattr(_WORDS[name], language))


def _meanings(cut: View, language: str) -> Iterator[tuple[str, str, str]]:
    for one in (*cut.below, *cut.point):
        for code, label in one.codes.items():
            yield one.id, code, getattr(label, language)


def _data(sheet: Worksheet, bold: Format, message: Message, cut: View) -> None:
    columns = _columns(message, cut)
    for at, one in enumerate(columns):
        sheet.write_string(0, at, one.id, bold)
    sheet.set_column(0, len(columns), 16)
    sheet.freeze_panes(1, 0)
    for number, row in enumerate(_rows(message, cut), 1):
        for at, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(number, at, value)
            elif value is not None:
                sheet.write_number(number, at, value)


def parquet(message: Message) -> bytes:
    """A Parquet file: text, and the value as a double; null where there is none."""
    cut = view(message.structure, ALL_DIMENSIONS, message.detail)
    columns = _columns(message, cut)
    measure = message.structure.measure
    held: list[list[str | float | None]] = [[] for _ in columns]
    for row in _rows(message, cut):
        for one, value in zip(held, row, strict=True):
            one.append(value)
    frame = pl.DataFrame(
        [
            pl.Series(one.id, values, dtype=pl.Float64 if one is measure else pl.String)
            for one, values in zip(columns, held, strict=True)
        ]
    )
    out = io.BytesIO()
    frame.write_parquet(out, compression="zstd")
    return out.getvalue()


def _columns(message: Message, cut: View) -> list[Component]:
    measure = [message.structure.measure] if message.detail.measure else []
    return [*cut.below, *measure, *cut.point]


def _rows(message: Message, cut: View) -> Iterator[tuple[str | float | None, ...]]:
    """One row an observation."""
    for dataset in message.sets:
        for group in cut.groups(dataset.series):
            for one in group.points:
                value = (one.value,) if message.detail.measure else ()
                yield (*one.at, *value, *one.attributes)
