"""Strict Avro binary for small records: one value has exactly one encoding.

Rules:

- The subset: record, array of records or strings, string, bytes, fixed, enum, int,
  long, boolean. No unions, no maps, no recursion: a schema that needs more is refused
  when it is compiled.
- Every string, bytes and array states its greatest size in the attribute ``max``,
  every number its range; they are checked before anything is allocated.
- Malleability is designed out: shortest varints only, one array block only, booleans
  0 or 1, and nothing after the last field. What decodes re-encodes to the same bytes.
- Strings are printable ASCII: they end in logs, metrics and file names.

Invariant: a decoder raises :class:`~hub.core.errors.EnvelopeError` and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hub.core.errors import EnvelopeError
from hub.core.reasons import Reason

_OUTSIDE = "schema: {} is outside the strict subset"
VARINT_BYTES_MAX = 10
INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1


class Cursor:
    """A place in bytes that only moves forward and never past the end."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self.data) - self.at

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size > self.left:
            raise malformed("truncated")
        start, self.at = self.at, self.at + size
        return self.data[start : self.at]

    def long(self) -> int:
        """The next zigzag varint, in its shortest form only."""
        data, at = self.data, self.at
        raw = shift = 0
        for place in range(at, min(at + VARINT_BYTES_MAX, len(data))):
            byte = data[place]
            raw |= (byte & 0x7F) << shift
            if byte < 0x80:
                if raw >= 2**64 or (byte == 0 and place > at):
                    raise malformed("a number is not in its shortest form")
                self.at = place + 1
                return (raw >> 1) ^ -(raw & 1)
            shift += 7
        raise malformed("a number is truncated or too long")

    def end(self) -> None:
        """Refuse trailing bytes."""
        if self.left:
            raise malformed(f"{self.left} bytes after the last field")


def malformed(text: str) -> EnvelopeError:
    """The error for bytes that are not what they claim to be."""
    return EnvelopeError(Reason.MALFORMED, text)


def put_long(out: bytearray, value: int) -> None:
    """Append `value` as a zigzag varint."""
    raw = (value << 1) ^ (value >> 63)
    while raw > 0x7F:
        out.append((raw & 0x7F) | 0x80)
        raw >>= 7
    out.append(raw)


Put = Callable[[bytearray, Any], None]
Get = Callable[[Cursor], Any]
Codec = tuple[Put, Get]
Makers = Mapping[str, Callable[..., Any]]


def compile_codec(schema: Mapping[str, Any], makers: Makers) -> Codec:
    """The writer and reader of `schema`.

    Args:
        schema: A parsed record schema in the strict subset.
        makers: Record name -> what to call with the fields as keywords.
    """
    return _record(schema, makers, {})


def _record(
    schema: Mapping[str, Any], makers: Makers, named: dict[str, Codec]
) -> Codec:
    make = makers[schema["name"]]
    fields = [
        (field["name"], *_codec(field["name"], field, makers, named))
        for field in schema["fields"]
    ]

    def put(out: bytearray, value: Any) -> None:
        for key, put_field, _ in fields:
            put_field(out, getattr(value, key))

    def get(cursor: Cursor) -> Any:
        return make(**{key: get_field(cursor) for key, _, get_field in fields})

    named[schema["name"]] = put, get
    return put, get


def _codec(
    name: str, field: Mapping[str, Any], makers: Makers, named: dict[str, Codec]
) -> Codec:
    kind = field["type"]
    if isinstance(kind, str):
        if kind in named:
            return named[kind]
        if kind not in _PRIMITIVES:
            raise ValueError(_OUTSIDE.format(kind))
        return _PRIMITIVES[kind](name, field)
    if kind["type"] == "record":
        return _record(kind, makers, named)
    if kind["type"] == "array":
        item = _codec(name, {**field, "type": kind["items"]}, makers, named)
        return _array(name, int(field["count_max"]), item)
    if kind["type"] not in _NAMED:
        raise ValueError(_OUTSIDE.format(kind["type"]))
    named[kind["name"]] = _NAMED[kind["type"]](name, kind)
    return named[kind["name"]]


def _array(name: str, most: int, item: Codec) -> Codec:
    put_item, get_item = item

    def put(out: bytearray, value: Any) -> None:
        _within(name, len(value), 0, most)
        if value:
            put_long(out, len(value))
            for one in value:
                put_item(out, one)
        out.append(0)

    def get(cursor: Cursor) -> tuple[Any, ...]:
        count = cursor.long()
        if count == 0:
            return ()
        # Negative counts are the other legal spelling of a block: one only here.
        _within(name, count, 1, most)
        # Every item takes a byte at least, so a count beyond that is a lie.
        if count > cursor.left:
            raise malformed(f"{name}: truncated")
        items = tuple(get_item(cursor) for _ in range(count))
        if cursor.long() != 0:
            raise malformed(f"{name}: more than one array block")
        return items

    return put, get


def _bytes(name: str, field: Mapping[str, Any]) -> Codec:
    least, most = int(field.get("min", 0)), int(field["max"])

    def put(out: bytearray, value: Any) -> None:
        if not isinstance(value, bytes):
            raise malformed(f"{name}: not bytes")
        _within(name, len(value), least, most)
        put_long(out, len(value))
        out += value

    def get(cursor: Cursor) -> bytes:
        size = cursor.long()
        _within(name, size, least, most)
        return cursor.take(size)

    return put, get


def _string(name: str, field: Mapping[str, Any]) -> Codec:
    put_bytes, get_bytes = _bytes(name, {"min": 1, **field})

    def put(out: bytearray, value: Any) -> None:
        if not isinstance(value, str):
            raise malformed(f"{name}: not a text")
        put_bytes(out, _plain(name, value).encode())

    def get(cursor: Cursor) -> str:
        # Latin-1 never fails, and the next check leaves only ASCII.
        return _plain(name, get_bytes(cursor).decode("latin-1"))

    return put, get


def _plain(name: str, text: str) -> str:
    if text and not (text.isascii() and text.isprintable()):
        raise malformed(f"{name}: not printable ASCII")
    return text


def _number(greatest: int) -> Callable[[str, Mapping[str, Any]], Codec]:
    def codec(name: str, field: Mapping[str, Any]) -> Codec:
        low, high = int(field.get("min", 0)), int(field.get("max", greatest))

        def put(out: bytearray, value: Any) -> None:
            if not isinstance(value, int) or isinstance(value, bool):
                raise malformed(f"{name}: not a number")
            put_long(out, _range(name, value, low, high))

        def get(cursor: Cursor) -> int:
            return _range(name, cursor.long(), low, high)

        return put, get

    return codec


def _boolean(name: str, _: Mapping[str, Any]) -> Codec:
    def put(out: bytearray, value: Any) -> None:
        if not isinstance(value, bool):
            raise malformed(f"{name}: not true or false")
        out.append(value)

    def get(cursor: Cursor) -> bool:
        byte = cursor.take(1)[0]
        if byte > 1:
            raise malformed(f"{name}: not true or false")
        return byte == 1

    return put, get


def _fixed(name: str, kind: Mapping[str, Any]) -> Codec:
    size = int(kind["size"])

    def put(out: bytearray, value: Any) -> None:
        if not isinstance(value, bytes) or len(value) != size:
            raise malformed(f"{name}: not {size} bytes")
        out += value

    def get(cursor: Cursor) -> bytes:
        return cursor.take(size)

    return put, get


def _enum(name: str, kind: Mapping[str, Any]) -> Codec:
    symbols = tuple(kind["symbols"])

    def put(out: bytearray, value: Any) -> None:
        if value not in symbols:
            raise malformed(f"{name}: not one of {', '.join(symbols)}")
        put_long(out, symbols.index(value))

    def get(cursor: Cursor) -> str:
        index = cursor.long()
        if not 0 <= index < len(symbols):
            raise malformed(f"{name}: not one of {', '.join(symbols)}")
        return str(symbols[index])

    return put, get


def _within(name: str, size: int, least: int, most: int) -> None:
    if size > most:
        raise EnvelopeError(Reason.OVERSIZED, f"{name}: {size} is over {most}")
    if size < least:
        raise malformed(f"{name}: {size} is under {least}")


def _range(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise malformed(f"{name}: {value} is outside {low} to {high}")
    return value


_PRIMITIVES: dict[str, Callable[[str, Mapping[str, Any]], Codec]] = {
    "string": _string,
    "bytes": _bytes,
    "int": _number(INT_MAX),
    "long": _number(LONG_MAX),
    "boolean": _boolean,
}
_NAMED: dict[str, Callable[[str, Mapping[str, Any]], Codec]] = {
    "fixed": _fixed,
    "enum": _enum,
}
