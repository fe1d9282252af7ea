"""Schema of the signed manifest of a vintage, which members read.

Rules:

- It is plain Avro for any Kafka client, so it may use a union; release writes it and
  members decode it, never a stage.
- It names and signs all observations of one table and vintage by their digest; a
  withdrawal is a manifest with a reason.
- Observations have one schema a table, made from the catalogue
  (:mod:`hub.core.observation`), so none of them stands here.
"""

from __future__ import annotations

from hub.core.messages.fields import (
    Schema,
    again,
    big,
    choice,
    fixed,
    number,
    optional,
    record,
    text,
)

MANIFEST_BYTES_MAX = 64 * 1024

UTILITY = (
    "mean_error",
    "changed",
    "female_share_error",
    "suppressed_f",
    "suppressed_m",
    "additivity_gap",
)
"""What a manifest says of the figures' quality; hub.core.release.utility."""

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
    *(optional(name, "double") for name in UTILITY),
    big("released_ms"),
    text("key_id", 64),
    fixed("signature", "Signature", 64),
)
