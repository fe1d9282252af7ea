"""A ministry, its log and an intake, for tests of the stage intake."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import polars as pl
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core import avro, blocks
from hub.core.blocks import InternalKey
from hub.core.bundle import only
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.catalogue.schemas import records_schema
from hub.core.envelope import format as layout
from hub.core.envelope import seal
from hub.core.envelope.recipients import PrivateKey
from hub.core.intake import Intake
from hub.core.keys import HUB, Key, KeyRegistry, SigningKey, Use
from hub.core.log import Incoming, Send, Source
from hub.core.messages import (
    DIGEST_NONE,
    Block,
    Close,
    Config,
    EnvelopeHeader,
    Genesis,
    Quarantine,
    Receipt,
    Sealed,
    Section,
    decode,
    decode_as,
    encode,
    sign,
)
from hub.core.stage import Result
from hub.core.state import Memory, Overlay
from hub.edge.files import read_catalogue

LOG = b"L" * 16
CLOCK_MS = 1_760_000_000_000  # 2025-10-09
SOURCE = Source(topic="ministry.sms.border_crossing", partition=0, log=LOG)
SMS = "TM/GOV/SMS/HUB"
FLOW = "border_crossing"
RECORDS = InternalKey(key_id="records-1", secret=b"i" * 32)
SIGN = Ed25519PrivateKey.from_private_bytes(b"m" * 32)
OLD_SIGN = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
CONTROL = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
RECEIPT = Ed25519PrivateKey.from_private_bytes(b"r" * 32)
HUB_SEAL = PrivateKey(suite=2, seed=b"h" * 32)
SMS_SEAL = PrivateKey(suite=2, seed=b"s" * 32)


RECEIPTS = SigningKey(key_id="receipt-1", private=RECEIPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Intake's secrets."""

    hub: Mapping[str, PrivateKey] = field(default_factory=lambda: {"hub-1": HUB_SEAL})
    pseudonyms: Mapping[Domain, bytes] = field(
        default_factory=lambda: {d: d.value.encode().ljust(32, b".") for d in Domain}
    )
    receipt: SigningKey = RECEIPTS
    records: InternalKey = RECORDS


@cache
def catalogue() -> Catalogue:
    """The catalogue of the repository."""
    return read_catalogue(None)


def registry() -> KeyRegistry:
    """Everyone's public keys."""

    def one(key_id: str, use: Use, member: str, private: Any, **more: Any) -> Key:
        public = private.public_key().public_bytes_raw()
        return Key(key_id=key_id, use=use, member=member, public=public, **more)

    seal_key = SMS_SEAL.public()
    keys = [
        one("sms-sign", "sign", SMS, SIGN),
        one("sms-old", "sign", SMS, OLD_SIGN, status="revoked"),
        one("control-1", "control", HUB, CONTROL),
        one("receipt-1", "receipt", HUB, RECEIPT),
        Key(key_id="sms-1", use="seal", member=SMS, suite=2, public=seal_key.raw),
    ]
    return KeyRegistry(keys={key.key_id: key for key in keys})


def intake(**changes: Any) -> Intake:
    """The stage with the keys above."""
    given: dict[str, Any] = {
        "bundles": only(catalogue(), registry()),
        "keys": Keys(),
        "entropy": os.urandom,
    }
    return Intake(**(given | changes))


def crossing(number: int, **changes: Any) -> dict[str, Any]:
    """One valid border crossing."""
    row = {
        "record_id": f"R-{number}",
        "revision": 0,
        "action": "NEW",
        "personal_no": f"77{number:07d}3",
        "doc_state": "UZB",
        "doc_no": f"AB{number:05d}71",
        "family_name": "Garajaýewa",
        "given_name": "Maral",
        "patronymic": "Amanowna",
        "birth_date": dt.date(1985, 3, 7),
        "sex": "F",
        "sex_source": "DOC",
        "citizenship": "UZB",
        "birth_country": "UZB",
        "event_date": dt.date(2025, 9, 1 + number % 28),
        "direction": "ENTRY",
        "checkpoint": next(iter(catalogue().codelists["CL_CHECKPOINT"].codes)),
        "velayat": next(iter(catalogue().codelists["CL_VELAYAT"].codes)),
        "transport": "ROAD",
        "purpose": next(iter(catalogue().codelists["CL_PURPOSE"].codes)),
        "declared_stay_days": 10,
        "prev_or_next_country": "UZB",
        "residence_right": "VISA",
    }
    return row | changes


def frame_of(rows: Sequence[Mapping[str, Any]], flow: str = FLOW) -> pl.DataFrame:
    """Rows in the provider schema."""
    schema = avro.polars_schema(catalogue().dataflows[flow].schema)
    return pl.DataFrame(rows, schema=schema, orient="row")


@dataclass(slots=True)
class Lane:
    """A publisher's lane: seals batches, chained."""

    lane: bytes = bytes(16)
    sequence: int = 0
    digest: bytes = DIGEST_NONE

    def seal(
        self,
        rows: Sequence[Mapping[str, Any]] | pl.DataFrame = (),
        *,
        flow: str = FLOW,
        key: Ed25519PrivateKey = SIGN,
        payload: bytes | None = None,
        recipient: tuple[str, PrivateKey] = ("hub-1", HUB_SEAL),
        **changes: Any,
    ) -> bytes:
        """The next envelope of the lane."""
        schema = catalogue().dataflows[flow].schema
        frame = rows if isinstance(rows, pl.DataFrame) else frame_of(rows, flow)
        header = EnvelopeHeader(
            kind="records",
            member=SMS,
            dataflow=FLOW,
            schema=avro.fingerprint(schema),
            batch=bytes(6) + b"\x70\x00\x80" + self.sequence.to_bytes(7, "big"),
            lane=self.lane,
            sequence=self.sequence + 1,
            previous=self.digest,
            created_ms=CLOCK_MS,
            signer="sms-sign",
        )
        value = seal.seal(
            replace(header, **changes),
            avro.container(frame, schema) if payload is None else payload,
            recipients=[(recipient[0], recipient[1].public())],
            signer=key,
            entropy=os.urandom,
        )
        self.sequence += 1
        self.digest = layout.digest(value)
        return value

    def declare(self, period: str, *, complete: bool = True) -> bytes:
        """A period declaration."""
        row = {"period": period, "complete": complete, "nil": False}
        return self.seal([row], flow="declaration", kind="declaration")


def genesis(**changes: Any) -> bytes:
    """The first message of the log."""
    message = Genesis(
        log=LOG,
        topic=f"ministry.sms.{FLOW}",
        partition=0,
        partitions=2,
        catalogue=catalogue().digest,
        generation=3,
        created_ms=CLOCK_MS,
        key_id="control-1",
    )
    return encode(sign(replace(message, **changes), CONTROL))


def close(private: Ed25519PrivateKey = CONTROL) -> bytes:
    """A marker."""
    message = Close(
        marker=b"M" * 16,
        vintage="P",
        tables=("XNG_EVT",),
        period="2025-09",
        created_ms=CLOCK_MS,
        key_id="control-1",
    )
    return encode(sign(message, private))


def config(bundle: bytes) -> bytes:
    """A config record."""
    message = Config(bundle=bundle, created_ms=CLOCK_MS, key_id="control-1")
    return encode(sign(message, CONTROL))


@dataclass(slots=True)
class Run:
    """A partition's state and everything that came out of it."""

    stage: Intake = field(default_factory=intake)
    memory: Memory = field(default_factory=Memory)
    sends: list[Send] = field(default_factory=list)
    counts: dict[Any, float] = field(default_factory=dict)
    offset: int = 0
    source: Source = SOURCE

    def feed(self, *values: bytes, aside: Collection[int] = ()) -> Result:
        """One chunk; the values at the places `aside` are set aside."""
        messages = [
            Incoming(
                offset=self.offset + place,
                time_ms=CLOCK_MS + self.offset + place,
                value=value,
                aside=place in aside,
            )
            for place, value in enumerate(values)
        ]
        overlay = Overlay(self.memory)
        result = self.stage.step(overlay, self.source, messages)
        self.memory.apply(overlay.pending)
        self.sends += result.sends
        for series, amount in result.counts.items():
            self.counts[series] = self.counts.get(series, 0) + amount
        self.offset += len(values)
        return result

    def blocks(self, domain: str) -> list[tuple[Any, list[Section]]]:
        """Opened blocks of a destination."""
        found = []
        for send in self.sends:
            if send.topic == f"hub.records.{domain}":
                block = decode(send.value or b"")
                assert isinstance(block, Block)
                found.append(blocks.open(block, RECORDS))
        return found

    def rows(self, domain: str, flow: str) -> pl.DataFrame:
        """All rows of a dataflow at a destination."""
        schema = records_schema(catalogue().dataflows[flow])
        frames = [
            blocks.rows(section, schema)
            for _, sections in self.blocks(domain)
            for section in sections
            if section.name == flow
        ]
        return pl.concat([pl.DataFrame(schema=avro.polars_schema(schema)), *frames])

    def opened(self, topic: str) -> Iterable[bytes]:
        """What the ministry reads in one of its topics."""
        for send in self.sends:
            if send.topic == topic:
                sealed = decode(send.value or b"")
                assert isinstance(sealed, Sealed)
                yield seal.open_sealed(sealed, {"sms-1": SMS_SEAL})

    def receipts(self) -> list[Receipt]:
        """Receipts in order."""
        return [decode_as(Receipt, value) for value in self.opened("receipts.sms")]

    def quarantines(self) -> list[Quarantine]:
        """Refused rows in order."""
        return [decode_as(Quarantine, v) for v in self.opened("quarantine.sms")]

    def counted(self, name: str) -> dict[tuple[str, str], float]:
        """(outcome, reason) -> amount of a counter."""
        found: dict[tuple[str, str], float] = {}
        for (series, labels), amount in self.counts.items():
            if series == name:
                key = (dict(labels)["outcome"], dict(labels)["reason"])
                found[key] = found.get(key, 0) + amount
        return found
