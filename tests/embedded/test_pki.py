"""The throw-away authority issues what TLS accepts, and keeps what is good."""

from __future__ import annotations

import contextlib
import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from hub.core.errors import MachineError
from hub.edge.kafka import context
from hub.edge.settings import Home
from hub.embedded import pki


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with an authority and three certificates."""
    made = Home(root=tmp_path)
    made.make()
    pki.issue(made, ("broker", "admin", "sms"))
    return made


def certificate(home: Home, principal: str) -> x509.Certificate:
    """The certificate of a principal."""
    return x509.load_pem_x509_certificate((home.pki / f"{principal}.pem").read_bytes())


def test_common_name_is_the_principal(home: Home) -> None:
    """The subject is the principal and nothing else."""
    assert certificate(home, "sms").subject.rfc4514_string() == "CN=sms"


def test_files_are_private(home: Home) -> None:
    """Nobody else may read a key, nor list the folder."""
    modes = {stat.S_IMODE(path.stat().st_mode) for path in home.pki.iterdir()}

    assert modes == {0o600}
    assert stat.S_IMODE(home.pki.stat().st_mode) == 0o700


def test_issuing_again_keeps_what_is_good(home: Home) -> None:
    """A second run adds the new member's certificate and touches no other file."""
    before = {path.name: path.read_bytes() for path in home.pki.iterdir()}
    pki.issue(home, ("broker", "admin", "sms", "molsp"))
    after = {path.name: path.read_bytes() for path in home.pki.iterdir()}

    assert set(after) - set(before) == {"molsp.pem"}
    assert {name: after[name] for name in before} == before


def test_a_certificate_near_its_end_is_replaced(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When less than a month is left, authority and certificates are made anew."""
    before = certificate(home, "sms").serial_number

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # noqa: ARG003 - the one call names UTC
            return datetime.now(UTC) + timedelta(days=380)

    monkeypatch.setattr(pki, "datetime", Later)
    pki.issue(home, ("broker", "admin", "sms"))

    assert certificate(home, "sms").serial_number != before
    context(home, "sms")


def test_a_missing_certificate_says_how_to_get_it(home: Home) -> None:
    """No certificate, no client; the message names the command."""
    with pytest.raises(MachineError, match="custodians"):
        context(home, "moi")


def test_a_damaged_file_is_named(home: Home) -> None:
    """A damaged key is not silently replaced."""
    (home.pki / "sms.pem").write_text("no key")

    with pytest.raises(MachineError, match=r"sms\.pem"):
        pki.issue(home, ("sms",))


@pytest.mark.parametrize(
    ("client", "welcome"), [("sms", True), ("stranger", False), (None, False)]
)
def test_tls_is_mutual(
    home: Home, tmp_path: Path, client: str | None, welcome: bool
) -> None:
    """Our certificate is let in; another authority's and none are refused."""
    other = Home(root=tmp_path / "other")
    other.make()
    pki.issue(other, ("stranger",))
    if client == "sms":
        tls = context(home, "sms")
    else:
        tls = ssl.create_default_context(cafile=str(home.pki / "ca.pem"))
        if client:
            tls.load_cert_chain(other.pki / f"{client}.pem")

    assert meets(home, tls) is welcome


def meets(home: Home, tls: ssl.SSLContext) -> bool:
    """Whether a server with the broker's certificate accepts a client's TLS."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(home.pki / "broker.pem")
    server.load_verify_locations(home.pki / "ca.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            connection, _ = listener.accept()
            with (
                contextlib.suppress(OSError),
                server.wrap_socket(connection, server_side=True) as secured,
            ):
                heard.append(secured.recv(1))

        thread = threading.Thread(target=serve)
        thread.start()
        with (
            contextlib.suppress(OSError),
            socket.create_connection(listener.getsockname()) as plain,
            tls.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            secured.sendall(b"x")
        thread.join()
    return heard == [b"x"]
