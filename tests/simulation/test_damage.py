"""Logs that broke their brokers' promise: who sees it, and that not seeing is found."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple
from unittest.mock import patch

import pytest

from hub.cli import groups
from hub.core.dedupe import Dedupe
from hub.core.intake import Intake
from hub.core.release import Release
from hub.core.standing import Standing
from tests.simulation import damage, removed, trial
from tests.simulation.faults import Fault
from tests.simulation.host import SimRuntime
from tests.simulation.schedule import Run
from tests.simulation.trial import Verdict
from tests.simulation.world import BRIEF, BURSTS


class Case(NamedTuple):
    """A log that is damaged by itself."""

    kind: str
    stage: str
    seed: int
    move: int


UNSEEN = (
    Case("recreate", "dedupe", 294, 178),
    Case("recreate", "aggregate", 524, 288),
    Case("recreate", "release", 412, 344),
    Case("truncate", "aggregate", 357, 109),
    Case("truncate", "release", 233, 321),
)
"""Grown past what was read before anybody asked."""

unseen = pytest.mark.parametrize("case", UNSEEN, ids=lambda one: "-".join(one[:2]))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Stopped and fenced partitions are logged by the thousand here."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def _tried(case: Case, without: trial.Without = trial.ALL_RULES) -> Verdict:
    plan = (Fault(case.kind, case.stage, "", case.move),)
    return trial.attempt(trial.plainly(case.seed, plan, BURSTS), without)


def _unasked(run: Run) -> bool:
    """Whether no state could know that its log is another one."""
    return not any(state.met for state in run.states.values())


def test_a_log_that_grew_again_unseen_may_lack_nothing() -> None:
    """What was lost had been folded already; then every figure is as if nothing was."""
    verdict = trial.attempt(trial.trial(18139, BRIEF))
    run, work = verdict.run, verdict.trial.work
    with trial.rules(work):
        read = damage.pasts(run, work, None)
        seen = damage.seen(run, work)

    assert [past and past.crossed for past in read.values()] == [True]
    assert _unasked(run)
    assert (seen, run.stopped, verdict.problems) == ([], {}, [])


@unseen
def test_what_such_a_log_lacks_is_seen(case: Case) -> None:
    """A gap, a cut that waits, or doctor; and nothing else is released."""
    verdict = _tried(case)
    run, work = verdict.run, verdict.trial.work
    with trial.rules(work):
        seen = damage.seen(run, work)

    assert run.damaged
    assert _unasked(run)
    assert verdict.problems == []
    assert seen
    assert any("re-created" in told for told in seen) == (case.kind == "recreate")


def test_what_was_last_is_missed_once_more_comes() -> None:
    """All was released, then its log lost it, and the state was lost unknown to all."""
    verdict = trial.attempt(trial.trial(2363, BURSTS))
    run, work = verdict.run, verdict.trial.work
    with trial.rules(work):
        seen = damage.seen(run, work)

    assert verdict.problems == []
    assert len(seen) == len(work.world.inputs["aggregate"])
    assert all("will miss the last of hub.facts" in told for told in seen)


@contextmanager
def _blind() -> Iterator[None]:
    """Nobody shows gaps, waiting cuts, or topics that were made again."""
    nothing = Standing(bundle=b"")
    with ExitStack() as stack:
        stack.enter_context(patch.object(SimRuntime, "_show_gaps", lambda *_: None))
        stack.enter_context(patch.object(groups, "of_logs", lambda *_: ()))
        for stage in (Intake, Dedupe, Release):
            stack.enter_context(patch.object(stage, "standing", lambda *_: nothing))
        yield


@unseen
def test_what_nobody_shows_is_found(case: Case) -> None:
    """If a log lacks something and nothing says so, the checks say it."""
    with _blind():
        verdict = _tried(case)

    assert verdict.problems


@pytest.mark.parametrize("stage", ["dedupe", "aggregate", "release"])
@pytest.mark.parametrize("kind", ["recreate", "truncate"])
def test_who_could_know_and_goes_on_is_found(kind: str, stage: str) -> None:
    """Without the comparisons of the guard partitions go on in another log."""
    told: list[str] = []
    for seed in range(6):
        case = Case(kind, stage, seed, 300)
        told += _tried(case, removed.identity).problems
        assert _tried(case).problems == []

    assert any("met another log" in one or "is gone" in one for one in told)


def test_a_gap_that_is_stepped_over_is_found() -> None:
    """What comes after a gap is applied: the state is no fold of its log any more."""
    verdicts = [_tried(one, removed.holding) for one in UNSEEN]

    assert all(one.problems for one in verdicts)
