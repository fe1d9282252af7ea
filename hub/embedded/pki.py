"""A throw-away certificate authority for one embedded hub.

Rules (design: embedded default):

- One EC P-256 authority a home; its certificates are worth nothing elsewhere.
- The common name is the Kafka principal; nothing else is in a subject.
- ``<principal>.pem`` holds private key and certificate, readable by its owner only.
- Issuing again keeps what is still good, so clients go on while members are added.
- Certificates say who connects. Signing and sealing keys are others (``keys/``).
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub.core.errors import InvalidError, MachineError
from hub.edge.settings import Home

_VALID = timedelta(days=397)
_RENEW = timedelta(days=30)
_CRL_VALID = timedelta(days=30)
_SKEW = timedelta(minutes=5)  # a peer whose clock is behind still accepts us
_SERVERS = ("broker", "gateway")
_LOOPBACK = ("127.0.0.1", "::1")
_CA_NAME = "Kerwen embedded authority"


def issue(home: Home, principals: Iterable[str]) -> None:
    """Make the authority and a certificate for each principal, where missing.

    An authority near its end is replaced, and with it every certificate.
    """
    now = datetime.now(UTC)
    authority = _read(home.pki / "ca.key")
    if authority is None or _ends(authority[1], now):
        authority = _authority(now)
        _write(home.pki / "ca.key", _key_pem(authority[0]) + _cert_pem(authority[1]))
        for stale in home.pki.glob("*.pem"):
            stale.unlink()
    ca_file = home.pki / "ca.pem"
    if not ca_file.exists():
        _write(ca_file, _cert_pem(authority[1]))
    for principal in principals:
        path = home.pki / f"{principal}.pem"
        held = _read(path)
        if held is None or _ends(held[1], now):
            key, certificate = _certificate(principal, authority, now)
            _write(path, _key_pem(key) + _cert_pem(certificate))


def serving(home: Home, principal: str, hosts: Iterable[str]) -> bytes:
    """A new key and certificate of who listens on other hosts than this one; PEM.

    Args:
        home: Where the authority is.
        principal: Who listens.
        hosts: Names by which clients call its host, besides this machine's own.

    Raises:
        MachineError: This home has no authority.
    """
    authority = _read(home.pki / "ca.key")
    if authority is None:
        text = "have your own authority issue what listens elsewhere"
        raise MachineError(f"{home.pki / 'ca.key'} is missing: {text}")
    key, certificate = _certificate(principal, authority, datetime.now(UTC), hosts)
    return _key_pem(key) + _cert_pem(certificate)


def sign_request(home: Home, principal: str, request: bytes) -> bytes:
    """A certificate for a key that its holder keeps; PEM.

    Args:
        home: Where the authority is.
        principal: Who it must name; anything else in the request counts for nothing.
        request: A certificate request (PKCS #10) in PEM.

    Raises:
        MachineError: This home has no authority.
        InvalidError: It is no request of this principal, or its holder did not sign it.
    """
    authority = _read(home.pki / "ca.key")
    if authority is None:
        raise MachineError(
            f"{home.pki / 'ca.key'} is missing: have your own authority sign the "
            "request, and pass the certificate with --certificate"
        )
    asked = read_request(principal, request)
    key = asked.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise InvalidError(f"the request of {principal} is not for a P-256 key")
    return _cert_pem(_signed(principal, key, authority, datetime.now(UTC)))


def read_request(principal: str, request: bytes) -> x509.CertificateSigningRequest:
    """A certificate request that names `principal` and is signed by its own key."""
    try:
        asked = x509.load_pem_x509_csr(request)
    except ValueError as error:
        raise InvalidError(f"the request of {principal} is not PEM") from error
    named = [
        one.value for one in asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    ]
    if named != [principal] or len(list(asked.subject)) != 1:
        raise InvalidError(f"the request does not name {principal}, and nothing else")
    if not asked.is_signature_valid:
        raise InvalidError(f"the request of {principal} is not signed by its own key")
    return asked


def reissue(home: Home, principal: str) -> None:
    """Give a principal another key and certificate.

    Raises:
        MachineError: This home has no authority, or the principal no certificate here.
    """
    authority, path = _read(home.pki / "ca.key"), home.pki / f"{principal}.pem"
    if authority is None or not path.exists():
        missing = path if authority else home.pki / "ca.key"
        raise MachineError(f"{missing} is missing: have your own authority issue it")
    key, certificate = _certificate(principal, authority, datetime.now(UTC))
    _write(path, _key_pem(key) + _cert_pem(certificate))


def write_revocations(home: Home, revoked: Mapping[str, datetime]) -> Path:
    """Write ``pki/revoked.crl``: serials that the authority takes back, and since when.

    Raises:
        MachineError: This home has no authority.
    """
    authority = _read(home.pki / "ca.key")
    if authority is None:
        raise MachineError(f"{home.pki / 'ca.key'} is missing: your authority signs it")
    key, certificate = authority
    now = datetime.now(UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(certificate.subject)
        .last_update(now - _SKEW)
        .next_update(now + _CRL_VALID)
    )
    for serial, since in sorted(revoked.items()):
        entry = x509.RevokedCertificateBuilder(int(serial, 16), since)
        builder = builder.add_revoked_certificate(entry.build())
    made = builder.sign(key, hashes.SHA256())
    path = home.pki / "revoked.crl"
    _write(path, made.public_bytes(serialization.Encoding.PEM))
    return path


_Pair = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def _ends(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_after_utc - now < _RENEW


def _authority(now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _CA_NAME)])
    usage = _usage(sign_certificates=True)
    builder = (
        _builder(name, name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return key, builder.sign(key, hashes.SHA256())


def _certificate(
    principal: str, authority: _Pair, now: datetime, hosts: Iterable[str] = ()
) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    return key, _signed(principal, key.public_key(), authority, now, hosts)


def _signed(
    principal: str,
    public_key: ec.EllipticCurvePublicKey,
    authority: _Pair,
    now: datetime,
    hosts: Iterable[str] = (),
) -> x509.Certificate:
    authority_key, authority_certificate = authority
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, principal)])
    issuer_key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(
        authority_key.public_key()
    )
    # Client everywhere; server only where something listens.
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if principal in _SERVERS:
        purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
    builder = (
        _builder(name, authority_certificate.subject, public_key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(issuer_key_id, critical=False)
    )
    if principal in _SERVERS:
        addresses = [x509.IPAddress(ipaddress.ip_address(ip)) for ip in _LOOPBACK]
        called = [x509.DNSName(name) for name in ("localhost", *hosts)]
        names = x509.SubjectAlternativeName([*called, *addresses])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(authority_key, hashes.SHA256())


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _VALID)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False
        )
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    # PKCS #8 without a password: the form that Java's and Python's TLS both read.
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _cert_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _read(path: Path) -> _Pair | None:
    """Key and certificate in a file, or None where there is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        key = serialization.load_pem_private_key(content, password=None)
        certificate = x509.load_pem_x509_certificate(content)
    except ValueError as error:
        raise MachineError(f"{path} is damaged: remove it and start again") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise MachineError(f"{path} holds another kind of key: remove it")
    return key, certificate


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read; whole or not at all."""
    draft = path.with_suffix(path.suffix + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.rename(path)
