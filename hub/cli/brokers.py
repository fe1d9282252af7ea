"""What doctor looks for in brokers: topics, permissions, versions, clock, trail.

Rules:

- Asked as ``admin``, where this machine has that certificate; a ministry's or a stage's
  own machine has not, and is not asked for it.
- What is in force decides what has to be there, not what the files say.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from kafka import KafkaAdminClient
from kafka.errors import (
    IncompatibleBrokerVersion,
    UnrecognizedBrokerVersion,
    UnsupportedVersionError,
)

from hub.cli.findings import Finding
from hub.core.catalogue.model import Catalogue
from hub.core.errors import HubError
from hub.core.topics import TRAIL
from hub.core.trail import follow
from hub.edge import acls, enacting, kafka, keyring, layout, passes
from hub.edge.settings import Settings

APPLY = "kerwen topics apply"
NEEDED = {
    0: ("Produce", 9),
    1: ("Fetch", 12),
    3: ("Metadata", 12),  # topic ids: what a log is called
    19: ("CreateTopics", 7),
    22: ("InitProducerId", 4),
    29: ("DescribeAcls", 2),
    32: ("DescribeConfigs", 4),
}
"""Requests by their number -> name and the version that must be understood."""

REFUSED = (
    IncompatibleBrokerVersion,
    UnrecognizedBrokerVersion,
    UnsupportedVersionError,
)
"""How a client says that the brokers are of another version."""

SKEW_SECONDS_MAX = 60
ACTS_MAX = 2_000
"""Acts of the trail that are verified in one look."""
_NAMED_MAX = 3


def of_brokers(
    settings: Settings, now: float | None = None, catalogue: Catalogue | None = None
) -> Iterator[Finding]:
    """Everything in the brokers that is not as it must be.

    Args:
        settings: Where to look.
        now: This machine's clock in seconds; None: ask it.
        catalogue: What is in force; None: look.
    """
    if not (settings.home.pki / "admin.pem").exists():
        return
    try:
        settings.brokers()
        catalogue = catalogue or enacting.in_force(settings)
        with kafka.admin(settings) as client:
            yield from of_versions(client.api_versions())
            yield from _of_topics(layout.look(client, catalogue))
            yield from _of_permissions(settings, client, catalogue)
        yield from _of_clock(settings, time.time() if now is None else now)
    except (*REFUSED, HubError) as error:
        refused = error.__cause__ if isinstance(error, HubError) else error
        if not isinstance(refused, REFUSED):
            raise
        yield _version(f"they refuse what is asked ({type(refused).__name__})")


def of_trail(settings: Settings) -> Iterator[Finding]:
    """Whether the record of who did what was touched.

    A long one is verified by ``kerwen log verify`` from a timer: doctor has seconds.
    """
    if not (settings.home.pki / "control.pem").exists():
        return
    with kafka.consumer(settings, "control") as client:
        extent = kafka.extents(client, [(TRAIL, 0)])[TRAIL, 0]
        if extent.end - extent.start > ACTS_MAX:
            return
        found = list(kafka.read(client, TRAIL, 0, extent.start, extent.end))
    findings = follow(found, keyring.registry(settings.home.root)).findings
    if findings:
        first, *more = findings
        rest = f", and {len(more)} more" if more else ""
        yield Finding(
            what="trail touched",
            cause=f"the act at offset {first.offset} of the trail does not hold "
            f"({first.text}){rest}: keep a copy, ask who could write there",
            command="kerwen log verify",
        )


def of_versions(found: Mapping[int, tuple[int, int]]) -> Iterator[Finding]:
    """Requests that the brokers do not understand, or not any more."""
    lacking = [
        f"{name} {version}"
        for number, (name, version) in NEEDED.items()
        if not found.get(number, (0, -1))[0] <= version <= found.get(number, (0, -1))[1]
    ]
    if lacking:
        yield _version(f"they do not understand {_some(lacking)}")


def _version(why: str) -> Finding:
    return Finding(
        what="broker version",
        cause=f"the brokers are of a version this hub was not made for: {why}",
        command="kerwen topics apply --help  # docs/production.md, Brokers: 4.0 to 4.2",
    )


def _of_topics(found: layout.Layout) -> Iterator[Finding]:
    if found.missing:
        yield Finding(
            what="topic missing",
            cause=f"{_some(found.missing)} is not in the brokers",
            command=APPLY,
        )
    for name in found.counts:
        yield Finding(
            what="partitions",
            cause=f"{name} has another number of partitions than the frozen one: what "
            "lies in the others is read by nobody",
            command=f"kafka-topics.sh --delete --topic {name} && {APPLY}"
            "  # only if it is empty: docs/recovery.md, Partitions",
        )
    if found.changed:
        yield Finding(
            what="topic settings",
            cause=f"{_some(found.changed)} has other settings, such as retention",
            command=APPLY,
        )


def _of_permissions(
    settings: Settings, client: KafkaAdminClient, catalogue: Catalogue
) -> Iterator[Finding]:
    revoked = passes.revoked(settings.home).members
    missing, surplus = acls.differing(client, catalogue, revoked)
    if missing:
        yield Finding(
            what="permission missing",
            cause=f"somebody may not do what is theirs: {_some(missing)}",
            command=APPLY,
        )
    if surplus:
        yield Finding(
            what="permission added",
            cause=f"a permission nobody reviewed: {_some(surplus)}",
            command=APPLY,
        )


def _of_clock(settings: Settings, now: float) -> Iterator[Finding]:
    """The brokers stamp every message; one from the future says whose clock is late."""
    with kafka.consumer(settings, "control") as client:
        extent = kafka.extents(client, [(TRAIL, 0)])[TRAIL, 0]
        if extent.end == extent.start:
            return
        last = list(kafka.read(client, TRAIL, 0, extent.end - 1, extent.end))
    ahead = last[-1].time_ms / 1000 - now if last else 0.0
    if ahead > SKEW_SECONDS_MAX:
        yield Finding(
            what="clock",
            cause=f"the brokers wrote something {ahead:.0f} s after what this machine "
            "takes for now",
            command="timedatectl set-ntp true",
        )


def _some(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return ", ".join(names[:_NAMED_MAX]) + more
