"""What ``kerwen keys certificates|reissue`` do.

Rules (docs/keys.md, "Certificates"):

- A certificate that is replaced is revoked first, in the gateway's list and in the
  authority's: one that was stolen is worth nothing there from then on.
- Brokers ask the access table by name, not these lists: who must not even connect under
  its old certificate is revoked by name, or the authority is replaced.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from hub.cli.keychange import NOT_DONE, noted
from hub.cli.output import Output
from hub.core.errors import InvalidError, MachineError, UsageError
from hub.edge import passes
from hub.edge.settings import Home, Settings
from hub.embedded import pki

_PEM_BYTES_MAX = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One certificate of this home.

    Attributes:
        serial: In hex.
        ends: ISO date.
        state: good, early, ended or revoked.
    """

    name: str
    serial: str
    ends: str
    days_left: int
    state: str


def certificates(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """List the certificates of this home, those that end first on top."""
    del args
    found = sorted(_all(settings.home), key=lambda one: one.days_left)
    out.table(
        "Certificates",
        ("name", "serial", "ends", "days left", "state"),
        [(one.name, one.serial, one.ends, one.days_left, one.state) for one in found],
        right=("days left",),
    )
    out.result({"certificates": [asdict(one) for one in found]})
    return 0


def reissue(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Revoke a principal's certificate and give it another one."""
    if len(args.names) != 1:
        raise UsageError("reissue: name one; `kerwen keys certificates` shows them")
    if args.apply and not args.reason:
        raise UsageError("reissue: say why with --reason; it is kept for good")
    (name,) = args.names
    held = of(settings.home, name)
    out.say(f"{name}: certificate {held.serial}, {held.days_left} days left")
    path: Path | None = None
    if args.apply:
        if not (settings.home.pki / "ca.key").exists():
            raise MachineError(
                f"{settings.home.pki / 'ca.key'} is missing: your own authority issues "
                "certificates; then `kerwen gateway revoke --certificate` the old one"
            )
        noted(settings, out, "keys reissue", f"{name} {held.serial}", args.reason)
        now_ms = time.time_ns() // 1_000_000
        passes.revoke(
            settings.home, now_ms=now_ms, reason=args.reason, certificate=held.serial
        )
        gone = passes.revoked(settings.home).certificates
        path = pki.write_revocations(
            settings.home,
            {
                serial: datetime.fromtimestamp(one.since_ms / 1000, UTC)
                for serial, one in gone.items()
            },
        )
        pki.reissue(settings.home, name)
    out.result(
        {
            "name": name,
            "revoked": held.serial,
            "revocations": str(path or ""),
            "applied": bool(args.apply),
        },
        f"{name} has a new certificate; {held.serial} is in {path}"
        if args.apply
        else NOT_DONE,
    )
    return 0


def of(home: Home, name: str) -> Certificate:
    """The certificate of one principal; raises InvalidError where there is none."""
    for one in _all(home):
        if one.name == name:
            return one
    raise InvalidError(f"{name} has no certificate in {home.pki}")


def _all(home: Home) -> Iterator[Certificate]:
    revoked = passes.revoked(home).certificates
    now = datetime.now(UTC)
    for path in sorted(home.pki.glob("*.pem")):
        try:
            found = x509.load_pem_x509_certificate(path.read_bytes()[:_PEM_BYTES_MAX])
        except (OSError, ValueError) as error:
            raise InvalidError(f"{path} is no certificate: remove it") from error
        serial = f"{found.serial_number:x}"
        ends = found.not_valid_after_utc
        if serial in revoked:
            state = "revoked"
        elif ends <= now:
            state = "ended"
        else:
            state = "early" if found.not_valid_before_utc > now else "good"
        yield Certificate(
            name=path.stem,
            serial=serial,
            ends=ends.date().isoformat(),
            days_left=(ends - now).days,
            state=state,
        )
