"""The listener with TLS: members may show their certificate, and are known by it.

Rules (docs/gateway.md, "Access"):

- A certificate is asked for and not demanded; one that is shown must be of the hub's
  authority and in force, or there is no connection.
- What is shown goes with every request of the connection; whether it still counts is
  asked each time, so a revocation needs no new handshake.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol

from hub.core.errors import MachineError
from hub.edge.settings import Home
from hub.gateway.doors import Peer

PRINCIPAL = "gateway"


class OutsideProtocol(H11Protocol):
    """HTTP over TLS; every request says whose certificate was shown."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the class above
        """A client has connected, and its handshake is over."""
        super().connection_made(transport)
        peer = peer_of(transport.get_extra_info("ssl_object"))
        self.app: Any = _Outside(self.app, peer)


class _Outside:
    """The application as one connection sees it."""

    def __init__(self, app: ASGIApp, peer: Peer | None) -> None:
        self._app = app
        self._peer = peer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["outside"] = True
        scope["peer"] = self._peer
        await self._app(scope, receive, send)


def peer_of(shown: ssl.SSLObject | None) -> Peer | None:
    """Who showed a certificate in a handshake; None: nobody did."""
    encoded = None if shown is None else shown.getpeercert(binary_form=True)
    if not encoded:
        return None
    certificate = x509.load_der_x509_certificate(encoded)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    until = certificate.not_valid_after_utc
    return Peer(
        name=str(names[0].value) if len(names) == 1 else "",
        serial=format(certificate.serial_number, "x"),
        until_ms=round(until.timestamp() * 1000),
    )


def context(home: Home) -> ssl.SSLContext:
    """TLS 1.3 with the gateway's own certificate, and the hub's authority.

    Raises:
        MachineError: There is no certificate, or it cannot be used.
    """
    own, authority = home.pki / f"{PRINCIPAL}.pem", home.pki / "ca.pem"
    for path in (own, authority):
        if not path.exists():
            raise MachineError(f"no certificate {path}: `kerwen up` makes it")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.verify_mode = ssl.CERT_OPTIONAL
    try:
        tls.load_cert_chain(str(own))
        tls.load_verify_locations(cafile=str(authority))
    except (ssl.SSLError, OSError) as error:
        raise MachineError(f"{own} cannot be used for TLS: {error}") from error
    return tls


def config(app: ASGIApp, home: Home, host: str, port: int, **more: Any) -> Config:
    """How uvicorn serves `app` with TLS."""
    tls = context(home)
    return Config(
        app,
        host=host,
        port=port,
        http=OutsideProtocol,
        ssl_context_factory=lambda _config, _default: tls,
        **more,
    )
