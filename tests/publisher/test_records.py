"""Records out of delimited text, with the standard library as the oracle."""

from __future__ import annotations

import csv
import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.errors import InvalidError
from hub.publisher.sources.records import RECORD_BYTES_MAX, Reader, boundary
from hub.publisher.sources.rows import Strings

VALUES = st.text(alphabet='ab"\n,; Җя', max_size=6)
TABLES = st.lists(st.lists(VALUES, min_size=3, max_size=3), min_size=1, max_size=8)


def read(text: str, *cuts: int, delimiter: str = ",") -> list[Strings]:
    """Everything in `text`, which comes in pieces cut at bytes."""
    data = text.encode()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[low:high] for low, high in itertools.pairwise(edges) if high > low]
    reader = Reader(delimiter=delimiter, columns=("a", "b", "c"), row=2, line=2)
    return list(reader.read(pieces))


def rows(found: list[Strings]) -> list[tuple[str | None, ...]]:
    """The rows of all pieces."""
    return [row for piece in found for row in piece.frame.rows()]


def faults(found: list[Strings]) -> list[tuple[int, int, str]]:
    """Row, line and what of every refusal."""
    return [(one.row, one.line, one.what) for piece in found for one in piece.rejected]


@given(table=TABLES, cuts=st.lists(st.integers(0, 200), max_size=3), bare=st.booleans())
def test_what_a_spreadsheet_writes_is_read(
    table: list[list[str]], cuts: list[int], *, bare: bool
) -> None:
    """Whatever the csv module writes comes back, wherever the pieces are cut."""
    out = io.StringIO()
    if bare:
        csv.writer(out, lineterminator="\n").writerows(table)
    else:
        csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(table)
    stripped = [[value.strip(" \t\u00a0") for value in row] for row in table]
    expected = [tuple(v or None for v in row) for row in stripped if any(row)]

    found = read(out.getvalue(), *cuts)

    assert expected == rows(found)
    # Empty rows at the end are no rows, empty rows before it are refused.
    assert all(what == "the row is empty" for _, _, what in faults(found))


@given(text=st.text(alphabet='ab"\n, ', max_size=60), cuts=st.lists(st.integers(0, 60)))
def test_no_row_vanishes(text: str, cuts: list[int]) -> None:
    """Of any text, rows and refusals together number the rows without a hole."""
    found = read(text, *cuts)

    kept = [int(row) for piece in found for row in piece.rows]
    refused = [row for row, _, _ in faults(found)]
    numbers = sorted(kept + refused)
    assert numbers == list(range(2, 2 + len(numbers)))
    assert len(kept) == len(rows(found))


def test_blanks_after_a_delimiter_are_no_part_of_a_value() -> None:
    """Leading blanks go, also before a quote; blanks inside quotes before text stay."""
    found = read('rec-1, "smith, john",  7\n')

    assert rows(found) == [("rec-1", "smith, john", "7")]


def test_a_wrong_number_of_values_is_refused_with_its_place() -> None:
    """Short, long and empty rows are named by row and line."""
    found = read('1,2,3\n"a\nb",2,3\n1,2\n1,2,3,4\n\n,,\n4,5,6\n')

    assert rows(found) == [("1", "2", "3"), ("a\nb", "2", "3"), ("4", "5", "6")]
    assert faults(found) == [
        (4, 5, "2 values for 3 columns"),
        (5, 6, "4 values for 3 columns"),
        (6, 7, "the row is empty"),
        (7, 8, "the row is empty"),
    ]


def test_a_stray_quote_costs_its_row_only() -> None:
    """A quote inside a value, or one never closed, spoils one line."""
    found = read('1,2,3\nO"Brien,2,3\n4,5,6\n"open,2,3\n7,8,9\n')

    assert rows(found) == [("1", "2", "3"), ("4", "5", "6"), ("7", "8", "9")]
    assert [row for row, _, _ in faults(found)] == [3, 5]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters(delimiter: str) -> None:
    """Any single character may cut values."""
    text = '1,5;"a;b";3\n'.replace(";", delimiter)

    assert rows(read(text, delimiter=delimiter)) == [("1,5", f"a{delimiter}b", "3")]


def test_text_without_line_ends_is_refused() -> None:
    """Something that is no table does not fill the memory."""
    reader = Reader(delimiter=",", columns=("a",), row=2, line=2)
    pieces = (b"x" * (1 << 20) for _ in range(1000))

    with pytest.raises(InvalidError, match="no row ends"):
        list(reader.read(pieces))


def test_an_open_quote_does_not_swallow_the_file() -> None:
    """The cut falls back to lines when no quote closes within the bound."""
    data = b'"open,1,2\n' + b"1,2,3\n" * (RECORD_BYTES_MAX // 4)

    assert boundary(data) == len(data)
