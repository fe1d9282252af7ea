"""The whole path under crashes, rebalances, zombies and odd deliveries.

A longer run than these tests: ``python -m tests.simulation 0 1000``.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.simulation import checks, trial, workload
from tests.simulation.schedule import POINTS, Fault, Schedule, faults

SECONDS = 35.0
"""What the schedules may take; a slow machine tries fewer of them."""

SCHEDULES = range(30)
LEAST = 3


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
    began = time.monotonic()
    done = 0
    for seed in SCHEDULES:
        if done >= LEAST and time.monotonic() - began > SECONDS:
            break
        verdict = trial.attempt(seed)
        if verdict.problems:
            pytest.fail(trial.shrink(verdict).told())
        done += 1
    record_property("schedules", done)

    assert done >= LEAST


def test_every_ordered_step_is_crashed_at() -> None:
    """A crash strikes between any two of the ordered steps of a stage."""
    stages = ("dedupe", "aggregate")
    plan = [
        Fault(60 * number, "crash", stages[number % 2], point)
        for number, point in enumerate(POINTS)
    ]

    verdict = trial.attempt(3, plan)

    assert verdict.problems == []
    assert Counter({("crash", point): 1 for point in POINTS}) == verdict.run.hits


def test_release_says_the_same_bytes_in_every_schedule() -> None:
    """One inbound log, other faults, other interleavings: the same release."""
    work = workload.make(2)
    runs = [Schedule(work, seed, faults(seed, 4)).run() for seed in (1, 2)]

    first, second = (checks.released(run) for run in runs)

    assert runs[0].trace != runs[1].trace
    assert first["indicators.vintages"]
    assert first == second


def test_a_seed_is_a_schedule() -> None:
    """The same seed makes the same choices to the end."""
    work = workload.make(3)
    first, second = (Schedule(work, 9, faults(9, 5)).run() for _ in range(2))

    assert (first.trace, first.ticks, first.hits) == (
        second.trace,
        second.ticks,
        second.hits,
    )
