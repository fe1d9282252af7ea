"""Time, processor time, and what else the machine was doing meanwhile."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at the clocks.

    Attributes:
        at: Monotonic seconds.
        worker: Processor seconds of the contender.
        broker: Processor seconds of the broker.
        machine: Processor seconds of everything on the machine.
    """

    at: float
    worker: float
    broker: float
    machine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One run.

    Attributes:
        seconds: First record seen to last record durable.
        worker: Processor seconds of the contender in that time.
        broker: Processor seconds of the broker in that time.
        others: Share of the machine's processors that neither of them used.
        load: One-minute load average at the end.
    """

    contender: str
    rows: int
    seconds: float
    worker: float
    broker: float
    others: float
    load: float

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.rows / self.seconds

    @property
    def core_rate(self) -> float:
        """Records a processor second of the contender."""
        return self.rows / self.worker


def sample(worker: int, broker: int) -> Sample:
    """Look at the clocks now."""
    return Sample(
        at=time.monotonic(),
        worker=_spent(worker),
        broker=_spent(broker),
        machine=_busy(),
    )


def figure(
    contender: str, rows: int, seconds: float, before: Sample, after: Sample
) -> Figure:
    """What lies between two looks."""
    worker = after.worker - before.worker
    broker = after.broker - before.broker
    other = after.machine - before.machine - worker - broker
    return Figure(
        contender=contender,
        rows=rows,
        seconds=seconds,
        worker=worker,
        broker=broker,
        others=max(0.0, other) / (CORES * (after.at - before.at)),
        load=os.getloadavg()[0],
    )


def wait_for_quiet(seconds_max: float, share: float = 0.25) -> None:
    """Wait until the machine has little to do, or until patience is over."""
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        began, busy = time.monotonic(), _busy()
        time.sleep(2)
        if _busy() - busy < share * CORES * (time.monotonic() - began):
            return


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    user, system = fields.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / _TICK


def _busy() -> float:
    user, nice, system, _idle, _wait, irq, soft, steal = map(
        int, Path("/proc/stat").read_text("ascii").split()[1:9]
    )
    return (user + nice + system + irq + soft + steal) / _TICK
