"""Each rule of delivery is missed when it is taken away; what is shrunk is short."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.simulation import removed, rules, shrink, trial
from tests.simulation.faults import Fault
from tests.simulation.rules import REMOVALS, Removal


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Stopped and fenced partitions are logged by the thousand here."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_every_rule_is_taken_away_once() -> None:
    """Thirteen rules, none without a removal."""
    assert {removal.rule for removal in REMOVALS} == set(range(1, 14))


@pytest.mark.parametrize("removal", REMOVALS, ids=lambda one: f"{one.rule}-{one.name}")
def test_without_a_rule_the_simulator_finds_a_fault(removal: Removal) -> None:
    """Within few schedules; and with the rule in force the same schedule passes."""
    found = rules.find(removal)

    assert found.problem
    assert found.passes


def test_a_failing_trial_is_shrunk_to_its_shortest() -> None:
    """What is left fails, and with any one fault or turn less it does not."""
    plan = (
        Fault("replay", "release", "", 100),
        *rules.every("poison", "aggregate"),
        Fault("revoke", "dedupe", "idle", 5),
    )
    first = trial.attempt(trial.plainly(1, plan), removed.limping)
    assert first.problems

    least = shrink.shrink(first, removed.limping)

    assert least.problems
    assert len(least.trial.plan) < len(plan)
    assert len(least.trial.work.turns) < len(first.trial.work.turns)
    assert shrink.minimal(least.trial, removed.limping) is None


def test_what_needs_no_fault_is_shrunk_to_none() -> None:
    """The second half of a split message is missed without anything going wrong."""
    plan = (Fault("crash", "dedupe", "idle", 3), Fault("jump", "release", "", 90))
    first = trial.attempt(trial.plainly(1, plan), removed.rows)

    least = shrink.shrink(first, removed.rows)

    assert first.problems
    assert least.trial.plan == ()
    assert least.problems
