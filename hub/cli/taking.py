"""``kerwen catalogue plan|apply``: what a changed catalogue does, and doing it.

Rules (docs/adr/0005-bundle.md, docs/adr/0009-past.md):

- ``plan`` writes nothing. A change that breaks what is in state is refused with its
  reasons; so is a new table whose past no log has any more.
- ``apply`` puts the catalogue in force, and waits until every partition has counted the
  past of new tables: the next cut has them whole.
"""

from __future__ import annotations

import time
from typing import Any

from hub.cli.bundles import named, put_in_force, standings
from hub.cli.output import Output
from hub.core.errors import MachineError
from hub.edge import enacting
from hub.edge.enacting import Plan
from hub.edge.settings import Settings

COUNT_SECONDS_MAX = 24 * 3600.0
QUIET_SECONDS = 60.0
"""No partition moves for so long: somebody has to look."""

_LOOK_SECONDS = 0.5
Place = tuple[str, int]


def run(action: str, settings: Settings, out: Output) -> int:
    """Either word."""
    return plan(settings, out) if action == "plan" else apply(settings, out)


def plan(settings: Settings, out: Output) -> int:
    """Exit 1 if the catalogue may not come into force."""
    wanted = enacting.plan(settings)
    past = enacting.past(settings, wanted)
    problems = [*wanted.change.breaks, *enacting.lost(past)]
    for line in wanted.notes:
        out.say(line)
    for name in wanted.change.young:
        out.say(f"new table {name}: its past is counted from the logs")
    for line in problems:
        out.say(f"cannot come into force: {line}")
    value = {
        "notes": list(wanted.notes),
        "young": list(wanted.change.young),
        "breaks": problems,
        "messages": sum(one.end for one in past.values()),
    }
    out.result(value, _told(wanted, value))
    return 1 if problems else 0


def apply(settings: Settings, out: Output) -> int:
    """Put it in force; returns when the past of new tables is counted."""
    done = put_in_force(settings, "catalogue apply")
    young = done.plan.change.young
    seconds = _counted(settings, done.plan.bundle.digest, set(done.past), out)
    value = {
        "bundle": done.plan.bundle.digest.hex(),
        "young": list(young),
        "messages": sum(one.end for one in done.past.values()),
        "seconds": round(seconds, 1),
    }
    tables = ", ".join(young)
    text = f"; {tables} counted from the first message on" if tables else ""
    out.result(value, f"{named(done)}{text}")
    return 0


def _told(wanted: Plan, value: dict[str, Any]) -> str:
    if value["breaks"]:
        return "this catalogue cannot replace the one in force"
    if wanted.bundle is wanted.before:
        return "nothing would change"
    return (
        f"bundle {wanted.bundle.number} would come into force; "
        f"{value['messages']} messages would be counted anew"
    )


def _counted(
    settings: Settings, digest: bytes, places: set[Place], out: Output
) -> float:
    """Wait until the partitions are at the end of their logs under a bundle."""
    began = moved = time.monotonic()
    seen: dict[Place, int] = {}
    while waiting := places - _there(settings, digest):
        found = {
            (one["topic"], one["partition"]): one["position"]
            for one in standings(settings.home)
        }
        now = time.monotonic()
        if found != seen:
            seen, moved = found, now
        if now - moved > QUIET_SECONDS or now - began > COUNT_SECONDS_MAX:
            topic, partition = min(waiting)
            raise MachineError(
                f"{topic}/{partition} does not count what is new: `kerwen status`"
            )
        out.say(f"{len(waiting)} of {len(places)} partitions still count")
        time.sleep(_LOOK_SECONDS)
    return time.monotonic() - began


def _there(settings: Settings, digest: bytes) -> set[Place]:
    """Partitions that are under a bundle, and have nothing left to fold."""
    return {
        (one["topic"], one["partition"])
        for one in standings(settings.home)
        if one["bundle"] == digest.hex() and not one["lag"] and not one["rebuild"]
    }
