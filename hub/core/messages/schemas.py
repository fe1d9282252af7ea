"""Schemas of everything that travels, as values; ``schemas/avro`` holds the same text.

Rules:

- Core reads no file, so the constants here are the ones that decode; a test keeps
  ``schemas/avro/{public,internal}/*.avsc`` equal to them.
- Flat records in namespace ``kerwen``; attributes ``min``, ``max`` and ``count_max``
  are bounds that the decoder enforces (lengths for texts and bytes, values for
  numbers), ``bytes_max`` bounds a whole message.
- A changed schema is a new file and a new version, never an edit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

KIB = 1024
MIB = 1024 * 1024
ENVELOPE_BYTES_MAX = 8 * MIB
BLOCK_BYTES_MAX = 8 * MIB
SEALED_BYTES_MAX = 16 * MIB
CONTROL_BYTES_MAX = 8 * KIB
MESSAGE_BYTES_MAX = SEALED_BYTES_MAX
"""No Kafka value is larger; brokers allow this much and a little for headers."""
RECIPIENTS_MAX = 16
ROWS_MAX = 50_000
INFLATED_BYTES_MAX = 64 * MIB
TOPIC_MAX = 249
KEY_ID_MAX = 64
MEMBER_MAX = 96
NAME_MAX = 64
REASON_MAX = 32
SECTIONS_MAX = 64
TABLES_MAX = 256

Schema = Mapping[str, Any]


def _text(name: str, most: int, least: int = 1) -> Schema:
    return {"name": name, "type": "string", "min": least, "max": most}


def _blob(name: str, most: int) -> Schema:
    return {"name": name, "type": "bytes", "max": most}


def _int(name: str, low: int = 0, high: int = 2**31 - 1) -> Schema:
    return {"name": name, "type": "int", "min": low, "max": high}


def _long(name: str, low: int = 0, high: int = 2**63 - 1) -> Schema:
    return {"name": name, "type": "long", "min": low, "max": high}


def _fixed(name: str, kind: str, size: int) -> Schema:
    return {"name": name, "type": {"type": "fixed", "name": kind, "size": size}}


def _again(name: str, kind: str) -> Schema:
    return {"name": name, "type": kind}


def _flag(name: str) -> Schema:
    return {"name": name, "type": "boolean"}


def _enum(name: str, kind: str, *symbols: str) -> Schema:
    return {
        "name": name,
        "type": {"type": "enum", "name": kind, "symbols": list(symbols)},
    }


def _list(name: str, items: Schema | str, most: int, **bounds: int) -> Schema:
    kind = {"type": "array", "items": items}
    return {"name": name, "type": kind, "count_max": most, **bounds}


def _row(name: str, *fields: Schema) -> Schema:
    return {"type": "record", "name": name, "fields": list(fields)}


def _record(name: str, doc: str, bytes_max: int, *fields: Schema) -> Schema:
    return {
        "type": "record",
        "name": name,
        "namespace": "kerwen",
        "doc": doc,
        "bytes_max": bytes_max,
        "fields": list(fields),
    }


def _nullable(name: str, kind: str, *, required: bool = True) -> Schema:
    return {"name": name, "type": ["null", kind], "required": required}


_SIGNED = (
    _long("created_ms"),
    _text("key_id", KEY_ID_MAX),
    _fixed("signature", "Signature", 64),
)

GENESIS = _record(
    "Genesis",
    "First message of every partition: which log this is.",
    CONTROL_BYTES_MAX,
    _fixed("log", "Uuid", 16),
    _text("topic", TOPIC_MAX),
    _int("partition"),
    _int("partitions", 1),
    _fixed("catalogue", "Digest", 32),
    _int("generation"),
    *_SIGNED,
)
CONFIG = _record(
    "Config",
    "The signed bundle in force from this offset on.",
    CONTROL_BYTES_MAX,
    _fixed("bundle", "Digest", 32),
    *_SIGNED,
)
CLOSE = _record(
    "Close",
    "Marker of a cut: what is released from everything before it.",
    2 * CONTROL_BYTES_MAX,
    _fixed("marker", "Uuid", 16),
    _enum("vintage", "Vintage", "P", "R", "F"),
    _list("tables", "string", TABLES_MAX, min=1, max=NAME_MAX),
    _text("period", 16),
    *_SIGNED,
)
ENVELOPE = _record(
    "Envelope",
    "One sealed batch of one member.",
    ENVELOPE_BYTES_MAX,
    _blob("header", KIB),
    _list(
        "recipients",
        _row(
            "Stanza",
            _text("key_id", KEY_ID_MAX),
            _blob("encapsulation", 2 * KIB),
            _blob("wrapped", 64),
        ),
        RECIPIENTS_MAX,
    ),
    _fixed("nonce", "Nonce", 12),
    _blob("ciphertext", ENVELOPE_BYTES_MAX),
    _fixed("signature", "Signature", 64),
)
ENVELOPE_HEADER = _record(
    "EnvelopeHeader",
    "What is authenticated and readable without a key.",
    KIB,
    _int("version", 1, 1),
    _int("suite", 1, 2),
    _enum("kind", "EnvelopeKind", "records", "declaration", "lane"),
    _text("member", MEMBER_MAX),
    _text("dataflow", NAME_MAX),
    _fixed("schema", "Fingerprint", 8),
    _fixed("batch", "Uuid", 16),
    _again("lane", "Uuid"),
    _long("sequence", 1),
    _fixed("previous", "Digest", 32),
    _long("created_ms"),
    _text("signer", KEY_ID_MAX),
    _again("commitment", "Digest"),
)
SEALED = _record(
    "Sealed",
    "A receipt, quarantine or statement, readable by one ministry only.",
    SEALED_BYTES_MAX,
    _enum("kind", "SealedKind", "receipt", "quarantine", "statement"),
    _text("member", MEMBER_MAX),
    _text("key_id", KEY_ID_MAX),
    _int("suite", 1, 2),
    _blob("encapsulation", 2 * KIB),
    _blob("ciphertext", SEALED_BYTES_MAX),
)
RECEIPT = _record(
    "Receipt",
    "What intake did with one batch: batch facts only.",
    2 * CONTROL_BYTES_MAX,
    _fixed("batch", "Uuid", 16),
    _fixed("digest", "Digest", 32),
    _text("member", MEMBER_MAX),
    _text("dataflow", NAME_MAX),
    _again("lane", "Uuid"),
    _long("sequence"),
    _text("topic", TOPIC_MAX),
    _int("partition"),
    _long("offset"),
    _int("accepted"),
    _list("refused", _row("Refusal", _text("reason", REASON_MAX), _int("rows")), 64),
    _enum("outcome", "Outcome", "accepted", "refused", "expected", "duplicate"),
    _flag("final"),
    _long("expected"),
    _long("received_ms"),
    _text("key_id", KEY_ID_MAX),
    _fixed("signature", "Signature", 64),
)
QUARANTINE = _record(
    "Quarantine",
    "Rows a ministry has to mend, with the reason of each.",
    SEALED_BYTES_MAX - 4 * KIB,
    _fixed("batch", "Uuid", 16),
    _fixed("digest", "Digest", 32),
    _text("member", MEMBER_MAX),
    _text("dataflow", NAME_MAX),
    _long("sequence"),
    _list(
        "rows",
        _row(
            "QuarantinedRow",
            _int("row"),
            _text("reason", REASON_MAX),
            _text("field", NAME_MAX, 0),
        ),
        ROWS_MAX,
    ),
    _blob("container", SEALED_BYTES_MAX - 8 * KIB),
)
STATEMENT = _record(
    "Statement",
    "What dedupe decided about rows of one member, by coordinate.",
    SEALED_BYTES_MAX - 4 * KIB,
    _text("member", MEMBER_MAX),
    _text("day", 10, 10),
    _list(
        "decisions",
        _row(
            "Decision",
            _text("topic", TOPIC_MAX),
            _int("partition"),
            _long("offset"),
            _int("row"),
            _enum(
                "decision",
                "DecisionKind",
                "replay",
                "duplicate",
                "amendment",
                "cancellation",
            ),
        ),
        ROWS_MAX,
    ),
    *_SIGNED,
)
BLOCK = _record(
    "Block",
    "An internal message: sealed rows and the stretch they cover.",
    BLOCK_BYTES_MAX,
    _blob("header", KIB),
    _fixed("nonce", "Nonce", 12),
    _blob("ciphertext", BLOCK_BYTES_MAX),
)
BLOCK_HEADER = _record(
    "BlockHeader",
    "Coverage: from (exclusive) to (inclusive) in one source.",
    KIB,
    _int("version", 1, 1),
    _text("stage", 16),
    _enum("kind", "BlockKind", "rows", "close", "complete"),
    {
        "name": "source",
        "type": _row(
            "Source",
            _text("topic", TOPIC_MAX),
            _int("partition"),
            _fixed("log", "Uuid", 16),
        ),
    },
    _long("from_offset", -1),
    _int("from_row"),
    _long("to_offset"),
    _int("to_row"),
    _long("clock_ms"),
    _fixed("config", "Digest", 32),
    _int("generation"),
    _text("key_id", KEY_ID_MAX),
)
SECTIONS = _record(
    "Sections",
    "Plaintext of a block: named tables of rows.",
    BLOCK_BYTES_MAX,
    _list(
        "sections",
        _row(
            "Section",
            _text("name", NAME_MAX),
            _int("count"),
            _blob("container", BLOCK_BYTES_MAX),
        ),
        SECTIONS_MAX,
    ),
)
DECLARATION = {
    "type": "record",
    "name": "Declaration",
    "namespace": "kerwen",
    "doc": "A member declares a period of a dataflow complete; rows in a container.",
    "fields": [
        _nullable("period", "string"),
        _nullable("complete", "boolean"),
        _nullable("nil", "boolean"),
    ],
}

PUBLIC: Mapping[str, Schema] = {
    "genesis": GENESIS,
    "config": CONFIG,
    "close": CLOSE,
    "envelope": ENVELOPE,
    "envelope_header": ENVELOPE_HEADER,
    "sealed": SEALED,
    "receipt": RECEIPT,
    "quarantine": QUARANTINE,
    "statement": STATEMENT,
    "declaration": DECLARATION,
}
INTERNAL: Mapping[str, Schema] = {
    "block": BLOCK,
    "block_header": BLOCK_HEADER,
    "sections": SECTIONS,
}
SCHEMAS: Mapping[str, Schema] = {**PUBLIC, **INTERNAL}


def text_of(schema: Schema) -> str:
    """The registered text of `schema`: JSON without spaces, in its own order."""
    return json.dumps(schema, separators=(",", ":"), ensure_ascii=False)


DECLARATION_SCHEMA = text_of(DECLARATION)
"""What a container of period declarations carries in its header."""
