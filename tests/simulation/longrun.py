"""Many trials on all cores, and what they met.

Rules:

- Seeds are tried in blocks that share a workload; a block is one core's. The first seed
  that fails is shrunk and printed.
- A report says how often each crash point was struck: ten thousand schedules that never
  crash at a point say nothing about it. With `points` a block strikes next where it
  has struck least, so a point that is missed gets another seed.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field

from tests.simulation import shrink, trial, workload
from tests.simulation.faults import AT_A_POINT, AT_ANY_TIME
from tests.simulation.trial import Trial
from tests.simulation.world import WORLDS, World

Hits = Counter[tuple[str, str, str]]
BLOCKS = {"brief": 500, "bursts": 500, "small": 250, "whole": 6}
"""Seeds given to a core at once."""

PATIENCE = 3
"""Seeds after which a point where nothing was struck counts as struck."""


@dataclass(slots=True)
class Report:
    """What many trials met.

    Attributes:
        failed: The first failing trial at its shortest, told; "" if all passed.
    """

    schedules: int = 0
    ticks: int = 0
    seconds: float = 0.0
    planned: int = 0
    hits: Hits = field(default_factory=Counter)
    failed: str = ""

    def add(self, other: Report) -> None:
        """Add what another core met."""
        self.schedules += other.schedules
        self.ticks += other.ticks
        self.planned += other.planned
        self.hits += other.hits
        self.failed = self.failed or other.failed

    @property
    def crashes(self) -> dict[tuple[str, str], int]:
        """How often a process was killed, by stage and point."""
        found: Counter[tuple[str, str]] = Counter()
        for (kind, stage, point), times in self.hits.items():
            if kind == "crash" and point:
                found[stage, point] += times
        return dict(sorted(found.items()))

    def told(self) -> str:
        """For people."""
        kinds: Counter[str] = Counter()
        for (kind, _, _), times in self.hits.items():
            kinds[kind] += times
        rate = self.schedules / max(self.seconds, 1e-9)
        lines = [
            f"{self.schedules} schedules, {self.seconds:.0f} s, {rate:.1f}/s",
            f"{self.hits.total()} faults struck of {self.planned} planned",
            f"{self.ticks} moves of processes",
            ", ".join(f"{kind} {times}" for kind, times in sorted(kinds.items())),
            "kill -9 by stage and point:",
        ]
        lines += [
            f"{n:8} {stage} {point}" for (stage, point), n in self.crashes.items()
        ]
        if self.crashes:
            least = min(self.crashes.items(), key=lambda one: one[1])
            lines.append(f"least: {least[1]} at {' '.join(least[0])}")
        return "\n".join([*lines, *([self.failed] if self.failed else [])])

    def json(self) -> str:
        """For machines."""
        return json.dumps(
            {
                "schedules": self.schedules,
                "seconds": round(self.seconds, 1),
                "schedules_per_second": round(self.schedules / self.seconds, 1),
                "ticks": self.ticks,
                "planned": self.planned,
                "hits": {
                    " ".join(key).strip(): n for key, n in sorted(self.hits.items())
                },
                "crash_points": len(self.crashes),
                "least_crashes_at_a_point": min(self.crashes.values(), default=0),
                "failed": self.failed,
            }
        )


def block(
    world: str, first: int, count: int, until: float, *, points: bool = False
) -> Report:
    """Try some seeds in this process, no new one after `until` by the wall clock."""
    whole = WORLDS[world]
    logging.disable(logging.CRITICAL)
    report, seed = Report(), first
    tried: Counter[trial.Place] = Counter()
    try:
        for seed in range(first, first + count):
            if time.time() > until:
                break
            if points:
                verdict = trial.attempt(_killed(seed, whole, report.hits, tried))
            else:
                verdict = trial.attempt(trial.trial(seed, whole))
            report.schedules += 1
            report.ticks += verdict.run.ticks
            report.planned += len(verdict.trial.plan)
            report.hits += verdict.run.hits
            if verdict.problems:
                told = shrink.shrink(verdict).told()
                report.failed = f"{verdict.told()}\nat its shortest:\n{told}"
                break
    except Exception:  # noqa: BLE001 - it may not survive the way to the other process
        report.failed = f"seed {seed} of {world}:\n{traceback.format_exc()}"
    finally:
        logging.disable(logging.NOTSET)
    return report


def _killed(seed: int, whole: World, met: Hits, tried: Counter[trial.Place]) -> Trial:
    """A kill -9 where this block has had the fewest."""
    places = trial.points(workload.make(whole.name, seed // trial.SHARED))
    first = seed % len(places)  # blocks begin at different ones

    def had(place: trial.Place) -> int:
        return max(met["crash", place[0], place[1]], tried[place] // PATIENCE)

    least = min([*places[first:], *places[:first]], key=had)
    tried[least] += 1
    return trial.killed(seed, whole, least)


def run(
    world: str,
    first: int,
    count: int,
    *,
    jobs: int = 0,
    seconds: float = 1e9,
    points: bool = False,
) -> Report:
    """Try seeds on `jobs` cores, 0: all of them; no new one after `seconds`.

    With `points` each is one kill -9, at one crash point after the other.
    """
    began = time.monotonic()
    until = time.time() + seconds
    whole = Report()
    # One thread a process: what a schedule computes is too small to be divided.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs or os.cpu_count(), context) as pool:
        futures: list[Future[Report]] = [
            pool.submit(block, world, start, length, until, points=points)
            for start, length in _blocks(first, count, BLOCKS[world])
        ]
        for future in as_completed(futures):
            whole.add(future.result())
            if whole.failed:
                pool.shutdown(cancel_futures=True)
                break
    whole.seconds = time.monotonic() - began
    return whole


def never_struck(report: Report) -> list[str]:
    """Kinds of faults that never happened."""
    met = {kind for kind, _, _ in report.hits}
    return sorted({*AT_A_POINT, *AT_ANY_TIME} - met)


def _blocks(first: int, count: int, size: int) -> Iterator[tuple[int, int]]:
    at = first
    while at < first + count:
        length = min(size - at % size, first + count - at)
        yield at, length
        at += length
