"""Statements on destroyed keys: one spelling, one signature, nothing of the key."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from hub.core import shredding
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.keys import HUB, Key, KeyRegistry, SigningKey
from hub.core.shredding import Destruction, Range

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"c" * 32)
KEY = SigningKey(key_id="control-1", private=PRIVATE)
SECRET = b"s" * 32


def registry(use: str = "control", status: str = "active") -> KeyRegistry:
    """Knows the key of the statement."""
    key = Key(
        key_id="control-1",
        use=use,  # type: ignore[arg-type]  # one of them is wrong on purpose
        member=HUB,
        public=PRIVATE.public_key().public_bytes_raw(),
        status=status,  # type: ignore[arg-type]  # as above
    )
    return KeyRegistry(keys={key.key_id: key})


def place(first: int, last: int, messages: int, partition: int = 0) -> Range:
    """Some messages of one topic."""
    return Range(
        topic="ministry.sms.border_crossing",
        partition=partition,
        log="ab" * 16,
        first=first,
        last=last,
        messages=messages,
    )


STATEMENT = shredding.sign(
    Destruction(
        key_id="hub-2026-11",
        key=shredding.fingerprint(SECRET),
        ranges=(place(2, 9, 5),),
        retained=0,
        reason="möhlet gutardy",
        created_ms=7,
    ),
    KEY,
)


def test_a_statement_is_read_as_it_was_signed() -> None:
    """Also by a control key that was revoked since; the secret is not in it."""
    found = shredding.read(STATEMENT.text())

    assert found == STATEMENT
    shredding.verify(found, registry(status="revoked"))
    assert found.digest() == STATEMENT.digest()
    assert SECRET.hex() not in found.text()


@pytest.mark.parametrize(
    "changed",
    [
        replace(STATEMENT, retained=1),
        replace(STATEMENT, ranges=()),
        replace(STATEMENT, ranges=(place(2, 8, 5),)),
        replace(STATEMENT, key="00" * 32),
        replace(STATEMENT, reason=""),
        replace(STATEMENT, signature="zz"),
        replace(STATEMENT, signature="00" * 64),
    ],
)
def test_a_changed_statement_does_not_verify(changed: Destruction) -> None:
    """Whatever was changed."""
    with pytest.raises(EnvelopeError, match="not signed by control"):
        shredding.verify(changed, registry())


def test_only_control_signs_statements() -> None:
    """Not a key of another use."""
    with pytest.raises(EnvelopeError):
        shredding.verify(STATEMENT, registry(use="release"))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"ranges": [{}]}'])
def test_a_damaged_statement_is_refused(text: str) -> None:
    """And so is one in another spelling."""
    with pytest.raises(InvalidError):
        shredding.read(text)
    with pytest.raises(InvalidError, match="one spelling"):
        shredding.read(STATEMENT.text().replace(": ", ":"))


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 99), st.integers(0, 99)), max_size=8
    )
)
def test_looks_are_merged_whatever_their_order(
    looks: list[tuple[int, int, int]],
) -> None:
    """What one look saw, the whole covers; retention takes nothing back."""
    ranges = [place(min(a, b), max(a, b), b, part) for part, a, b in looks]

    merged = shredding.merge(ranges)

    assert merged == shredding.merge(reversed(ranges), ranges)
    for one in ranges:
        (whole,) = [w for w in merged if w.partition == one.partition]
        assert whole.first <= one.first <= one.last <= whole.last
        assert whole.messages >= one.messages
