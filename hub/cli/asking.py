"""What doctor asks the brokers: all of it at once, and none of it for long.

Rules:

- First whether anybody answers. A broker that hangs accepts every connection and says
  nothing, and each client would have its own patience with it.
- Every look has a thread and a connection of its own; all have one deadline. What is
  not done by then is named and left behind: its thread ends with the process.
- A look that breaks off says why, and keeps what it had found: brokers that answer at
  first and not to the end are told of by nobody else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from hub.cli import brokers, groups, reach
from hub.cli.findings import Finding
from hub.cli.kinds import sure
from hub.core.errors import HubError, MachineError
from hub.edge import enacting, kafka
from hub.edge.settings import Home, Settings

REACH_SECONDS = 1.0
LOOK_SECONDS = 3.2
"""For all of it together; with the start of Python doctor has five."""

Look = Callable[[], Iterable[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of it.

    Attributes:
        reach: How far the logs reach back; None: nobody said so in time.
    """

    findings: tuple[Finding, ...]
    reach: reach.Reach | None = None


def ask(settings: Settings) -> Asked:
    """Everything that only brokers know."""
    reached: list[reach.Reach] = []
    findings = tuple(sure("the brokers", lambda: _asked(settings, reached)))
    return Asked(findings=findings, reach=reached[0] if reached else None)


def _asked(settings: Settings, reached: list[reach.Reach]) -> Iterator[Finding]:
    """The findings; how far logs reach is put into `reached`."""
    deadline = time.monotonic() + LOOK_SECONDS
    try:
        addresses = settings.brokers().split(",")
    except HubError:
        return  # that no hub runs is another finding
    mute = silent(settings.home, "admin", addresses)
    # That its own broker is silent, a hub that runs here says itself.
    own = str((settings.home.running() or {}).get("bootstrap", ""))
    yield from down([one for one in mute if one != own])
    heard = ",".join(one for one in addresses if one not in mute)
    some = replace(settings, bootstrap=heard)
    try:
        known = enacting.in_force(settings) if heard else None
    except HubError:
        known = None  # a finding of its own
    if known is None:
        return
    catalogue = known

    def logs() -> Sequence[Finding]:
        reached.append(reach.look(some, catalogue))
        return reached[0].findings

    looks: dict[str, Look] = {
        "topics and permissions": lambda: brokers.of_brokers(some, catalogue=catalogue),
        "logs": logs,
        "the trail": lambda: brokers.of_trail(some),
        "groups": lambda: groups.of_groups(some, catalogue),
    }
    yield from together(looks, deadline)


def down(addresses: Sequence[str]) -> tuple[Finding, ...]:
    """Brokers that were named and do not answer."""
    return tuple(
        Finding(
            what="broker down",
            cause=f"KERWEN_BOOTSTRAP names {address}, which does not answer",
            command="docker compose ps",
        )
        for address in addresses
    )


def silent(home: Home, principal: str, addresses: Sequence[str]) -> list[str]:
    """Which of the brokers do not answer; all asked at once."""
    with ThreadPoolExecutor(max(1, len(addresses))) as pool:
        heard = pool.map(
            lambda one: kafka.answers(home, principal, one, REACH_SECONDS), addresses
        )
        return [one for one, yes in zip(addresses, heard, strict=True) if not yes]


def together(looks: dict[str, Look], deadline: float) -> list[Finding]:
    """The findings of all looks, as far as they come before `deadline` (monotonic)."""
    done: dict[str, Sequence[Finding]] = {}

    def run(name: str, look: Look) -> None:
        done[name] = [*sure(name, lambda: _told(look))]

    threads = {
        name: threading.Thread(target=run, args=(name, look), daemon=True)
        for name, look in looks.items()
    }
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    ended = dict(done)  # one may end between the two lines that follow
    found = [one for name in looks for one in ended.get(name, ())]
    late = [name for name in looks if name not in ended]
    if late:
        found.append(
            Finding(
                what="looks too long",
                cause=f"after {LOOK_SECONDS:g} s the brokers had not told all about "
                f"{', '.join(late)}",
                command="kerwen doctor",
            )
        )
    return found


def _told(look: Look) -> Iterator[Finding]:
    """What a look finds, without what is told of keys and certificates anyway."""
    try:
        yield from look()
    except MachineError:
        return
