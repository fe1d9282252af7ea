"""The whole path under crashes, rebalances, zombies and odd deliveries.

A longer run than these tests: ``python -m tests.simulation 0 100000``.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation import cuts, longrun, trial, workload, world
from tests.simulation.faults import LOG_FAULTS, Fault
from tests.simulation.world import BRIEF, SMALL, WHOLE

SCHEDULES, SECONDS, LEAST = 2_000, 80.0, 200
"""How many on the small catalogue; a slow machine tries fewer of them, never less."""

WHOLE_SCHEDULES, WHOLE_SECONDS, WHOLE_LEAST = 24, 25.0, 2
"""The same on the whole one."""

POINTS_FIRST, POINTS_COUNT = 350, 300
"""A block for each of two cores: every point comes twice at least."""

KNOWN_POINTS = 25

ROOT = Path(__file__).resolve().parents[2]
TRACED = (3, 64, 530)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Stopped and fenced partitions are logged by the thousand here."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_nothing_is_lost_or_counted_twice(
    record_property: Callable[[str, object], None],
) -> None:
    """Whatever happens to workers, cells, receipts and releases are the true ones."""
    report = longrun.run(SMALL.name, 0, SCHEDULES, seconds=SECONDS)
    record_property("schedules", report.json())

    assert report.failed == ""
    assert report.schedules >= LEAST
    assert longrun.never_struck(report) == []
    assert {stage for stage, _ in report.crashes} == {*world.STAGES}


def test_a_worker_may_be_killed_at_every_point(
    record_property: Callable[[str, object], None],
) -> None:
    """Kill -9 strikes each stage wherever any stage awaits something."""
    report = longrun.run(BRIEF.name, POINTS_FIRST, POINTS_COUNT, points=True)
    record_property("schedules", report.json())
    points = {point for _, point in report.crashes}
    missed = {(stage, point) for stage in world.STAGES for point in points}

    assert report.failed == ""
    assert len(points) >= KNOWN_POINTS
    # With one partition, nobody's turn is before its own.
    assert missed - report.crashes.keys() <= {("release", "turn")}


def test_nothing_is_lost_of_the_whole_catalogue_either(
    record_property: Callable[[str, object], None],
) -> None:
    """Every kind of table, two ministries, messages cut in many ways."""
    report = longrun.run(WHOLE.name, 0, WHOLE_SCHEDULES, seconds=WHOLE_SECONDS)
    record_property("schedules", report.json())

    assert report.failed == ""
    assert report.schedules >= WHOLE_LEAST


@pytest.mark.parametrize("stage", world.STAGES)
@pytest.mark.parametrize("kind", LOG_FAULTS)
def test_a_log_made_again_or_cut_stops_its_partition(kind: str, stage: str) -> None:
    """It says which, and how to mend it; nothing wrong is released."""
    stopped = 0
    for seed in range(4):
        plan = [Fault(kind, stage, "", 500 + 50 * seed)]
        verdict = trial.attempt(trial.plainly(seed, plan))
        assert verdict.problems == []
        stopped += len(verdict.run.stopped)

    assert stopped


@pytest.mark.parametrize("seed", range(6))
def test_lanes_in_any_order_make_the_same_cells(seed: int) -> None:
    """Every cut counts the same, however the lanes of a partition are interleaved."""
    work = workload.make(SMALL.name, seed)
    other = workload.shuffled(work, seed)
    verdict = trial.attempt(trial.Trial(seed=seed, work=other, plan=()))

    with trial.rules(work):
        cells = [frame.rows() for frame in cuts.truth(work)]
        assert cells == [frame.rows() for frame in cuts.truth(other)]
    assert verdict.problems == []


def test_a_seed_is_a_schedule() -> None:
    """Two processes with other hashes make the same choices to the end."""
    here = [trial.attempt(trial.trial(seed)).run for seed in TRACED]
    script = (
        "from tests.simulation import trial\n"
        f"for seed in {TRACED}:\n"
        "    run = trial.attempt(trial.trial(seed)).run\n"
        "    print(run.trace, run.ticks, sorted(run.hits.items()))\n"
    )
    there = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    assert there == [
        f"{run.trace} {run.ticks} {sorted(run.hits.items())}" for run in here
    ]


def test_what_is_remembered_changes_nothing() -> None:
    """A schedule ends the same if every step of it is computed."""
    remembering = trial.attempt(trial.trial(11))
    wholly = trial.attempt(replace(remembering.trial, wholly=True))

    assert remembering.problems == wholly.problems == []
    assert remembering.run.trace == wholly.run.trace
    for tp, state in wholly.run.states.items():
        assert remembering.run.states[tp].values == state.values
