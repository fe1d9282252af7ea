"""What doctor looks for between workers and brokers: is every input read, and rightly?

Rules:

- A topic made again under a running worker may be as long as the old one: the worker
  then goes on in it. The brokers' id of the topic tells; it is what a log is called.
- The brokers are asked, so it holds wherever the workers are; only that somebody is a
  member is asked, not how far it came (``kerwen status``, alerts).
- A group that is being formed is given its time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hub.cli.bundles import standings
from hub.cli.findings import LOGS, RESTART, Finding, nobody
from hub.cli.reach import inputs
from hub.core.access import STAGES
from hub.core.catalogue.model import Catalogue
from hub.core.errors import LogError
from hub.edge import kafka, layout
from hub.edge.settings import Settings

_SETTLED = "Stable"


def of_groups(settings: Settings, catalogue: Catalogue) -> Iterator[Finding]:
    """Stages without a worker, and partitions that no worker was given."""
    if not (settings.home.pki / "admin.pem").exists():
        return
    with kafka.admin(settings) as client:
        yield from judge(client.describe_groups(list(STAGES)), catalogue)
        parts = [one for one in standings(settings.home) if one["log"]]
        try:
            ids = layout.identities(client, {one["topic"] for one in parts})
        except LogError:
            return  # that a topic is missing is another finding
        yield from of_logs(parts, ids)


def of_logs(
    parts: Iterable[Mapping[str, Any]], ids: Mapping[str, bytes]
) -> Iterator[Finding]:
    """Partitions whose worker stands in a log that is no more."""
    for one in parts:
        # One that has stopped says so itself.
        if one["condition"] != "stopped" and one["log"] != ids[one["topic"]].hex():
            yield Finding(
                what="log replaced",
                cause=f"{one['topic']}/{one['partition']}: the topic was re-created "
                f"under its state, and {one['stage']} goes on in it",
                command=LOGS,
            )


def judge(said: Mapping[str, Any], catalogue: Catalogue) -> Iterator[Finding]:
    """What the brokers' word on the groups comes to; see ``describe_groups``."""
    for stage in STAGES:
        group = said.get(stage) or {}
        members = group.get("members") or ()
        if not members:
            yield nobody(stage)
            continue
        if group.get("group_state") != _SETTLED:
            continue
        given = {place for member in members for place in _given(member)}
        unread = [one for one in inputs(catalogue, stage) if one not in given]
        if unread:
            (topic, partition), *more = unread
            rest = f" and {len(more)} more" if more else ""
            yield Finding(
                what="partition unread",
                cause=f"{topic}/{partition}{rest}: no worker of {stage} was given it, "
                "and what comes in waits",
                command=RESTART,
            )


def _given(member: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The partitions that one member was given."""
    assignment = member.get("member_assignment") or {}
    for one in assignment.get("assigned_partitions") or ():
        for partition in one["partitions"]:
            yield one["topic"], partition
