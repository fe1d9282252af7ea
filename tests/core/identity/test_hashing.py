"""Keyed hashes: what Python's hmac says, tuple by tuple."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date

import polars as pl
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.identity.hashing import derive, keyed, keyed_hex, keyed_whole

SECRET = bytes(range(32))
TEXTS = st.none() | st.text(max_size=12)


def oracle(label: str, message: str) -> bytes:
    """The hash by the book, from the standard library and a second HKDF call."""
    info = b"kerwen/v1/" + label.encode()
    key = HKDF(hashes.SHA256(), 32, salt=bytes(32), info=info).derive(SECRET)
    return hmac.digest(key.hex().encode(), message.encode(), hashlib.sha256)[:16]


def prefixed(value: str) -> str:
    """Length in bytes, colon, value."""
    return f"{len(value.encode())}:{value}"


@settings(deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=20))
def test_a_hash_is_hmac_of_the_prefixed_tuple(rows: list[tuple[str, str]]) -> None:
    """Columns agree with the standard library; an empty component is no hash."""
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String}, orient="row")
    columns = [pl.col("a"), pl.col("b")]
    found = frame.select(
        one=keyed(SECRET, "use", columns), hex=keyed_hex(SECRET, "use", columns)
    )
    expected = [
        None if a is None or b is None else oracle("use", prefixed(a) + prefixed(b))
        for a, b in rows
    ]

    assert found["one"].to_list() == expected
    assert found["hex"].to_list() == [e and e.hex() for e in expected]
    assert found["one"].dtype == pl.Binary


@settings(deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=20))
def test_a_whole_row_hash_counts_empty_components(rows: list[tuple[str, str]]) -> None:
    """For digests an empty component is a value of its own."""
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String}, orient="row")
    found = frame.select(keyed_whole(SECRET, "use", [pl.col("a"), pl.col("b")]))
    expected = [
        oracle("use", "".join("-:" if v is None else prefixed(v) for v in row))
        for row in rows
    ]

    assert found.to_series().to_list() == expected


@settings(deadline=None)
@given(st.tuples(TEXTS, TEXTS), st.tuples(TEXTS, TEXTS))
def test_different_tuples_hash_differently(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    """Shifting text from one component to the next is another tuple."""
    frame = pl.DataFrame([one, other], schema=["a", "b"], orient="row").cast(pl.String)
    left, right = frame.select(
        keyed_whole(SECRET, "use", [pl.col("a"), pl.col("b")])
    ).to_series()

    assert (left == right) == (one == other)


def test_other_types_hash_as_their_text() -> None:
    """Dates are ISO, integers decimal, truth values words."""
    frame = pl.DataFrame({"d": [date(2025, 3, 1)], "n": [-7], "b": [True]})
    found = frame.select(keyed(SECRET, "u", [pl.col("d"), pl.col("n"), pl.col("b")]))

    assert found.item() == oracle("u", "10:2025-03-012:-74:true")


def test_uses_and_secrets_do_not_meet() -> None:
    """One value under another label or secret is another hash."""
    frame = pl.DataFrame({"a": ["x"]})
    made = {
        frame.select(keyed(secret, label, [pl.col("a")])).item()
        for secret in (SECRET, bytes(32))
        for label in ("one", "other")
    }

    assert len(made) == 4
    assert derive(SECRET, "one") != derive(SECRET, "other")


def test_a_short_secret_is_refused() -> None:
    """A secret below 32 bytes could be guessed."""
    with pytest.raises(ValueError, match="32 bytes"):
        derive(b"short", "use")
