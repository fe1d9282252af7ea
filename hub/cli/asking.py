"""What doctor asks the brokers: all of it at once, and none of it for long.

Rules:

- First whether anybody answers. A broker that hangs accepts every connection and says
  nothing, and each client would have its own patience with it.
- Every look has a thread and a connection of its own; all have one deadline. What is
  not done by then is named and left behind: its thread ends with the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from hub.cli import brokers, groups, reach
from hub.cli.findings import Finding
from hub.cli.kinds import sure
from hub.core.errors import HubError
from hub.edge import enacting, kafka
from hub.edge.settings import Home, Settings

REACH_SECONDS = 1.0
LOOK_SECONDS = 3.2
"""For all of it together; with the start of Python doctor has five."""

Look = Callable[[], Sequence[Finding]]


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
    deadline = time.monotonic() + LOOK_SECONDS
    try:
        addresses = settings.brokers().split(",")
    except HubError:
        return Asked(findings=())
    dumb = silent(settings.home, "admin", addresses)
    # That its own broker is silent, a hub that runs here says itself.
    own = str((settings.home.running() or {}).get("bootstrap", ""))
    told = down([one for one in dumb if one != own])
    heard = ",".join(one for one in addresses if one not in dumb)
    some = replace(settings, bootstrap=heard)
    try:
        known = enacting.in_force(settings) if heard else None
    except HubError:
        known = None  # a finding of its own
    if known is None:
        return Asked(findings=told)
    catalogue = known
    reached: list[reach.Reach] = []

    def logs() -> Sequence[Finding]:
        reached.append(reach.look(some, catalogue))
        return reached[0].findings

    looks: dict[str, Look] = {
        "topics and permissions": lambda: list(
            brokers.of_brokers(some, catalogue=catalogue)
        ),
        "logs": logs,
        "the trail": lambda: list(brokers.of_trail(some)),
        "groups": lambda: list(groups.of_groups(some, catalogue)),
    }
    found = together(looks, deadline)
    return Asked(findings=(*told, *found), reach=reached[0] if reached else None)


def _again(error: Exception) -> Sequence[Finding]:
    raise error


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
    with ThreadPoolExecutor(len(addresses)) as pool:
        heard = pool.map(
            lambda one: kafka.answers(home, principal, one, REACH_SECONDS), addresses
        )
        return [one for one, yes in zip(addresses, heard, strict=True) if not yes]


def together(looks: dict[str, Look], deadline: float) -> list[Finding]:
    """The findings of all looks, as far as they come before `deadline` (monotonic)."""
    done: dict[str, Sequence[Finding]] = {}

    def run(name: str, look: Look) -> None:
        try:
            done[name] = look()
        except HubError:
            done[name] = ()  # what is wrong with keys and certificates is told of them
        except Exception as error:  # noqa: BLE001 - no end of the others
            done[name] = [*sure(name, partial(_again, error))]

    threads = {
        name: threading.Thread(target=run, args=(name, look), daemon=True)
        for name, look in looks.items()
    }
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    found = [one for name in looks for one in done.get(name, ())]
    late = [name for name in looks if name not in done]
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
