"""Strict Avro binary: the shortest spelling is the only one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.binary import Codec, Cursor, compile_codec, put_long
from hub.core.errors import EnvelopeError
from hub.core.reasons import Reason

LONGS = st.integers(-(2**63), 2**63 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A record of one field."""

    field: Any


def codec(**field: Any) -> Codec:
    """The codec of a record with one field."""
    schema = {"name": "Row", "fields": [{"name": "field", **field}]}
    return compile_codec(schema, {"Row": Row})


def reason(data: bytes, **field: Any) -> str:
    """Why bytes are no such record."""
    with pytest.raises(EnvelopeError) as caught:
        codec(**field)[1](Cursor(data))
    return caught.value.reason


@given(LONGS)
def test_numbers_come_back(value: int) -> None:
    """Every 64-bit number has an encoding of ten bytes at most."""
    out = bytearray()
    put_long(out, value)
    cursor = Cursor(bytes(out))

    assert len(out) <= 10
    assert cursor.long() == value
    assert cursor.left == 0


@given(st.binary(max_size=12))
def test_a_number_has_one_spelling(data: bytes) -> None:
    """What reads as a number is what writing that number gives."""
    cursor = Cursor(data)
    try:
        value = cursor.long()
    except EnvelopeError:
        return
    out = bytearray()
    put_long(out, value)

    assert bytes(out) == data[: cursor.at]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\x80\x00",
        b"\x82\x00",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00",
        b"\xff" * 20,
    ],
    ids=[
        "empty",
        "cut",
        "long zero",
        "long one",
        "65 bits",
        "70 bits",
        "eleven bytes",
        "endless",
    ],
)
def test_other_spellings_of_numbers_are_refused(data: bytes) -> None:
    """Longer forms, overflow and cut numbers are malformed."""
    with pytest.raises(EnvelopeError) as caught:
        Cursor(data).long()
    assert caught.value.reason == Reason.MALFORMED


@pytest.mark.parametrize("byte", [2, 7, 255])
def test_a_boolean_is_zero_or_one(byte: int) -> None:
    """Lenient readers take 7 for true; this one does not."""
    assert reason(bytes([byte]), type="boolean") == Reason.MALFORMED
    assert codec(type="boolean")[1](Cursor(b"\1")) == Row(field=True)


@pytest.mark.parametrize("index", [2, -1, 2**40])
def test_an_enum_stays_in_its_list(index: int) -> None:
    """An index outside the symbols is malformed, also a negative one."""
    out = bytearray()
    put_long(out, index)
    kind = {"type": "enum", "name": "E", "symbols": ["a", "b"]}

    assert reason(bytes(out), type=kind) == Reason.MALFORMED


def test_sizes_are_checked_before_bytes_are_taken() -> None:
    """A length that lies is refused by its bound, or as truncated."""
    out = bytearray()
    put_long(out, 2**40)
    negative = b"\x01" + bytes(10)

    assert reason(bytes(out), type="bytes", max=100) == Reason.OVERSIZED
    assert reason(bytes(out), type="bytes", max=2**50) == Reason.MALFORMED
    assert reason(negative, type="bytes", max=100) == Reason.MALFORMED


@pytest.mark.parametrize(
    "kind",
    ["double", "null", {"type": "map", "values": "int"}, ["null", "int"]],
)
def test_schemas_outside_the_subset_do_not_compile(kind: Any) -> None:
    """A schema that would need more than this subset is the author's mistake."""
    with pytest.raises((ValueError, TypeError)):
        codec(type=kind)
