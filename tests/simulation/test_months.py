"""Fourteen months with retention and shredding, each stage wiped in turn."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.simulation import checks, months, trial, world
from tests.simulation.schedule import Schedule
from tests.simulation.steps import Memo

SEEDS = 3


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Lost states are logged."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_stage_comes_back_from_checkpoints_alone(seed: int) -> None:
    """Logs no longer begin at their beginning; states, cells, receipts are the same."""
    work, memo = months.make(seed), Memo()
    with trial.rules(work):
        said = checks.released(Schedule(work, 0, (), memo).run())
        schedule = months.Months(work, seed, (), memo)
        run = schedule.run()
        problems = checks.problems(run, work, (memo, run.begun), said)

    assert problems == []
    assert schedule.ended == months.MONTHS
    assert {one.stage.epochs[0] for one in schedule.of("intake")} == {months.LATER}
    span = work.entries[-1].time_ms - work.entries[0].time_ms
    assert span > 13 * 28 * months.DAY_MS
    assert [*schedule.wiped] == [*world.STAGES]
    # What was wiped could not be folded from the beginning again.
    for stage, starts in schedule.wiped.items():
        assert all(starts), (stage, starts)
