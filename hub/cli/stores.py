"""What doctor looks for in the files of a home: copies, certificates, what broke off.

Rules:

- A copy of a state that could not be used is found now, not when it is needed.
- What was lost and cannot be made again comes from an archive: never is a new secret
  made in the place of one that was used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from hub.cli.findings import RESTART, Finding
from hub.core.errors import HubError
from hub.edge import checkpoints, keyring, passes, pkcs11, rotation
from hub.edge.keyfiles import read_pem
from hub.edge.settings import Home, Settings

TAKE = "kerwen topics checkpoint"
RESTORE = "kerwen restore --file ARCHIVE --key RECOVERY --only"
READ_BYTES_MAX = 1 << 28
"""Checkpoints are digested up to so many bytes in one look: doctor takes seconds."""

_TYPED = re.compile(r"`([^`]+)`")


def of_stores(settings: Settings) -> Iterator[Finding]:
    """All of it."""
    yield from of_checkpoints(settings.shelves)
    yield from of_authority(settings.home)
    yield from of_halves(settings.home)
    yield from of_passes(settings.home)
    yield from of_token(settings.home)
    yield from of_rotation(settings)
    if (settings.home.bundles / ".marker").exists():
        yield Finding(
            what="cut broke off",
            cause="a close marker may not stand in every ministry's log",
            command="kerwen topics bundle --apply",
        )


def of_checkpoints(shelves: Path) -> Iterator[Finding]:
    """Copies of states that are not as they were taken."""
    left = READ_BYTES_MAX
    for shelf in sorted(shelves.glob("*/*")):
        for offset in checkpoints.claimed(shelf):
            folder = shelf / f"{offset:020d}"
            left -= sum(one.stat().st_size for one in folder.rglob("*"))
            if left < 0:
                return
            if not checkpoints.whole(folder):
                yield Finding(
                    what="checkpoint damaged",
                    cause=f"{folder} is not what was taken: it will not be used",
                    command=f"rm -r {folder} && {TAKE}",
                )


def of_authority(home: Home) -> Iterator[Finding]:
    """Certificates of another authority, or of another name than their file's."""
    held = sorted(path for path in home.pki.glob("*.pem") if path.name != "ca.pem")
    authority = _certificate(home.pki / "ca.pem")
    if authority is None:
        if held:
            yield Finding(
                what="authority missing",
                cause=f"{home.pki / 'ca.pem'} is missing or no certificate: nobody can "
                "be recognised",
                command=f"rm -f {home.pki / 'ca.pem'} && {RESTART}",
            )
        return
    for path in held:
        found = _certificate(path)
        if found is None:
            continue  # that it is damaged is another finding
        why = _foreign(found, authority, path.stem)
        if why:
            yield Finding(
                what="certificate foreign",
                cause=f"{path} {why}: the brokers will not take it",
                command=f"rm {path} && {RESTART}",
            )


def of_halves(home: Home) -> Iterator[Finding]:
    """Signing keys that are not the ones the registry knows by their names."""
    try:
        known = keyring.registry(home.root).keys
    except HubError:
        return  # a finding of its own
    for path in sorted(home.keys.glob("*/*.pem")):
        try:
            public = read_pem(path).private.public_key().public_bytes_raw()
        except HubError:
            continue  # as well
        if path.stem in known and known[path.stem].public != public:
            yield Finding(
                what="key foreign",
                cause=f"{path} is not the key the registry knows by that name: what it "
                "signs is refused",
                command=restoring(path, home),
            )


def of_passes(home: Home) -> Iterator[Finding]:
    """Files of the gateway's tokens and of revocations that cannot be read."""
    for path, read in (
        (passes.tokens_file(home), passes.tokens),
        (passes.revoked_file(home), passes.revoked),
    ):
        try:
            read(home)
        except HubError as error:
            yield Finding(
                what="access file", cause=str(error), command=restoring(path, home)
            )


def of_token(home: Home) -> Iterator[Finding]:
    """Signing keys in a token that is not set up, away or blocked; it is not used."""
    kept = sorted(home.keys.glob(f"*/*{pkcs11.ENDING}"))
    if not kept:
        return
    try:
        pkcs11.configured().present()
    except HubError as error:
        yield Finding(
            what="token away",
            cause=f"{kept[0].stem} and {len(kept) - 1} more sign in a token: {error}",
            command="env | grep KERWEN_PKCS11  # docs/keys.md, Tokens",
        )


def of_rotation(settings: Settings) -> Iterator[Finding]:
    """A rotation of keys that broke off."""
    try:
        found = rotation.read(settings)
    except HubError as error:
        path = settings.home.keys / rotation.FILE
        yield Finding(
            what="rotation",
            cause=str(error),
            command=f"mv {path} {path}.old  # docs/keys.md: what was made stays unused",
        )
        return
    if found is not None:
        yield Finding(
            what="rotation unfinished",
            cause=f"a rotation to {found.names} is {found.phase}, not used everywhere",
            command="kerwen keys rotate --apply",
        )


def key_mend(error: HubError, home: Home) -> str:
    """The command for a key that cannot be used.

    One that its own text names; a restart where no key was ever made; else the archive.
    """
    typed = _TYPED.search(str(error))
    if typed and not typed[1].startswith("kerwen up"):
        return typed[1]
    if not (home.keys / "registry.json").exists():
        return RESTART
    named = re.search(rf"{re.escape(str(home.root))}/([^\s:,]+)", str(error))
    return f"{RESTORE} {named[1]}" if named else RESTART


def restoring(path: Path, home: Home) -> str:
    """The command that brings one file back."""
    return f"{RESTORE} {path.relative_to(home.root).as_posix()}"


def _foreign(found: x509.Certificate, authority: x509.Certificate, name: str) -> str:
    names = [
        one.value for one in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    ]
    if names != [name]:
        return f"names {', '.join(map(str, names)) or 'nobody'}"
    try:
        found.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return "is not of this hub's authority"
    return ""


def _certificate(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None
