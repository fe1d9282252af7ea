"""Seal: only what was sealed opens, only for whom, only under the member's name."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.envelope import format as layout
from hub.core.envelope import recipients, seal
from hub.core.envelope.recipients import PrivateKey, PublicKey
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.messages import (
    DIGEST_NONE,
    EnvelopeHeader,
    Sealed,
    Stanza,
    decode,
    encode,
)
from hub.core.reasons import Reason

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "envelope_v1.json").read_text()
)
SIGNER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
KEYS = {suite: PrivateKey(suite=suite, seed=b"k" * 32) for suite in recipients.SUITES}
HEADER = EnvelopeHeader(
    suite=2,
    kind="records",
    member="TM/GOV/SMS/BORDER",
    dataflow="border_crossing",
    schema=bytes(8),
    batch=bytes.fromhex("019a0000000070008000000000000001"),
    lane=b"l" * 16,
    sequence=1,
    previous=DIGEST_NONE,
    created_ms=1,
    signer="sms-sign-2026-11",
)


def sealed(payload: bytes = b"rows", suite: int = 1, **change: Any) -> bytes:
    """A batch sealed to the hub."""
    return seal.seal(
        replace(HEADER, suite=suite),
        payload,
        recipients=[("hub-2026-11", KEYS[suite].public())],
        signer=SIGNER,
        entropy=os.urandom,
        **change,
    )


def opened(
    value: bytes,
    keys: dict[str, PrivateKey] | None = None,
    public: Ed25519PublicKey | None = None,
) -> bytes:
    """What a reader gets: parse, verify, open."""
    envelope, claimed = layout.parse(value)
    header = seal.verify(envelope, public or SIGNER.public_key())
    mine = {"hub-2026-11": KEYS[claimed.suite]} if keys is None else keys
    return seal.open(envelope, header, mine)


def reason(value: bytes, **change: Any) -> str:
    """Why a reader refuses."""
    with pytest.raises(EnvelopeError) as caught:
        opened(value, **change)
    return caught.value.reason


@settings(max_examples=30)
@given(st.binary(max_size=2000), st.sampled_from(recipients.SUITES))
def test_what_is_sealed_opens(payload: bytes, suite: int) -> None:
    """A holder of a recipient's key gets the payload back."""
    assert opened(sealed(payload, suite)) == payload


@pytest.mark.parametrize("suite", recipients.SUITES)
def test_every_changed_byte_is_refused(suite: int) -> None:
    """No byte of a sealed batch is free: flip any, and nothing is opened."""
    value = sealed(suite=suite)
    counts = {"malformed": 0, "oversized": 0, "signature": 0}

    for place in range(len(value)):
        for flip in (1, 0x80):
            changed = bytearray(value)
            changed[place] ^= flip
            counts[reason(bytes(changed))] += 1

    assert sum(counts.values()) == 2 * len(value)
    assert counts["signature"] > len(value)


def test_cuts_and_additions_are_refused() -> None:
    """A value is all of the envelope and nothing else."""
    value = sealed()

    assert {reason(value[:size]) for size in range(len(value))} <= {"malformed"}
    assert reason(value + b"\0") == Reason.MALFORMED


def test_the_header_carries_what_was_given_and_the_commitment() -> None:
    """Only the commitment is set by sealing."""
    header = seal.verify(sealed(suite=2), SIGNER.public_key())

    assert header.commitment != DIGEST_NONE
    assert replace(header, commitment=DIGEST_NONE) == HEADER


def test_each_batch_has_its_own_key() -> None:
    """The same payload sealed twice shares no commitment, nonce or ciphertext."""
    one, two = (layout.parse(sealed())[0] for _ in range(2))

    assert one.nonce != two.nonce
    assert one.header != two.header
    assert one.ciphertext != two.ciphertext


def test_every_recipient_opens_and_nobody_else() -> None:
    """Old and new epoch of the hub open; a key under another's name does not."""
    old, new, other = (PrivateKey(suite=1, seed=s * 32) for s in (b"a", b"b", b"c"))
    value = seal.seal(
        replace(HEADER, suite=1),
        b"rows",
        recipients=[("old", old.public()), ("new", new.public())],
        signer=SIGNER,
        entropy=os.urandom,
    )

    assert opened(value, keys={"old": old}) == b"rows"
    assert opened(value, keys={"new": new, "other": other}) == b"rows"
    for keys in ({}, {"other": other}, {"old": new}, {"new": other}):
        assert reason(value, keys=keys) == Reason.KEY


def test_a_key_of_another_suite_never_opens() -> None:
    """The recipient's key must be of the header's suite, on both sides."""
    assert reason(sealed(suite=2), keys={"hub-2026-11": KEYS[1]}) == Reason.KEY
    with pytest.raises(InvalidError, match="suite 2"):
        seal.seal(
            HEADER,
            b"rows",
            recipients=[("hub-2026-11", KEYS[1].public())],
            signer=SIGNER,
            entropy=os.urandom,
        )


def test_nothing_is_sealed_to_nobody() -> None:
    """No key, no publish."""
    with pytest.raises(EnvelopeError, match="no recipient"):
        seal.seal(HEADER, b"", recipients=[], signer=SIGNER, entropy=os.urandom)


def test_another_signer_is_refused() -> None:
    """The signature is checked with the key of the registry, not of the message."""
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32).public_key()

    assert reason(sealed(), public=other) == Reason.SIGNATURE


def test_open_refuses_a_header_that_was_not_verified() -> None:
    """The header that decides is the one under the signature."""
    envelope, header = layout.parse(sealed())
    swapped = replace(header, dataflow="residence_permit")

    with pytest.raises(EnvelopeError) as caught:
        seal.open(envelope, swapped, {"hub-2026-11": KEYS[1]})
    assert caught.value.reason == Reason.SIGNATURE


def forged(data_key: bytes, plain: bytes, commitment: bytes | None = None) -> bytes:
    """A batch by a member that signs rightly and seals wrongly."""
    right = seal._derive(data_key, seal._LABEL_COMMIT)
    header = replace(HEADER, suite=1, commitment=commitment or right)
    head = encode(header)
    stanza = seal._stanza("hub-2026-11", KEYS[1].public(), data_key, head)
    aead = AESGCM(seal._derive(data_key, seal._LABEL_KEY))
    ciphertext = aead.encrypt(bytes(12), plain, head)
    envelope = layout.build(header, [stanza], bytes(12), ciphertext)
    signature = SIGNER.sign(layout.signed_bytes(envelope))
    return encode(replace(envelope, signature=signature))


def test_a_wrong_commitment_is_refused() -> None:
    """Two keys that both open one ciphertext cannot serve two recipients."""
    good = layout.pack(b"rows")

    assert opened(forged(b"d" * 32, good)) == b"rows"
    assert reason(forged(b"d" * 32, good, b"c" * 32)) == Reason.KEY


def test_a_signed_batch_with_unusable_content_is_content() -> None:
    """Good signature, good key, bad plaintext: the chain advances on this reason."""
    assert reason(forged(b"d" * 32, b"\0\0\0\x09rows")) == Reason.CONTENT
    envelope, header = layout.parse(forged(b"d" * 32, layout.pack(b"rows")))
    broken = replace(envelope, ciphertext=bytes(len(envelope.ciphertext)))
    with pytest.raises(EnvelopeError) as caught:
        seal.open(broken, header, {"hub-2026-11": KEYS[1]})
    assert caught.value.reason == Reason.CONTENT


def test_a_stanza_does_not_move_to_another_envelope() -> None:
    """A wrapped key is bound to its header: a colluding relay gains nothing."""
    first, _ = layout.parse(sealed())
    second, header = layout.parse(sealed())
    moved = replace(second, recipients=first.recipients)
    signed = replace(moved, signature=SIGNER.sign(layout.signed_bytes(moved)))

    with pytest.raises(EnvelopeError) as caught:
        seal.open(signed, header, {"hub-2026-11": KEYS[1]})
    assert caught.value.reason == Reason.KEY


def test_quiet_batches_of_one_class_have_one_size() -> None:
    """Padding hides how many rows a quiet dataflow had."""
    sizes = {
        len(sealed(bytes(size), pad_to=layout.size_class(size)))
        for size in (0, 1, 4000, 16_000)
    }

    assert len(sizes) == 1


def test_answers_open_for_their_ministry_only() -> None:
    """Kind, member and key id are bound to the ciphertext."""
    key = KEYS[2]
    keys = {"sms-seal-2026-11": key}
    answer = seal.seal_to_member(
        "receipt", "TM/GOV/SMS/BORDER", "sms-seal-2026-11", key.public(), b"text"
    )
    wrong: list[tuple[Sealed, dict[str, PrivateKey]]] = [
        (replace(answer, kind="statement"), keys),
        (replace(answer, member="TM/GOV/MFA/HUB"), keys),
        (replace(answer, suite=1), keys),
        (replace(answer, ciphertext=answer.ciphertext[:-1]), keys),
        (replace(answer, key_id="b"), {"b": key}),
        (answer, {}),
        (answer, {"sms-seal-2026-11": PrivateKey(suite=2, seed=bytes(32))}),
    ]

    assert decode(encode(answer)) == answer
    assert seal.open_sealed(answer, keys) == b"text"
    for sealed_answer, held in wrong:
        with pytest.raises(EnvelopeError) as caught:
            seal.open_sealed(sealed_answer, held)
        assert caught.value.reason == Reason.KEY


@pytest.mark.parametrize("case", VECTORS["tests"], ids=lambda case: case["comment"])
def test_known_answers(case: dict[str, Any]) -> None:
    """Envelopes made once open, or are refused, as they were then."""
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(VECTORS["signer"]))
    keys = {
        key_id: PrivateKey(suite=entry["suite"], seed=bytes.fromhex(entry["seed"]))
        for key_id, entry in VECTORS["keys"].items()
    }
    value = bytes.fromhex(case["value"])

    if case["result"] == "opens":
        assert opened(value, keys=keys, public=public).hex() == case["payload"]
        assert layout.digest(value).hex() == case["digest"]
    else:
        assert reason(value, keys=keys, public=public) == case["result"]


def test_public_halves_of_the_vectors_are_as_recorded() -> None:
    """The same seeds give the same public keys on every machine."""
    for entry in VECTORS["keys"].values():
        key = PrivateKey(suite=entry["suite"], seed=bytes.fromhex(entry["seed"]))
        recorded = PublicKey(suite=entry["suite"], raw=bytes.fromhex(entry["public"]))
        assert key.public() == recorded


def test_stanzas_are_never_reused_between_recipients() -> None:
    """Each recipient has an encapsulation of its own."""
    envelope, _ = layout.parse(
        seal.seal(
            replace(HEADER, suite=1),
            b"",
            recipients=[("a", KEYS[1].public()), ("b", KEYS[1].public())],
            signer=SIGNER,
            entropy=os.urandom,
        )
    )
    one, two = envelope.recipients

    assert isinstance(one, Stanza)
    assert one.encapsulation != two.encapsulation
