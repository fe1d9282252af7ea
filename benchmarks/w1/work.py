"""What W1 does to one record, and the figures every contender shares.

Rules:

- One schema, one cipher, two keyed hashes, one dedupe, five counts; nothing that a
  contender does is left out by another.
- :func:`fold_in` is the work of the Python contenders that see one event a message.
- A contender says when it saw its first record (:func:`began`) and what it counted
  (:func:`write_counts`); when it was done is seen from outside.
"""

from __future__ import annotations

import hmac
import io
import json
import os
import time
from datetime import date
from pathlib import Path

import fastavro
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PARTITIONS = 4
ROWS = 1_000
"""Rows of a batch; an event is one row of it."""

NONCE_BYTES = 12
HASH_BYTES = 16
SECRET = bytes(range(32))
"""The one secret of the benchmark: a key for the cipher and for both hashes."""

PERSON, RECORD = b"person", b"record"

_FIELDS = (
    ("record", "string"),
    ("document", "string"),
    ("surname", "string"),
    ("given", "string"),
    ("birth_date", {"type": "int", "logicalType": "date"}),
    ("sex", "string"),
    ("citizenship", "string"),
    ("region", "string"),
    ("checkpoint", "string"),
    ("direction", "string"),
    ("purpose", "string"),
    ("event_date", {"type": "int", "logicalType": "date"}),
    ("stay_days", "int"),
)
SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "crossing",
        "fields": [{"name": name, "type": ["null", kind]} for name, kind in _FIELDS],
    },
    separators=(",", ":"),
)

_PARSED = fastavro.parse_schema(json.loads(SCHEMA))
_CIPHER = AESGCM(SECRET)
_EPOCH = date(1970, 1, 1).toordinal()
_folder = Path(os.environ.get("W1_FOLDER", "."))


def seal(plain: bytes) -> bytes:
    """Nonce and ciphertext."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _CIPHER.encrypt(nonce, plain, None)


def unseal(value: bytes) -> bytes:
    """The opposite of :func:`seal`; raises if a bit was changed."""
    return _CIPHER.decrypt(value[:NONCE_BYTES], value[NONCE_BYTES:], None)


def encode(row: dict[str, object]) -> bytes:
    """One record in Avro binary."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, _PARSED, row)
    return out.getvalue()


def fold_in(value: bytes) -> tuple[bytes, bytes, tuple[str, ...]]:
    """Decrypt, decode and hash one event.

    Returns:
        The record's pseudonym, the person's, and the cell of each of the five groups.
    """
    row = fastavro.schemaless_reader(io.BytesIO(unseal(value)), _PARSED, None)
    birth, event = row["birth_date"], row["event_date"]
    person = f"{row['document']}|{birth.toordinal() - _EPOCH}"
    cells = (
        f"a|{row['citizenship']}",
        f"b|{row['checkpoint']}|{row['direction']}",
        f"c|{row['sex']}|{birth.year // 10}",
        f"d|{row['purpose']}|{event.month}",
        f"e|{row['region']}|{row['citizenship']}",
    )
    return _keyed(RECORD, row["record"]), _keyed(PERSON, person), cells


def _keyed(label: bytes, text: str) -> bytes:
    key = label + SECRET
    return hmac.digest(key, text.encode(), "sha256")[:HASH_BYTES]


def began() -> None:
    """Note the time of the first record."""
    (_folder / "first").write_text(str(time.monotonic()), "ascii")


def asked() -> bool:
    """Whether the counts are wanted."""
    return (_folder / "asked").exists()


def write_counts(unique: int, cells: dict[str, int]) -> None:
    """Write what was counted, whole or not at all."""
    draft = _folder / "counts.new"
    draft.write_text(json.dumps({"unique": unique, "cells": cells}), "utf-8")
    draft.rename(_folder / "counts")
