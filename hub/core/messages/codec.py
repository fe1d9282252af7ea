"""Bytes to messages and back: Avro single-object encoding, strict and bounded.

Rules:

- A value is ``C3 01``, the schema's fingerprint, the body, nothing more.
- Size is checked against the schema's ``bytes_max`` before a byte of body is read.
- What decodes re-encodes to the same bytes (:mod:`hub.core.binary`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar, cast

from hub.core.binary import Codec, Cursor, compile_codec, malformed
from hub.core.errors import EnvelopeError
from hub.core.fingerprint import fingerprint
from hub.core.log import Source
from hub.core.messages import model, schemas
from hub.core.messages.fields import Schema
from hub.core.messages.model import (
    Act,
    Block,
    BlockHeader,
    Close,
    Config,
    Envelope,
    EnvelopeHeader,
    Genesis,
    Notice,
    Quarantine,
    Receipt,
    Sealed,
    Sections,
    Statement,
)
from hub.core.reasons import Reason

Wire = Genesis | Config | Close | Act | Notice | Envelope | Block | Sealed
"""What may stand as a Kafka value; the rest travels inside one of these."""
Inside = EnvelopeHeader | BlockHeader | Sections | Receipt | Quarantine | Statement
Message = Wire | Inside

M = TypeVar("M", bound=Message)

MARK = b"\xc3\x01"
PREFIX_SIZE = 10

_SCHEMAS: dict[type[Any], Schema] = {
    Genesis: schemas.GENESIS,
    Config: schemas.CONFIG,
    Close: schemas.CLOSE,
    Act: schemas.ACT,
    Notice: schemas.NOTICE,
    Envelope: schemas.ENVELOPE,
    EnvelopeHeader: schemas.ENVELOPE_HEADER,
    Sealed: schemas.SEALED,
    Receipt: schemas.RECEIPT,
    Quarantine: schemas.QUARANTINE,
    Statement: schemas.STATEMENT,
    Block: schemas.BLOCK,
    BlockHeader: schemas.BLOCK_HEADER,
    Sections: schemas.SECTIONS,
}
_WIRE = (Genesis, Config, Close, Act, Notice, Envelope, Block, Sealed)
_MAKERS = {
    **{kind.__name__: kind for kind in _SCHEMAS},
    "Stanza": model.Stanza,
    "Refusal": model.Refusal,
    "QuarantinedRow": model.QuarantinedRow,
    "Decision": model.Decision,
    "Section": model.Section,
    "Source": Source,
}
_CODECS: dict[type[Any], Codec] = {
    kind: compile_codec(schema, _MAKERS) for kind, schema in _SCHEMAS.items()
}
_PREFIXES: dict[type[Any], bytes] = {
    kind: MARK + fingerprint(schemas.text_of(schema))
    for kind, schema in _SCHEMAS.items()
}
_BY_PREFIX = {_PREFIXES[kind]: kind for kind in _WIRE}


def encode(message: Message) -> bytes:
    """The value of `message`; raises EnvelopeError for one outside its bounds."""
    kind = type(message)
    out = bytearray(_PREFIXES[kind])
    _CODECS[kind][0](out, _plain(message))
    _bounded(kind, len(out))
    return bytes(out)


def decode(value: bytes) -> Wire:
    """The message in a Kafka value.

    Raises:
        EnvelopeError: MALFORMED or OVERSIZED.
    """
    kind = _BY_PREFIX.get(value[:PREFIX_SIZE])
    if kind is None:
        raise malformed("not a Kerwen message")
    return cast("Wire", decode_as(kind, value))


def decode_as(kind: type[M], value: bytes) -> M:
    """The message of a known kind, also of one that travels inside another."""
    if value[:PREFIX_SIZE] != _PREFIXES[kind]:
        raise malformed(f"not a {kind.__name__}")
    _bounded(kind, len(value))
    cursor = Cursor(value, PREFIX_SIZE)
    message = cast("M", _CODECS[kind][1](cursor))
    cursor.end()
    if isinstance(message, BlockHeader) and message.start > message.to:
        raise malformed("a block covers backwards")
    return message


def _bounded(kind: type[Any], size: int) -> None:
    most = _SCHEMAS[kind]["bytes_max"]
    if size > most:
        text = f"{kind.__name__} of {size} bytes is over {most}"
        raise EnvelopeError(Reason.OVERSIZED, text)


def _plain(message: Any) -> Any:
    """A receipt's refusals may come as plain pairs; the codec wants names."""
    if isinstance(message, Receipt):
        named = tuple(model.Refusal(*pair) for pair in message.refused)
        return replace(message, refused=named)
    return message
