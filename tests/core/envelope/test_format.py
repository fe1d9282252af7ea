"""Format: one spelling of an envelope, fields that fit together, no key anywhere."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.envelope import format as layout
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.messages import (
    DIGEST_NONE,
    Config,
    Envelope,
    EnvelopeHeader,
    Stanza,
    encode,
)
from hub.core.reasons import Reason

BATCH = bytes.fromhex("019a0000000070008000000000000001")
HEADER = EnvelopeHeader(
    suite=1,
    kind="records",
    member="TM/GOV/SMS/BORDER",
    dataflow="border_crossing",
    schema=bytes(8),
    batch=BATCH,
    lane=b"l" * 16,
    sequence=1,
    previous=DIGEST_NONE,
    created_ms=1,
    signer="sms-sign-2026-11",
)
STANZA = Stanza(key_id="hub-2026-11", encapsulation=bytes(32), wrapped=bytes(48))


def value(*stanzas: Stanza, size: int = 40, **change: Any) -> bytes:
    """An envelope nobody signed, with some fields of the header changed."""
    header = replace(HEADER, **change)
    return encode(
        Envelope(
            header=encode(header),
            recipients=stanzas or (STANZA,),
            nonce=bytes(12),
            ciphertext=bytes(size),
        )
    )


def reason(data: bytes) -> str:
    """Why a value is refused."""
    with pytest.raises(EnvelopeError) as caught:
        layout.parse(data)
    return caught.value.reason


def test_parse_gives_envelope_and_header() -> None:
    """A well-formed envelope is read whole, and re-encodes to the same bytes."""
    data = value()

    envelope, header = layout.parse(data)

    assert header == HEADER
    assert encode(envelope) == data
    assert encode(header) == envelope.header


@given(st.data())
def test_whatever_parses_reencodes_to_the_same_bytes(data: st.DataObject) -> None:
    """Malleability is designed out: no second spelling of an envelope."""
    changed = bytearray(value())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.binary(max_size=3)
        )
    try:
        envelope, header = layout.parse(bytes(changed))
    except EnvelopeError:
        return

    assert encode(envelope) == bytes(changed)
    assert encode(header) == envelope.header


@pytest.mark.parametrize(
    "change",
    [
        {"member": "TM/GOV/SMS"},
        {"member": "TM/GOV/SMS/BORDER/X"},
        {"member": "TM/GOV/../BORDER"},
        {"member": "TM/GOV//BORDER"},
        {"dataflow": "Border"},
        {"dataflow": "../border"},
        {"batch": bytes(16)},
        {"batch": BATCH[:6] + b"\x40" + BATCH[7:]},
        {"batch": BATCH[:8] + b"\xc0" + BATCH[9:]},
        {"sequence": 2},
        {"previous": b"p" * 32},
    ],
)
def test_headers_that_contradict_themselves_are_refused(change: dict[str, Any]) -> None:
    """Ids have their form, batches are UUIDv7, a chain begins at sequence 1."""
    assert reason(value(**change)) == Reason.MALFORMED


@pytest.mark.parametrize(
    "stanzas",
    [
        (STANZA, STANZA),
        (replace(STANZA, encapsulation=bytes(1120)),),
        (replace(STANZA, wrapped=bytes(47)),),
        (STANZA, replace(STANZA, key_id="b", encapsulation=b"")),
    ],
    ids=["twice", "other suite", "short key", "one of two"],
)
def test_stanzas_must_be_of_the_headers_suite(stanzas: tuple[Stanza, ...]) -> None:
    """The suite is authenticated, and every stanza has its lengths."""
    assert reason(value(*stanzas)) == Reason.MALFORMED
    assert reason(value(suite=2)) == Reason.MALFORMED


def test_an_envelope_for_nobody_is_refused() -> None:
    """At least one recipient, at most sixteen."""
    nobody = Envelope(
        header=encode(HEADER), recipients=(), nonce=bytes(12), ciphertext=bytes(40)
    )
    many = tuple(replace(STANZA, key_id=f"k{i}") for i in range(17))

    assert reason(encode(nobody)) == Reason.MALFORMED
    with pytest.raises(EnvelopeError) as caught:
        value(*many)
    assert caught.value.reason == Reason.OVERSIZED
    assert len(layout.parse(value(*many[:16]))[0].recipients) == 16


def test_other_messages_and_short_ciphertexts_are_refused() -> None:
    """Only an envelope is an envelope."""
    config = Config(bundle=bytes(32), created_ms=1, key_id="control")

    assert reason(encode(config)) == Reason.MALFORMED
    assert reason(value(size=19)) == Reason.MALFORMED
    assert reason(bytes(9 * 1024 * 1024)) == Reason.MALFORMED
    assert reason(value()[:10] + bytes(9 * 1024 * 1024)) == Reason.OVERSIZED


def test_digest_names_the_whole_value() -> None:
    """Receipts and the chain name an envelope by SHA-256 of all its bytes."""
    assert layout.digest(value()) == hashlib.sha256(value()).digest()


def test_signed_bytes_change_with_every_part() -> None:
    """Header, recipients, nonce and ciphertext are all signed; order counts."""
    envelope, _ = layout.parse(value(STANZA, replace(STANZA, key_id="b")))
    first, second = envelope.recipients
    moved = replace(first, encapsulation=bytes(31), wrapped=bytes(49))
    versions = [
        envelope,
        replace(envelope, header=envelope.header + b"\0"),
        replace(envelope, recipients=(second, first)),
        replace(envelope, recipients=(first,)),
        replace(envelope, recipients=(moved, second)),
        replace(envelope, nonce=b"n" * 12),
        replace(envelope, ciphertext=bytes(41)),
    ]

    signed = {layout.signed_bytes(one) for one in versions}

    assert len(signed) == len(versions)
    assert layout.signed_bytes(replace(envelope, signature=b"s" * 64)) in signed


def test_wrap_info_is_bound_to_header_and_recipient() -> None:
    """A wrapped key moved to another header or recipient does not open."""
    infos = {
        layout.wrap_info(header, key_id)
        for header in (b"a", b"b")
        for key_id in ("x", "xy")
    }

    assert len(infos) == 4


@given(st.binary(max_size=300), st.integers(0, 600))
def test_plaintexts_come_back(payload: bytes, spare: int) -> None:
    """Padding is taken off again."""
    pad_to = len(payload) + 4 + spare

    plain = layout.pack(payload, pad_to)

    assert len(plain) == pad_to
    assert layout.unpack(plain) == payload
    assert layout.unpack(layout.pack(payload)) == payload


@pytest.mark.parametrize(
    "plain", [b"", b"\0\0\0", b"\0\0\0\x02a", b"\0\0\0\x01ab", b"\xff\xff\xff\xffab"]
)
def test_badly_packed_plaintexts_are_refused(plain: bytes) -> None:
    """Length beyond the end, or padding that says something."""
    with pytest.raises(EnvelopeError) as caught:
        layout.unpack(plain)
    assert caught.value.reason == Reason.CONTENT


def test_size_classes_hide_the_size() -> None:
    """Payloads of one class are sealed to one size; beyond the last is refused."""
    assert layout.size_class(0) == layout.size_class(16 * 1024 - 4) == 16 * 1024
    assert layout.size_class(16 * 1024 - 3) == 64 * 1024
    with pytest.raises(EnvelopeError, match="fewer rows"):
        layout.size_class(4 * 1024 * 1024)
    with pytest.raises(InvalidError, match="does not fit"):
        layout.pack(bytes(100), 50)
    with pytest.raises(EnvelopeError, match="fewer rows"):
        layout.pack(bytes(8 * 1024 * 1024))
