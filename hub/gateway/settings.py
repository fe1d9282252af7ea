"""What the environment says to the gateway, read once.

Rules:

- Loopback unless told: without TLS nothing listens elsewhere.
- Nothing here is a secret.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from hub.core.errors import UsageError

HOST = "127.0.0.1"
_PORT_MAX = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """How the gateway serves.

    Attributes:
        tls_host: Where the listener with TLS is.
        tls_port: Its port; 0: there is none.
        per_second: Requests that refill a caller's measure; 0: no limit.
        burst: Requests at once.
        registry: URL of a schema registry that is to hold our schemas; empty: none.
    """

    tls_host: str = HOST
    tls_port: int = 0
    per_second: float = 100
    burst: float = 400
    registry: str = ""


def from_environment(environ: Mapping[str, str] | None = None) -> GatewaySettings:
    """Settings from `environ` (default: this process's environment).

    Raises:
        UsageError: a variable has a value that cannot be used.
    """
    values = os.environ if environ is None else environ
    return GatewaySettings(
        tls_host=values.get("KERWEN_GATEWAY_TLS_HOST") or HOST,
        tls_port=int(_number(values, "KERWEN_GATEWAY_TLS_PORT", 0, _PORT_MAX)),
        per_second=_number(values, "KERWEN_GATEWAY_RATE", 100, 1e6),
        burst=_number(values, "KERWEN_GATEWAY_BURST", 400, 1e6),
        registry=_url(values, "KERWEN_REGISTRY"),
    )


def _number(values: Mapping[str, str], name: str, default: float, most: float) -> float:
    text = values.get(name) or ""
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise UsageError(f"{name}={text}: expected a whole number up to {most:.0f}")
    return float(text)


def _url(values: Mapping[str, str], name: str) -> str:
    text = (values.get(name) or "").rstrip("/")
    if text and not text.startswith(("http://", "https://")):
        raise UsageError(f"{name}={text}: expected http://… or https://…")
    return text
