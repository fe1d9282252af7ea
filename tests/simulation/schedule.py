"""Who moves next, and what goes wrong: one seed decides everything.

Rules:

- Faults are a list made beforehand, so a failing run can be tried again with fewer of
  them. A fault with a point waits until a process of its stage stands at that point.
- What is chosen at a tick depends on seed and tick only, not on what was drawn before:
  dropping a fault leaves the rest of a schedule as much alike as it can be.
- The run is over when every message is folded and no process has anything to do. Lag
  without progress ends the process that has it, as the heart of a worker does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from random import Random
from typing import NamedTuple

from faust.types import TP

from hub.core.held import HELD
from tests.simulation import world
from tests.simulation.cluster import Broker, Disk, Host, Task
from tests.simulation.workload import Workload

POINTS = (
    "before step",
    "after step",
    "before send",
    "before ack",
    "after ack",
    "before write",
    "after write",
    "idle",
    "before hint",
    "after hint",
)
"""Where a process can stand: between any two of its ordered steps."""

AT_A_POINT = ("crash", "lose", "age", "revoke", "freeze")
AT_ANY_TIME = ("jump", "replay", "twice", "stale", "checkpoint")
TICKS_MAX = 60_000
STALLS_MAX = 40
BUFFER_MAX = 12
HOSTS = 2

Action = Callable[[], object]


class Fault(NamedTuple):
    """Something that goes wrong from `tick` on, once.

    crash: kill -9. lose: and the disk is gone. age: and an old copy comes back.
    revoke: the group takes everything away. freeze: the process stops, loses its
    partitions, and goes on later. jump, replay: the fetcher skips or repeats. twice: a
    message is appended twice. stale: one of an older assignment is handed over.
    checkpoint: states are copied.
    """

    tick: int
    kind: str
    stage: str
    point: str = ""


def faults(seed: int, count: int) -> tuple[Fault, ...]:
    """The faults of a seed."""
    rng = world.chance("faults", seed)
    found = []
    for number in range(count):
        # Walks over all pairs of stage and point, so that few seeds meet every one.
        place = seed * count + number
        tick = rng.randrange(2500)
        if rng.random() < 0.75:
            stage = world.STAGES[place % len(world.STAGES)]
            point = POINTS[place // len(world.STAGES) % len(POINTS)]
            kind = rng.choice((*AT_A_POINT, "crash", "revoke"))
            found.append(Fault(tick, kind, stage, point))
        else:
            found.append(Fault(tick, rng.choice(AT_ANY_TIME), rng.choice(world.STAGES)))
    return tuple(sorted(found))


@dataclass(slots=True, kw_only=True)
class Run:
    """A finished run.

    Attributes:
        hits: How often (fault, point) happened.
        problems: What no run may end with.
        trace: Digest of all choices.
    """

    broker: Broker
    disks: dict[TP, Disk]
    hits: Counter[tuple[str, str]]
    seen: Counter[str]
    problems: list[str]
    ticks: int
    trace: str


@dataclass(slots=True)
class Schedule:
    """One run of a workload under a seed."""

    workload: Workload
    seed: int
    plan: tuple[Fault, ...]
    broker: Broker = field(default_factory=Broker)
    hosts: list[Host] = field(default_factory=list)
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    tick: int = 0
    fed: int = 0
    stalls: int = 0
    rng: Random = field(default_factory=Random)
    generation: int = 0

    def run(self) -> Run:
        """To the end."""
        self._begin()
        trace = blake2b()
        due = list(self.plan)
        while self.tick < TICKS_MAX and not self.problems:
            self.tick += 1
            self.rng = world.chance(self.seed, self.tick)
            due = self._inject(due)
            actions = self._actions()
            if not actions:
                if self._over():
                    break
                self._stalled()
                continue
            names = list(actions)
            weights = [actions[name][0] for name in names]
            name = self.rng.choices(names, weights)[0]
            trace.update(f"{self.tick} {name};".encode())
            self.rng.choice(actions[name][1])()
            self.problems += [word for host in self.hosts for word in host.failures]
        else:
            self.problems = self.problems or [f"not over after {TICKS_MAX} ticks"]
        seen = sum((host.metrics.seen for host in self.hosts), Counter[str]())
        disks = {tp: h.disk for h in self.hosts for tp in h.runtime.partitions}
        for host in self.hosts:
            for task in host.tasks:
                task.end()
        return Run(
            broker=self.broker,
            disks=disks,
            hits=self.hits,
            seen=seen,
            problems=self.problems,
            ticks=self.tick,
            trace=trace.hexdigest()[:16],
        )

    def _begin(self) -> None:
        self.rng = rng = world.chance("begin", self.seed)
        stages = world.stages(world.chance("nonces", self.seed).randbytes)
        for stage in world.STAGES:
            # Two workers of one machine share its disk; of two machines they do not.
            disks = [Disk()] * HOSTS if rng.random() < 0.5 else [Disk(), Disk()]
            self.hosts += [
                Host(f"{stage}-{number}", stages[stage], self.broker, disk, self._size)
                for number, disk in enumerate(disks)
            ]
            self._rebalance(stage)

    def _size(self) -> int:
        return self.rng.choice([1, 1, 2, 3, 8, 32])

    # The group.

    def _of(self, stage: str) -> list[Host]:
        return [host for host in self.hosts if host.stage.name == stage]

    def _rebalance(self, stage: str) -> None:
        """Give all partitions of a stage to those who live."""
        self.generation += 1
        live = [host for host in self._of(stage) if host.alive and not host.frozen]
        given: dict[str, list[TP]] = {host.name: [] for host in self._of(stage)}
        for tp in world.inputs(stage) if live else []:
            given[self.rng.choice(live).name].append(tp)
        for host in self._of(stage):
            if host.alive:
                host.news = (self.generation, tuple(given[host.name]))

    # Faults.

    def _inject(self, due: list[Fault]) -> list[Fault]:
        """What is due and can happen now, happens; the rest waits."""
        waiting: list[Fault] = []
        for at, fault in enumerate(due):
            if fault.tick > self.tick:
                return waiting + due[at:]
            if not self._strike(fault):
                waiting.append(fault)
        return waiting

    def _strike(self, fault: Fault) -> bool:
        hosts = [h for h in self._of(fault.stage) if h.alive and not h.frozen]
        if fault.point:
            standing = [
                task
                for host in hosts
                for task in host.tasks
                if not task.done and task.at.point == fault.point
            ]
            if not standing:
                return False
            self._befall(fault, self.rng.choice(standing))
        elif not hosts or not self._disturb(fault.kind, self.rng.choice(hosts)):
            return False
        self.hits[fault.kind, fault.point] += 1
        return True

    def _befall(self, fault: Fault, task: Task) -> None:
        """A process is struck at a point."""
        host = task.host
        match fault.kind:
            case "revoke":
                self._rebalance(fault.stage)
                if not host.learning:
                    host.start(None, host.learn()).run()
                return
            case "freeze":
                host.frozen = True
            case _:
                held = [
                    tp for tp, s in host.disk.holders.items() if s.holder == host.name
                ]
                host.crash()
                for tp in held:
                    if fault.kind in ("lose", "age"):
                        del host.disk.states[tp]
                    if fault.kind == "lose" and self.rng.random() < 0.5:
                        host.disk.shelf.pop(tp, None)
        self._rebalance(fault.stage)

    def _disturb(self, kind: str, host: Host) -> bool:
        """Something odd about one process; false if it cannot be now."""
        if kind == "twice":
            if not host.outbox:
                return False
            host.deliver(self.rng.choice(list(host.outbox)), copies=2)
            return True
        flowing = [tp for tp, one in host.partitions() if one.flowing]
        if not flowing:
            return False
        tp = self.rng.choice(flowing)
        at, end = host.fetches[tp], len(self.broker.logs[tp])
        match kind:
            case "jump":
                if at + 1 >= end:
                    return False
                host.fetches[tp] = self.rng.randrange(at + 1, end + 1)
            case "replay":
                host.fetches[tp] = self.rng.randrange(at + 1)
            case "stale":
                if at >= end:
                    return False
                host.fetch(tp, host.generation - 1)
                host.fetches[tp] = at
            case _:
                for one in flowing:
                    host.disk.shelf[one] = dict(host.disk.states[one])
        return True

    # What can happen next.

    def _actions(self) -> dict[str, tuple[float, list[Action]]]:
        """By name: how likely, and the ways to do it."""
        found: dict[str, tuple[float, list[Action]]] = {}

        def may(name: str, weight: float, ways: list[Action]) -> None:
            if ways:
                found[name] = (weight, ways)

        up = [host for host in self.hosts if host.alive and not host.frozen]
        may("feed", 2, [self._feed] if self._unfed else [])
        may("run", 14, [t.run for h in up for t in self._tasks(h) if t.ready])
        may("fetch", 6, [partial(self._fetch, *one) for one in self._fetchable(up)])
        may("deliver", 6, [partial(h.deliver, tp) for h in up for tp in h.outbox])
        may("open", 3, [partial(h.open, tp) for h in up for tp in self._closed(h)])
        may("learn", 1, [partial(self._learn, h) for h in up if self._ignorant(h)])
        may("recover", 2, [partial(self._recover, h) for h in up if h.lost])
        may("orphan", 0.1, [partial(self._orphan, h) for h in up if h.orphans])
        may("thaw", 0.2, [partial(self._thaw, h) for h in self.hosts if h.frozen])
        may("restart", 0.5, [partial(self._restart, h) for h in self._dead()])
        if found:
            may("tell", 0.3, [partial(self._tell, h) for h in up if h.fetches])
        return found

    @property
    def _unfed(self) -> bool:
        return self.fed < len(self.workload.entries)

    def _tasks(self, host: Host) -> list[Task]:
        host.tasks = [task for task in host.tasks if not task.done]
        return host.tasks

    def _fetchable(self, up: list[Host]) -> list[tuple[Host, TP]]:
        return [
            (host, tp)
            for host in up
            for tp, one in host.partitions()
            if one.flowing
            and host.fetches[tp] < len(self.broker.logs[tp])
            and one.waiting < BUFFER_MAX
        ]

    def _closed(self, host: Host) -> list[TP]:
        return [
            tp
            for tp, one in host.partitions()
            if one.condition == "opening" and tp not in host.disk.holders
        ]

    def _ignorant(self, host: Host) -> bool:
        return host.news is not None and not host.learning

    def _dead(self) -> list[Host]:
        return [host for host in self.hosts if not host.alive]

    def _feed(self) -> None:
        entry = self.workload.entries[self.fed]
        self.broker.append(entry.tp, entry.value, entry.time_ms)
        self.fed += 1

    def _fetch(self, host: Host, tp: TP) -> None:
        for _ in range(self.rng.choice([1, 2, 4, 8])):
            if not host.one(tp).flowing:
                return
            if host.fetches[tp] < len(self.broker.logs[tp]):
                host.fetch(tp, host.generation)

    def _learn(self, host: Host) -> None:
        host.start(None, host.learn()).run()

    def _recover(self, host: Host) -> None:
        host.recover(host.lost.pop())

    def _orphan(self, host: Host) -> None:
        """A thread that nobody waits for comes to its call."""
        call = host.orphans.pop(0)
        try:
            call()
        except Exception as error:  # noqa: BLE001 - only the fence may stop it
            if type(error).__name__ != "FencedError":
                host.failures.append(f"orphan: {error!r}")

    def _thaw(self, host: Host) -> None:
        host.frozen = False
        self._rebalance(host.stage.name)

    def _restart(self, host: Host) -> None:
        host.restart()
        self._rebalance(host.stage.name)

    def _tell(self, host: Host) -> None:
        if not any(task.tp is None for task in host.tasks):
            host.start(None, host.tell()).run()

    # The end.

    def _behind(self, host: Host) -> bool:
        return any(
            one.folded + 1 < len(self.broker.logs[tp]) for tp, one in host.partitions()
        )

    def _over(self) -> bool:
        stopped = [
            f"{tp.topic}/{tp.partition} stopped: {one.error}"
            for host in self.hosts
            for tp, one in host.partitions()
            if one.condition == "stopped"
        ]
        self.problems += stopped
        if stopped:
            return True
        if any(self._behind(host) for host in self.hosts):
            return False
        if self._holding():
            self.problems.append("all is quiet, and dedupe holds messages back")
        return True

    def _holding(self) -> bool:
        """Whether dedupe still holds messages back."""
        return any(
            key.startswith(HELD)
            for host in self._of("dedupe")
            for tp, _ in host.partitions()
            for key in host.disk.states[tp]
        )

    def _stalled(self) -> None:
        """Lag and nothing moves: the heart ends the process."""
        self.stalls += 1
        if self.stalls > STALLS_MAX:
            self.problems.append("lag, and nothing moves")
        for host in self.hosts:
            if self._behind(host):
                self.hits["stall", ""] += 1
                host.crash()
                self._rebalance(host.stage.name)
