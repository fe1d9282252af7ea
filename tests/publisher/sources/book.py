"""Workbooks for tests, made part by part, so that each can be broken in one place."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from hub.core.catalogue.model import Dataflow
from hub.edge.files import read_catalogue
from hub.publisher import mapping
from hub.publisher.sources import files
from hub.publisher.sources.rows import NOTHING_SAID, Rejected, Said

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml."

HEADER = ("record_id", "family_name", "birth_date", "declared_stay_days")
FIELDS = frozenset(HEADER) | {"revision", "action"}

STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts count="1">'
    '<numFmt numFmtId="164" formatCode="dd\\.mm\\.yyyy"/></numFmts>'
    "<fonts><font/></fonts><fills><fill/></fills><borders><border/></borders>"
    "<cellStyleXfs><xf/></cellStyleXfs>"
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/></cellXfs>'
    "</styleSheet>"
)


@cache
def flow() -> Dataflow:
    """Border crossings with the fields of ``HEADER`` alone."""
    whole = read_catalogue().dataflows["border_crossing"]
    fields = tuple(one for one in whole.fields if one.name in FIELDS)
    schema = json.loads(whole.schema)
    schema["fields"] = [one for one in schema["fields"] if one["name"] in FIELDS]
    text = json.dumps(schema, separators=(",", ":"))
    return dataclasses.replace(whole, fields=fields, schema=text)


def inline(reference: str, text: str) -> str:
    """A cell with its text in it."""
    return f'<c r="{reference}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'


def number(reference: str, value: object, style: int = 0) -> str:
    """A cell with a number; style 1 and 2 show a date."""
    return f'<c r="{reference}" s="{style}"><v>{value}</v></c>'


def row(index: int, *cells: str) -> str:
    """A row of cells."""
    return f'<row r="{index}">{"".join(cells)}</row>'


def header(names: Sequence[str] = HEADER, index: int = 1) -> str:
    """The row that names the columns."""
    letters = "ABCDEFGHIJ"
    return row(
        index, *(inline(f"{letters[n]}{index}", one) for n, one in enumerate(names))
    )


def good(index: int, record: str | None = None) -> str:
    """A row in which everything is right; the date is 1990-02-01."""
    return row(
        index,
        inline(f"A{index}", record or f"R-{index}"),
        inline(f"B{index}", "KARIMOVA"),
        number(f"C{index}", 32905, 1),
        number(f"D{index}", 30),
    )


def sheet(*rows: str, behind: str = "") -> str:
    """The XML of a sheet."""
    data = f"<sheetData>{''.join(rows)}</sheetData>"
    return f'<?xml version="1.0"?><worksheet xmlns="{MAIN}">{data}{behind}</worksheet>'


def parts(
    sheets: Mapping[str, str],
    *,
    hidden: Sequence[str] = (),
    strings: str | None = None,
    year_1904: bool = False,
) -> dict[str, str]:
    """The parts of a package with these sheets."""
    listed, related, typed = "", "", ""
    for n, name in enumerate(sheets, 1):
        state = ' state="hidden"' if name in hidden else ""
        listed += f'<sheet name="{name}" sheetId="{n}"{state} r:id="rId{n}"/>'
        related += (
            f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" '
            f'Target="worksheets/sheet{n}.xml"/>'
        )
        typed += (
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" '
            f'ContentType="{KIND}worksheet+xml"/>'
        )
    for kind, target in (
        ("styles", "styles.xml"),
        ("sharedStrings", "sharedStrings.xml"),
    ):
        related += (
            f'<Relationship Id="{kind}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        )
    dates = '<workbookPr date1904="1"/>' if year_1904 else ""
    found = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{KIND}sheet.main+xml"/>'
        f"{typed}</Types>",
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{dates}'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f"{related}</Relationships>",
        "xl/styles.xml": STYLES,
    }
    for n, content in enumerate(sheets.values(), 1):
        found[f"xl/worksheets/sheet{n}.xml"] = content
    if strings is not None:
        found["xl/sharedStrings.xml"] = strings
    return found


def write(path: Path, content: Mapping[str, str | bytes]) -> Path:
    """A package of these parts."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in content.items():
            package.writestr(name, text)
    return path


def book(path: Path, *rows: str, behind: str = "", **options: Any) -> Path:
    """A workbook of one sheet with a header and these rows."""
    return write(
        path, parts({"Data": sheet(header(), *rows, behind=behind)}, **options)
    )


def taken(
    path: Path, text: str | None = None, said: Said = NOTHING_SAID
) -> tuple[list[dict[str, Any]], list[Rejected]]:
    """Rows and refusals of a file; `text` is a mapping."""
    known = None if text is None else mapping.load(text, "m.toml", flow())
    rows: list[dict[str, Any]] = []
    rejected: list[Rejected] = []
    for chunk in files.read(path, flow(), known, said).chunks:
        rows += chunk.frame.to_dicts()
        rejected += chunk.rejected
    return rows, rejected
