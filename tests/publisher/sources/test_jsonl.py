"""JSON Lines: a broken line is one refusal, and the next line is read."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.errors import InvalidError
from hub.publisher.sources import jsonl
from hub.publisher.sources.rows import Said
from tests.publisher.sources.book import HEADER, flow, taken


def line(record: str = "R-1", **values: object) -> str:
    """A line in which everything is right."""
    found = {"record_id": record, "family_name": "KARIMOVA", "birth_date": "1990-02-01"}
    return json.dumps(found | {"declared_stay_days": 30} | values, ensure_ascii=False)


def test_values_become_the_fields_kinds(tmp_path: Path) -> None:
    """Numbers, texts, null and missing keys; the first line says what there is."""
    path = tmp_path / "a.jsonl"
    path.write_text(
        line("1", family_name="Аннагулыева") + "\n" + '{"record_id": 2}\n', "utf-8"
    )

    rows, rejected = taken(path)

    assert rejected == []
    assert rows[0]["family_name"] == "Аннагулыева"
    assert (rows[0]["declared_stay_days"], str(rows[0]["birth_date"])) == (
        30,
        "1990-02-01",
    )
    assert (rows[1]["record_id"], rows[1]["family_name"]) == ("2", None)


@pytest.mark.parametrize("revised", [True, False])
def test_revisions_come_from_the_source_or_from_the_spool(
    tmp_path: Path, *, revised: bool
) -> None:
    """A source without revisions leaves them to the spool."""
    path = tmp_path / "a.jsonl"
    path.write_text(line(revision=3) if revised else line())

    reading = jsonl.read(path, flow())

    assert ("revision" in reading.mapping.cells) is revised
    assert next(reading.chunks).frame["revision"][0] == (3 if revised else None)


def test_a_mapping_names_keys(tmp_path: Path) -> None:
    """Keys are columns: mapped, joined to a record id, or ignored by name."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"reg": 7, "no": 12, "фам": "X", "remarks": "secret"}\n', "utf-8")
    text = (
        'record_id = ["reg", "no"]\nignore = ["remarks"]\n'
        '[fields.family_name]\ncolumn = "фам"\n'
    )

    rows, rejected = taken(path, text)

    assert (rows[0]["record_id"], rows[0]["family_name"]) == ("7/12", "X")
    assert rejected == []


BAD: dict[str, tuple[bytes, str, str]] = {
    "no JSON": (b"record_id,family_name", "(row)", "not JSON from character 1"),
    "half a line": (line()[:40].encode(), "(row)", "not JSON"),
    "two objects": ((line() + line()).encode(), "(row)", "not JSON"),
    "a trailing comma": ((line() + ",").encode(), "(row)", "not JSON"),
    "a list": (b'["R-1", "KARIMOVA"]', "(row)", "not an object"),
    "a number": (b"17", "(row)", "not an object"),
    "single quotes": (b"{'record_id': 1}", "(row)", "not JSON"),
    "a nested object": (b'{"record_id": {"no": 1}}', "record_id", "list or an object"),
    "a nested list": (b'{"record_id": [1]}', "record_id", "list or an object"),
    "very deep": (b'{"record_id": ' + b"[" * 9_000, "(row)", "list or an object"),
    "an unknown key": (line(remarks="x").encode(), "remarks", "no field"),
    "a hostile key": (b'{"=cmd|calc": 1}', "?cmd?calc", "no field"),
    "a key twice": (b'{"record_id": 1, "record_id": 2}', "record_id", "twice"),
    "NaN": (b'{"record_id": 1, "declared_stay_days": NaN}', "(row)", "NaN"),
    "not UTF-8": (b'{"record_id": "\xcf\xf0"}', "(row)", "not UTF-8"),
    "a line too long": (
        b'{"record_id": "' + b"x" * jsonl.LINE_BYTES_MAX + b'"}',
        "(row)",
        "longer than",
    ),
    "a value too long": (
        b'{"record_id": "' + b"x" * 40_000 + b'"}',
        "record_id",
        "longer than",
    ),
    "an empty object": (b"{}", "(row)", "the row is empty"),
    "only nulls": (b'{"record_id": null}', "(row)", "the row is empty"),
    "an empty line": (b"", "(row)", "the line is empty"),
    "a fraction": (
        line(declared_stay_days=1.5).encode(),
        "declared_stay_days",
        "whole",
    ),
    "an exponent": (
        b'{"record_id": 1, "declared_stay_days": 3e1}',
        "declared_stay_days",
        "whole",
    ),
    "a huge number": (
        b'{"record_id": 1, "declared_stay_days": ' + b"9" * 5_000 + b"}",
        "declared_stay_days",
        "whole",
    ),
    "a date that is none": (
        line(birth_date="1990-02-30").encode(),
        "birth_date",
        "date",
    ),
    "zero bytes": (b"\0" * 50, "(row)", "not JSON"),
}
"""A bad line between two good ones: column and words of its refusal."""


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_refused_and_the_rest_flows(tmp_path: Path, name: str) -> None:
    """The refusal says line and key, and never the value."""
    bad, column, words = BAD[name]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join([line("1").encode(), bad, line("3").encode(), b""]))

    rows, rejected = taken(path)

    assert [one["record_id"] for one in rows] == ["1", "3"]
    assert [(one.row, one.column) for one in rejected] == [(2, column)]
    assert words in rejected[0].what
    assert "secret" not in repr(rejected)


WRONG: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "blank": (b"\n\n  \n", "empty"),
    "a JSON list": (b"[\n" + line().encode() + b"]", "a JSON list"),
    "UTF-16": (line().encode("utf-16"), "UTF-16"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    """One line: what it is and what to write instead."""
    content, words = WRONG[name]
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)

    with pytest.raises(InvalidError, match=words):
        taken(path, said=Said(form="jsonl"))
    with pytest.raises(InvalidError, match="UTF-8"):
        taken(path, said=Said(form="jsonl", encoding="cp1251"))


def test_marks_and_line_ends_of_other_systems(tmp_path: Path) -> None:
    """A byte order mark, carriage returns and a last line without its end are fine."""
    path = tmp_path / "a.jsonl"
    text = "\r\n".join([line("1"), line("2"), line("3")])
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())

    rows, rejected = taken(path)

    assert [one["record_id"] for one in rows] == ["1", "2", "3"]
    assert rejected == []


def test_memory_does_not_grow_with_a_line(tmp_path: Path) -> None:
    """A line of 60 MB is passed over in pieces."""
    path = tmp_path / "a.jsonl"
    with path.open("wb") as stream:
        stream.write(line("1").encode() + b'\n{"record_id": "')
        for _ in range(60):
            stream.write(b"x" * (1 << 20))
        stream.write(b'"}\n' + line("3").encode())
    tracemalloc.start()

    rows, _ = taken(path)

    assert tracemalloc.get_traced_memory()[1] < 12 << 20
    tracemalloc.stop()
    assert [one["record_id"] for one in rows] == ["1", "3"]


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60).map(lambda one: one.replace(b"\n", b"")),
            st.dictionaries(
                st.one_of(st.sampled_from(HEADER), st.text(max_size=5)),
                st.recursive(
                    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
                    lambda inner: st.lists(inner, max_size=2),
                    max_leaves=3,
                ),
                max_size=5,
            ).map(lambda one: json.dumps(one).encode()),
        ),
        max_size=12,
    )
)
def test_every_line_is_a_row_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    """Whatever the lines hold, none vanishes and none is read twice."""
    path = tmp_path_factory.mktemp("fuzz") / "a.jsonl"
    path.write_bytes(
        b"\n".join([line("first").encode(), *lines, line("last").encode()])
    )

    reading = jsonl.read(path, flow())
    chunks = list(reading.chunks)

    rows = [int(number) for chunk in chunks for number in chunk.rows]
    refused = {one.row for chunk in chunks for one in chunk.rejected}
    assert not refused & set(rows)
    assert len(set(rows)) == len(rows)
    blank = {n for n, one in enumerate(lines, 2) if not one.strip()}
    # Neighbouring blank lines are one refusal, at the first of them.
    assert set(range(1, len(lines) + 3)) - set(rows) - refused <= blank
