"""What each rule of delivery is for: without it, the simulator finds a loss.

The fault that a rule is there for is named; the schedule around it is drawn by seed.
With all rules in force the same seeds and faults pass.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import pytest

from tests.simulation import removed, trial
from tests.simulation.schedule import Fault, faults
from tests.simulation.trial import Verdict, Without

SEEDS = range(3, 9)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Stopped and fenced partitions are logged by the thousand here."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def broken(without: Without, plan: Sequence[Fault] | None = None) -> Verdict:
    """The first seed that fails without a rule, and passes with it."""
    for seed in SEEDS:
        found = trial.attempt(seed, plan, without)
        if found.problems:
            again = trial.attempt(seed, plan)
            assert again.problems == []
            return found
    pytest.fail(f"{len(SEEDS)} schedules miss nothing")


def every(kind: str, stage: str, point: str = "", times: int = 4) -> list[Fault]:
    """The same fault again and again."""
    return [Fault(300 + 250 * at, kind, stage, point) for at in range(times)]


def test_without_guard_the_simulator_finds_loss() -> None:
    """A fetcher that jumps ahead is believed."""
    assert broken(removed.guarded, every("jump", "dedupe"))


def test_without_fence_the_simulator_finds_loss() -> None:
    """A thread of the old owner overwrites what the new one has written."""
    plan = every("revoke", "dedupe", "before write", 6)

    assert broken(removed.fence, [*plan, *every("revoke", "aggregate", "before write")])


def test_without_coverage_the_simulator_finds_loss() -> None:
    """What a second writer sends again counts again."""
    assert broken(removed.covering, every("crash", "dedupe", "before write"))


def test_without_rows_in_coverage_the_simulator_finds_loss() -> None:
    """The second half of a split message is dropped."""
    assert broken(removed.rows, [])


def test_without_partly_seen_blocks_the_simulator_finds_double_rows() -> None:
    """Another writer cuts chunks otherwise; half of its block is known."""
    plan = [
        *every("crash", "intake", "before write"),
        *every("crash", "dedupe", "idle"),
    ]

    assert broken(removed.seen, plan)


def test_without_empty_blocks_the_simulator_finds_loss() -> None:
    """A chain with holes is a gap for ever."""
    assert broken(removed.silence, [])


def test_without_acknowledgements_the_simulator_finds_loss() -> None:
    """Outputs die with the process that had already written."""
    assert broken(removed.acks, every("crash", "intake", "idle"))


def test_without_holding_gaps_the_simulator_finds_loss() -> None:
    """What was lost on the way is stepped over, and nothing says so."""
    assert broken(removed.gaps, every("crash", "dedupe", "idle"))


def test_without_the_order_the_simulator_finds_loss() -> None:
    """State is written first, then the process dies before it has sent."""
    assert broken(removed.order, every("crash", "dedupe", "before send"))


def test_without_marker_alignment_the_simulator_finds_a_wrong_cut() -> None:
    """Rows from behind a marker get into its cut."""
    found = broken(removed.alignment, [])

    assert any("cells" in problem for problem in found.problems)


def test_a_failing_schedule_is_shrunk() -> None:
    """Faults that have nothing to do with a failure are dropped."""
    plan = faults(3, 3)
    first = trial.attempt(3, plan, removed.rows)

    least = trial.shrink(first, removed.rows)

    assert first.problems
    assert least.plan == ()
    assert least.problems
