"""What each rule of delivery is for: without it, the simulator finds a fault.

Rules:

- The fault that a rule is there for is named; the schedule around it is drawn by seed.
  With all rules in force the same seeds and faults pass.
- A removal counts as found if one of :data:`SEEDS_MAX` schedules fails.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.simulation import removed, trial
from tests.simulation.faults import Fault
from tests.simulation.trial import Verdict

SEEDS_MAX = 16
WORKLOADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A rule, or a part of one, taken away.

    Attributes:
        rule: Its number in the rules of delivery.
        without: Takes it away.
        plan: The faults it is there for.
    """

    rule: int
    without: Callable[[], removed.Without]
    plan: tuple[Fault, ...] = ()

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.without, "__name__", "")

    @property
    def told(self) -> str:
        """What is otherwise."""
        return (self.without.__doc__ or "").strip().partition(": ")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of a removal.

    Attributes:
        tried: Schedules until one failed.
        faults: Faults of the shortest failing schedule.
        passes: Whether that schedule passes with the rule in force.
        problem: What the checks said; "" if nothing.
    """

    removal: Removal
    seed: int
    tried: int
    faults: int
    passes: bool
    problem: str


def every(kind: str, stage: str, point: str = "", times: int = 4) -> tuple[Fault, ...]:
    """The same fault again and again."""
    first = 2 if point else 150
    apart = 3 if point else 200
    return tuple(
        Fault(kind, stage, point, first + apart * number) for number in range(times)
    )


REMOVALS = (
    Removal(
        rule=1, without=removed.batch, plan=every("crash", "dedupe", "before write")
    ),
    Removal(rule=2, without=removed.acks, plan=every("crash", "intake", "idle")),
    Removal(
        rule=2, without=removed.order, plan=every("crash", "dedupe", "before send")
    ),
    Removal(rule=3, without=removed.guarded, plan=every("jump", "dedupe")),
    Removal(
        rule=4,
        without=removed.fence,
        plan=(
            *every("revoke", "dedupe", "before write", 6),
            *every("revoke", "aggregate", "before write", 6),
        ),
    ),
    Removal(
        rule=5, without=removed.covering, plan=every("crash", "dedupe", "before write")
    ),
    Removal(rule=5, without=removed.rows),
    Removal(
        rule=5,
        without=removed.seen,
        plan=(
            *every("crash", "intake", "before write"),
            *every("crash", "dedupe", "before write"),
        ),
    ),
    Removal(rule=6, without=removed.silence),
    Removal(rule=6, without=removed.gaps, plan=every("crash", "dedupe", "idle")),
    Removal(
        rule=7, without=removed.identity, plan=(Fault("recreate", "dedupe", "", 300),)
    ),
    Removal(rule=8, without=removed.alignment),
    Removal(rule=9, without=removed.sets),
    Removal(rule=10, without=removed.clock),
    Removal(
        rule=11,
        without=removed.checkpoints,
        plan=(
            Fault("retain", "dedupe", "", 500),
            Fault("lose", "dedupe", "after write", 8),
        ),
    ),
    Removal(rule=12, without=removed.limping, plan=every("poison", "aggregate")),
    Removal(rule=12, without=removed.looping, plan=every("plague", "dedupe")),
    Removal(rule=13, without=removed.conservation),
    Removal(rule=13, without=removed.others),
    Removal(rule=13, without=removed.sums),
)


def find(removal: Removal, seeds: Sequence[int] = range(SEEDS_MAX)) -> Found:
    """The first seed that fails without a rule; at its shortest."""
    for number, at in enumerate(seeds):
        seed = at % WORKLOADS * trial.SHARED + at
        tried = trial.attempt(trial.plainly(seed, removal.plan), removal.without)
        if tried.problems:
            return _found(removal, number + 1, tried)
    return Found(
        removal=removal, seed=0, tried=len(seeds), faults=0, passes=True, problem=""
    )


def _found(removal: Removal, tried: int, first: Verdict) -> Found:
    again = trial.attempt(first.trial)
    return Found(
        removal=removal,
        seed=first.trial.seed,
        tried=tried,
        faults=len(first.trial.plan),
        passes=not again.problems,
        problem=first.problems[0],
    )


def table() -> list[Found]:
    """Every removal in turn."""
    logging.disable(logging.CRITICAL)
    try:
        return [find(removal) for removal in REMOVALS]
    finally:
        logging.disable(logging.NOTSET)


def told(found: Sequence[Found]) -> str:
    """The table, for people."""
    lines = ["rule  removed                                              seed  found"]
    for one in found:
        problem = one.problem.replace("\n", " ")[:100] or "NOT FOUND"
        note = "" if one.passes else "  (fails with the rule in force as well!)"
        lines.append(
            f"{one.removal.rule:4}  {one.removal.told[:50]:50}  {one.seed:5}"
            f"  after {one.tried}: {problem}{note}"
        )
    return "\n".join(lines)
