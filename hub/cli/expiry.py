"""What doctor looks for in certificates: over, soon over, revoked, early, damaged.

Rules (docs/keys.md, "Certificates"):

- One that is over or revoked is replaced while the hub runs, where this home has the
  authority; a restart renews all that are over.
- One from the future says that this machine's clock is late.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from hub.cli.findings import RESTART, SET_CLOCK, Finding
from hub.core.errors import HubError
from hub.edge import passes
from hub.edge.settings import Home

DAYS_MIN = timedelta(days=30)
NAMED_MAX = 3
"""More certificates than that do not end by themselves: all are told in one line."""

_PEM_BYTES_MAX = 1 << 16
_LOCAL = ("ca", "admin", "broker", "control")
"""Whose certificate has to be good for an act to be written at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """One certificate."""

    name: str
    found: x509.Certificate


def of_certificates(
    home: Home, now: datetime, names: str = "*.pem"
) -> Iterator[Finding]:
    """Everything about the certificates of a home whose files match `names`."""
    held: list[_Held] = []
    for path in sorted(home.pki.glob(names)):
        found = _read(path)
        if found is not None:
            held.append(_Held(name=path.stem, found=found))
            continue
        yield Finding(
            what="certificate",
            cause=f"{path} is no certificate or cannot be read",
            command=f"rm {path} && {RESTART}",
        )
    early = [one for one in held if one.found.not_valid_before_utc > now]
    if early:
        begins = early[0].found.not_valid_before_utc
        yield Finding(
            what="clock",
            cause=f"it is {now:%Y-%m-%d %H:%M} by this machine's clock, and the "
            f"certificate of {early[0].name} begins at {begins:%Y-%m-%d %H:%M}: nobody "
            "will talk to it",
            command=SET_CLOCK,
        )
    yield from _over(home, held, now)
    yield from _revoked(home, held)
    yield from _soon(home, held, now)


def _over(home: Home, held: list[_Held], now: datetime) -> Iterator[Finding]:
    over = [one for one in held if one.found.not_valid_after_utc <= now]
    for one in over if len(over) <= NAMED_MAX else over[:1]:
        many = len(over) > NAMED_MAX
        more = f" and {len(over) - 1} more" if many else ""
        ended = one.found.not_valid_after_utc
        yield Finding(
            what="certificate ended",
            cause=f"that of {one.name}{more} ended on {ended:%Y-%m-%d}: its holder "
            "cannot connect",
            command=_another(home, one.name, restart=many or one.name in _LOCAL),
        )


def _revoked(home: Home, held: list[_Held]) -> Iterator[Finding]:
    try:
        gone = passes.revoked(home).certificates
    except HubError:
        return  # a finding of its own
    for one in held:
        serial = f"{one.found.serial_number:x}"
        if serial in gone:
            since = datetime.fromtimestamp(gone[serial].since_ms / 1000, UTC)
            yield Finding(
                what="certificate revoked",
                cause=f"that of {one.name} was revoked on {since:%Y-%m-%d}, and it has "
                "no other",
                command=_another(home, one.name),
            )


def _soon(home: Home, held: list[_Held], now: datetime) -> Iterator[Finding]:
    ending = {
        one.name: (one.found.not_valid_after_utc - now).days
        for one in held
        if now < one.found.not_valid_after_utc < now + DAYS_MIN
    }
    if ending:
        first, days = min(ending.items(), key=lambda one: one[1])
        yield Finding(
            what="certificate ends",
            cause=f"{len(ending)} certificates end within {DAYS_MIN.days} days; that "
            f"of {first} in {days}",
            command=RESTART if _authority(home) else _ELSEWHERE,
        )


def _another(home: Home, name: str, *, restart: bool = False) -> str:
    """What puts another certificate in the place of one."""
    if not _authority(home):
        return _ELSEWHERE
    return RESTART if restart else f"kerwen keys reissue {name} --reason TEXT --apply"


_ELSEWHERE = "kerwen keys certificates  # whoever issued it issues another"


def _authority(home: Home) -> bool:
    return (home.pki / "ca.key").exists()


def _read(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()[:_PEM_BYTES_MAX])
    except (OSError, ValueError):
        return None
