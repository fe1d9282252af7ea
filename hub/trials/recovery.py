"""What a hub with a large state needs for a backlog, after a kill, without state.

Rules (design: delivery, rules 11 and 12; bars):

- All batches are sent while every stage but intake is stopped (a publisher waits for
  receipts), so the backlog is as large as it can be; then they go on, and what is
  measured is the way down to nothing.
- After a kill -9, and after the state was deleted as well, the clock stops when a probe
  is through every partition of the path.
- A rebuild is from the log's beginning, the worst case: no checkpoint was taken.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hub.client import wait_for
from hub.core.access import STAGES, a_reader
from hub.core.catalogue.model import Catalogue
from hub.core.errors import RetriableError
from hub.edge import control
from hub.edge.settings import Settings
from hub.embedded.keeping import Kept
from hub.embedded.supervisor import Supervisor
from hub.trials import audit, bench
from hub.trials.bench import ROWS_PER_PERSON, Tell, rss_bytes_max
from hub.trials.chaos.probe import Probe
from hub.trials.chaos.watcher import Watcher
from hub.trials.sample.write import write

WAIT_SECONDS_MAX = 3600.0
KILLS = 3
RECORDS = "hub.records."
REBUILT = ("intake", "dedupe", "aggregate")
_LOOK_SECONDS = 0.05


@dataclass(slots=True, kw_only=True)
class Recovery:
    """What one run came to.

    Attributes:
        records: Rows published; all of them are in state.
        backlog_bytes: Blocks of intake that waited.
        backlog_seconds: Until nothing of them waited any more.
        killed_seconds: Stage -> seconds from each kill -9 until all is whole again.
        rebuilt_seconds: Stage -> the same when its state was deleted as well.
        state_bytes: Stage -> size of its state.
        rss_bytes_max: Peak memory by process, over the backlog.
    """

    records: int = 0
    backlog_bytes: int = 0
    backlog_seconds: float = 0.0
    killed_seconds: dict[str, list[float]] = field(default_factory=dict)
    rebuilt_seconds: dict[str, float] = field(default_factory=dict)
    state_bytes: dict[str, int] = field(default_factory=dict)
    rss_bytes_max: Mapping[str, int] = field(default_factory=dict)
    audit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    hub: Supervisor
    catalogue: Catalogue
    watcher: Watcher

    def whole(self) -> float:
        """Seconds until a probe is through everything."""
        began = time.monotonic()
        probe = Probe(self.hub.settings, self.catalogue)
        acks = None
        try:
            while time.monotonic() - began < WAIT_SECONDS_MAX:
                if acks is None:
                    acks = probe.send()
                elif self.watcher.passed(acks) and self._ready():
                    return time.monotonic() - began
                time.sleep(_LOOK_SECONDS)
        finally:
            probe.close()
        raise RetriableError(
            f"not whole after {WAIT_SECONDS_MAX:.0f} s; see {self.hub.home.logs}"
        )

    def _ready(self) -> bool:
        return all(kept.is_ready() for kept in self.hub.kept)

    def of(self, stage: str) -> Kept:
        """The one worker of a stage."""
        return next(kept for kept in self.hub.kept if kept.stage == stage)


def run(
    settings: Settings, catalogue: Catalogue, *, records: int, seed: int, tell: Tell
) -> Recovery:
    """Run once in a fresh home."""
    done = Recovery()
    folder = settings.home.root / "sample"
    write(
        folder, catalogue, persons=max(200, round(records / ROWS_PER_PERSON)), seed=seed
    )
    hub = Supervisor(settings, catalogue=catalogue)
    with hub, Watcher(settings=hub.settings) as watcher:
        one = _Bench(hub=hub, catalogue=catalogue, watcher=watcher)
        spooled = bench.seal(hub.settings, catalogue, folder)
        _backlog(one, spooled, done, tell)
        for stage in STAGES:
            done.killed_seconds[stage] = [_kill(one, stage) for _ in range(KILLS)]
            tell(f"{stage} killed: {done.killed_seconds[stage]} s")
        for stage in REBUILT:
            done.state_bytes[stage] = _size(one, stage)
            done.rebuilt_seconds[stage] = _kill(one, stage, wiped=True)
            tell(f"{stage} rebuilt in {done.rebuilt_seconds[stage]} s")
        marker = control.close(hub.settings, catalogue, period="2025")
        reader = a_reader(catalogue)
        wait_for(hub.settings, reader, marker.marker, marker.tables, WAIT_SECONDS_MAX)
        done.audit = audit.audit(hub.settings, catalogue, marker.marker).verdict
    return done


def _backlog(one: _Bench, spooled: bench.Spooled, done: Recovery, tell: Tell) -> None:
    """Everything taken in and nothing resolved; then all of it."""
    with _stopped(one.hub):
        done.records = bench.send(one.hub.settings, one.catalogue, spooled)
        done.backlog_bytes = sum(
            path.stat().st_size
            for path in one.hub.home.kafka.rglob("*.log")
            if path.parent.name.startswith(RECORDS)
        )
        tell(f"{done.backlog_bytes >> 20} MB wait")
    began = time.monotonic()
    one.whole()
    done.backlog_seconds = round(time.monotonic() - began, 1)
    done.rss_bytes_max = {
        kept.name: rss_bytes_max(kept.pid) for kept in one.hub.kept if kept.pid
    }
    tell(f"{done.records} rows folded in {done.backlog_seconds} s")


@contextmanager
def _stopped(hub: Supervisor) -> Iterator[None]:
    behind = [kept for kept in hub.kept if kept.stage != "intake"]
    for kept in behind:
        kept.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for kept in behind:
            kept.signal(signal.SIGCONT)


def _kill(one: _Bench, stage: str, *, wiped: bool = False) -> float:
    """Seconds from the kill until all is whole again."""
    kept = one.of(stage)
    began = time.monotonic()
    kept.signal(signal.SIGKILL)
    if wiped:
        shutil.rmtree(one.hub.home.state / stage)
    one.whole()
    return round(time.monotonic() - began, 1)


def _size(one: _Bench, stage: str) -> int:
    folder = one.hub.home.state / stage
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def as_json(done: Recovery) -> dict[str, Any]:
    """One object, rounded for reading."""
    return {
        "records": done.records,
        "backlog_mb": done.backlog_bytes >> 20,
        "backlog_seconds": done.backlog_seconds,
        "killed_seconds": done.killed_seconds,
        "rebuilt_seconds": done.rebuilt_seconds,
        "rebuilt_records_per_second": {
            stage: round(done.records / seconds)
            for stage, seconds in done.rebuilt_seconds.items()
        },
        "state_mb": {stage: size >> 20 for stage, size in done.state_bytes.items()},
        "rss_mb_max": {name: size >> 20 for name, size in done.rss_bytes_max.items()},
        "audit": done.audit,
    }
