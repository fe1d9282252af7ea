"""Workbooks as ministries have them, and as nobody should have them."""

from __future__ import annotations

import datetime as dt
import io
import tracemalloc
import zipfile
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from hub.core.errors import InvalidError
from hub.publisher.sources import workbook
from hub.publisher.sources.rows import Said
from tests.publisher.sources.book import (
    HEADER,
    MAIN,
    OFFICE,
    book,
    good,
    header,
    inline,
    number,
    parts,
    row,
    sheet,
    taken,
    write,
)

DAY = dt.date(1990, 2, 1)


def test_what_two_writers_make_is_read(tmp_path: Path) -> None:
    """Shared strings, inline strings, dates, numbers: as the spreadsheet shows them."""
    values = ("R-1", " Каримова\u00a0", dt.datetime.combine(DAY, dt.time(13, 5)), 30)
    first = openpyxl.Workbook()
    first.active.append(HEADER)
    first.active.append(values)
    first.save(tmp_path / "a.xlsx")
    second = xlsxwriter.Workbook(tmp_path / "b.xlsx")
    page = second.add_worksheet()
    shown = second.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    page.write_row(0, 0, HEADER)
    page.write_row(1, 0, values)
    page.write_datetime(1, 2, values[2], shown)
    second.close()

    for name in ("a.xlsx", "b.xlsx"):
        rows, rejected = taken(tmp_path / name)

        assert rejected == []
        assert rows[0]["family_name"] == "Каримова"
        assert (rows[0]["birth_date"], rows[0]["declared_stay_days"]) == (DAY, 30)


def test_the_calendar_of_1904_is_respected(tmp_path: Path) -> None:
    """The same number is another day in a workbook that counts from 1904."""
    path = book(tmp_path / "a.xlsx", good(2), year_1904=True)

    assert taken(path)[0][0]["birth_date"] == DAY + dt.timedelta(days=1462)


def test_dates_as_text_need_a_format_and_numbers_a_cell_format(tmp_path: Path) -> None:
    """Typed dates need no format, texts do; a bare number is no date."""
    path = book(
        tmp_path / "a.xlsx",
        row(2, inline("A2", "1"), inline("B2", "X"), inline("C2", "01/02/90")),
        row(3, inline("A3", "2"), inline("B3", "X"), number("C3", 32905, 2)),
        row(4, inline("A4", "3"), inline("B4", "X"), number("C4", 32905)),
    )
    text = 'dates = ["%d/%m/%y"]\n' + "".join(
        f'[fields.{one}]\ncolumn = "{one}"\n' for one in HEADER
    )

    rows, rejected = taken(path, text)

    assert [one["birth_date"] for one in rows] == [DAY, DAY]
    assert [(one.row, one.column) for one in rejected] == [(4, "birth_date")]
    assert "\x01" not in rejected[0].what


def test_numbers_are_what_is_shown(tmp_path: Path) -> None:
    """Long numbers keep their digits, and halves of a bit do not show."""
    path = book(
        tmp_path / "a.xlsx",
        row(
            2, number("A2", "12345678901234567890"), number("B2", "12.300000000000001")
        ),
        row(3, number("A3", "1.5E2"), '<c r="B3" t="b"><v>1</v></c>'),
    )

    rows, _ = taken(path)

    found = [(one["record_id"], one["family_name"]) for one in rows]
    assert found == [("12345678901234567890", "12.3"), ("150", "true")]


BAD_ROWS: dict[str, tuple[str, str, str]] = {
    "a formula never computed": (
        row(3, inline("A3", "1"), '<c r="B3"><f>A1&amp;A2</f></c>'),
        "family_name",
        "never computed",
    ),
    "a formula saved without a value": (
        row(3, inline("A3", "1"), '<c r="B3"><f>A1</f><v></v></c>'),
        "family_name",
        "never computed",
    ),
    "a formula with an error": (
        row(3, inline("A3", "1"), '<c r="B3" t="e"><f>A1/0</f><v>#DIV/0!</v></c>'),
        "family_name",
        "#DIV/0!",
    ),
    "a date that does not exist": (
        row(3, inline("A3", "1"), inline("B3", "X"), number("C3", "1e300", 1)),
        "birth_date",
        "outside the calendar",
    ),
    "a number that is none": (
        row(3, inline("A3", "1"), inline("B3", "X"), '<c r="D3"><v>many</v></c>'),
        "declared_stay_days",
        "cannot be read",
    ),
    "a shared string that is not there": (
        row(3, inline("A3", "1"), '<c r="B3" t="s"><v>7</v></c>'),
        "family_name",
        "cannot be read",
    ),
    "a text longer than a cell": (
        row(3, inline("A3", "1"), inline("B3", "x" * 40_000)),
        "family_name",
        "longer",
    ),
    "a value under no name": (
        row(3, inline("A3", "1"), inline("B3", "X"), inline("F3", "stray")),
        "(row)",
        "no column's name",
    ),
    "a half": (
        row(3, inline("A3", "1"), inline("B3", "X"), number("D3", "1.5")),
        "declared_stay_days",
        "whole number",
    ),
}
"""One bad row between two good ones: row, column and words of its refusal."""


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_refused_and_the_rest_flows(tmp_path: Path, name: str) -> None:
    """The refusal says row and column as the spreadsheet does."""
    bad, column, words = BAD_ROWS[name]
    path = book(tmp_path / "a.xlsx", good(2), bad, good(4))

    rows, rejected = taken(path)

    assert [one["record_id"] for one in rows] == ["R-2", "R-4"]
    assert [(one.row, one.line, one.column) for one in rejected] == [(3, 3, column)]
    assert words in rejected[0].what


def test_rows_through_merged_cells_are_refused(tmp_path: Path) -> None:
    """The first cell has the value; the ones below it have none, and are not filled."""
    merged = '<mergeCells count="2"><mergeCell ref="B3:B4"/><mergeCell ref="F5:G9"/>'
    path = book(
        tmp_path / "a.xlsx",
        *(good(2), good(3)),
        row(4, inline("A4", "R-4"), number("C4", 32905, 1)),
        good(5),
        behind=merged + "</mergeCells>",
    )

    rows, rejected = taken(path)

    assert [one["record_id"] for one in rows] == ["R-2", "R-3", "R-5"]
    assert [(one.row, one.column) for one in rejected] == [(4, "family_name")]
    with pytest.raises(InvalidError, match="row 1: merged cells in the header"):
        taken(
            book(
                tmp_path / "b.xlsx",
                good(2),
                behind='<mergeCells><mergeCell ref="A1:B1"/></mergeCells>',
            )
        )


def test_empty_rows_are_one_refusal(tmp_path: Path) -> None:
    """However many rows a gap claims, it is one line of the list; at the end, none."""
    styled = '<row r="5"><c r="A5" s="1"/></row>'
    path = book(
        tmp_path / "a.xlsx", good(2), styled, good(1_000_000), '<row r="1048576"/>'
    )

    rows, rejected = taken(path)

    assert len(rows) == 2
    assert [(one.row, one.what) for one in rejected] == [(3, "999,997 rows are empty")]


def test_the_sheet_is_the_visible_one_or_the_named_one(tmp_path: Path) -> None:
    """Hidden sheets are read only by name; of several, one must be named."""
    pages = {"Old": sheet(header(), good(2, "OLD")), "Data": sheet(header(), good(2))}
    one = write(tmp_path / "a.xlsx", parts(pages, hidden=["Old"]))
    two = write(tmp_path / "b.xlsx", parts(pages))
    none = write(tmp_path / "c.xlsx", parts(pages, hidden=["Old", "Data"]))

    assert taken(one)[0][0]["record_id"] == "R-2"
    assert taken(one, said=Said(sheet="Old"))[0][0]["record_id"] == "OLD"
    with pytest.raises(InvalidError, match="--sheet: Old, Data"):
        taken(two)
    with pytest.raises(InvalidError, match="no visible sheet"):
        taken(none)
    with pytest.raises(InvalidError, match="no sheet 'New'; there are: Old, Data"):
        taken(one, said=Said(sheet="New"))


def test_a_header_may_stand_below_a_title(tmp_path: Path) -> None:
    """A mapping says which row names the columns."""
    title = row(1, inline("A1", "Register, 2025"))
    path = write(
        tmp_path / "a.xlsx", parts({"Data": sheet(title, header(index=3), good(4))})
    )
    text = "header = 3\n" + "".join(
        f'[fields.{one}]\ncolumn = "{one}"\n' for one in HEADER
    )

    assert [one["record_id"] for one in taken(path, text)[0]] == ["R-4"]


BROKEN: dict[str, tuple[dict[str, str], str]] = {
    "no sheet": (parts({}), "no visible sheet"),
    "an empty sheet": (parts({"Data": sheet()}), "row 1 is empty"),
    "a header of formulas": (
        parts({"Data": sheet(row(1, '<c r="A1"><f>B1</f></c>'), good(2))}),
        "is missing",
    ),
    "a column twice": (
        parts({"Data": sheet(header(("record_id", "family_name", "family_name")))}),
        "family_name stands twice",
    ),
    "an unknown column": (
        parts({"Data": sheet(header((*HEADER, "remarks")), good(2))}),
        "remarks is no field",
    ),
    "too many columns": (
        parts({"Data": sheet(row(1, *(f"<c><v>{n}</v></c>" for n in range(9_000))))}),
        "9,000 columns",
    ),
    "more columns than a sheet has": (
        parts({"Data": sheet(row(1, *("<c><v>1</v></c>" for _ in range(10**5))))}),
        "column 16,385",
    ),
    "a column beyond the last": (
        parts({"Data": sheet(header(), row(2, inline("ZZZ2", "x")))}),
        "column 18,278",
    ),
    "rows out of order": (
        parts({"Data": sheet(header(), good(3), good(2))}),
        "row 2 after row 3",
    ),
    "a row beyond the last": (
        parts({"Data": sheet(header(), row(9_999_999_999, inline("A2", "x")))}),
        "not in order",
    ),
    "XML that ends": (
        parts({"Data": sheet(header(), good(2)).removesuffix("</worksheet>")}),
        "not the XML",
    ),
    "no XML": (parts({"Data": "record_id,family_name\n1,X\n"}), "not the XML"),
    "entities": (
        parts(
            {
                "Data": '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
                + sheet(header(), good(2)).removeprefix('<?xml version="1.0"?>')
            }
        ),
        "entities",
    ),
    "entities in the styles": (
        parts({"Data": sheet(header())})
        | {"xl/styles.xml": '<!DOCTYPE x [<!ENTITY a "a">]><styleSheet/>'},
        "entities",
    ),
    "styles that are none": (
        parts({"Data": sheet(header())}) | {"xl/styles.xml": "<nothing"},
        "damaged",
    ),
    "no workbook in it": ({"[Content_Types].xml": "<Types/>"}, "damaged"),
    "a sheet that is missing": (
        {
            name: text
            for name, text in parts({"Data": sheet(header())}).items()
            if "sheet1" not in name
        },
        "no visible sheet",
    ),
    "a binary workbook": ({"xl/workbook.bin": "x"}, "xlsb"),
    "an OpenDocument file": ({"mimetype": "application/x"}, "OpenDocument"),
    "a ZIP of files": ({"a.csv": "x"}, "a ZIP of files"),
}
"""Workbooks of which nothing can be read, and words of the error."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_workbook_is_refused_with_its_cause(tmp_path: Path, name: str) -> None:
    """One line, with the file's name and what to do."""
    content, words = BROKEN[name]
    path = write(tmp_path / "a.xlsx", content)

    with pytest.raises(InvalidError, match=words) as caught:
        taken(path)

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_half_written_file_is_found_before_a_row_is_used(tmp_path: Path) -> None:
    """Cut anywhere, or one bit off: an error, never some of the rows."""
    path = book(tmp_path / "a.xlsx", *(good(n) for n in range(2, 2_000)))
    whole = path.read_bytes()
    start = whole.index(b"sheet1.xml") + 400
    for cut in (10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(InvalidError, match="damaged or not whole"):
            taken(path)
    path.write_bytes(whole[:start] + bytes([whole[start] ^ 1]) + whole[start + 1 :])
    with pytest.raises(InvalidError, match=r"damaged|not the XML"):
        taken(path)


@pytest.mark.parametrize(
    ("part", "size"),
    [("xl/worksheets/sheet1.xml", 80 << 20), ("xl/sharedStrings.xml", 300 << 20)],
)
def test_a_bomb_is_not_unpacked(tmp_path: Path, part: str, size: int) -> None:
    """What shrinks too well, or is too large to keep, is judged by the list."""
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in parts({"Data": sheet(header(), good(2))}).items():
            if name != part:
                package.writestr(name, text)
        with package.open(part, "w", force_zip64=True) as stream:
            for _ in range(size >> 20):
                stream.write(bytes(1 << 20))
    tracemalloc.start()

    with pytest.raises(InvalidError, match="would unpack to"):
        taken(path)

    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_a_list_that_lies_gives_no_more_than_it_says(tmp_path: Path) -> None:
    """A part that is longer than the package says is damaged, not read on."""
    path = book(tmp_path / "a.xlsx", *(good(n) for n in range(2, 500)))
    with zipfile.ZipFile(path) as package:
        real = package.getinfo("xl/worksheets/sheet1.xml").file_size
    content = path.read_bytes()
    path.write_bytes(
        content.replace(real.to_bytes(4, "little"), (real // 2).to_bytes(4, "little"))
    )

    with pytest.raises(InvalidError, match="damaged"):
        taken(path)


def test_parts_are_counted_and_named_once(tmp_path: Path) -> None:
    """Two parts of one name, or one with a password, are no workbook."""
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("xl/workbook.xml", "x")
        with pytest.warns(UserWarning, match="Duplicate name"):
            package.writestr("xl/workbook.xml", "x")
    with pytest.raises(InvalidError, match="two of one name"):
        taken(path)
    content = bytearray(book(path, good(2)).read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(InvalidError, match="password"):
        taken(path)


def test_phonetic_runs_and_prefixes_change_nothing(tmp_path: Path) -> None:
    """What a writer may do: its own prefix, runs of rich text, phonetic hints."""
    strings = (
        f'<x:sst xmlns:x="{MAIN}"><x:si><x:r><x:t>KARI</x:t></x:r><x:r><x:t>MOVA'
        "</x:t></x:r><x:rPh><x:t>ka</x:t></x:rPh></x:si></x:sst>"
    )
    page = (
        f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData><x:row><x:c t="inlineStr"><x:is>'
        '<x:t>record_id</x:t></x:is></x:c><x:c t="inlineStr"><x:is><x:t>family_name'
        '</x:t></x:is></x:c></x:row><x:row><x:c><x:v>7</x:v></x:c><x:c t="s"><x:v>0'
        '</x:v></x:c></x:row></x:sheetData><x:mergeCells><x:mergeCell ref="A9:B9"/>'
        "</x:mergeCells></x:worksheet>"
    )
    path = write(tmp_path / "a.xlsx", parts({"Data": page}, strings=strings))

    rows, _ = taken(path)

    assert [(one["record_id"], one["family_name"]) for one in rows] == [
        ("7", "KARIMOVA")
    ]


def test_the_strict_edition_of_the_standard_is_read(tmp_path: Path) -> None:
    """Other namespaces, and dates as texts of ISO 8601."""
    day = '<c r="C2" s="1" t="d"><v>1990-02-01T00:00:00</v></c>'
    content = parts(
        {"Data": sheet(header(), row(2, inline("A2", "1"), inline("B2", "X"), day))}
    )
    strict = "http://purl.oclc.org/ooxml/"
    for name, text in content.items():
        content[name] = text.replace(MAIN, f"{strict}spreadsheetml/main").replace(
            OFFICE, f"{strict}officeDocument/relationships"
        )

    rows, rejected = taken(write(tmp_path / "a.xlsx", content))

    assert rejected == []
    assert rows[0]["birth_date"] == DAY


def test_memory_does_not_grow_with_the_sheet(tmp_path: Path) -> None:
    """Eight times the rows, the same memory."""

    def peak(rows: int) -> int:
        path = book(tmp_path / f"{rows}.xlsx", *(good(n) for n in range(2, rows)))
        tracemalloc.start()
        try:
            with workbook.opened(path) as opened:
                assert len(opened.sheets) == 1
            assert len(taken(path)[0]) == rows - 2
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak(2_000), peak(16_000)
    rows_kept = 16_000 * 800  # what the test itself keeps of a row

    assert large < small + rows_kept


def test_other_files_are_told_by_what_they_are(tmp_path: Path) -> None:
    """Names do not decide: an old workbook is one, whatever it is called."""
    old = tmp_path / "a.csv"
    old.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600))
    with pytest.raises(InvalidError, match="old Excel"):
        taken(old)
    renamed = book(tmp_path / "b.csv", good(2))
    assert len(taken(renamed)[0]) == 1
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("a.txt", "x")
    old.write_bytes(archive.getvalue())
    with pytest.raises(InvalidError, match="ZIP of files"):
        taken(old)
