"""What release says to the operator: one word that does not count stops no other."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from hub.core.keys import KeyRegistry
from hub.core.log import Incoming
from hub.core.messages import Notice, encode, sign
from hub.edge import keyring, notices

SAID = Notice(
    marker=bytes(16),
    kind="draft",
    vintage="P",
    period="2025",
    reason=b"",
    manifests=(),
    digest=bytes(32),
    created_ms=1,
    key_id="",
)


@pytest.fixture
def said(november: Path) -> bytes:
    """A notice of the hub's release."""
    key = keyring.release(november.parent).release
    return encode(sign(replace(SAID, key_id=key.key_id), key.private))


def test_what_does_not_count_is_passed_over(
    november: Path, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Noise, an altered one, and one of another's key; each is logged by its place."""
    other = encode(
        sign(
            replace(SAID, key_id="release-2020-01"),
            keyring.release(november.parent).release.private,
        )
    )
    values = [b"noise", said[:-1] + bytes([said[-1] ^ 1]), other, said]
    log = [Incoming(offset=n, time_ms=0, value=one) for n, one in enumerate(values)]

    with caplog.at_level(logging.WARNING):
        [found] = notices.trusted(log, keyring.registry(november.parent))

    assert found.period == "2025"
    told = [record.getMessage() for record in caplog.records]
    assert [text.split(" does")[0][-1] for text in told] == ["0", "1", "2"]


def test_a_key_that_was_revoked_since_stops_nobody(november: Path, said: bytes) -> None:
    """Who listens from the beginning hears the rest."""
    known = keyring.registry(november.parent).keys
    revoked = KeyRegistry(
        keys={
            name: replace(key, status="revoked") if key.use == "release" else key
            for name, key in known.items()
        }
    )

    assert (
        list(notices.trusted([Incoming(offset=0, time_ms=0, value=said)], revoked))
        == []
    )
