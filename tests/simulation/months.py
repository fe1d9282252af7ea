"""Fourteen months in one run: retention, a key that is destroyed, every stage wiped.

Rules:

- At the end of a month every stage copies its states, and all logs lose what lies
  behind the oldest copy. So nothing that is lost later could be folded from the
  beginning of its log.
- The hub's first sealing key serves the first months only. Later it is destroyed: a
  process that starts then cannot open what was sealed to it.
- After that, month by month, one stage loses all its states on all its machines.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from unittest.mock import patch

from hub.core.intake import Intake
from hub.core.stage import Stage
from tests.core import ministry
from tests.simulation import workload, world
from tests.simulation.schedule import Schedule
from tests.simulation.workload import Workload
from tests.simulation.world import World

MONTHS = 14
SHREDDED = 9
"""The month at whose end the old sealing key is destroyed."""

LATER = 3
"""Epoch of an intake that lacks the old sealing key."""

DAY_MS = 86_400_000
LONGEST_MS = 9 * workload.HOUR_MS
"""The longest time between two messages of a partition, in any other workload."""


class Shredding(World):
    """A hub whose later intake cannot open what was sealed first."""

    def _stage(self, name: str, reads: int, writes: int) -> Stage:
        if name == "intake" and reads == LATER:
            hub = {"hub-2": world.HUB_KEYS["hub-2"]}
            keys = ministry.Keys(hub=hub, records=world.arrow_key("records", writes))
            return Intake(bundles=self.bundles, keys=keys, entropy=bytes)
        return super()._stage(name, reads, writes)


def make(seed: int) -> Workload:
    """Some batches in every month, and a marker at its end."""
    small = world.SMALL
    hub = Shredding(**{one.name: getattr(small, one.name) for one in fields(small)})
    closes = [
        workload._close(hub, seed, number, MONTHS) for number in range(1, MONTHS + 1)
    ]
    placed = []
    # Two messages a month and partition, and the marker.
    slower = 30 * DAY_MS // LONGEST_MS
    with patch.object(workload, "HOUR_MS", slower * workload.HOUR_MS):
        for tp in hub.inputs["intake"]:
            placed += workload._script(hub, seed, tp, closes, None)[1]
    ordered = [entry for _, entry in sorted(placed, key=lambda one: one[0])]
    return Workload(
        world=hub, seed=seed, turns=(), closes=tuple(closes), entries=tuple(ordered)
    )


@dataclass(slots=True)
class Months(Schedule):
    """A run with the chores of every month's end.

    Attributes:
        ended: Months that are over.
        wiped: Stages that lost their states, and where their logs began then.
    """

    ended: int = 0
    wiped: dict[str, list[int]] = field(default_factory=dict)
    _copying: bool = False

    def _feed(self) -> bool:
        """A marker is the end of a month: chores first, when all is quiet."""
        if self.fed == len(self.workload.entries):
            return False
        entry = self.workload.entries[self.fed]
        if entry.turn[0] is None and entry.turn[1] == self.ended:
            return self._close_month()
        return super(Months, self)._feed()

    def _close_month(self) -> bool:
        """Copies first; then, when they are taken, what they make possible."""
        if not self._copying:
            self._copying = True
            begun = [host.begin("copy") for host in self.hosts if host.alive]
            return any(begun)
        if any(host.busy for host in self.hosts):
            return False
        self._copying = False
        self.ended += 1
        for stage in world.STAGES:
            self.striker._retain(stage)
        if self.ended == SHREDDED:
            self.striker._restart("intake", reads=LATER)
        elif 0 <= (turn := self.ended - SHREDDED - 1) < len(world.STAGES):
            self._wipe(world.STAGES[turn])
        return True

    def _wipe(self, stage: str) -> None:
        """All machines of a stage are new ones."""
        logs = [self.broker.logs[tp] for tp in self.workload.world.inputs[stage]]
        self.wiped[stage] = [log.start for log in logs]
        for host in self.of(stage):
            if host.alive:
                self.crash(host)
            host.disk.states.clear()
