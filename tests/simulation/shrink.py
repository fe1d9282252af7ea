"""A failing trial made as short as it can be.

Rules:

- First faults go, in halves and then one by one; then turns of the workload, under
  this seed or one of the next; then the rest of the faults strike earlier. All of it
  again until nothing more can go.
- What is left fails, and with any one fault or turn less it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.simulation import trial, workload
from tests.simulation.faults import Fault
from tests.simulation.trial import Trial, Verdict, Without

RESEEDED = 3
T = TypeVar("T")


def shrink(verdict: Verdict, without: Without = trial.ALL_RULES) -> Verdict:
    """The shortest trial that fails like the one of `verdict`."""
    while True:
        shorter = next(
            (
                found
                for one in _shorter(verdict.trial)
                if (found := _fails(one, without))
            ),
            None,
        )
        if shorter is None:
            return verdict
        verdict = shorter


def _fails(one: Trial, without: Without) -> Verdict | None:
    found = trial.attempt(one, without)
    return found if found.problems else None


def _shorter(one: Trial) -> Iterator[Trial]:
    """Trials with less in them, the much shorter ones first."""
    for plan in _fewer(one.plan):
        yield replace(one, plan=plan)
    for turns in _fewer(one.work.turns):
        work = workload.make(one.work.world.name, one.work.seed, frozenset(turns))
        # Less to do is another schedule: the failure may need another seed.
        for seed in range(one.seed, one.seed + RESEEDED):
            yield replace(one, work=work, seed=seed)
    for place, fault in enumerate(one.plan):
        for nth in sorted({1, fault.nth // 2, fault.nth - 1}):
            if 1 <= nth < fault.nth:
                plan_ = [*one.plan]
                plan_[place] = fault._replace(nth=nth)
                yield replace(one, plan=tuple(plan_))


def _fewer(parts: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """All but a piece; pieces are halves, quarters, and so on down to one part."""
    size = len(parts)
    while size > 0:
        for start in range(0, len(parts), size):
            yield (*parts[:start], *parts[start + size :])
        size = size // 2 if size > 1 else 0


def minimal(one: Trial, without: Without) -> Fault | object | None:
    """A fault or turn that could go and it would still fail; None if there is none."""
    singles = [
        *(replace(one, plan=plan) for plan in _without_one(one.plan)),
        *(
            replace(
                one,
                work=workload.make(
                    one.work.world.name, one.work.seed, frozenset(turns)
                ),
            )
            for turns in _without_one(one.work.turns)
        ),
    ]
    return next((each for each in singles if _fails(each, without)), None)


def _without_one(parts: Sequence[T]) -> list[tuple[T, ...]]:
    return [(*parts[:at], *parts[at + 1 :]) for at in range(len(parts))]
