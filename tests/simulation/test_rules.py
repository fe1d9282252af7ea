"""Each rule of delivery is missed when it is taken away; what is shrunk is short."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest

from hub.core.aggregate import Aggregate
from hub.core.answers import Desk
from hub.core.messages import Receipt
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


def _short(whole: Any) -> Any:
    """Snapshots without their last row."""

    def snapshot(*args: Any) -> pl.DataFrame:
        rows: pl.DataFrame = whole(*args)
        return rows.head(max(rows.height - 1, 0))

    return snapshot


def _generous(whole: Any) -> Any:
    """Receipts for a row more than there was."""

    def receipt(*args: Any) -> Receipt:
        told: Receipt = whole(*args)
        return replace(told, accepted=told.accepted + 1)

    return receipt


def _astray(whole: Any) -> Any:
    """Receipts about the message before."""

    def receipt(*args: Any) -> Receipt:
        told: Receipt = whole(*args)
        return replace(told, offset=told.offset - 1)

    return receipt


@pytest.mark.parametrize(
    ("where", "name", "wrong", "told"),
    [
        (Aggregate, "_snapshot", _short, "cells differ"),
        (Desk, "receipt", _generous, "receipts ["),
        (Desk, "receipt", _astray, "stands elsewhere"),
    ],
)
def test_what_run_and_fold_both_do_wrong_is_found(
    where: type, name: str, wrong: Callable[[Any], Any], told: str
) -> None:
    """A fault of a stage is in the fold of its log as well; other checks see it."""
    one = replace(trial.plainly(2501, ()), wholly=True)
    trial.calmly(one.work)
    with patch.object(where, name, wrong(getattr(where, name))):
        verdict = trial.attempt(one)

    assert any(told in problem for problem in verdict.problems)
    assert not any("is not the fold" in problem for problem in verdict.problems)


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
