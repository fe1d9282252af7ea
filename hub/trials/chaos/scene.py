"""The scene: a running hub as the faults see it, by its processes and its disk."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from hub.core.errors import MachineError
from hub.embedded import ports
from hub.embedded.children import Child
from hub.embedded.keeping import Kept
from hub.embedded.supervisor import Supervisor
from hub.trials.chaos.volume import Volume

BIRTH_SECONDS_MAX = 30.0
_LOOK_SECONDS = 0.05


@dataclass(slots=True, kw_only=True)
class Scene:
    """One hub, the volume of its states, and who may be hit.

    Attributes:
        rss_bytes: Most memory seen, by stage.
    """

    hub: Supervisor
    volume: Volume
    rss_bytes: dict[str, int] = field(default_factory=dict)
    _guests: int = 0

    @property
    def state(self) -> Path:
        """Where the states are."""
        return self.hub.home.state

    @property
    def broker(self) -> int:
        """Process id of the broker.

        Raises:
            MachineError: It does not come back.
        """
        self.until(lambda: self.hub.broker.pid is not None, BIRTH_SECONDS_MAX)
        pid = self.hub.broker.pid
        if pid is None:
            raise MachineError("the broker does not come back")
        return pid

    def worker(self, dice: random.Random, stage: str, *, holding: bool = False) -> Kept:
        """A living worker of a stage; if asked, one that holds partitions.

        Raises:
            MachineError: None lives, and none comes back.
        """
        found: list[Kept] = []

        def living() -> bool:
            found[:] = [
                one
                for one in self.hub.kept
                if one.stage == stage and one.pid is not None
            ]
            return bool(found)

        self.until(living, BIRTH_SECONDS_MAX)
        if not found:
            raise MachineError(f"no worker of {stage} comes back")
        if holding:
            found = [one for one in found if self.partitions(one.name)] or found
        return dice.choice(found)

    def pids(self) -> list[int]:
        """Process ids of all living workers."""
        return [one.pid for one in self.hub.kept if one.pid is not None]

    def partitions(self, worker: str) -> list[tuple[str, int]]:
        """What a worker says it holds: topic and partition."""
        path = self.hub.home.run / f"{worker}.json"
        with suppress(OSError, ValueError):
            said = json.loads(path.read_text("utf-8"))
            return [(one["topic"], one["partition"]) for one in said["partitions"]]
        return []

    @contextmanager
    def another(self, stage: str) -> Iterator[Child]:
        """A worker more than the supervisor keeps, while the context lasts."""
        like = next(one for one in self.hub.kept if one.stage == stage)
        self._guests += 1
        name = f"{stage}-guest-{self._guests}"
        guest = Child(
            name,
            [sys.executable, "-P", *like.command],
            log=self.hub.home.logs / f"{name}.log",
            environment={
                **like.environment,
                "KERWEN_WORKER": name,
                "KERWEN_METRICS_PORT": str(ports.free(1)[0]),
            },
        )
        try:
            yield guest
        finally:
            guest.signal(signal.SIGCONT)
            guest.stop(BIRTH_SECONDS_MAX)

    def weigh(self) -> None:
        """Note the peak memory of every living worker."""
        for one in self.hub.kept:
            pid = one.pid
            if pid is not None:
                peak = max(self.rss_bytes.get(one.stage, 0), rss_bytes(pid))
                self.rss_bytes[one.stage] = peak

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for a condition; whether it came in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def wake(self) -> None:
        """Nothing stands still any more: what is stopped cannot be asked to end."""
        pids = self.pids()
        if self.hub.broker.pid is not None:
            pids.append(self.hub.broker.pid)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def rss_bytes(pid: int) -> int:
    """Peak resident memory of a process; 0 if it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return 0
    kilobytes = re.search(r"VmHWM:\s+(\d+) kB", text)
    return int(kilobytes[1]) * 1024 if kilobytes else 0
