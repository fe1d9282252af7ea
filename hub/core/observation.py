"""Observations and manifests: what members get, and how they verify it offline.

Rules (docs/disclosure.md, "What is published"; SDMX: one data structure a table):

- An observation is one value of one series: FREQ.REF_AREA.SEX.<dimensions in catalogue
  order>, at a TIME_PERIOD, in one vintage of one release.
- On the wire it is Confluent framing (0, schema id, Avro), so any Kafka Avro client
  reads it; the id is a hash of the schema, the same on every hub.
- A release of a table ends with a signed manifest (:class:`Vintage`). Its digest is
  over one leaf an observation, sorted; a leaf is the hash of the canonical line.
  Whoever holds the figures, from whatever format, can recompute it, and with the
  leaves beside them can tell which figure was changed.

Invariant: two sets of observations with one digest are equal in every field that
says what was published.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import fastavro
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from hub.core.catalogue.model import Table
from hub.core.errors import EnvelopeError
from hub.core.fingerprint import fingerprint
from hub.core.keys import Use
from hub.core.messages import SIGNATURE_NONE
from hub.core.messages.indicators import MANIFEST_BYTES_MAX, VINTAGE
from hub.core.messages.schemas import text_of
from hub.core.reasons import Reason

FRAME = struct.Struct(">bI")
MARK = b"\xc3\x01"
_UNREADABLE = (EOFError, ValueError, IndexError, KeyError, TypeError)
_LABEL = b"kerwen v1 sign Vintage\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One value.

    Attributes:
        dimensions: Codes beside FREQ, REF_AREA and SEX, in catalogue order.
        value: None where suppressed or missing; `status` says which.
        status: SDMX OBS_STATUS: O, Q, D, B, P or A, the first that applies.
        conf: SDMX CONF_STATUS: why it is suppressed, F where it is not.
        vintage: P, R or F.
        release: The marker, hexadecimal.
    """

    table: str
    frequency: str
    area: str
    sex: str
    dimensions: tuple[str, ...]
    period: str
    value: float | None
    status: str
    conf: str
    unit: str
    vintage: str
    release: str
    released_ms: int
    residence_rule: str | None = None

    @property
    def series(self) -> str:
        """The series key."""
        codes = (self.frequency, self.area, self.sex, *self.dimensions)
        return ".".join(codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vintage:
    """The signed end of one table's release, or its withdrawal.

    Attributes:
        action: "release", or "withdraw" of that marker's figures with a reason.
        period: The marker's period.
        catalogue: Digest of the catalogue that the figures were made by.
        observations: How many.
        digest: :func:`digest` over them.
        mean_error, changed, female_share_error, suppressed_f, suppressed_m,
            additivity_gap: What protection cost this table
            (:class:`hub.core.release.utility.Utility`).
    """

    table: str
    version: str = "1.0.0"
    vintage: str
    action: str = "release"
    marker: bytes
    period: str
    catalogue: bytes
    observations: int
    digest: bytes
    reason: str | None = None
    mean_error: float | None = None
    changed: float | None = None
    female_share_error: float | None = None
    suppressed_f: float | None = None
    suppressed_m: float | None = None
    additivity_gap: float | None = None
    released_ms: int
    key_id: str
    signature: bytes = field(default=SIGNATURE_NONE, repr=False)


_VINTAGE = fastavro.parse_schema({**VINTAGE})
_PREFIX = MARK + fingerprint(text_of(VINTAGE))


def schema(table: Table) -> str:
    """The Avro schema of a table's observations: its data structure, flat."""
    texts = ["FREQ", "REF_AREA", "SEX", *(one.id for one in table.dimensions)]
    after = ["OBS_STATUS", "CONF_STATUS", "UNIT_MEASURE", "VINTAGE", "RELEASE"]
    fields: list[dict[str, Any]] = [
        {"name": name, "type": "string"} for name in (*texts, "TIME_PERIOD")
    ]
    fields.append({"name": "OBS_VALUE", "type": ["null", "double"], "default": None})
    fields += [{"name": name, "type": "string"} for name in after]
    fields.append({"name": "RELEASED_MS", "type": "long"})
    rule = {"name": "RESIDENCE_RULE", "type": ["null", "string"], "default": None}
    return json.dumps(
        {
            "type": "record",
            "name": table.id,
            "namespace": "kerwen.indicators",
            "fields": [*fields, rule],
        },
        separators=(",", ":"),
    )


def schema_id(table: Table) -> int:
    """The registry's number of the schema: 31 bits of its SHA-256."""
    digest = hashlib.sha256(schema(table).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


@lru_cache(maxsize=512)
def _parsed(text: str) -> Any:
    return fastavro.parse_schema(json.loads(text))


class Codec:
    """Encodes and decodes the observations of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._head = FRAME.pack(0, schema_id(table))
        self._schema = _parsed(schema(table))
        self._names = [one.id for one in table.dimensions]

    def encode(self, one: Observation) -> bytes:
        """Confluent framing of one observation."""
        row = {
            "FREQ": one.frequency,
            "REF_AREA": one.area,
            "SEX": one.sex,
            **dict(zip(self._names, one.dimensions, strict=True)),
            "TIME_PERIOD": one.period,
            "OBS_VALUE": one.value,
            "OBS_STATUS": one.status,
            "CONF_STATUS": one.conf,
            "UNIT_MEASURE": one.unit,
            "VINTAGE": one.vintage,
            "RELEASE": one.release,
            "RELEASED_MS": one.released_ms,
            "RESIDENCE_RULE": one.residence_rule,
        }
        out = io.BytesIO(self._head)
        out.seek(len(self._head))
        fastavro.schemaless_writer(out, self._schema, row)
        return out.getvalue()

    def decode(self, value: bytes) -> Observation:
        """The observation in a value of this table's topic.

        Raises:
            EnvelopeError: It is framed for another schema or does not decode.
        """
        if value[: FRAME.size] != self._head:
            text = f"not an observation of {self._table.id}"
            raise EnvelopeError(Reason.SCHEMA, text)
        body = io.BytesIO(value[FRAME.size :])
        try:
            row: Any = fastavro.schemaless_reader(body, self._schema, None)
        except _UNREADABLE as error:
            text = f"an observation of {self._table.id} does not decode"
            raise EnvelopeError(Reason.MALFORMED, text) from error
        return Observation(
            table=self._table.id,
            frequency=row["FREQ"],
            area=row["REF_AREA"],
            sex=row["SEX"],
            dimensions=tuple(row[name] for name in self._names),
            period=row["TIME_PERIOD"],
            value=row["OBS_VALUE"],
            status=row["OBS_STATUS"],
            conf=row["CONF_STATUS"],
            unit=row["UNIT_MEASURE"],
            vintage=row["VINTAGE"],
            release=row["RELEASE"],
            released_ms=row["RELEASED_MS"],
            residence_rule=row["RESIDENCE_RULE"],
        )


def line(one: Observation) -> str:
    """The canonical line: a value is its shortest decimal, nothing if there is none."""
    value = "" if one.value is None else repr(float(one.value))
    said = [one.status, one.conf, one.unit, one.vintage, one.release]
    if one.residence_rule is not None:
        said.append(one.residence_rule)
    return "|".join((one.table, one.series, one.period, value, *said))


def leaf(one: Observation) -> bytes:
    """SHA-256 of the canonical line, ended by a line feed; 32 bytes."""
    return hashlib.sha256(f"{line(one)}\n".encode()).digest()


def digest_of(leaves: Iterable[bytes]) -> bytes:
    """SHA-256 over leaves in order of their bytes."""
    return hashlib.sha256(b"".join(sorted(leaves))).digest()


def digest(observations: Iterable[Observation]) -> bytes:
    """What a manifest signs: :func:`digest_of` the leaves of its observations."""
    return digest_of(leaf(one) for one in observations)


def encode(vintage: Vintage) -> bytes:
    """The value of a manifest in ``indicators.vintages``."""
    out = io.BytesIO(_PREFIX)
    out.seek(len(_PREFIX))
    row = {name: getattr(vintage, name) for name in vintage.__slots__}
    fastavro.schemaless_writer(out, _VINTAGE, row)
    return out.getvalue()


def decode(value: bytes) -> Vintage:
    """The manifest in a value, or EnvelopeError."""
    if value[: len(_PREFIX)] != _PREFIX:
        raise EnvelopeError(Reason.MALFORMED, "not a manifest")
    if len(value) > MANIFEST_BYTES_MAX:
        raise EnvelopeError(Reason.OVERSIZED, f"manifest over {MANIFEST_BYTES_MAX}")
    body = io.BytesIO(value[len(_PREFIX) :])
    try:
        row: Any = fastavro.schemaless_reader(body, _VINTAGE, None)
    except _UNREADABLE as error:
        raise EnvelopeError(Reason.MALFORMED, "a manifest does not decode") from error
    found = Vintage(**row)
    if encode(found) != value:
        raise EnvelopeError(Reason.MALFORMED, "a manifest is not in its one spelling")
    return found


def signed_bytes(vintage: Vintage) -> bytes:
    """What the signature of a manifest is made over."""
    return _LABEL + encode(replace(vintage, signature=SIGNATURE_NONE))


def sign(vintage: Vintage, key: Ed25519PrivateKey) -> Vintage:
    """The manifest with its signature."""
    return replace(vintage, signature=key.sign(signed_bytes(vintage)))


def use_of(vintage: Vintage) -> Use:
    """Which of the hub's keys must have signed: who undoes is not who publishes."""
    return "control" if vintage.action == "withdraw" else "release"


def verify(vintage: Vintage, key: Ed25519PublicKey) -> None:
    """Raise EnvelopeError(SIGNATURE) unless `key` signed the manifest."""
    try:
        key.verify(vintage.signature, signed_bytes(vintage))
    except InvalidSignature as error:
        text = f"manifest of {vintage.table} is not signed by {vintage.key_id}"
        raise EnvelopeError(Reason.SIGNATURE, text) from error
