"""Schemas of what members read: observations, and the manifest of a vintage.

Rules:

- Observations are plain Avro for any Kafka client (Confluent wire format), so they may
  use unions; they are written by release and decoded by members, never by a stage.
- A value is a decimal text exactly as published: digests and signatures are over it,
  and no client's floating point changes it. Null where nothing may be said.
- A manifest names and signs all observations of one table and vintage; a withdrawal is
  a manifest with a reason.
"""

from __future__ import annotations

from hub.core.messages.fields import (
    Schema,
    again,
    big,
    choice,
    fixed,
    many,
    number,
    optional,
    record,
    row,
    text,
)

OBSERVATION_BYTES_MAX = 8 * 1024
MANIFEST_BYTES_MAX = 64 * 1024
DIMENSIONS_MAX = 2

OBSERVATION: Schema = record(
    "Observation",
    "One published figure of one table and vintage.",
    OBSERVATION_BYTES_MAX,
    text("table", 64),
    text("version", 16),
    choice("vintage", "VintageLetter", "P", "R", "F"),
    fixed("marker", "Uuid", 16),
    choice("freq", "Frequency", "M", "Q", "A"),
    text("ref_area", 16),
    text("sex", 8),
    many(
        "dimensions",
        row("DimensionValue", text("id", 64), text("code", 64)),
        DIMENSIONS_MAX,
    ),
    text("time_period", 16),
    optional("value", "string"),
    text("unit", 32),
    text("obs_status", 1),
    optional("conf_status", "string"),
    big("released_ms"),
)
VINTAGE: Schema = record(
    "Vintage",
    "What a release consists of, signed; or its withdrawal.",
    MANIFEST_BYTES_MAX,
    text("table", 64),
    text("version", 16),
    choice("vintage", "VintageLetter", "P", "R", "F"),
    choice("action", "VintageAction", "release", "withdraw"),
    fixed("marker", "Uuid", 16),
    text("period", 16),
    fixed("catalogue", "Digest", 32),
    number("observations"),
    again("digest", "Digest"),
    optional("reason", "string"),
    big("released_ms"),
    text("key_id", 64),
    fixed("signature", "Signature", 64),
)
