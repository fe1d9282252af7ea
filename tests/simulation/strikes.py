"""How faults strike a running schedule."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from faust.types import TP

from tests.simulation import world
from tests.simulation.disk import Copy
from tests.simulation.faults import LOG_FAULTS, Fault
from tests.simulation.host import Host, name_of

if TYPE_CHECKING:
    from tests.simulation.schedule import Schedule

DEAF_TICKS = 400
EVER = 1_000_000
"""How often a message kills that nobody mends."""

Place = tuple[str, str]


class Striker:
    """The plan of a schedule, and what came of it."""

    def __init__(self, schedule: Schedule, plan: Sequence[Fault]) -> None:
        self.poison: dict[tuple[str, int, int], int] = {}
        self.hits: Counter[tuple[str, str, str]] = Counter()
        self.damaged = False
        self._poisoned: set[tuple[str, int, int]] = set()
        self._schedule = schedule
        self._at: dict[Place, list[Fault]] = defaultdict(list)
        self._timed: list[Fault] = []
        self._due: list[tuple[Fault, Host]] = []
        for fault in plan:
            if fault.point:
                self._at[fault.stage, fault.point].append(fault)
            else:
                self._timed.append(fault)

    def reached(self, host: Host, place: Place, count: int) -> None:
        """A process stands at a point for the `count`-th time."""
        if waiting := self._at.get(place):
            due = [fault for fault in waiting if fault.nth <= count]
            if due:
                waiting.remove(due[0])
                self._due.append((due[0], host))

    def strike(self) -> None:
        """What is due and can happen now, happens."""
        due, self._due = self._due, []
        for fault, host in due:
            if host.alive and not host.frozen:
                self._befall(fault, host)
                self.hits[fault.kind, fault.stage, fault.point] += 1
            else:  # struck by another fault in the same moment: the next one, then
                self._at[fault.stage, fault.point].append(fault)
        if self._timed:
            now = self._schedule.tick
            for fault in [one for one in self._timed if one.nth <= now]:
                if self._disturb(fault):
                    self._timed.remove(fault)
                    self.hits[fault.kind, fault.stage, ""] += 1

    def mended(self, tp: TP, error: str) -> bool:
        """Whether a stop is that of a poisoned message, named; it is mended."""
        for topic, partition, offset in self._poisoned:
            if tp == (topic, partition) and f"at offset {offset};" in error:
                self.poison.pop((topic, partition, offset), None)
                return True
        return False

    def _befall(self, fault: Fault, host: Host) -> None:
        """A process is struck at a point."""
        schedule = self._schedule
        match fault.kind:
            case "revoke":
                schedule.rebalance(fault.stage)
            case "freeze":
                host.frozen = True
                schedule.rebalance(fault.stage)
            case "deaf":
                host.deaf_until = schedule.tick + DEAF_TICKS
                schedule.rebalance(fault.stage, without=host)
            case "slow":
                # The deadline passes: the process ends itself, its messages may arrive.
                host.dying = True
            case _:
                held = [
                    name
                    for name, state in host.disk.holders.items()
                    if state.holder == host.name
                ]
                schedule.crash(host)
                for name in held if fault.kind in ("lose", "age") else ():
                    self._lose(host, name, fault.kind)

    def _lose(self, host: Host, name: str, kind: str) -> None:
        """A state is gone; or it is the newest checkpoint once more."""
        state = host.disk.states.pop(name, None)
        copies = [one for one in _shelf(host, name) if one.intact]
        if kind == "age" and state is not None and copies:
            host.disk.states[name] = copies[-1].entries.copy()

    def _disturb(self, fault: Fault) -> bool:
        """Something odd at any time; false if it cannot be now."""
        schedule = self._schedule
        tp = schedule.draws.choice(schedule.workload.world.inputs[fault.stage])
        ways: dict[str, Callable[[], bool]] = {
            "rot": lambda: self._rot(fault.stage),
            "retain": lambda: self._retain(fault.stage),
            "forget": lambda: schedule.broker.hints.pop(tp, None) is not None,
            "reset": lambda: self._reset(tp),
            "poison": lambda: self._poison(tp, 1 + schedule.draws.below(2)),
            "plague": lambda: self._poison(tp, EVER),
            "rekey": lambda: self._rekey(fault.stage),
        }
        if fault.kind in ways:
            return ways[fault.kind]()
        if fault.kind in LOG_FAULTS:
            return self._damage(fault.kind, tp)
        hosts = [h for h in schedule.of(fault.stage) if h.alive and not h.frozen]
        return bool(hosts) and self._odd(fault.kind, schedule.draws.choice(hosts))

    def _rot(self, stage: str) -> bool:
        shelves = self._schedule.of(stage)[0].shelves
        return any(shelf.rot() for shelf in shelves.values())

    def _reset(self, tp: TP) -> bool:
        """A tool that moves offsets does not know which log it is."""
        broker = self._schedule.broker
        broker.hints[tp] = (broker.logs[tp].end, "")
        return True

    def _odd(self, kind: str, host: Host) -> bool:
        """Something odd about one process."""
        draws = self._schedule.draws
        if kind == "twice":
            if not host.outbox:
                return False
            host.deliver(draws.choice(list(host.outbox)), copies=2)
            return True
        if kind in ("copy", "tell"):
            return not host.learning and host.begin(kind)
        flowing = host.fetchable()
        if not flowing:
            return False
        tp = draws.choice(flowing)
        at, log = host.fetches[tp], self._schedule.broker.logs[tp]
        match kind:
            case "jump":
                host.fetches[tp] = at + 1 + draws.below(max(1, log.end - at))
            case "replay":
                host.fetches[tp] = log.start + draws.below(max(1, at - log.start))
            case _:
                host.fetch(tp, host.generation - 1)
                host.fetches[tp] = at
        return True

    def _retain(self, stage: str) -> bool:
        """Logs lose what is behind the oldest checkpoint that is intact."""
        schedule = self._schedule
        moved = False
        for tp in schedule.workload.world.inputs[stage]:
            log = schedule.broker.logs[tp]
            copies = [
                one for one in _shelf(schedule.of(stage)[0], name_of(tp)) if one.intact
            ]
            if copies and copies[-1].offset > log.start:
                start = copies[-1].offset + schedule.draws.below(2)
                log.start = min(start, log.end)
                moved = True
        return moved

    def _poison(self, tp: TP, times: int) -> bool:
        """The next message of a partition kills."""
        log = self._schedule.broker.logs[tp]
        ends = [
            one.folded + 1
            for host in self._schedule.hosts
            for other, one in host.partitions()
            if other == tp
        ]
        if not ends or max(ends) >= log.end:
            return False
        place = (tp.topic, tp.partition, max(ends))
        self.poison[place] = times
        self._poisoned.add(place)
        return True

    def _rekey(self, stage: str) -> bool:
        """A new key on the arrow a stage reads: its readers first, then its writers."""
        for writer, reader in world.ARROWS.values():
            if reader == stage:
                self._restart(reader, reads=2)
                self._restart(writer, writes=2)
                return True
        return False

    def _restart(self, stage: str, reads: int = 0, writes: int = 0) -> None:
        for host in self._schedule.of(stage):
            before = host.stage.epochs
            host.stage.epochs = (reads or before[0], writes or before[1])
            if host.alive:
                self._schedule.crash(host)

    def _damage(self, kind: str, tp: TP) -> bool:
        """A log is no longer the one it was."""
        schedule = self._schedule
        log = schedule.broker.logs[tp]
        read = max(
            (
                one.folded + 1
                for host in schedule.hosts
                for other, one in host.partitions()
                if other == tp
            ),
            default=0,
        )
        # A ministry's log that is cut, or made again, and grows past what was read
        # before any heart has looked (seconds) tells nobody: brokers must not elect
        # unclean leaders, nor people delete topics.
        coming = schedule.feeding(tp)
        left = 1 if kind == "recreate" else read - 1
        if read < 2 or (coming and left + coming >= read):
            return False
        if kind == "recreate":
            uuid = b"made again".rjust(16, b".")
            schedule.broker.make(tp, uuid, schedule.workload.world.genesis(tp, uuid))
        else:
            log.lose(1 + schedule.draws.below(read - 1))
        self.damaged = True
        return True


def _shelf(host: Host, name: str) -> list[Copy]:
    shelf = host.shelves.get(name)
    return shelf.copies if shelf else []
