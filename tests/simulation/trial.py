"""One seed, one verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from unittest.mock import patch

from hub.core.dedupe import step
from tests.simulation import checks, host, pieces, workload
from tests.simulation.checks import Said
from tests.simulation.draws import chance
from tests.simulation.faults import (
    Fault,
    Visits,
    brought,
    faults,
    listed,
    rehearsal,
)
from tests.simulation.schedule import Run, Schedule
from tests.simulation.steps import Memo
from tests.simulation.workload import Workload
from tests.simulation.world import SMALL, STAGES, World

SHARED = 500
"""So many seeds share a workload: what is true is recounted once for them."""

WHOLLY = 64
"""One trial in so many remembers nothing."""

FAULTS = 3
Place = tuple[str, str]
"""A stage and a point."""

Without = Callable[[], AbstractContextManager[Any]]
ALL_RULES: Without = nullcontext


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is tried.

    Attributes:
        seed: Of the schedule.
        work: Of the ministries.
        plan: What goes wrong.
        wholly: Whether every step is computed, and nothing looked up.
    """

    seed: int
    work: Workload
    plan: tuple[Fault, ...]
    wholly: bool = False

    def told(self) -> str:
        """Enough to try it again."""
        work = self.work
        head = f"seed {self.seed}, workload {work.world.name} {work.seed}"
        sizes = f"{len(work.turns)} turns, {len(self.plan)} faults:"
        return f"{head}, {sizes}\n{listed(self.plan)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of it."""

    trial: Trial
    run: Run = field(repr=False)
    problems: list[str]

    def told(self) -> str:
        """A report that is enough to see a failure again."""
        return "\n".join([self.trial.told(), *self.problems[:5]])


def trial(seed: int, whole: World = SMALL, count: int = FAULTS) -> Trial:
    """The trial of a seed."""
    work = workload.make(whole.name, seed // SHARED)
    calm = calmly(work)
    plan = faults(seed, count, calm.visits, calm.rehearsed)
    return Trial(seed=seed, work=work, plan=plan, wholly=seed % WHOLLY == 0)


def killed(seed: int, whole: World = SMALL, place: Place | None = None) -> Trial:
    """A trial with one kill -9 alone; without a place, seeds in a row walk over all."""
    work = workload.make(whole.name, seed // SHARED)
    calm = calmly(work)
    places = points(work)
    place = place or places[seed % len(places)]
    plan = brought(place, chance("killed", seed), calm.visits)
    return Trial(seed=seed, work=work, plan=plan)


def points(work: Workload) -> list[Place]:
    """Every point of every stage that processes come to in a rehearsal."""
    found = {point for _, point in calmly(work).rehearsed}
    return [(stage, point) for stage in STAGES for point in sorted(found)]


def attempt(one: Trial, without: Without = ALL_RULES) -> Verdict:
    """Run a trial and judge it; `without` takes a rule away while it runs."""
    said = calmly(one.work).said
    wholly = one.wholly
    memo = Memo() if wholly else _memo(one.work, without)
    with rules(one.work):
        with without(), nullcontext() if wholly else pieces.remembered(memo):
            run = Schedule(one.work, one.seed, one.plan, memo).run()
        # What is true is found out with all rules in force.
        known = (memo, run.begun) if without is ALL_RULES and not wholly else None
        problems = checks.problems(run, one.work, known, said)
    return Verdict(trial=one, run=run, problems=problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calm:
    """A workload when nothing goes wrong, and in a rehearsal of everything.

    Attributes:
        said: What is released.
        visits: How often processes stand where, undisturbed.
        rehearsed: The same when partitions change hands.
    """

    said: Said
    visits: Visits
    rehearsed: Visits


@lru_cache(64)
def calmly(work: Workload) -> Calm:
    """The undisturbed run of a workload, and its rehearsal."""
    with rules(work):
        runs = [
            Schedule(work, 0, plan, _memo(work, ALL_RULES)).run()
            for plan in ((), rehearsal())
        ]
    return Calm(
        said=checks.released(runs[0]),
        visits=runs[0].visits,
        rehearsed=runs[1].visits,
    )


@lru_cache(2)
def _memo(work: Workload, without: Without) -> Memo:
    """Steps are remembered for one workload and one set of rules at a time."""
    del work, without
    return Memo()


@contextmanager
def rules(work: Workload) -> Iterator[None]:
    """Everything that stands in for something, and few rows go on at once.

    How many rows a cut may release is a rule of dedupe: the same for all its writers.
    """
    rows = chance("release", work.seed).choice([1, 8, step.RELEASE_ROWS])
    with (
        work.world.in_force(),
        host.in_force(),
        patch.object(step, "RELEASE_ROWS", rows),
    ):
        yield


def plainly(seed: int, plan: Sequence[Fault], whole: World = SMALL) -> Trial:
    """A trial of a plan that somebody wrote."""
    work = workload.make(whole.name, seed // SHARED)
    return Trial(seed=seed, work=work, plan=tuple(plan))
