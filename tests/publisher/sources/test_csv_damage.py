"""CSV files that are wrong in one way each: what is said, and what still flows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hub.core.errors import InvalidError
from hub.publisher.sources import files
from hub.publisher.sources.rows import Said
from tests.publisher.sources.book import HEADER, flow, taken

TOP = ",".join(HEADER)
FIRST, LAST = "1,KARIMOVA,1990-02-01,30", "3,KARIMOVA,1990-02-01,30"

ROWS: dict[str, tuple[str, str, str]] = {
    "too few values": ("2,X", "(row)", "2 values for 4 columns"),
    "too many values": ("2,X,1990-02-01,30,,", "(row)", "6 values for 4 columns"),
    "another separator in one row": ("2;X;1990-02-01;30", "(row)", "1 values for 4"),
    "a separator inside a value": ("2,X, Y,1990-02-01,30", "(row)", "5 values"),
    "a stray quote": ('2,K"X,1990-02-01,30', "(row)", "a quote stands inside"),
    "an open quote": ('2,"X,1990-02-01,30', "(row)", "quote"),
    "an empty row": ("", "(row)", "the row is empty"),
    "only separators": (",,,", "(row)", "the row is empty"),
    "a date that does not exist": ("2,X,1990-02-30,30", "birth_date", "not a date"),
    "a date of another order": ("2,X,02/01/1990,30", "birth_date", "not a date"),
    "a date with a time": ("2,X,1990-02-01 13:05,30", "birth_date", "not a date"),
    "a date as a serial number": ("2,X,32905,30", "birth_date", "not a date"),
    "a date as text": ("2,X,1 February 1990,30", "birth_date", "not a date"),
    "a number with a blank": ("2,X,1990-02-01,1 000", "declared_stay_days", "whole"),
    "a number with a unit": ("2,X,1990-02-01,30 d", "declared_stay_days", "whole"),
    "a fraction": ("2,X,1990-02-01,30.5", "declared_stay_days", "whole"),
    "a number too large": ("2,X,1990-02-01,99999999999", "declared_stay_days", "size"),
    "an error of a spreadsheet": (
        "2,X,1990-02-01,#REF!",
        "declared_stay_days",
        "whole",
    ),
    "a header in the middle": (TOP, "birth_date", "not a date"),
}
"""A bad row between two good ones: column and words of its refusal."""


@pytest.mark.parametrize("name", ROWS)
def test_a_bad_row_is_refused_and_the_rest_flows(tmp_path: Path, name: str) -> None:
    """The refusal says row, line and column; the rows around it are read."""
    bad, column, words = ROWS[name]
    path = tmp_path / "a.csv"
    path.write_text(f"{TOP}\n{FIRST}\n{bad}\n{LAST}\n")

    rows, rejected = taken(path)

    assert [one["record_id"] for one in rows] == ["1", "3"]
    assert {one.row for one in rejected} == {3}
    assert (rejected[0].line, rejected[0].column) == (3, column)
    assert words in rejected[0].what


FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the file is empty"),
    "zero bytes": (bytes(500), "the file is empty"),
    "10^5 columns": (
        ",".join(f"column_{n}" for n in range(10**5)).encode() + b"\n",
        "no header found in the first 65,536 bytes",
    ),
    "10^4 columns": (
        ",".join(f"c{n}" for n in range(10**4)).encode() + b"\n",
        "10,000 columns, at most 2,000",
    ),
    "60,000 columns without a name": (b"," * 60_000 + b"\n", "60,001 columns"),
    "a column twice": (f"{TOP},record_id\n".encode(), "record_id stands twice"),
    "two columns without a name": (f"{TOP},,\n".encode(), r"\(no name\) stands twice"),
    "an unknown column": (
        f"{TOP},remarks\n{FIRST},x\n".encode(),
        "remarks is no field",
    ),
    "no header": (f"{FIRST}\n{LAST}\n".encode(), "is missing|is no field"),
    "no separator": (b"everything\nin one column\n", "no delimiter found"),
    "another page of letters": (
        f"{TOP}\n1,Аннагулыева,1990-02-01,30\n".encode("koi8-r"),
        "encoding not recognised",
    ),
    "letters of two pages": (
        f"{TOP}\n1,Аннагулыева,1990-02-01,30\n".encode() + b"2,\xcf\xf0\xe8,,\n" * 9,
        "encoding not recognised",
    ),
    "UTF-16 cut in a letter": (
        f"{TOP}\n{FIRST}\n{LAST}".encode("utf-16")[:-1],
        "line 3: not utf-16",
    ),
    "a web page": (
        b"<html><table><tr><td>record_id</td></tr></table></html>\n",
        "no delimiter found|is no field",
    ),
    "a PDF": (b"%PDF-1.7\n", "a PDF"),
    "compressed": (b"\x1f\x8b\x08\0rest", "compressed"),
    "a database": (b"SQLite format 3\0", "a database"),
}
"""Files of which nothing can be read, and words of the error."""


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str) -> None:
    """One line, soon, with the file's name."""
    content, words = FILES[name]
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    started = time.process_time()

    with pytest.raises(InvalidError, match=words) as caught:
        taken(path)

    assert str(path) in str(caught.value)
    assert time.process_time() - started < 5


def test_a_late_letter_of_another_page_names_its_line(tmp_path: Path) -> None:
    """Behind the part that is looked at: the line of the letter, not a wrong name."""
    path = tmp_path / "a.csv"
    body = (f"{FIRST}\n" * 60_000).encode()
    path.write_bytes(TOP.encode() + b"\n" + body + b"2,\xcf\xf0,1990-02-01,30\n")

    with pytest.raises(InvalidError, match="line 60002: not utf-8"):
        taken(path)


def test_a_declared_form_is_believed(tmp_path: Path) -> None:
    """What is declared is not second-guessed; what does not exist is named."""
    path = tmp_path / "a.csv"
    path.write_text(f"{TOP}\n{FIRST}\n")

    assert len(taken(path, said=Said(form="csv"))[0]) == 1
    with pytest.raises(InvalidError, match="'ods' is unknown; known: csv, jsonl"):
        taken(path, said=Said(form="ods"))
    with pytest.raises(InvalidError, match="damaged"):
        taken(path, said=Said(form="xlsx"))
    with pytest.raises(InvalidError, match="cannot be read: No such file"):
        files.read(tmp_path / "b.csv", flow())


def test_names_do_not_make_a_list(tmp_path: Path) -> None:
    """A register may hold the tags of EDIFACT as names; what it is stays CSV."""
    path = tmp_path / "a.csv"
    path.write_text(f"{TOP}\nUNB,UNH,1990-02-01,3\nUNA,{{,1990-02-01,3\n")

    rows, _ = taken(path)

    assert files.tell(path) == "csv"
    assert [one["record_id"] for one in rows] == ["UNB", "UNA"]
