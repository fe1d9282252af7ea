"""Containers: the rows that went in, fastavro's rows, and nothing for the hostile."""

from __future__ import annotations

import datetime as dt
import io
import json
import zlib
from collections.abc import Callable
from typing import Any

import fastavro
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from hub.core import avro
from hub.core.binary import put_long
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.reasons import Reason

DATE = {"type": "int", "logicalType": "date"}
SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "row",
        "namespace": "kerwen",
        "fields": [
            {"name": name, "type": ["null", kind], "default": None, "role": "x"}
            for name, kind in (
                ("text", "string"),
                ("number", "int"),
                ("money", "long"),
                ("flag", "boolean"),
                ("key", "bytes"),
                ("day", DATE),
            )
        ],
    }
)
ROWS_MAX, BYTES_MAX = 1000, 100_000

row = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(max_size=20),
        "number": st.none() | st.integers(-(2**31), 2**31 - 1),
        "money": st.none() | st.integers(-(2**63), 2**63 - 1),
        "flag": st.none() | st.booleans(),
        "key": st.none() | st.binary(max_size=20),
        "day": st.none() | st.dates(),
    }
)
rows = st.lists(row, max_size=20)
CODEC_AGAIN = b"\x02\x14avro.codec\x08null\x00"
ONE = {
    "text": "Aýna",
    "number": 7,
    "money": 5,
    "flag": True,
    "key": b"k",
    "day": dt.date(2026, 3, 1),
}


def frame_of(records: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows as a frame of the schema."""
    return pl.DataFrame(records, schema=avro.polars_schema(SCHEMA))


def read(container: bytes, **bounds: Any) -> pl.DataFrame:
    """A container read with the bounds of these tests."""
    limits: dict[str, Any] = {"rows_max": ROWS_MAX, "bytes_max": BYTES_MAX, **bounds}
    return avro.frame(container, SCHEMA, **limits)


def reason(container: bytes, **bounds: int) -> str:
    """Why a container is refused."""
    with pytest.raises(EnvelopeError) as caught:
        read(container, **bounds)
    return caught.value.reason


def pack(
    *blocks: tuple[int, bytes],
    codec: str = "null",
    schema: str = SCHEMA,
    entries: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """A container put together by hand."""
    out = bytearray(b"Obj\x01")
    pairs = [("avro.schema", schema), ("avro.codec", codec), *entries]
    put_long(out, len(pairs))
    for pair in pairs:
        for part in pair:
            put_long(out, len(part.encode()))
            out += part.encode()
    out += b"\0" + b"s" * 16
    for count, body in blocks:
        put_long(out, count)
        put_long(out, len(body))
        out += body + b"s" * 16
    return bytes(out)


def body(records: list[dict[str, Any]]) -> bytes:
    """Rows in Avro binary as fastavro writes them."""
    out = io.BytesIO()
    for record in records:
        fastavro.schemaless_writer(out, json.loads(SCHEMA), record)
    return out.getvalue()


def deflate(data: bytes) -> bytes:
    """Raw deflate, as containers have it."""
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(data) + packer.flush()


@given(rows, st.sampled_from(["null", "deflate"]))
def test_rows_come_back(records: list[dict[str, Any]], codec: str) -> None:
    """What is written is read, by us and by fastavro."""
    frame = frame_of(records)
    container = avro.container(frame, SCHEMA, codec=codec)

    assert_frame_equal(read(container), frame)
    assert list(fastavro.reader(io.BytesIO(container))) == records


@given(rows, st.sampled_from(["null", "deflate"]), st.integers(1, 5))
def test_other_writers_containers_are_read(
    records: list[dict[str, Any]], codec: str, per_block: int
) -> None:
    """A ministry may write with another library and cut blocks otherwise."""
    parts = [records[at : at + per_block] for at in range(0, len(records), per_block)]
    bodies = [(len(part), body(part)) for part in parts]
    if codec == "deflate":
        bodies = [(count, deflate(plain)) for count, plain in bodies]

    assert_frame_equal(read(pack(*bodies, codec=codec)), frame_of(records))


def test_fastavro_containers_are_read() -> None:
    """Fastavro leaves three bytes of a checksum behind its deflate blocks."""
    out = io.BytesIO()
    fastavro.writer(out, json.loads(SCHEMA), [ONE] * 3, codec="deflate")

    assert_frame_equal(read(out.getvalue()), frame_of([ONE] * 3))


def test_containers_of_equal_rows_are_equal_bytes() -> None:
    """Nothing random is in a container, so digests of replays agree."""
    frame = frame_of([ONE] * 5)
    halves = pl.concat([frame.head(2), frame.tail(3)], rechunk=False)

    assert avro.container(halves, SCHEMA) == avro.container(frame, SCHEMA)


def test_columns_are_taken_by_name_and_cast() -> None:
    """Order and width of a step's columns do not matter, losing values does."""
    shuffled = frame_of([ONE]).select(
        pl.col("day"),
        pl.col("number").cast(pl.Int64),
        pl.col("key", "flag", "money", "text"),
    )
    wide = shuffled.with_columns(number=pl.lit(2**40))

    assert_frame_equal(read(avro.container(shuffled, SCHEMA)), frame_of([ONE]))
    with pytest.raises(pl.exceptions.InvalidOperationError):
        avro.container(wide, SCHEMA)


def test_the_header_holds_the_registered_text() -> None:
    """Field roles travel in the header, byte for byte."""
    container = avro.container(frame_of([]), SCHEMA)

    assert SCHEMA.encode() in container
    assert read(container).schema == frame_of([]).schema


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"x"', '"y"'),
        lambda text: text + " ",
        lambda text: text.replace("kerwen", "kerven"),
        lambda _: "{}",
    ],
)
def test_another_schema_is_refused(change: Callable[[str], str]) -> None:
    """Whoever chooses the schema chooses what the decoder does: only ours."""
    container = pack((1, body([ONE])), schema=change(SCHEMA))

    assert reason(container) == Reason.SCHEMA


@pytest.mark.parametrize(
    "container",
    [
        b"",
        b"Obj\x02" + pack()[4:],
        pack()[:40],
        pack(codec="snappy"),
        pack(entries=(("user", "1"),)),
        pack(entries=(("avro.codec", "null"),)),
        pack().replace(b"\x00" + b"s" * 16, CODEC_AGAIN + b"s" * 16),
        pack((0, b"")),
        pack((-1, body([ONE]))),
        pack((1, body([ONE])))[:-1],
        pack((1, body([ONE]))) + b"\0",
        pack((1, body([ONE])))[:-1] + b"t",
        pack((1, body([ONE]) + b"\0")),
        pack((2, body([ONE]))),
        pack((1, body([ONE, ONE]))),
        pack((3, b"\0" * 6)),
        pack((1, b"\x04" + body([ONE])[1:])),
        pack((1, b"\x02\x03" + body([ONE])[2:])),
        pack((1, b"\x02\x80\x80\x80\x80\x10" + body([ONE])[2:])),
        pack((1, body([{**ONE, "text": "ab"}]).replace(b"ab", b"\xff\xfe"))),
        pack((1, body([ONE])), codec="deflate"),
        pack((1, deflate(body([ONE]))[:-1]), codec="deflate"),
        pack((1, deflate(body([ONE])) + b"x"), codec="deflate"),
    ],
    ids=[
        "empty",
        "magic",
        "cut header",
        "other codec",
        "other metadata",
        "three entries",
        "codec twice",
        "empty block",
        "negative count",
        "cut sync",
        "trailing byte",
        "wrong sync",
        "trailing byte in block",
        "fewer rows than said",
        "more rows than said",
        "more rows than bytes",
        "union out of range",
        "negative length",
        "length beyond the end",
        "not UTF-8",
        "not deflate",
        "cut deflate",
        "bytes after deflate",
    ],
)
def test_malformed_containers_are_refused(
    container: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """A container that is not exactly its rows is refused as content."""
    found = reason(container)
    capfd.readouterr()  # the column reader may print a trace of its own

    assert found == Reason.CONTENT


def test_spellings_that_mean_the_same_are_refused(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A long varint and a boolean of 7 decode to the same row, and are refused."""
    record = dict.fromkeys(ONE) | {"number": 1}
    good = body([record])
    long_form = good.replace(b"\x02\x02", b"\x02\x82\x00")
    seven = body([dict.fromkeys(ONE) | {"flag": True}]).replace(b"\x01", b"\x07")

    assert read(pack((1, good))).height == 1
    assert reason(pack((1, long_form))) == Reason.CONTENT
    assert reason(pack((1, seven))) == Reason.CONTENT
    capfd.readouterr()


def test_rows_and_bytes_are_bounded_before_they_are_decoded() -> None:
    """A bomb costs its bound and no more."""
    bomb = pack((1, deflate(bytes(50_000_000))), codec="deflate")

    assert reason(bomb) == Reason.OVERSIZED
    assert reason(pack((1, body([ONE]))), bytes_max=10) == Reason.OVERSIZED
    assert reason(pack((3, body([ONE] * 3))), rows_max=2) == Reason.CONTENT
    assert reason(pack(*[(1, body([ONE]))] * 3), rows_max=2) == Reason.CONTENT
    assert reason(pack((2**62, body([ONE])))) == Reason.CONTENT


@settings(max_examples=300)
@given(st.data())
def test_a_changed_container_is_refused_or_reads_as_its_own_bytes(
    data: st.DataObject,
) -> None:
    """Whatever happens to the bytes: rows of their one spelling, or EnvelopeError."""
    records = [ONE, dict.fromkeys(ONE), {**ONE, "text": "Döwlet" * 5}]
    plain = bytearray(body(records))
    for _ in range(data.draw(st.integers(1, 3))):
        plain[data.draw(st.integers(0, len(plain) - 1))] = data.draw(
            st.integers(0, 255)
        )
    try:
        frame = read(pack((3, bytes(plain))))
    except EnvelopeError:
        return

    assert bytes(plain) in avro.container(frame, SCHEMA, codec="null")


@pytest.mark.parametrize("kind", ["float", {"type": "array", "items": "int"}])
def test_schemas_outside_the_flat_subset_are_refused(kind: Any) -> None:
    """A nested or unknown type never reaches the column reader."""
    schema = json.dumps({"fields": [{"name": "a", "type": ["null", kind]}]})

    with pytest.raises(InvalidError, match="a has an unknown type"):
        avro.polars_schema(schema)
    with pytest.raises(InvalidError, match=r"must be \[null, T\]"):
        avro.polars_schema(
            json.dumps({"fields": [{"name": "a", "type": ["int", "null"]}]})
        )


@given(rows)
def test_an_own_container_reads_the_same(records: list[dict[str, Any]]) -> None:
    """What a key vouches for is read as it would be without."""
    made = avro.container(frame_of(records), SCHEMA, codec="null")

    assert read(made).equals(read(made, own=True))
