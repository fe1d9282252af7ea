"""Known faults of a running hub: one cause and one command each.

Shared by ``kerwen status``, which shows them, and ``kerwen doctor``, which looks
further. Every kind there is stands in :mod:`hub.cli.kinds`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.core import guard
from hub.core.access import STAGES
from hub.edge.household import FREE_BYTES_MIN, SKEW_SECONDS_MAX
from hub.edge.settings import Home
from hub.edge.state import folder_name

RESTART = "kerwen down && kerwen up"
SET_CLOCK = "timedatectl set-ntp true"
LOGS = "kerwen restore --help  # docs/recovery.md, A topic was deleted or made again"

DEATHS_MIN = 3
"""So many quick deaths in a row are told while the worker seems to live."""
YOUNG_SECONDS = 15.0
"""A worker that has lived for so long has got over them."""

HUNG_SECONDS = 60.0
"""One that has lived for so long and does not answer, hangs: it had time to begin."""

_ENDS = {
    1: "ended itself: see its last line",
    3: "cannot start: a key, a certificate or a folder is wrong",
    69: "was never called by its group",
    70: "hung and was ended",
    75: "did not stop in time and was ended",
    -9: "was killed",
}
"""Exit code -> what it means (:mod:`agents.worker`)."""


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


def of_hub(
    said: Mapping[str, Any], home: Home, now: float | None = None
) -> Iterator[Finding]:
    """Faults that a hub says of itself (see :func:`hub.embedded.daemon.status`).

    Args:
        said: What it says.
        home: Where it runs.
        now: This machine's clock in seconds; None: ask it.
    """
    if said.get("state") in {"starting", "stopping"}:
        yield Finding(
            what="starting",
            cause=f"the hub is {said['state']}: nothing is lost meanwhile",
            command="kerwen status --watch",
        )
        return
    yield from _of_broker(said, home)
    there = {process["stage"] for process in said.get("workers", ())}
    for stage in STAGES:
        if stage not in there:
            yield nobody(stage)
    now = time.time() if now is None else now
    for process in (*said.get("workers", ()), *said.get("services", ())):
        yield from _of_process(process, home, now)


def nobody(stage: str) -> Finding:
    """A stage that nobody works at."""
    return Finding(
        what="stage missing",
        cause=f"nobody works at {stage}: what comes in for it waits",
        command=RESTART,
    )


def _of_broker(said: Mapping[str, Any], home: Home) -> Iterator[Finding]:
    broker = said.get("broker") or {}
    look = f"tail -n 20 {home.logs / 'kafka.out'}"
    if not broker.get("pid"):
        cause = "the broker ended and is being started again"
        yield Finding(what="broker down", cause=cause, command=look)
    elif broker.get("answers") is False:
        begins = said.get("state") == "restarting"
        cause = "begins and does not answer yet" if begins else "does not answer: hung"
        yield Finding(
            what="broker silent",
            cause=f"the broker (pid {broker['pid']}) {cause}",
            command=look if begins else RESTART,
        )


def _of_process(
    process: Mapping[str, Any], home: Home, now: float
) -> Iterator[Finding]:
    name, says = process["name"], process.get("says") or {}
    look = f"tail -n 20 {process['log']}"
    parts = process.get("partitions", ())
    stopped = [one for one in parts if one["condition"] in {"stopped", "waiting"}]
    deaths, code = process.get("failures", 0), process["exit_code"]
    # One that has written nothing yet has just begun.
    age = now - (process.get("started") or now)
    if not process["pid"]:
        yield Finding(
            what="worker down",
            cause=f"{name} {_ENDS.get(code, 'ended')} (code {code}) and starts again; "
            f"restarts so far: {process['restarts']}",
            command=look,
        )
    elif deaths >= DEATHS_MIN and age < YOUNG_SECONDS:
        yield Finding(
            what="worker restarts",
            cause=f"{name} {_ENDS.get(code, 'ended')} (code {code}), {deaths} times in "
            "a row soon after its start",
            command=look,
        )
    elif not says.get("ready") and not stopped:
        if "assigned" not in says and process["stage"] and age >= HUNG_SECONDS:
            yield Finding(
                what="worker hangs",
                cause=f"{name} lives and does not answer; once it has ended it is "
                "started again, and nothing is lost",
                command=f"kill -9 {process['pid']}",
            )
        else:
            yield _unready(name, says, parts, look, home)
    for one in parts:
        yield from of_partition(name, one, process["stage"], home)


def of_partition(
    name: str, one: Mapping[str, Any], stage: str, home: Home
) -> Iterator[Finding]:
    """What a worker says of one partition, if anything is wrong with it."""
    if one["condition"] in {"stopped", "waiting"}:
        yield _standing(name, one, stage, home)
    for gap in one["gaps"]:
        yield Finding(
            what="gap open",
            cause=f"{name}: outputs from {gap} are missing in {_name(one)}; their "
            "writer sends them again when it starts",
            command=RESTART,
        )


def _unready(
    name: str, says: Mapping[str, Any], parts: Any, look: str, home: Home
) -> Finding:
    """Why a worker that lives is not at work."""
    free = says.get("disk_free_bytes", FREE_BYTES_MIN)
    behind = says.get("clock_behind_seconds", 0)
    why = next((one["error"] for one in parts if one["error"]), "")
    if free < FREE_BYTES_MIN or "disk is full" in why:
        left = f"{free >> 20} MB of disk left" if free < FREE_BYTES_MIN else "no room"
        cause = f"{name} has {left}: it goes on by itself once there is room"
        return Finding(what="disk", cause=cause, command=f"du -sh {home.root}/*")
    if behind >= SKEW_SECONDS_MAX:
        cause = f"{name} has a clock {behind:.0f} s behind the brokers'"
        return Finding(what="clock", cause=cause, command=SET_CLOCK)
    if "assigned" not in says:
        cause = "does not answer yet"
    elif not says["assigned"]:
        cause = "has not been given its partitions yet: its group is being formed"
    else:
        opening = len(says.get("opening", ()))
        cause = f"is opening {opening} states{f': {why}' if why else ''}"
    return Finding(what="worker not ready", cause=f"{name} {cause}", command=look)


def _standing(name: str, one: Mapping[str, Any], stage: str, home: Home) -> Finding:
    """A partition that stands still: why, and what makes it go on."""
    error, place = one["error"] or f"{name}: {_name(one)} stopped", _name(one)
    if one["condition"] == "waiting":
        apply = "--apply" in error
        command = f"kerwen topics bundle {'--apply' if apply else '--add FOLDER'}"
        return Finding(what="bundle missing", cause=error, command=command)
    resume = f"kerwen topics resume --partition {place}"
    # State is a cache of the log, so it may go; aside, because disk is cheap.
    folder = home.state / stage / folder_name(one["topic"], one["partition"])
    if one.get("poison", -1) >= 0:
        return Finding(
            what="message poisoned",
            cause=f"{place}: offset {one['poison']} ends whoever reads it; only this "
            "partition waits",
            command=f"kerwen topics skip --partition {place} --offset {one['poison']}"
            " --reason TEXT",
        )
    if "move it away" in error:
        why = error.partition(f"state {folder}: ")[2].partition(";")[0]
        error = f"{place}: its state cannot be opened: {why}" if why else error
        command = f"mv {folder} {folder}.old && {resume}"
    elif "rebuild this state" in error:
        command = f"kerwen down && mv {folder} {folder}.old && kerwen up"
    else:
        return _of_log(error, resume)
    return Finding(what="state damaged", cause=error, command=command)


def _of_log(error: str, resume: str) -> Finding:
    """A log that is not the one it was, or one that says something impossible."""
    cause = error.partition(";")[0]
    if "the topic was re-created" in cause:
        cause = f"{cause.partition(':')[0]}: the topic was re-created under its state"
    if guard.REBUILD in error:
        return Finding(what="log replaced", cause=cause, command=LOGS)
    if guard.CREATE in error:
        command = f"kerwen topics apply && {resume}"
        return Finding(what="log not begun", cause=cause, command=command)
    return Finding(what="partition stopped", cause=error, command=resume)


def _name(partition: Mapping[str, Any]) -> str:
    return f"{partition['topic']}/{partition['partition']}"
