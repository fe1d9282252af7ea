"""Loopback ports: free ones below those the kernel lends out, or the one asked for.

A port from the kernel's own range may be lent to any client between our look and the
broker's start, and again at each restart; below that range only servers stand.
"""

from __future__ import annotations

import errno
import random
import socket
from pathlib import Path

from hub.core.errors import MachineError

HOST = "127.0.0.1"
_LOW = 20_000
_HIGH = 32_000
_TRIES_MAX = 2_000
_LENT = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free(count: int) -> list[int]:
    """`count` different ports on which nothing listens now."""
    # The system's generator: two hubs started together must not draw the same ports.
    candidates = random.SystemRandom().sample(range(_LOW, _top()), _TRIES_MAX)
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            return found
        if is_free(port):
            found.append(port)
    raise MachineError(f"no {count} free ports on {HOST} from {_LOW} on")


def claim(port: int, what: str) -> int:
    """`port` if it can be had, a free one for 0.

    Raises:
        MachineError: something listens there already.
    """
    if port == 0:
        return free(1)[0]
    if not is_free(port):
        raise MachineError(
            f"port {port} on {HOST}, asked for {what}, is in use: stop what listens "
            "there, or leave the port out and a free one is taken"
        )
    return port


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as probe:
        # As Java does it: connections that are closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def _top() -> int:
    try:
        lent_from = int(_LENT.read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return _HIGH
    return min(_HIGH, lent_from) if lent_from > _LOW + _TRIES_MAX else _HIGH
