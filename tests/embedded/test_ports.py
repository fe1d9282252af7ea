"""Ports: free ones, or one clear sentence."""

from __future__ import annotations

import socket

import pytest

from hub.core.errors import MachineError
from hub.embedded import ports


def test_free_ports_can_be_listened_on() -> None:
    """Ports are different, below the kernel's own range, and nothing listens there."""
    found = ports.free(8)

    assert len(set(found)) == 8
    for port in found:
        assert 20_000 <= port < 32_768
        with socket.create_server(("127.0.0.1", port)):
            assert not ports.is_free(port)


def test_a_port_in_use_is_one_clear_sentence() -> None:
    """Asking for a port that is taken names the port and what it was for."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(MachineError, match=rf"port {port} .*, is in use"):
            ports.claim(port, "the broker")


def test_zero_means_any_free_port() -> None:
    """Without a wish, a free port is taken; a free wish is granted."""
    port = ports.claim(0, "the broker")

    assert ports.claim(port, "the broker") == port
