"""CSV files in the encodings and shapes that ministries have."""

from __future__ import annotations

import csv as stdlib
import io
import tempfile
import tracemalloc
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.catalogue.model import Catalogue
from hub.core.errors import InvalidError
from hub.edge.files import read_catalogue
from hub.publisher.sources import csv, encoding
from hub.publisher.sources.rows import NOTHING_SAID, Chunk, Dialect, Said

TEXT = (
    "record_id;family_name;given_name\n"
    "1;Аннагулыева;Майса\n2;Иванов;Сергей\n3;Каримова;Лола\n4;Нурбердиев;Мерет\n"
)


@cache
def read_catalogue_once() -> Catalogue:
    """The catalogue, where a fixture would be shown with every example."""
    return read_catalogue()


def header_only(catalogue: Catalogue) -> Any:
    """A dataflow with three fields."""
    flow = catalogue.dataflows["border_crossing"]
    names = ("record_id", "family_name", "given_name")
    fields = tuple(one for one in flow.fields if one.name in names)
    made = object.__new__(type(flow))
    for name in type(flow).__slots__:
        object.__setattr__(made, name, getattr(flow, name))
    object.__setattr__(made, "fields", fields)
    return made


def read(
    path: Path, flow: Any, said: Said = NOTHING_SAID, **options: Any
) -> tuple[Dialect, list[Chunk]]:
    """Dialect and chunks of a file."""
    reading = csv.read(path, flow, None, said, **options)
    return reading.dialect, list(reading.chunks)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16-le"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1251", "windows-1251"),
    ],
)
def test_encodings_are_found(
    tmp_path: Path, catalogue: Catalogue, written: str, found: str
) -> None:
    """Every encoding of the region is found, and the names are right."""
    path = tmp_path / "a.csv"
    path.write_bytes(TEXT.encode(written))

    dialect, chunks = read(path, header_only(catalogue))

    assert (dialect.encoding, dialect.delimiter) == (found, ";")
    assert chunks[0].frame["family_name"][1] == "Иванов"


@pytest.mark.parametrize("written", ["koi8-r", "cp866", "cp1254", "cp1250"])
def test_other_encodings_are_asked_for(
    tmp_path: Path, catalogue: Catalogue, written: str
) -> None:
    """A page that is not tried is refused, not guessed; declared, it is read."""
    text = TEXT if written in ("koi8-r", "cp866") else TEXT.translate(_LATIN)
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(written))

    with pytest.raises(InvalidError, match="--encoding"):
        read(path, header_only(catalogue))
    _, chunks = read(path, header_only(catalogue), Said(encoding=written))
    assert chunks[0].frame["family_name"][1] == text.split("\n")[2].split(";")[1]


_LATIN = dict.fromkeys(map(ord, "Иванов"), "ü")
_LATIN |= {code: "ç" for code in range(0x400, 0x460) if code not in _LATIN}


def test_a_wrong_declaration_names_the_line(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    """Bytes that are not in the declared encoding are refused with their line."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"record_id,family_name,given_name\n1,a,b\n2,\xff,c\n")

    with pytest.raises(InvalidError, match="line 3: not utf-8"):
        read(path, header_only(catalogue), Said(encoding="utf-8"))
    with pytest.raises(InvalidError, match="unknown"):
        read(path, header_only(catalogue), Said(encoding="martian"))


@given(
    names=st.lists(st.text(st.characters(codec="utf-8"), max_size=8), min_size=1),
    written=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    chunk=st.integers(1, 64),
)
def test_pieces_may_be_of_any_size(names: list[str], written: str, chunk: int) -> None:
    """A character cut in two by a piece of the file comes out whole."""
    out = io.StringIO(newline="")
    rows = stdlib.writer(out)
    rows.writerow(["record_id", "family_name", "given_name"])
    rows.writerows([str(i), name, "x"] for i, name in enumerate(names))
    flow = header_only(read_catalogue_once())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(out.getvalue().encode(written))
        whole = read(path, flow, Said(encoding=written))[1]
        cut = read(path, flow, Said(encoding=written), chunk_bytes=chunk)[1]

    assert pl.concat(c.frame for c in whole).equals(pl.concat(c.frame for c in cut))


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("record_id,family_name\n1,a\n", "line 1: column given_name is missing"),
        ("record_id,family_name,given_name,given_name\n1,a,b,c\n", "stands twice"),
        ("record_id,family_name,given_name,phone\n1,a,b,c\n", r'ignore = \["phone"\]'),
        ("just some words\n1\n", "no delimiter found"),
        ("", "the file is empty"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(
    tmp_path: Path, catalogue: Catalogue, head: str, said: str
) -> None:
    """File, line, column and the mend are in the text."""
    path = tmp_path / "a.csv"
    path.write_text(head, "utf-8")

    with pytest.raises(InvalidError, match=said) as caught:
        read(path, header_only(catalogue))
    assert str(path) in str(caught.value)


def test_spreadsheet_habits(tmp_path: Path, catalogue: Catalogue) -> None:
    """A separator hint, Windows line ends, quoted headers and blank last lines."""
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'sep=;\r\n"record_id"; family_name;given_name\r\n1;a;b\r\n2;;d\r\n\r\n \r\n'
    )

    dialect, chunks = read(path, header_only(catalogue))

    assert dialect.delimiter == ";"
    assert chunks[0].frame.rows() == [("1", "a", "b"), ("2", None, "d")]
    assert chunks[0].rejected == ()
    assert list(chunks[0].rows) == [2, 3]


def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    """Forty megabytes go through a window of one."""
    path = tmp_path / "a.csv"
    with path.open("w") as stream:
        stream.write("record_id,family_name,given_name\n")
        for start in range(0, 800_000, 1000):
            stream.writelines(
                f"{start + i},KARIMOVA GARAJAYEWA,LOLA MAYSA OGULGEREK AYNA\n"
                for i in range(1000)
            )
    tracemalloc.start()
    rows = sum(
        chunk.frame.height
        for chunk in csv.read(path, header_only(catalogue), chunk_bytes=1 << 20).chunks
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert rows == 800_000
    assert peak < 24 << 20


def test_detection_prefers_a_mark() -> None:
    """A byte order mark decides before anything else."""
    assert encoding.detect(b"\xef\xbb\xbfa,b\n", Path("x")) == ("utf-8", 3)
    assert encoding.detect(b"\xff\xfea\0,\0", Path("x")) == ("utf-16-le", 2)


@pytest.mark.parametrize("shift", range(4))
def test_a_letter_across_the_header_bound_is_no_fault(
    tmp_path: Path, catalogue: Catalogue, shift: int
) -> None:
    """The delimiter is found whatever letter the bound falls into."""
    flow = catalogue.dataflows["denominator"]
    names = [one.name for one in flow.fields]
    row = ",".join("Ы" * 40 for _ in names)
    lines = [",".join(names), "x" * shift + row, *[row] * 200]
    path = tmp_path / "long.csv"
    path.write_text("\n".join(lines), "utf-8")

    reading = csv.read(path, flow)

    assert reading.dialect.delimiter == ","
