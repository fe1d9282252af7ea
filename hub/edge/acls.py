"""The access table in a broker: what is missing is added, what is surplus removed.

Rules (design: embedded default):

- Only :func:`hub.core.access.acls` is put in; only our namespaces and the groups of our
  principals are looked at, so a broker shared with others keeps what is theirs.
- A permission somebody added by hand is an unreviewed door: it goes, and is reported.
"""

from __future__ import annotations

import time
from collections.abc import Collection

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import KafkaError

from hub.core.access import Acl, acls, principals
from hub.core.catalogue.model import Catalogue
from hub.core.errors import RetriableError
from hub.core.topics import NAMESPACES

IN_FORCE_SECONDS_MAX = 20

_EVERYTHING = ACLFilter(
    principal=None,
    host=None,
    operation=ACLOperation.ANY,
    permission_type=ACLPermissionType.ANY,
    resource_pattern=ResourcePatternFilter(
        ResourceType.ANY, None, ACLResourcePatternType.ANY
    ),
)


def apply(
    client: KafkaAdminClient, catalogue: Catalogue, revoked: Collection[str] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Bring the broker's permissions to the table; what was added and removed.

    Args:
        client: Of a principal that the broker never asks.
        catalogue: What the table follows from.
        revoked: Ids of members that may do nothing.

    Raises:
        RetriableError: the broker did not do what was asked.
    """
    wanted = {_entry(acl) for acl in acls(catalogue, revoked)}
    try:
        missing, surplus = _differing(client, catalogue, wanted)
        if missing:
            failed = client.create_acls(missing)["failed"]
            if failed:
                raise RetriableError(f"permissions cannot be given: {failed[0]}")
        if surplus:
            client.delete_acls([_exactly(entry) for entry in surplus])
        if missing or surplus:
            _wait_in_force(client, wanted, set(surplus))
    except KafkaError as error:
        raise RetriableError(f"permissions cannot be set: {error}") from error
    return tuple(sorted(map(_text, missing))), tuple(sorted(map(_text, surplus)))


def differing(
    client: KafkaAdminClient, catalogue: Catalogue, revoked: Collection[str] = ()
) -> tuple[list[str], list[str]]:
    """What :func:`apply` would add and remove; changes nothing.

    Raises:
        RetriableError: the broker did not answer.
    """
    wanted = {_entry(acl) for acl in acls(catalogue, revoked)}
    try:
        missing, surplus = _differing(client, catalogue, wanted)
    except KafkaError as error:
        raise RetriableError(f"permissions cannot be asked for: {error}") from error
    return sorted(map(_text, missing)), sorted(map(_text, surplus))


def _differing(
    client: KafkaAdminClient, catalogue: Catalogue, wanted: set[ACL]
) -> tuple[list[ACL], list[ACL]]:
    ours = set(principals(catalogue))
    present, _ = client.describe_acls(_EVERYTHING)
    held = set(present)
    missing = [entry for entry in wanted if entry not in held]
    surplus = [
        entry for entry in present if entry not in wanted and _in_sight(entry, ours)
    ]
    return missing, surplus


def _wait_in_force(
    client: KafkaAdminClient, wanted: set[ACL], surplus: set[ACL]
) -> None:
    """Permissions are given by the controller and asked of the broker, a little later.

    Raises:
        RetriableError: the broker does not know them in time.
    """
    deadline = time.monotonic() + IN_FORCE_SECONDS_MAX
    present = set(client.describe_acls(_EVERYTHING)[0])
    while not wanted <= present or surplus & present:
        if time.monotonic() > deadline:
            raise RetriableError("permissions were changed but are not in force")
        time.sleep(0.05)
        present = set(client.describe_acls(_EVERYTHING)[0])


def _entry(acl: Acl) -> ACL:
    return ACL(
        principal=f"User:{acl.principal}",
        host="*",
        operation=ACLOperation[acl.operation],
        permission_type=ACLPermissionType.ALLOW,
        resource_pattern=ResourcePattern(
            ResourceType[acl.resource], acl.name, ACLResourcePatternType[acl.pattern]
        ),
    )


def _in_sight(entry: ACL, ours: set[str]) -> bool:
    """Whether a permission speaks about our topics, or about one of us."""
    pattern = entry.resource_pattern
    if pattern.resource_type == ResourceType.TOPIC:
        name = pattern.resource_name
        wide = pattern.pattern_type == ACLResourcePatternType.PREFIXED
        return name == "*" or any(
            name.startswith(space) or (wide and space.startswith(name))
            for space in NAMESPACES
        )
    return entry.principal.removeprefix("User:") in {*ours, "*"}


def _exactly(entry: ACL) -> ACLFilter:
    pattern = entry.resource_pattern
    return ACLFilter(
        principal=entry.principal,
        host=entry.host,
        operation=entry.operation,
        permission_type=entry.permission_type,
        resource_pattern=ResourcePatternFilter(
            pattern.resource_type, pattern.resource_name, pattern.pattern_type
        ),
    )


def _text(entry: ACL) -> str:
    pattern = entry.resource_pattern
    star = "*" if pattern.pattern_type == ACLResourcePatternType.PREFIXED else ""
    kind = pattern.resource_type.name.lower()
    who = entry.principal.removeprefix("User:")
    return f"{who} {entry.operation.name} {kind} {pattern.resource_name}{star}"
