"""Clients of the broker, without one: what they say when it is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka.record import util

from hub.core.errors import RetriableError, UsageError
from hub.edge import kafka
from hub.edge.settings import Home, Settings
from hub.embedded import pki, ports


def test_checksums_are_not_computed_in_python() -> None:
    """The client found the compiled CRC-32C: 3,000 times faster than its own."""
    assert util._crc32c is not util.crc32c_py


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with the certificate of one ministry."""
    made = Home(root=tmp_path)
    made.make()
    pki.issue(made, ("sms",))
    return made


@pytest.mark.parametrize("kind", [kafka.producer, kafka.consumer, kafka.admin])
def test_a_broker_that_is_away_is_said_at_once(
    home: Home, kind: Callable[..., Any]
) -> None:
    """Nothing is waited for where nobody listens, and the caller may try again."""
    settings = Settings(home=home, bootstrap=f"127.0.0.1:{ports.free(1)[0]}")
    began = time.monotonic()

    with pytest.raises(RetriableError, match="do not answer"):
        kind(settings, "sms")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("brokers", ["localhost", "127.0.0.1:", ":9092", "a:b"])
def test_an_address_that_is_none_is_named(home: Home, brokers: str) -> None:
    """A broker is host:port; anything else is a usage error that names it."""
    with pytest.raises(UsageError, match="KERWEN_BOOTSTRAP"):
        kafka.admin(Settings(home=home, bootstrap=brokers), "sms")
