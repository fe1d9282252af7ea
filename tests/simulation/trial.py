"""One seed, one verdict; and the fewest faults with which it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from hub.core import blocks
from hub.core.dedupe import step
from tests.simulation import checks, workload, world
from tests.simulation.schedule import Fault, Run, Schedule, faults

WORKLOADS = 8
"""Seeds share workloads, so that what is true is recounted once for many."""

FAULTS = 10
Without = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a seed."""

    seed: int
    plan: tuple[Fault, ...]
    run: Run
    problems: list[str]

    def told(self) -> str:
        """A report that is enough to see the failure again."""
        lines = [f"seed {self.seed} fails with {len(self.plan)} faults:"]
        lines += [f"    {fault!r}," for fault in self.plan]
        return "\n".join([*lines, *self.problems[:5]])


def attempt(
    seed: int, plan: Sequence[Fault] | None = None, without: Without = nullcontext
) -> Verdict:
    """Run a seed and judge it; `without` takes a rule away while it runs."""
    plan = faults(seed, FAULTS) if plan is None else tuple(plan)
    work = workload.make(seed % WORKLOADS)
    with _small(seed):
        with without():
            run = Schedule(work, seed, plan).run()
        # What is true is found out with all rules in force.
        problems = checks.problems(run, work)
    return Verdict(seed=seed, plan=plan, run=run, problems=problems)


def shrink(verdict: Verdict, without: Without = nullcontext) -> Verdict:
    """The same failure with faults dropped one by one, while it still fails."""
    at = 0
    while at < len(verdict.plan):
        fewer = verdict.plan[:at] + verdict.plan[at + 1 :]
        found = attempt(verdict.seed, fewer, without)
        if found.problems:
            verdict = found
        else:
            at += 1
    return verdict


@contextmanager
def _small(seed: int) -> Iterator[None]:
    """Messages are split after few rows, each time otherwise; few rows go on at once.

    How many rows a cut may release is a rule of dedupe: the same for all its writers.
    """
    rng = world.chance("sizes", seed)
    whole = blocks.seal

    def seal(*args: Any, **kwargs: Any) -> list[bytes]:
        return whole(*args, rows_max=rng.choice([1, 2, 3, 20_000]), **kwargs)

    rows = rng.choice([1, 8, step.RELEASE_ROWS])
    with patch.object(blocks, "seal", seal), patch.object(step, "RELEASE_ROWS", rows):
        yield
