"""Keys of a principal, from its own folder; `create` makes them all.

Rules (design: the way of one record; envelope):

- A loader reads ``keys/<principal>/`` and nothing else, so it works where only that
  folder is mounted; the registry is public and read by itself.
- Secrets stay out of `repr`; errors name a file and a command, never a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hub.core.blocks import InternalKey
from hub.core.catalogue.model import Domain
from hub.core.envelope.recipients import PrivateKey
from hub.core.keys import KeyRegistry, SigningKey
from hub.edge import publickeys
from hub.edge.keyfiles import Folder
from hub.edge.keymaking import create

__all__ = [
    "AggregateKeys",
    "ControlKeys",
    "DedupeKeys",
    "IntakeKeys",
    "MinistryKeys",
    "ReleaseKeys",
    "SigningKey",
    "aggregate",
    "control",
    "create",
    "dedupe",
    "intake",
    "ministry",
    "registry",
    "release",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeKeys:
    """What intake alone holds: the way from envelopes to pseudonyms."""

    hub: Mapping[str, PrivateKey] = field(repr=False)
    pseudonyms: Mapping[Domain, bytes] = field(repr=False)
    receipt: SigningKey
    records: InternalKey


@dataclass(frozen=True, slots=True, kw_only=True)
class DedupeKeys:
    """What dedupe holds: both its arrows, and the statement key."""

    records: InternalKey
    facts: InternalKey
    statement: SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateKeys:
    """What aggregate holds: both its arrows."""

    facts: InternalKey
    cells: InternalKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseKeys:
    """What release holds: the cells, the noise secret, the release key."""

    cells: InternalKey
    disclosure: bytes = field(repr=False)
    release: SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlKeys:
    """What signs genesis, config and close records."""

    control: SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class MinistryKeys:
    """What one ministry holds: its signature, and keys for answers to it."""

    sign: SigningKey
    seals: Mapping[str, PrivateKey] = field(repr=False)


def intake(home: Path) -> IntakeKeys:
    """Intake's keys from its own folder."""
    folder = Folder.read(home, "intake")
    return IntakeKeys(
        hub=folder.seals(),
        pseudonyms={d: folder.secret("pseudonym", d.value) for d in Domain},
        receipt=folder.signing("receipt"),
        records=folder.internal("records"),
    )


def dedupe(home: Path) -> DedupeKeys:
    """Dedupe's keys from its own folder."""
    folder = Folder.read(home, "dedupe")
    return DedupeKeys(
        records=folder.internal("records"),
        facts=folder.internal("facts"),
        statement=folder.signing("statement"),
    )


def aggregate(home: Path) -> AggregateKeys:
    """Aggregate's keys from its own folder."""
    folder = Folder.read(home, "aggregate")
    return AggregateKeys(facts=folder.internal("facts"), cells=folder.internal("cells"))


def release(home: Path) -> ReleaseKeys:
    """Release's keys from its own folder."""
    folder = Folder.read(home, "release")
    return ReleaseKeys(
        cells=folder.internal("cells"),
        disclosure=folder.secret("disclosure", "noise"),
        release=folder.signing("release"),
    )


def control(home: Path) -> ControlKeys:
    """Control's key from its own folder."""
    return ControlKeys(control=Folder.read(home, "control").signing("control"))


def ministry(home: Path, member: str) -> MinistryKeys:
    """A ministry's keys; `member` is its short id, e.g. ``sms``."""
    folder = Folder.read(home, member)
    return MinistryKeys(sign=folder.signing(f"{member}-sign"), seals=folder.seals())


def registry(home: Path) -> KeyRegistry:
    """The public keys of everyone."""
    return publickeys.read(home)
