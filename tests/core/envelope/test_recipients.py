"""Recipients: published vectors through our keys, and no key of another suite."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives import hpke

from hub.core.envelope import recipients
from hub.core.envelope.format import ENCAPSULATION_SIZES
from hub.core.envelope.recipients import PrivateKey, PublicKey
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.reasons import Reason

KEMS = {0x20: 1, 0x647A: 2}
AEADS = {2: hpke.AEAD.AES_256_GCM, 3: hpke.AEAD.CHACHA20_POLY1305}


def vectors() -> Iterator[Any]:
    """Base-mode vectors of RFC 9180 and its post-quantum draft for our two KEMs."""
    folder = files("cryptography_vectors") / "HPKE"
    for name in ("test-vectors.json", "hpke-pq-test-vectors.json"):
        for vector in json.loads((folder / name).read_text()):
            if vector["mode"] == 0 and vector["kem_id"] in KEMS:
                ids = (str(vector[key]) for key in ("kem_id", "kdf_id", "aead_id"))
                yield pytest.param(vector, id="-".join(ids))


def key_of(vector: Any) -> PrivateKey:
    """The vector's private key as ours."""
    suite = KEMS[vector["kem_id"]]
    return PrivateKey(suite=suite, seed=bytes.fromhex(vector["skRm"]))


@pytest.mark.parametrize("vector", list(vectors()))
def test_public_halves_match_the_vectors(vector: Any) -> None:
    """Seeds expand as RFC 9180 and the X-Wing draft say."""
    assert key_of(vector).public().raw.hex() == vector["pkRm"]


@pytest.mark.parametrize(
    "vector",
    [
        one
        for one in vectors()
        if one.values[0]["kdf_id"] == 1 and one.values[0]["aead_id"] in AEADS
    ],
)
def test_published_ciphertexts_open(vector: Any) -> None:
    """The library's HPKE, with our keys, opens the first published encryption.

    The public call takes no associated data, which every published encryption has.
    """
    suite = KEMS[vector["kem_id"]]
    kem = hpke.KEM.X25519 if suite == 1 else hpke.KEM.MLKEM768_X25519
    first = vector["encryptions"][0]

    plain = openssl.hpke._decrypt_with_aad(
        hpke.Suite(kem, hpke.KDF.HKDF_SHA256, AEADS[vector["aead_id"]]),
        bytes.fromhex(vector["enc"] + first["ct"]),
        recipients._private_handle(key_of(vector)),
        bytes.fromhex(vector["info"]),
        bytes.fromhex(first["aad"]),
    )

    assert plain.hex() == first["pt"]


@pytest.mark.parametrize("suite", recipients.SUITES)
def test_what_is_wrapped_unwraps(suite: int) -> None:
    """The holder gets the secret back; sizes are the suite's."""
    key = recipients.generate(suite, os.urandom)

    encapsulation, sealed = recipients.wrap(key.public(), b"secret", b"info")

    assert len(encapsulation) == ENCAPSULATION_SIZES[suite]
    opened = recipients.unwrap(key, suite, encapsulation, sealed, b"info")
    assert opened == b"secret"


@pytest.mark.parametrize("suite", recipients.SUITES)
def test_nothing_else_unwraps(suite: int) -> None:
    """Another key, info, suite, length or byte is refused, always as KEY."""
    key, other = (recipients.generate(suite, os.urandom) for _ in range(2))
    encapsulation, sealed = recipients.wrap(key.public(), b"secret", b"info")
    changed = bytes([sealed[0] ^ 1]) + sealed[1:]
    attempts: list[tuple[PrivateKey, int, bytes, bytes, bytes]] = [
        (other, suite, encapsulation, sealed, b"info"),
        (key, suite, encapsulation, sealed, b"other"),
        (key, 3 - suite, encapsulation, sealed, b"info"),
        (key, suite, encapsulation, changed, b"info"),
        (key, suite, encapsulation, b"", b"info"),
        (key, suite, encapsulation[:-1], sealed, b"info"),
        (key, suite, encapsulation + sealed[:1], sealed[1:], b"info"),
        (key, suite, bytes(len(encapsulation)), sealed, b"info"),
    ]

    for attempt in attempts:
        with pytest.raises(EnvelopeError) as caught:
            recipients.unwrap(*attempt)
        assert caught.value.reason == Reason.KEY


def test_keys_of_the_wrong_form_are_refused() -> None:
    """A key is of its suite's length, or no key."""
    for suite, size in ((1, 1216), (2, 32), (3, 32), (0, 0)):
        with pytest.raises(InvalidError):
            PublicKey(suite=suite, raw=bytes(size))
    for suite, size in ((1, 31), (2, 64), (3, 32)):
        with pytest.raises(InvalidError):
            PrivateKey(suite=suite, seed=bytes(size))


@pytest.mark.parametrize(
    "public",
    [
        PublicKey(suite=1, raw=bytes(32)),
        PublicKey(suite=2, raw=b"\xff" * 1184 + b"\x09" + bytes(31)),
    ],
    ids=["low order point", "unreduced lattice"],
)
def test_degenerate_public_keys_are_not_sealed_to(public: PublicKey) -> None:
    """A registry entry that gives no secrecy is refused when it is used."""
    with pytest.raises(InvalidError, match="unusable"):
        recipients.wrap(public, b"secret", b"info")


def test_seeds_stay_out_of_repr() -> None:
    """A key in a log line shows its suite only."""
    key = PrivateKey(suite=1, seed=b"s" * 32)

    assert repr(key) == "PrivateKey(suite=1)"
