"""Faults of a home's files, each with the name doctor has for it."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from hub.edge import passes, rotation
from hub.edge.files import read_catalogue
from hub.edge.keyfiles import SECRETS, read_pem, write_pem
from hub.edge.settings import Home
from hub.embedded import pki
from tests.faults.world import SHELF, Case

Inject = Callable[[Case], None]


def written(name: str, content: bytes) -> Inject:
    """Somebody wrote over a file."""

    def inject(at: Case) -> None:
        (at.root / name).write_bytes(content)

    return inject


def gone(pattern: str) -> Inject:
    """Files or folders are not there any more."""

    def inject(at: Case) -> None:
        found = list(at.root.glob(pattern))
        assert found
        for path in found:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    return inject


def flipped(pattern: str) -> Inject:
    """The disk lost a bit in the largest such file."""

    def inject(at: Case) -> None:
        found = max(at.root.glob(pattern), key=lambda path: path.stat().st_size)
        content = bytearray(found.read_bytes())
        content[len(content) // 2] ^= 1
        found.write_bytes(content)

    return inject


def cut(pattern: str) -> Inject:
    """A file that was written half."""

    def inject(at: Case) -> None:
        for path in at.root.glob(pattern):
            path.write_bytes(path.read_bytes()[:40])

    return inject


def locked(at: Case) -> None:
    """A signing key under a password."""
    [path] = (at.root / "keys/release").glob("release-*.pem")
    lock = BestAvailableEncryption(b"secret")
    key = read_pem(path).private
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))


def shared(at: Case) -> None:
    """Secrets that everybody on the machine may read."""
    (at.root / "keys/intake" / SECRETS).chmod(0o644)


def lacking(at: Case) -> None:
    """A secret that is not there: with a new one the other end opens nothing."""
    path = at.root / "keys/release" / SECRETS
    content = json.loads(path.read_text())
    del content["internal"]
    path.write_text(json.dumps(content))


def over(at: Case) -> None:
    """A certificate that ended yesterday."""
    _reissued(at, dt.timedelta(days=-398))


def taken_back(at: Case) -> None:
    """A certificate that was revoked and never replaced."""
    found = x509.load_pem_x509_certificate((at.root / "pki" / "iom.pem").read_bytes())
    serial = f"{found.serial_number:x}"
    passes.revoke(Home(root=at.root), now_ms=1, reason="lost", certificate=serial)


def early(at: Case) -> None:
    """This machine's clock is a year behind: a certificate lies in the future."""
    _reissued(at, dt.timedelta(days=365))


def _reissued(at: Case, shift: dt.timedelta) -> None:
    authority = pki._read(at.root / "pki" / "ca.key")
    assert authority is not None
    key, made = pki._certificate("iom", authority, dt.datetime.now(dt.UTC) + shift)
    (at.root / "pki" / "iom.pem").write_bytes(pki._key_pem(key) + pki._cert_pem(made))


def foreign(at: Case) -> None:
    """A certificate of another authority."""
    other = Home(root=at.root.parent / "other")
    other.pki.mkdir(parents=True)
    pki.issue(other, ["iom"])
    shutil.copy(other.pki / "iom.pem", at.root / "pki" / "iom.pem")


def swapped(at: Case) -> None:
    """One member's certificate under another's name."""
    shutil.copy(at.root / "pki" / "mot.pem", at.root / "pki" / "iom.pem")


def unfinished(at: Case) -> None:
    """A rotation that broke off before its keys were made."""
    known = read_catalogue(at.settings.catalogue)
    rotation.begin(at.settings, rotation.plan(at.settings, known, [("receipt", "")]))


def other(at: Case) -> None:
    """Another key under the name of one that the registry knows."""
    [path] = (at.root / "keys/mot").glob("mot-sign-*.pem")
    write_pem(path, bytes(32))


def catalogue(name: str, old: str, new: str) -> Inject:
    """Somebody edited a file of the catalogue."""

    def inject(at: Case) -> None:
        path = at.catalogue / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    return inject


def ending(at: Case) -> None:
    """An agreement that is over in ten days."""
    until = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=10)
    catalogue("providers/mot.toml", "2030-12-31", str(until))(at)


MENDED: dict[str, tuple[Inject, str]] = {
    "locked key": (locked, "keys"),
    "secrets others may read": (shared, "keys"),
    "secrets that are no JSON": (written(f"keys/intake/{SECRETS}", b"{"), "keys"),
    "locked secrets are damaged": (written("keys/intake/secrets.locked", b"{"), "keys"),
    "a secret is missing": (lacking, "keys"),
    "a signing key is missing": (gone("keys/control/control-*.pem"), "keys"),
    "a signing key is no key": (cut("keys/mot/mot-sign-*.pem"), "keys"),
    "a signing key is another": (other, "key foreign"),
    "a stage's folder is missing": (gone("keys/dedupe"), "keys"),
    "the registry is damaged": (written("keys/registry.json", b"[]"), "keys"),
    "a rotation's file is damaged": (written("keys/rotation.json", b"?"), "rotation"),
    "certificate over": (over, "certificate ended"),
    "certificate revoked": (taken_back, "certificate revoked"),
    "certificate damaged": (written("pki/mot.pem", b"no"), "certificate"),
    "certificate of another authority": (foreign, "certificate foreign"),
    "certificate of another name": (swapped, "certificate foreign"),
    "authority missing": (gone("pki/ca.pem"), "authority missing"),
    "authority damaged": (written("pki/ca.pem", b"no"), "authority missing"),
    "revocations damaged": (written("pki/revoked.json", b"{"), "access file"),
    "tokens damaged": (written("keys/gateway/tokens.json", b"?"), "access file"),
    "bundle damaged": (flipped("bundles/*/registry.json"), "bundle damaged"),
    "bundle missing": (gone("bundles/????????*"), "no bundle"),
    "checkpoint damaged": (
        flipped(f"checkpoints/{SHELF}/*/*"),
        "checkpoint damaged",
    ),
    "checkpoint without its list": (
        gone(f"checkpoints/{SHELF}/*/manifest.json"),
        "checkpoint damaged",
    ),
    "spool unreadable": (
        written("spool/mot.sqlite", b"not a database" * 999),
        "spool unreadable",
    ),
}
"""Faults whose command mends them by itself."""

SHOWN: dict[str, tuple[Inject, str, str]] = {
    "locked key store": (
        gone("**/development-shares"),
        "keys",
        "kerwen keys unlock",
    ),
    "wrong clock": (early, "clock", "timedatectl"),
    "killed supervisor": (
        written("run/hub.json", b'{"state": "ready", "pid": 1}'),
        "stale lock",
        "kerwen up",
    ),
    "unfinished rotation": (unfinished, "rotation unfinished", "kerwen keys rotate"),
    "misspelt catalogue": (
        catalogue("tables/RAIL_EVT.toml", "policy", "polcy"),
        "catalogue",
        "kerwen catalogue check",
    ),
    "a change that may not come": (
        catalogue("tables/RAIL_EVT.toml", 'policy = "C"', 'policy = "E"'),
        "catalogue",
        "kerwen topics bundle",
    ),
    "agreement over": (
        catalogue("providers/mot.toml", "2030-12-31", "2025-06-30"),
        "agreement ended",
        "kerwen offboard --member mot",
    ),
    "agreement ends": (ending, "agreement ends", "kerwen onboard ministry"),
    "not in every log": (
        gone("bundles/applied"),
        "bundle not in force",
        "kerwen topics bundle --apply",
    ),
    "a marker broke off": (
        written("bundles/.marker", b"x"),
        "cut broke off",
        "kerwen topics bundle --apply",
    ),
}
"""Faults whose command needs a person, or brokers (see test_hub.py)."""
