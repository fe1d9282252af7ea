"""Known faults of a running hub: one cause and one command each.

Shared by ``kerwen status``, which shows them, and ``kerwen doctor``, which looks
further.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.edge.household import FREE_BYTES_MIN, SKEW_SECONDS_MAX
from hub.edge.settings import Home
from hub.edge.state import folder_name

RESTART = "kerwen down && kerwen up"
_STOPS = {"waiting": "bundle missing"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault.

    Attributes:
        what: Kind of fault, one word or two.
        cause: One sentence.
        command: What mends it, or shows the way to it.
    """

    what: str
    cause: str
    command: str

    def text(self) -> str:
        """Two lines for a person."""
        return f"{self.what}: {self.cause}\n  mend: {self.command}"


def of_hub(said: Mapping[str, Any], home: Home) -> Iterator[Finding]:
    """Faults that a hub says of itself (see :func:`hub.embedded.daemon.status`)."""
    if said.get("state") == "starting":
        yield Finding(
            what="starting",
            cause="the hub is not ready yet",
            command="kerwen status --watch",
        )
        return
    if not (said.get("broker") or {}).get("pid"):
        yield Finding(
            what="broker down",
            cause="the broker ended and is being started again",
            command=f"tail -n 20 {home.logs / 'kafka.out'}",
        )
    for process in (*said.get("workers", ()), *said.get("services", ())):
        yield from _of_process(process, home)


def _of_process(process: Mapping[str, Any], home: Home) -> Iterator[Finding]:
    name, says = process["name"], process.get("says") or {}
    stopped = [
        one
        for one in process.get("partitions", ())
        if one["condition"] in {"stopped", "waiting"}
    ]
    if not process["pid"]:
        yield Finding(
            what="worker down",
            cause=f"{name} ended with code {process['exit_code']} and is started again "
            f"(restarts so far: {process['restarts']})",
            command=f"tail -n 20 {process['log']}",
        )
    elif not says.get("ready") and not stopped:
        yield Finding(
            what="worker not ready",
            cause=f"{name} {_why(says)}",
            command=f"tail -n 20 {process['log']}",
        )
    for one in stopped:
        yield Finding(
            what=_STOPS.get(one["condition"], "partition stopped"),
            cause=one["error"] or f"{name}: {one['topic']}/{one['partition']} stopped",
            command=mend(one, process["stage"], home),
        )
    for one in process.get("partitions", ()):
        for gap in one["gaps"]:
            yield Finding(
                what="gap open",
                cause=f"{name}: outputs from {gap} are missing in "
                f"{one['topic']}/{one['partition']}; their writer sends them again "
                "when it starts",
                command=RESTART,
            )


def _why(says: Mapping[str, Any]) -> str:
    if "assigned" not in says:
        return "does not answer"
    if not says["assigned"]:
        return "has not been given its partitions yet"
    if says.get("disk_free_bytes", FREE_BYTES_MIN) < FREE_BYTES_MIN:
        return f"has {says['disk_free_bytes'] >> 20} MB of disk left"
    if says.get("clock_behind_seconds", 0) >= SKEW_SECONDS_MAX:
        return f"has a clock {says['clock_behind_seconds']:.0f} s behind the brokers'"
    return f"is opening {len(says.get('opening', ()))} states"


def mend(partition: Mapping[str, Any], stage: str, home: Home) -> str:
    """The command for a partition that stands still."""
    place = f"{partition['topic']}/{partition['partition']}"
    if partition["condition"] == "waiting":
        if "--apply" in partition["error"]:
            return "kerwen topics bundle --apply"
        return "kerwen topics bundle --add FOLDER"
    if partition.get("poison", -1) >= 0:
        return (
            f"kerwen topics skip --partition {place} --offset {partition['poison']}"
            " --reason TEXT"
        )
    # State is a cache of the log, so it may go; aside, because disk is cheap.
    folder = home.state / stage / folder_name(*_place(partition))
    if "move it away" in partition["error"]:
        return f"mv {folder} {folder}.old && kerwen topics resume --partition {place}"
    if "rebuild" in partition["error"]:
        return f"kerwen down && mv {folder} {folder}.old && kerwen up"
    return f"kerwen topics resume --partition {place}"


def _place(partition: Mapping[str, Any]) -> tuple[str, int]:
    return partition["topic"], partition["partition"]
