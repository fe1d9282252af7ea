"""Keyed hashes over columns: 16-byte pseudonyms that only the secret's holder makes.

Rules (design §5):

- HMAC-SHA-256 truncated to 128 bits, person keys to 80 (:data:`KEY_BYTES`); the HMAC
  key is derived (HKDF) from the domain's secret and a label, so a hash of one use or
  domain says nothing in another.
- A tuple is encoded with length prefixes, ``3:abc2:de``: two different tuples never
  encode alike, whatever the texts hold.
- :func:`keyed` of a tuple with an empty component is null: a composite that lacks a
  part is absent, it does not equal other incomplete ones. :func:`keyed_whole` hashes
  empty components too, for digests of whole rows.
- Everything stays in columns; a row never becomes a Python object.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import polars_hash as plh
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HASH_BYTES = 16
KEY_BYTES = 10
"""Of a person key, of which state holds many: among a billion of one composite two
people share one with a chance of one in two million."""

SECRET_BYTES_MIN = 32


def derive(secret: bytes, label: str) -> bytes:
    """The 32-byte key of one use: HKDF-SHA-256 of `secret` under `label`."""
    if len(secret) < SECRET_BYTES_MIN:
        raise ValueError(f"a secret has at least {SECRET_BYTES_MIN} bytes")
    info = b"kerwen/v1/" + label.encode()
    return HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(secret)


def keyed(secret: bytes, label: str, columns: Sequence[pl.Expr]) -> pl.Expr:
    """Hash of the tuple of `columns`, Binary of 16 bytes; null if a component is."""
    return keyed_hex(secret, label, columns).str.decode("hex")


def keyed_hex(
    secret: bytes, label: str, columns: Sequence[pl.Expr], size: int = HASH_BYTES
) -> pl.Expr:
    """:func:`keyed` in hex, `size` bytes of it, to become part of a longer value."""
    parts = [part for one in columns for part in _prefixed(one)]
    return _hashed(secret, label, parts, size)


def keyed_whole(secret: bytes, label: str, columns: Sequence[pl.Expr]) -> pl.Expr:
    """Hash of the tuple of `columns`, an empty component being a value too: ``-:``."""
    parts: list[pl.Expr] = []
    for column in columns:
        length, colon, text = _prefixed(column)
        parts += (length.fill_null("-"), colon, text.fill_null(""))
    return _hashed(secret, label, parts).str.decode("hex")


def _prefixed(column: pl.Expr) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """``length in bytes``, ``:``, ``value`` of a column, as texts to be joined."""
    text = column.cast(pl.String)
    return text.str.len_bytes().cast(pl.String), pl.lit(":"), text


def _hashed(
    secret: bytes, label: str, parts: Sequence[pl.Expr], size: int = HASH_BYTES
) -> pl.Expr:
    """Truncated HMAC of the joined parts, in hex; null if a part is."""
    # The plugin takes its key as text; 64 hex digits fill exactly one SHA-256 block.
    key = derive(secret, label).hex()
    digest: pl.Expr = plh.concat_str(parts).chash.hmac_sha256(key=key)
    return digest.str.slice(0, 2 * size)
