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

from hub.core.messages.fields import (
    Schema,
    again,
    big,
    blob,
    choice,
    fixed,
    flag,
    many,
    number,
    record,
    row,
    text,
)
from hub.core.messages.indicators import VINTAGE

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
REASON_TEXT_MAX = 2 * KIB
SECTIONS_MAX = 64
TABLES_MAX = 256


_SIGNED = (
    big("created_ms"),
    text("key_id", KEY_ID_MAX),
    fixed("signature", "Signature", 64),
)

GENESIS = record(
    "Genesis",
    "First message of every partition: which log this is.",
    CONTROL_BYTES_MAX,
    fixed("log", "Uuid", 16),
    text("topic", TOPIC_MAX),
    number("partition"),
    number("partitions", 1),
    fixed("catalogue", "Digest", 32),
    number("generation"),
    *_SIGNED,
)
CONFIG = record(
    "Config",
    "The signed bundle in force from this offset on.",
    CONTROL_BYTES_MAX,
    fixed("bundle", "Digest", 32),
    *_SIGNED,
)
CLOSE = record(
    "Close",
    "Marker of a cut: what is released from everything before it.",
    2 * CONTROL_BYTES_MAX,
    fixed("marker", "Uuid", 16),
    choice("vintage", "Vintage", "P", "R", "F"),
    many("tables", "string", TABLES_MAX, min=1, max=NAME_MAX),
    text("period", 16),
    *_SIGNED,
)
ACT = record(
    "Act",
    "What somebody did to the hub; a link of a chain.",
    CONTROL_BYTES_MAX,
    fixed("previous", "Digest", 32),
    big("sequence", 1),
    text("actor", NAME_MAX),
    text("verb", NAME_MAX),
    text("subject", TOPIC_MAX, least=0),
    blob("reason", REASON_TEXT_MAX),
    *_SIGNED,
)
NOTICE = record(
    "Notice",
    "What release says to the operator about a cut that it does not publish.",
    256 * KIB,
    fixed("marker", "Uuid", 16),
    choice("kind", "NoticeKind", "refused", "draft"),
    choice("vintage", "Vintage", "P", "R", "F"),
    text("period", 16),
    blob("reason", REASON_TEXT_MAX),
    many("manifests", "bytes", TABLES_MAX, max=4 * KIB),
    fixed("digest", "Digest", 32),
    *_SIGNED,
)
ENVELOPE = record(
    "Envelope",
    "One sealed batch of one member.",
    ENVELOPE_BYTES_MAX,
    blob("header", KIB),
    many(
        "recipients",
        row(
            "Stanza",
            text("key_id", KEY_ID_MAX),
            blob("encapsulation", 2 * KIB),
            blob("wrapped", 64),
        ),
        RECIPIENTS_MAX,
    ),
    fixed("nonce", "Nonce", 12),
    blob("ciphertext", ENVELOPE_BYTES_MAX),
    fixed("signature", "Signature", 64),
)
ENVELOPE_HEADER = record(
    "EnvelopeHeader",
    "What is authenticated and readable without a key.",
    KIB,
    number("version", 1, 1),
    number("suite", 1, 2),
    choice("kind", "EnvelopeKind", "records", "declaration", "lane"),
    text("member", MEMBER_MAX),
    text("dataflow", NAME_MAX),
    fixed("schema", "Fingerprint", 8),
    fixed("batch", "Uuid", 16),
    again("lane", "Uuid"),
    big("sequence", 1),
    fixed("previous", "Digest", 32),
    big("created_ms"),
    text("signer", KEY_ID_MAX),
    again("commitment", "Digest"),
)
SEALED = record(
    "Sealed",
    "A receipt, quarantine or statement, readable by one ministry only.",
    SEALED_BYTES_MAX,
    choice("kind", "SealedKind", "receipt", "quarantine", "statement"),
    text("member", MEMBER_MAX),
    text("key_id", KEY_ID_MAX),
    number("suite", 1, 2),
    blob("encapsulation", 2 * KIB),
    blob("ciphertext", SEALED_BYTES_MAX),
)
RECEIPT = record(
    "Receipt",
    "What intake did with one batch: batch facts only.",
    2 * CONTROL_BYTES_MAX,
    fixed("batch", "Uuid", 16),
    fixed("digest", "Digest", 32),
    text("member", MEMBER_MAX),
    text("dataflow", NAME_MAX),
    again("lane", "Uuid"),
    big("sequence"),
    text("topic", TOPIC_MAX),
    number("partition"),
    big("offset"),
    number("accepted"),
    many("refused", row("Refusal", text("reason", REASON_MAX), number("rows")), 64),
    choice("outcome", "Outcome", "accepted", "refused", "expected", "duplicate"),
    flag("final"),
    big("expected"),
    big("received_ms"),
    text("key_id", KEY_ID_MAX),
    fixed("signature", "Signature", 64),
)
QUARANTINE = record(
    "Quarantine",
    "Rows a ministry has to mend, with the reason of each.",
    SEALED_BYTES_MAX - 4 * KIB,
    fixed("batch", "Uuid", 16),
    fixed("digest", "Digest", 32),
    text("member", MEMBER_MAX),
    text("dataflow", NAME_MAX),
    big("sequence"),
    many(
        "rows",
        row(
            "QuarantinedRow",
            number("row"),
            text("reason", REASON_MAX),
            text("field", NAME_MAX, 0),
        ),
        ROWS_MAX,
    ),
    blob("container", SEALED_BYTES_MAX - 8 * KIB),
)
STATEMENT = record(
    "Statement",
    "What dedupe decided about rows of one member, by coordinate.",
    SEALED_BYTES_MAX - 4 * KIB,
    text("member", MEMBER_MAX),
    text("day", 10, 10),
    many(
        "decisions",
        row(
            "Decision",
            text("topic", TOPIC_MAX),
            number("partition"),
            big("offset"),
            number("row"),
            choice(
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
BLOCK = record(
    "Block",
    "An internal message: sealed rows and the stretch they cover.",
    BLOCK_BYTES_MAX,
    blob("header", KIB),
    fixed("nonce", "Nonce", 12),
    blob("ciphertext", BLOCK_BYTES_MAX),
)
BLOCK_HEADER = record(
    "BlockHeader",
    "Coverage: from (exclusive) to (inclusive) in one source.",
    KIB,
    number("version", 1, 1),
    text("stage", 16),
    choice("kind", "BlockKind", "rows", "close", "complete"),
    {
        "name": "source",
        "type": row(
            "Source",
            text("topic", TOPIC_MAX),
            number("partition"),
            fixed("log", "Uuid", 16),
        ),
    },
    big("from_offset", -1),
    number("from_row"),
    big("to_offset"),
    number("to_row"),
    big("clock_ms"),
    fixed("config", "Digest", 32),
    number("generation"),
    text("key_id", KEY_ID_MAX),
)
SECTIONS = record(
    "Sections",
    "Plaintext of a block: named tables of rows.",
    BLOCK_BYTES_MAX,
    many(
        "sections",
        row(
            "Section",
            text("name", NAME_MAX),
            number("count"),
            blob("container", BLOCK_BYTES_MAX),
        ),
        SECTIONS_MAX,
    ),
)
PUBLIC: Mapping[str, Schema] = {
    "genesis": GENESIS,
    "config": CONFIG,
    "close": CLOSE,
    "act": ACT,
    "notice": NOTICE,
    "envelope": ENVELOPE,
    "envelope_header": ENVELOPE_HEADER,
    "sealed": SEALED,
    "receipt": RECEIPT,
    "quarantine": QUARANTINE,
    "statement": STATEMENT,
    "vintage": VINTAGE,
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
