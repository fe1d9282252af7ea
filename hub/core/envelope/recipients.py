"""Recipients: key pairs of both suites, and wrapping for them (HPKE, RFC 9180).

Rules (envelope-v1 §4):

- Suite 1 = DHKEM(X25519), 2 = X-Wing (ML-KEM-768 with X25519); both HKDF-SHA256 and
  AES-256-GCM. A key belongs to one suite for life.
- A key of another suite than the header's is refused before any arithmetic.
- A private key is its 32-byte seed; X-Wing expands it as its draft says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)

from hub.core.envelope.format import ENCAPSULATION_SIZES, SUITE_X25519, SUITE_XWING
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.reasons import Reason

SEED_SIZE = 32
X25519_SIZE = 32
MLKEM_SEED_SIZE = 64
MLKEM_PUBLIC_SIZE = 1184
_PUBLIC_SIZES = {
    SUITE_X25519: X25519_SIZE,
    SUITE_XWING: MLKEM_PUBLIC_SIZE + X25519_SIZE,
}

_SUITES = {
    suite: hpke.Suite(kem, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    for suite, kem in (
        (SUITE_X25519, hpke.KEM.X25519),
        (SUITE_XWING, hpke.KEM.MLKEM768_X25519),
    )
}
SUITES = tuple(_SUITES)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A recipient's key: suite and raw bytes (32, or 1216 for X-Wing)."""

    suite: int
    raw: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a key that is not of its suite's form."""
        if len(self.raw) != _PUBLIC_SIZES.get(self.suite):
            raise InvalidError(f"a public key does not fit suite {self.suite}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateKey:
    """A recipient's secret: suite and 32-byte seed."""

    suite: int
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a seed of another length or an unknown suite."""
        if self.suite not in _SUITES or len(self.seed) != SEED_SIZE:
            raise InvalidError(f"a private key does not fit suite {self.suite}")

    def public(self) -> PublicKey:
        """The public half."""
        if self.suite == SUITE_X25519:
            key = X25519PrivateKey.from_private_bytes(self.seed)
            return PublicKey(suite=self.suite, raw=key.public_key().public_bytes_raw())
        lattice, curve = _expand(self.seed)
        raw = (
            lattice.public_key().public_bytes_raw()
            + curve.public_key().public_bytes_raw()
        )
        return PublicKey(suite=self.suite, raw=raw)


def generate(suite: int, entropy: Callable[[int], bytes]) -> PrivateKey:
    """A new private key of `suite`."""
    return PrivateKey(suite=suite, seed=entropy(SEED_SIZE))


def wrap(public: PublicKey, secret: bytes, info: bytes) -> tuple[bytes, bytes]:
    """(encapsulation, ciphertext) of `secret` for the holder of `public`."""
    try:
        sealed = _SUITES[public.suite].encrypt(secret, _public_handle(public), info)
    except ValueError as error:
        # A public key of low order, or one whose lattice part is not reduced.
        raise InvalidError("a recipient's public key is unusable") from error
    size = ENCAPSULATION_SIZES[public.suite]
    return sealed[:size], sealed[size:]


def unwrap(
    private: PrivateKey, suite: int, encapsulation: bytes, sealed: bytes, info: bytes
) -> bytes:
    """What was wrapped; raises EnvelopeError(KEY)."""
    if private.suite != suite:
        raise EnvelopeError(Reason.KEY, f"the key is not one of suite {suite}")
    if len(encapsulation) != ENCAPSULATION_SIZES[suite]:
        raise EnvelopeError(Reason.KEY, "encapsulation has another suite's length")
    try:
        return _SUITES[suite].decrypt(
            encapsulation + sealed, _private_handle(private), info
        )
    except (InvalidTag, ValueError) as error:
        raise EnvelopeError(Reason.KEY, "the recipient's key does not open") from error


def _expand(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    """draft-connolly-cfrg-xwing-kem §5.2: SHAKE256 of the seed, 64 + 32 bytes."""
    wide = hashlib.shake_256(seed).digest(MLKEM_SEED_SIZE + X25519_SIZE)
    return (
        MLKEM768PrivateKey.from_seed_bytes(wide[:MLKEM_SEED_SIZE]),
        X25519PrivateKey.from_private_bytes(wide[MLKEM_SEED_SIZE:]),
    )


def _private_handle(
    key: PrivateKey,
) -> X25519PrivateKey | hpke.MLKEM768X25519PrivateKey:
    if key.suite == SUITE_X25519:
        return X25519PrivateKey.from_private_bytes(key.seed)
    return hpke.MLKEM768X25519PrivateKey(*_expand(key.seed))


def _public_handle(
    key: PublicKey,
) -> X25519PublicKey | hpke.MLKEM768X25519PublicKey:
    if key.suite == SUITE_X25519:
        return X25519PublicKey.from_public_bytes(key.raw)
    lattice = MLKEM768PublicKey.from_public_bytes(key.raw[:MLKEM_PUBLIC_SIZE])
    curve = X25519PublicKey.from_public_bytes(key.raw[MLKEM_PUBLIC_SIZE:])
    return hpke.MLKEM768X25519PublicKey(lattice, curve)
