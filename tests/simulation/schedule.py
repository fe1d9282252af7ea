"""Who moves next: one seed decides everything.

Rules:

- What is chosen at a tick depends on seed and tick only, not on what was drawn before:
  dropping a fault leaves the rest of a schedule as much alike as it can be.
- The run is over when every message is folded and no process has anything to do. Lag
  without progress ends the process that has it, as the heart of a worker does.
- An operator looks at partitions that stop: what a poisoned message did is mended once
  it is named, and tried again; any other stop stands, and is for the checks to judge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from faust.types import TP

from hub.core.held import HELD
from tests.simulation import world
from tests.simulation.broker import Broker
from tests.simulation.disk import Disk, Entries, Machine, Requests, Shelf
from tests.simulation.draws import Draws
from tests.simulation.faults import Fault
from tests.simulation.host import Host, name_of
from tests.simulation.loop import Clock
from tests.simulation.steps import Begun, Memo, Steps
from tests.simulation.strikes import Striker
from tests.simulation.workload import Workload

TICKS_MAX = 40_000
STALLS_MAX = 40
TICK_SECONDS = 0.01

LOOKS = 3
SIZES = (1, 1, 2, 4, 32)
"""Messages a chunk may have."""

SPLITS = (1, 2, 20_000)
"""Rows after which a process cuts its messages."""


@dataclass(slots=True, kw_only=True)
class Run:
    """A finished run.

    Attributes:
        states: The state of every partition, at its last owner.
        hits: How often (fault, stage, point) struck.
        visits: How often processes stood at (stage, point).
        seen: How messages were judged by the guard.
        stopped: Partitions that wait for a person, and why.
        gaps: Origins of which blocks were held back.
        damaged: Whether a log is no longer the one it was.
        problems: What no run may end with.
        begun: From where on chunks were folded.
        trace: Sum of all choices.
    """

    broker: Broker
    states: dict[TP, Entries]
    hits: Counter[tuple[str, str, str]]
    visits: Counter[tuple[str, str]]
    seen: Counter[str]
    stopped: dict[TP, str]
    gaps: set[str]
    damaged: bool
    problems: list[str]
    begun: Begun = field(repr=False)
    ticks: int
    trace: int


@dataclass(slots=True)
class Schedule:
    """One run of a workload under a seed."""

    workload: Workload
    seed: int
    plan: Sequence[Fault]
    memo: Memo
    broker: Broker = field(init=False)
    draws: Draws = field(init=False)
    striker: Striker = field(init=False)
    hosts: list[Host] = field(default_factory=list)
    visits: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    stopped: dict[TP, str] = field(default_factory=dict)
    tick: int = 0
    fed: int = 0
    stalls: int = 0
    inspections: int = 0
    generation: int = 0
    trace: int = 0
    begun: Begun = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.broker = Broker(self.workload.world.births())
        self.draws = Draws("schedule", self.seed)
        self.striker = Striker(self, self.plan)

    def run(self) -> Run:
        """To the end."""
        self._begin()
        Clock.seconds = 1.0
        try:
            while not self.problems:
                self.tick += 1
                if self.tick > TICKS_MAX:
                    self.problems.append(f"not over after {TICKS_MAX} ticks")
                    break
                self.draws.at(self.tick)
                Clock.seconds += TICK_SECONDS
                self.striker.strike()
                if not self._move() and self._over():
                    break
        finally:
            for host in self.hosts:
                self.problems += host.failures
                for task in host.tasks:
                    task.end()
        return self._result()

    def _result(self) -> Run:
        owned = {
            tp: (host, one) for host in self.hosts for tp, one in host.partitions()
        }
        return Run(
            broker=self.broker,
            states={
                tp: host.disk.states.get(name_of(tp), Entries())
                for tp, (host, _) in owned.items()
            },
            hits=self.striker.hits,
            visits=self.visits,
            seen=sum((host.metrics.seen for host in self.hosts), Counter[str]()),
            stopped=self.stopped,
            gaps=set[str]().union(*(host.metrics.held for host in self.hosts)),
            damaged=self.striker.damaged,
            problems=self.problems,
            begun=self.begun,
            ticks=self.tick,
            trace=self.trace,
        )

    def _begin(self) -> None:
        self.draws.at(0)
        for stage in world.STAGES:
            # Two workers of one machine share its disk; of two machines they do not.
            shared = Disk()
            disks = [shared, shared if self.draws.once_in(2) else Disk()]
            shelves: dict[str, Shelf] = {}
            requests = Requests()
            for number, disk in enumerate(disks):
                steps = self.steps(stage, (1, 1))
                machine = Machine(disk=disk, shelves=shelves, requests=requests)
                name = f"{stage}-{number}"
                host = Host(
                    name,
                    steps,
                    self.broker,
                    machine=machine,
                    size=self._size,
                    reached=self._reached,
                )
                self.hosts.append(host)
            self.rebalance(stage)

    def steps(self, stage: str, epochs: world.Epochs) -> Steps:
        """The stage as a new process has it."""
        return Steps(
            stage=self.workload.world.stage(stage, epochs),
            memo=self.memo,
            poison=self.striker.poison,
            epochs=epochs,
            split=self.draws.choice(SPLITS),
            begun=self.begun,
        )

    def _size(self) -> int:
        return self.draws.choice(SIZES)

    def _reached(self, host: Host, point: str) -> None:
        place = (host.stage.name, point)
        self.visits[place] += 1
        self.striker.reached(host, place, self.visits[place])

    # The group.

    def of(self, stage: str) -> list[Host]:
        """The processes of a stage."""
        return [host for host in self.hosts if host.stage.name == stage]

    def rebalance(self, stage: str, without: Host | None = None) -> None:
        """Give all partitions of a stage to those who live."""
        self.generation += 1
        hosts = self.of(stage)
        live = [one for one in hosts if one.alive and not one.frozen]
        live = [one for one in live if one is not without] or live
        given: dict[str, list[TP]] = {host.name: [] for host in hosts}
        for tp in self.workload.world.inputs[stage] if live else ():
            given[self.draws.choice(live).name].append(tp)
        for host in hosts:
            if host.alive:
                host.news = (self.generation, tuple(given[host.name]))

    # What happens next.

    def _move(self) -> bool:
        """One of the things that can happen; false if there is none."""
        bits = self.draws.bits()
        if bits % 24 == 0 and self._elsewhere():
            return True
        hosts = self.hosts
        first = bits >> 8
        for number in range(first, first + len(hosts)):
            host = hosts[number % len(hosts)]
            if host.alive and not host.frozen and self._one(host, bits >> 32):
                self.trace = (self.trace * 31 + number) % (1 << 61)
                return True
        return self._feed() or self._revive()

    def _elsewhere(self) -> bool:
        """What is not the work of a process that runs."""
        match self.draws.below(8):
            case 0 | 1 | 2:
                return self._feed()
            case 3:
                return self._wire()
            case 4:
                return self._revive(sure=False)
            case 5:
                word = self.draws.choice(("copy", "look", "mend"))
                return self._word(word)
            case _:
                return self._word("tell")

    def _one(self, host: Host, bits: int) -> bool:
        """One thing of a process."""
        draw = bits & 31
        if host.dying and draw < 8:
            self.crash(host)
            return True
        if draw == 31 and host.orphans:
            host.orphan()
            return True
        if draw >= 29 and self._learn(host):
            return True
        bits >>= 5
        if draw < 16:
            done = self._run(host, bits) or self._deliver(host) or self._fetch(host)
        elif draw < 23:
            done = self._fetch(host) or self._run(host, bits) or self._deliver(host)
        else:
            done = self._deliver(host) or self._fetch(host) or self._run(host, bits)
        return done or self._learn(host)

    def _run(self, host: Host, first: int) -> bool:
        tasks = host.tasks
        count = len(tasks)
        for number in range(first, first + count):
            task = tasks[number % count]
            if task.ready:
                task.run()
                if task.done() and task in tasks:
                    tasks.remove(task)
                return True
        return False

    def _fetch(self, host: Host) -> bool:
        ready = host.fetchable()
        if not ready:
            return False
        tp = self.draws.choice(ready)
        for _ in range(self.draws.choice((1, 2, 4, 8))):
            host.fetch(tp, host.generation)
            if tp not in host.fetchable():
                break
        return True

    def _deliver(self, host: Host) -> bool:
        if not host.outbox:
            return False
        host.deliver(self.draws.choice(list(host.outbox)))
        return True

    def _learn(self, host: Host) -> bool:
        if host.news is None or host.learning or host.deaf_until > self.tick:
            return False
        return host.begin("learn")

    def _feed(self) -> bool:
        if self.fed == len(self.workload.entries):
            return False
        burst = self.draws.choice(self.workload.world.bursts)
        for entry in self.workload.entries[self.fed : self.fed + burst]:
            self.broker.logs[entry.tp].append(entry.value, entry.time_ms)
            self.fed += 1
        return True

    def feeding(self, tp: TP) -> int:
        """How many messages ministries will still publish there."""
        return sum(entry.tp == tp for entry in self.workload.entries[self.fed :])

    def _wire(self) -> bool:
        if not self.broker.wire:
            return False
        self.broker.arrive(self.draws.choice(self.broker.wire))
        return True

    def _word(self, word: str) -> bool:
        """A part of the heart's beat, in one process."""
        host = self.draws.choice(self.hosts)
        if not host.alive or host.frozen or host.learning:
            return False
        return host.begin(word)

    def _revive(self, *, sure: bool = True) -> bool:
        """A stopped process goes on, a dead one starts, a deaf one hears."""
        idle = [one for one in self.hosts if not one.alive or one.frozen]
        if idle:
            host = self.draws.choice(idle)
            if host.frozen:
                host.frozen = False
            else:
                host.stage = self.steps(host.stage.name, host.stage.epochs)
                host.restart()
            self.rebalance(host.stage.name)
            return True
        deaf = [one for one in self.hosts if one.deaf_until > self.tick]
        for host in deaf if sure else ():
            host.deaf_until = 0
        return sure and bool(deaf)

    def crash(self, host: Host) -> None:
        """Kill -9; what was on its way arrives later, or never."""
        sent = list(host.outbox.values())
        self.broker.wire += [queue for queue in sent if self.draws.once_in(2)]
        host.outbox = {}
        host.crash()
        self.rebalance(host.stage.name)

    # The end.

    def _over(self) -> bool:
        """Nothing moves any more: is that the end?"""
        if self._wire():
            return False
        if self._stopped():
            return bool(self.stopped)
        behind = self._behind()
        if behind:
            self._stalled(behind)
            return False
        if self.striker.damaged:
            return not self._inspected()
        if self._holding():
            self.problems.append("all is quiet, and dedupe holds messages back")
        return True

    def _inspected(self) -> bool:
        """Hearts look at damaged logs; workers are started again, and hearts look."""
        self.inspections += 1
        if self.inspections == LOOKS + 1:
            for stage in world.STAGES:
                self.rebalance(stage)
        elif self.inspections <= 2 * LOOKS + 1:
            for host in self.hosts:
                host.begin("look")
        return self.inspections <= 2 * LOOKS + 1

    def _stopped(self) -> bool:
        """Whether a partition waits for a person; a poisoned one is helped."""
        found = {
            tp: (host, one.error)
            for host in self.hosts
            for tp, one in host.partitions()
            if one.condition == "stopped"
        }
        for tp, (host, error) in found.items():
            if not self.striker.mended(tp, error):
                self.stopped[tp] = error
                continue
            host.machine.requests.asked.add(name_of(tp))
            host.begin("mend")
        return bool(found)

    def _behind(self) -> list[str]:
        """Stages in which a partition is not folded to its end, or nobody has it."""
        ends = {
            tp: one.folded + 1 for host in self.hosts for tp, one in host.partitions()
        }
        return [
            stage
            for stage, tps in self.workload.world.inputs.items()
            if any(ends.get(tp, 0) < self.broker.logs[tp].end for tp in tps)
        ]

    def _holding(self) -> bool:
        """Whether dedupe still holds messages back."""
        return any(
            key.startswith(HELD)
            for host in self.of("dedupe")
            for tp, _ in host.partitions()
            for key in host.disk.states[name_of(tp)].values
        )

    def _stalled(self, stages: Sequence[str]) -> None:
        """Lag and nothing moves: the heart ends the process."""
        self.stalls += 1
        if self.stalls > STALLS_MAX:
            self.problems.append(f"lag in {stages}, and nothing moves")
        for host in self.hosts:
            if host.stage.name in stages and host.alive:
                self.striker.hits["stall", host.stage.name, ""] += 1
                self.crash(host)
