"""A member that joins: its agreement, its request, its public halves.

Rules (docs/production.md, "A new member"):

- The agreement is the member's file in the catalogue: who, what, what for, until when.
  It comes into the folder only after the whole catalogue holds together with it and the
  change may come into force while the hub runs.
- Private keys stay where they were made. A request carries public halves, a certificate
  request and a signature by the new signing key over all of it; its fingerprint is
  compared by telephone, because nobody else vouches for the first key.
- Every step looks whether it was done, so a run that broke off is simply run again.
"""

from __future__ import annotations

import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.core import epochs
from hub.core.catalogue.live import Change, compare
from hub.core.catalogue.load import load
from hub.core.catalogue.model import Catalogue, Member
from hub.core.catalogue.reading import parse
from hub.core.errors import InvalidError, MachineError
from hub.core.keys import Key, KeyRegistry, read_registry
from hub.edge import enacting, files, keyring, publickeys
from hub.edge.keyfiles import read_text, write_file
from hub.edge.keymaking import create_member
from hub.edge.settings import Settings

REQUEST = "request.json"
VERSION = 1
_LABEL = b"kerwen v1 onboarding request\0"
_BYTES_MAX = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """A catalogue with a member's agreement in it, checked.

    Attributes:
        path: Where the agreement belongs.
        content: The agreement as it was given.
        change: What it changes of the catalogue in force.
    """

    member: Member
    path: Path
    content: bytes = field(repr=False)
    catalogue: Catalogue = field(repr=False)
    change: Change

    @property
    def pending(self) -> bool:
        """Whether the folder says something else so far."""
        return not self.path.exists() or self.path.read_bytes() != self.content

    def put(self) -> None:
        """Put the agreement into the catalogue; whole or not at all."""
        write_file(self.path, self.content, 0o644)


def join(settings: Settings, given: Path) -> Joining:
    """Check an agreement against everything that is declared.

    Raises:
        CatalogueError: It does not fit the catalogue; the text says where.
        InvalidError: It has no agreement, or may not come into force.
    """
    content = _read(given)
    member, catalogue = _placed(settings, given, content)
    folder = files.catalogue_folder(settings.catalogue)
    change = compare(enacting.in_force(settings), catalogue)
    if change.breaks:
        raise InvalidError(f"{given}: cannot come into force: {change.breaks[0]}")
    return Joining(
        member=member,
        path=folder / "providers" / f"{member.id}.toml",
        content=content,
        catalogue=catalogue,
        change=change,
    )


def agreed(settings: Settings, given: Path) -> Member:
    """Who an agreement is with, as the member itself reads it."""
    return _placed(settings, given, _read(given))[0]


def _placed(
    settings: Settings, given: Path, content: bytes
) -> tuple[Member, Catalogue]:
    """The member of an agreement, in the whole catalogue with it."""
    name = parse(given.name, content).get("id")
    if not isinstance(name, str) or not name.isascii() or "/" in name:
        raise InvalidError(f'{given}: key id: expected the member\'s id, as id = "sms"')
    sources, schemas = files.read_sources(settings.catalogue)
    catalogue = load({**sources, f"providers/{name}.toml": content}, schemas)
    member = catalogue.members[name]
    if member.agreement is None:
        raise InvalidError(
            f"{given}: key agreement: expected since, until and purpose; "
            f"`kerwen onboard draft --member {name}` shows how it looks"
        )
    return member, catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a ministry sends to join, checked.

    Attributes:
        keys: Public halves, one to sign with and one to be answered with; none for a
            member that only reads.
        certificate: Certificate request (PKCS #10) in PEM.
        fingerprint: SHA-256 of the file, in hex; compared by telephone.
    """

    member: str
    keys: tuple[Key, ...]
    certificate: bytes
    text: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """In groups that can be read aloud."""
        found = hashlib.sha256(self.text.encode()).hexdigest()[:40]
        return " ".join(found[at : at + 4] for at in range(0, len(found), 4))


def ask(settings: Settings, member: Member, *, now_ms: int) -> Request:
    """Make a member's own keys in its own home, and the request; the same next time.

    Args:
        settings: The member's home.
        member: Whose.
        now_ms: Names the epoch of new keys.
    """
    home = settings.home
    path = home.root / "onboarding" / f"{member.id}-{REQUEST}"
    if path.exists():
        return read_request(path)
    keys: tuple[Key, ...] = ()
    if member.provides:
        keys = create_member(home.root, member.id, member.member, now_ms=now_ms)
    body = {
        "version": VERSION,
        "member": member.id,
        "keys": json.loads(KeyRegistry(keys={k.key_id: k for k in keys}).text()),
        "certificate_request": _certificate_request(home.pki, member.id).decode(),
    }
    if keys:
        signer = keyring.ministry(home.root, member.id).sign
        body["signature"] = signer.private.sign(_signed(body)).hex()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps(body, indent=1, ensure_ascii=False) + "\n"
    write_file(path, text.encode(), 0o644)
    return read_request(path)


def read_request(path: Path) -> Request:
    """A request from its file.

    Raises:
        InvalidError: It is damaged, or was not signed by the key that it brings.
    """
    text = _read(path).decode("utf-8", errors="replace")
    try:
        body = json.loads(text)
        if body["version"] != VERSION:
            raise InvalidError(f"{path}: version {body['version']} is not known here")
        registry = read_registry(json.dumps(body["keys"]))
        certificate = str(body["certificate_request"]).encode("ascii")
        member = str(body["member"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidError(f"{path}: no request; make it again") from error
    keys = tuple(registry.keys.values())
    if keys:
        _check_keys(path, member, keys, body)
    return Request(member=member, keys=keys, certificate=certificate, text=text)


def enrol(settings: Settings, request: Request, member: Member) -> bool:
    """Put a request's public halves into the registry; whether any were new.

    Raises:
        InvalidError: Another key has that id, or the keys speak for somebody else.
    """
    for key in request.keys:
        if key.member != member.member:
            raise InvalidError(
                f"the request's keys are those of {key.member}, the agreement is with "
                f"{member.member}: have {member.id} ask again with that agreement"
            )
    home = settings.home
    try:
        new = publickeys.fresh(home.root, request.keys)
    except InvalidError as error:
        raise InvalidError(
            f"{error}: compare the fingerprint {request.fingerprint} with {member.id}"
            " by telephone"
        ) from error
    folder = home.root / "onboarding" / member.id
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # First the note that these keys are made elsewhere: nobody makes them here then.
    write_file(folder / REQUEST, request.text.encode(), 0o644)
    publickeys.add(home.root, new)
    return bool(new)


def accept(settings: Settings, member: str, package: Path) -> None:
    """Put what the hub sent into the member's own home.

    Raises:
        InvalidError: The certificate is not for the key that was asked with.
    """
    home = settings.home
    key_path = home.pki / f"{member}.key"
    key_pem = read_text(key_path).encode()
    given = _read(package / f"{member}.crt")
    try:
        certificate = x509.load_pem_x509_certificate(given)
    except ValueError as error:
        raise InvalidError(f"{package / member}.crt is no certificate") from error
    key = serialization.load_pem_private_key(key_pem, password=None)
    if certificate.public_key() != key.public_key():
        raise InvalidError(f"{package / member}.crt is not for {key_path}: ask again")
    write_file(home.pki / f"{member}.pem", key_pem + given, 0o600)
    write_file(home.pki / "ca.pem", _read(package / "ca.pem"), 0o644)
    home.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = read_text(package / publickeys.FILE)
    publickeys.store(home.keys, read_registry(text).keys)


def _check_keys(
    path: Path, member: str, keys: tuple[Key, ...], body: Mapping[str, Any]
) -> None:
    uses = sorted(key.use for key in keys)
    named = all(
        epochs.is_of(key.key_id, f"{member}-{key.use}") and key.status == "active"
        for key in keys
    )
    if uses != ["seal", "sign"] or not named:
        raise InvalidError(
            f"{path}: expected one signing and one sealing key of its own"
        )
    [signer] = [key for key in keys if key.use == "sign"]
    try:
        signature = bytes.fromhex(str(body.get("signature", "")))
        signer.verifier().verify(signature, _signed(body))
    except (ValueError, binascii.Error, InvalidSignature) as error:
        raise InvalidError(
            f"{path}: not signed by the key it brings; have it sent again"
        ) from error


def _signed(body: Mapping[str, Any]) -> bytes:
    """What the signature is over: all of the request but itself."""
    rest = {name: value for name, value in body.items() if name != "signature"}
    return _LABEL + json.dumps(rest, sort_keys=True, ensure_ascii=True).encode()


def _certificate_request(pki: Path, member: str) -> bytes:
    """The request for the TLS key, which is made first where it is missing."""
    path = pki / f"{member}.key"
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        pki.mkdir(mode=0o700, parents=True, exist_ok=True)
        pem = made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_file(path, pem, 0o600)
    key = serialization.load_pem_private_key(read_text(path).encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise MachineError(f"{path} holds another kind of key: move it away")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, member)])
    asked = x509.CertificateSigningRequestBuilder().subject_name(name)
    return asked.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _read(path: Path) -> bytes:
    """A small file that somebody brought."""
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise InvalidError(f"{path}: too large for what it should be")
        return path.read_bytes()
    except OSError as error:
        text = f"{path}: {error.strerror or 'cannot be read'}"
        raise InvalidError(text) from error
