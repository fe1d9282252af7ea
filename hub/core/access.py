"""The access table: it follows from the catalogue and from nothing else.

Rules (design: embedded default; delivery):

- Deny by default. READ and WRITE imply DESCRIBE; nobody may CREATE, and nobody needs
  a right on the cluster: WRITE on one topic covers the idempotent producer.
- A pattern ends in a dot where it is a prefix, so ``sms.`` never matches ``smsx``.
- A stage reads its inputs and its own group, and writes its outputs; nothing else.
- A revoked member has no row. The brokers ask this table at every fetch, so whoever
  reads when it is applied gets nothing more.

Invariant: :func:`allowed` says of every principal, operation and topic what the broker
says, because :func:`acls` is the only table that is ever put into a broker.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from hub.core.catalogue.model import Catalogue
from hub.core.errors import CatalogueError, InvalidError
from hub.core.topics import (
    CELLS,
    INDICATORS,
    NAMESPACES,
    NOTICES,
    TRAIL,
    VINTAGES,
    ministry_topic,
    quarantine_topic,
    receipts_topic,
    statements_topic,
)

STAGES = ("intake", "dedupe", "aggregate", "release")
SUPERUSERS = ("broker", "admin")
"""Principals the broker never asks: itself, and whoever makes topics and ACLs."""

SERVICES = (*SUPERUSERS, "control", "audit", "gateway", *STAGES)

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Acl:
    """One permission: `principal` may do `operation` on what `name` matches.

    Attributes:
        principal: Common name of the certificate, without ``User:``.
        operation: READ or WRITE.
        resource: TOPIC or GROUP.
        pattern: LITERAL or PREFIXED.
    """

    principal: str
    operation: str
    resource: str
    name: str
    pattern: str

    def matches(self, name: str) -> bool:
        """Whether this permission speaks about the resource called `name`."""
        if self.pattern == "PREFIXED":
            return name.startswith(self.name)
        return name == self.name


def principals(catalogue: Catalogue) -> list[str]:
    """Everyone who holds a certificate: services, then members.

    Raises:
        CatalogueError: a member's id is a service's name or no id at all.
    """
    for member in catalogue.members:
        if member in SERVICES:
            raise CatalogueError(f"member {member}: this id is taken by a service")
        if not _ID.fullmatch(member):
            raise CatalogueError(
                f"member {member}: expected small letters, digits and dashes"
            )
    return [*SERVICES, *catalogue.members]


def acls(catalogue: Catalogue, revoked: Collection[str] = ()) -> list[Acl]:
    """The access table; what is not here is denied.

    Args:
        catalogue: Names members, dataflows and tables.
        revoked: Ids of members that may do nothing.
    """
    rows = _service_acls()
    for member in catalogue.members.values():
        if member.id in revoked:
            continue
        rows.append(_group(member.id, f"{member.id}.", "PREFIXED"))
        rows += (
            _topic(member.id, "WRITE", ministry_topic(member.id, flow))
            for flow in member.provides
        )
        if member.provides:
            rows += (
                _topic(member.id, "READ", name(member.id))
                for name in (receipts_topic, quarantine_topic, statements_topic)
            )
        if member.reads:
            rows.append(_topic(member.id, "READ", INDICATORS, "PREFIXED"))
    return rows


def _service_acls() -> list[Acl]:
    prefixed = (
        ("control", "WRITE", NAMESPACES),
        ("audit", "READ", ("ministry.",)),
        ("intake", "READ", ("ministry.",)),
        ("intake", "WRITE", ("hub.records.", "receipts.", "quarantine.")),
        ("dedupe", "READ", ("hub.records.",)),
        ("dedupe", "WRITE", ("hub.facts.", "statements.")),
        ("aggregate", "READ", ("hub.facts.",)),
        ("gateway", "READ", (INDICATORS,)),
        ("release", "WRITE", (INDICATORS,)),
        ("release", "READ", (INDICATORS,)),  # it rebuilds from what it published
    )
    return [
        *(
            _topic(principal, operation, name, "PREFIXED")
            for principal, operation, names in prefixed
            for name in names
        ),
        _topic("audit", "READ", CELLS),
        *(_topic(one, "READ", TRAIL) for one in ("audit", "control")),
        _topic("aggregate", "WRITE", CELLS),
        _topic("release", "READ", CELLS),
        _topic("release", "WRITE", NOTICES),
        _topic("control", "READ", NOTICES),
        _topic("control", "READ", VINTAGES),  # what stands is not closed again
        *(_group(stage, stage, "LITERAL") for stage in STAGES),
    ]


def _topic(principal: str, operation: str, name: str, pattern: str = "LITERAL") -> Acl:
    return Acl(
        principal=principal,
        operation=operation,
        resource="TOPIC",
        name=name,
        pattern=pattern,
    )


def _group(principal: str, name: str, pattern: str) -> Acl:
    return Acl(
        principal=principal,
        operation="READ",
        resource="GROUP",
        name=name,
        pattern=pattern,
    )


def allowed(
    table: Iterable[Acl],
    principal: str,
    operation: str,
    name: str,
    resource: str = "TOPIC",
) -> bool:
    """Whether the broker would let `principal` do `operation` on `name`.

    Args:
        table: The rows of :func:`acls`.
        principal: Common name of a certificate.
        operation: READ, WRITE or DESCRIBE (implied by either).
        name: Name of a topic, or of a consumer group.
        resource: TOPIC or GROUP.
    """
    if principal in SUPERUSERS:
        return True
    granting = ("READ", "WRITE") if operation == "DESCRIBE" else (operation,)
    return any(
        acl.principal == principal
        and acl.operation in granting
        and acl.resource == resource
        and acl.matches(name)
        for acl in table
    )


def a_reader(catalogue: Catalogue, revoked: Collection[str] = ()) -> str:
    """A member that may read indicators; the hub itself may not read them.

    Raises:
        InvalidError: There is none.
    """
    for member in catalogue.members.values():
        if member.reads and member.id not in revoked:
            return member.id
    raise InvalidError("no member reads indicators: add one under catalogue/providers")
