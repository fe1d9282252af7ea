"""Avro object containers as columns: the payload of a batch, the rows of a block.

Rules:

- Row schemas are flat; every field is ``["null", T]`` on the wire, because that is
  what the column writer writes; whether a field is required is said by the attribute
  ``required`` and enforced row by row later.
- The writer's schema in the header must be the registered text byte for byte: whoever
  chooses the schema chooses what a decoder does.
- Bounds before work: rows and inflated bytes are counted while blocks are inflated,
  and the columns come only after that.
- The column reader sees a container made here, from our own header and the inflated
  body, never the sender's. What it read must write the same body again, so trailing
  bytes, long varints and booleans of 7 are refused and not guessed at.

Invariant: ``frame(container(f, s), s)`` is `f`, and `frame` raises EnvelopeError only.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterator
from functools import lru_cache

import polars as pl

from hub.core.binary import Cursor, malformed, put_long
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.fingerprint import fingerprint
from hub.core.reasons import Reason

__all__ = ["container", "fingerprint", "frame", "polars_schema"]

MAGIC = b"Obj\x01"
SYNC_SIZE = 16
SYNC = bytes((1, 2, 3, 4)) * 4
"""The column writer's own marker: containers of equal rows are equal bytes."""
DEFLATE_LEVEL = 1  # level 6 costs three times the time for 7 % less (measured)
HEADER_BYTES_MAX = 256 * 1024

# A short read is an OSError and a bad length a panic; fuzzing showed nothing else.
_READ_ERRORS = (
    OSError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)
_TYPES: dict[str, type[pl.DataType]] = {
    "string": pl.String,
    "int": pl.Int32,
    "long": pl.Int64,
    "boolean": pl.Boolean,
    "bytes": pl.Binary,
}


@lru_cache(maxsize=256)
def _columns(schema: str) -> tuple[tuple[str, type[pl.DataType]], ...]:
    columns: list[tuple[str, type[pl.DataType]]] = []
    for field in json.loads(schema)["fields"]:
        null, kind = field["type"]
        if null != "null":
            raise InvalidError(f"schema: {field['name']} must be [null, T]")
        if isinstance(kind, dict):
            if (kind["type"], kind.get("logicalType")) != ("int", "date"):
                raise InvalidError(f"schema: {field['name']} has an unknown type")
            columns.append((field["name"], pl.Date))
        elif kind in _TYPES:
            columns.append((field["name"], _TYPES[kind]))
        else:
            raise InvalidError(f"schema: {field['name']} has an unknown type")
    return tuple(columns)


def polars_schema(schema: str) -> dict[str, type[pl.DataType]]:
    """Column types of a row schema, in order."""
    return dict(_columns(schema))


@lru_cache(maxsize=256)
def _header(schema: str, codec: str) -> bytes:
    out = bytearray(MAGIC)
    put_long(out, 2)
    for key, value in (("avro.codec", codec), ("avro.schema", schema)):
        for text in (key.encode(), value.encode()):
            put_long(out, len(text))
            out += text
    out.append(0)
    return bytes(out) + SYNC


@lru_cache(maxsize=256)
def _plain_header(schema: str) -> bytes:
    """The header that the column writer itself puts before these columns."""
    out = io.BytesIO()
    pl.DataFrame(schema=polars_schema(schema)).write_avro(out)
    text = out.getvalue()
    return text[: text.index(SYNC) + SYNC_SIZE]


def container(frame: pl.DataFrame, schema: str, *, codec: str = "deflate") -> bytes:
    """`frame` as an object container under the registered text `schema`.

    Args:
        frame: Rows; columns are taken by name, in the schema's order, and cast.
        schema: Registered JSON text; it stands in the header as it is.
        codec: "deflate" or "null".
    """
    parts = [_header(schema, codec)]
    if frame.height:
        columns = polars_schema(schema)
        rows = frame.select([pl.col(name).cast(kind) for name, kind in columns.items()])
        body = _body(rows, schema)
        if codec == "deflate":
            packer = zlib.compressobj(DEFLATE_LEVEL, wbits=-15)
            body = packer.compress(body) + packer.flush()
        sizes = bytearray()
        put_long(sizes, frame.height)
        put_long(sizes, len(body))
        parts += [bytes(sizes), body, SYNC]
    return b"".join(parts)


def _body(rows: pl.DataFrame, schema: str) -> bytes:
    """The rows in Avro binary, one after the other: one block's content."""
    out = io.BytesIO()
    rows.rechunk().write_avro(out)
    cursor = Cursor(out.getvalue(), len(_plain_header(schema)))
    if cursor.long() != rows.height:
        raise InvalidError("the column writer cut a container in pieces")
    return cursor.take(cursor.long())


def frame(
    container: bytes,
    schema: str,
    *,
    rows_max: int,
    bytes_max: int,
    own: bool = False,
) -> pl.DataFrame:
    """The rows of an object container, or EnvelopeError.

    Args:
        container: Untrusted bytes.
        schema: Registered JSON text that the header must hold.
        rows_max: Most rows.
        bytes_max: Most bytes when inflated.
        own: This hub wrote the container and a key has vouched for every byte of it:
            the re-encoding that refuses other spellings of the same rows is left out.

    Raises:
        EnvelopeError: SCHEMA (header), CONTENT (does not decode, too many rows) or
            OVERSIZED (inflates beyond the bound).
    """
    cursor = Cursor(container)
    try:
        codec, sync = _read_header(cursor, schema)
        bodies = list(_read_blocks(cursor, codec, sync, rows_max, bytes_max))
    except EnvelopeError as error:
        if error.reason != Reason.MALFORMED:
            raise
        raise EnvelopeError(Reason.CONTENT, "container is malformed") from error
    count = sum(rows for rows, _ in bodies)
    body = b"".join(body for _, body in bodies)
    return _decode(count, body, schema, own=own)


def _read_header(cursor: Cursor, schema: str) -> tuple[str, bytes]:
    if cursor.take(len(MAGIC)) != MAGIC:
        raise malformed("not a container")
    entries: dict[bytes, bytes] = {}
    while count := cursor.long():
        if not 0 < count <= 2:
            raise malformed("header holds other entries")
        for _ in range(count):
            key = cursor.take(_size(cursor))
            if key in entries or key not in (b"avro.codec", b"avro.schema"):
                raise malformed("header holds other entries")
            entries[key] = cursor.take(_size(cursor))
    if entries.get(b"avro.schema") != schema.encode():
        raise EnvelopeError(Reason.SCHEMA, "header schema is not the registered text")
    codec = entries.get(b"avro.codec", b"null")
    if codec not in (b"null", b"deflate"):
        raise malformed("codec is neither null nor deflate")
    return codec.decode(), cursor.take(SYNC_SIZE)


def _size(cursor: Cursor) -> int:
    size = cursor.long()
    if not 0 <= size <= HEADER_BYTES_MAX:
        raise malformed("a size is outside its bounds")
    return size


def _read_blocks(
    cursor: Cursor, codec: str, sync: bytes, rows_max: int, bytes_max: int
) -> Iterator[tuple[int, bytes]]:
    rows_left, bytes_left = rows_max, bytes_max
    while cursor.left:
        count, size = cursor.long(), cursor.long()
        if count <= 0 or size < 0:
            raise malformed("a block is empty or negative")
        rows_left -= count
        if rows_left < 0:
            raise EnvelopeError(Reason.CONTENT, f"more than {rows_max} rows")
        body = cursor.take(size)
        if codec == "deflate":
            body = _inflate(body, bytes_left)
        bytes_left -= len(body)
        if bytes_left < 0:
            raise EnvelopeError(Reason.OVERSIZED, f"over {bytes_max} bytes of rows")
        if cursor.take(SYNC_SIZE) != sync:
            raise malformed("a sync marker is wrong")
        yield count, body


def _inflate(body: bytes, bytes_max: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=-15)
    try:
        plain = unpacker.decompress(body, bytes_max + 1)
    except zlib.error as error:
        raise malformed("a block does not inflate") from error
    if len(plain) > bytes_max:
        return plain
    # Some writers (fastavro) leave a part of zlib's checksum behind the stream.
    checksum = zlib.adler32(plain).to_bytes(4, "big")
    if not unpacker.eof or not checksum.startswith(unpacker.unused_data):
        raise malformed("a block is cut or followed by other bytes")
    return plain


def _decode(count: int, body: bytes, schema: str, *, own: bool) -> pl.DataFrame:
    columns = polars_schema(schema)
    if not count:
        return pl.DataFrame(schema=columns)
    # Each field takes a byte at least; a reader must not allocate for a lie.
    if count * len(columns) > len(body):
        raise EnvelopeError(Reason.CONTENT, "fewer bytes than rows")
    sizes = bytearray()
    put_long(sizes, count)
    put_long(sizes, len(body))
    # One copy: a reader of bytes shares them, megabytes at a time.
    plain = b"".join((_plain_header(schema), sizes, body, SYNC))
    try:
        rows = pl.read_avro(io.BytesIO(plain))
    except _READ_ERRORS as error:
        raise EnvelopeError(Reason.CONTENT, "rows do not decode") from error
    if rows.height != count or (not own and _body(rows, schema) != body):
        raise EnvelopeError(Reason.CONTENT, "rows are not in their one spelling")
    return rows
