"""What can go wrong, and the plan of a seed.

Rules:

- A fault at a point strikes the process that comes to stand there for the n-th time.
  How often processes stand at a point is known from a rehearsal of the workload, so
  nearly every planned fault strikes, also at rare points.
- Plans walk over all triples (kind, stage, point) with the seed: a stretch of seeds
  meets every one equally often, however rarely its point is reached.
- A point that is reached only after something else went wrong is prepared for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

from tests.simulation import world
from tests.simulation.draws import chance

AT_A_POINT = ("crash", "lose", "age", "revoke", "freeze", "deaf")
AT_ANY_TIME = (
    "jump",
    "replay",
    "twice",
    "stale",
    "copy",
    "rot",
    "retain",
    "forget",
    "reset",
    "poison",
    "plague",
    "rekey",
)
LOG_FAULTS = ("recreate", "truncate")
"""After these nothing can be right; it has to stop and say so."""

WITH_COPIES = ("age", "rot", "retain")
"""These need checkpoints to be there."""

BROUGHT_BY = {
    "before take": "copy",
    "after take": "copy",
    "before prune": "copy",
    "after prune": "copy",
    "before hint": "tell",
    "after hint": "tell",
    "ask starts": "jump",
    "ask ends": "jump",
    "sleep": "jump",
    "turn": "revoke",
}
"""Points where processes seldom stand, and what brings them there."""

BRINGS = 4
"""How often it is brought about, before and after the fault itself."""

TIMED = 4
"""One fault in so many strikes at any time instead of at a point."""

DAMAGED = 17
"""In one seed of so many a log is made again, or cut."""

STRIDE = 7919  # a prime: neighbouring seeds take triples far apart

Visits = Mapping[tuple[str, str], int]
"""How often processes of a stage stand at a point."""


class Fault(NamedTuple):
    """Something that goes wrong once.

    Attributes:
        nth: The n-th time a process of `stage` stands at `point`; without a point, the
            tick from which on it strikes.

    crash: kill -9. lose: and the disk is gone. age: and an old copy comes back.
    revoke: the group takes everything away. freeze: the process stops, loses its
    partitions, and goes on later. deaf: it loses them and does not hear of it for long.
    slow: no acknowledgement comes in time. jump, replay: the fetcher skips or repeats.
    twice: a message is appended twice. stale: one of an older assignment is handed
    over. copy: checkpoints are taken. rot: the newest checkpoint is damaged. retain:
    logs lose what the oldest checkpoint has. tell: hints are given (no fault either).
    forget, reset: the group's offset is gone, or somebody set it to the end of the log.
    poison: a message kills its worker once or twice. plague: and again, until it is
    named and somebody mends it. rekey: an arrow gets a new key, readers first.

    recreate: a topic is deleted and made again. truncate: a log loses its tail.
    """

    kind: str
    stage: str
    point: str = ""
    nth: int = 1


def faults(seed: int, count: int, calm: Visits, visits: Visits) -> tuple[Fault, ...]:
    """The plan of a seed: `count` faults, and what prepares for them.

    Args:
        seed: Whose plan.
        count: How many faults.
        calm: Visits of a run in which nothing goes wrong.
        visits: Visits of a rehearsal in which partitions change hands.
    """
    rng = chance("faults", seed)
    points = sorted(visits)
    slow = [one for one in points if one[1].endswith(" ack")]
    triples = [(kind, *one) for kind in AT_A_POINT for one in points]
    triples += [("slow", *one) for one in slow]
    ticks = sum(visits.values())
    plan: list[Fault] = []
    for number in range(count):
        place = (seed * count + number) * STRIDE
        if place % TIMED == 0:
            kind = AT_ANY_TIME[place // TIMED % len(AT_ANY_TIME)]
            fault = Fault(kind, rng.choice(world.STAGES), "", rng.randrange(ticks))
        else:
            *before, fault = struck(triples[place % len(triples)], rng, calm)
            plan += before
        if fault.kind in WITH_COPIES:
            times = sorted(rng.randrange(ticks // 2) for _ in range(2))
            plan += [Fault("copy", fault.stage, "", at) for at in times]
        plan.append(fault)
    if seed % DAMAGED == 0:
        kind, stage = rng.choice(LOG_FAULTS), rng.choice(world.STAGES)
        plan.append(Fault(kind, stage, "", rng.randrange(ticks)))
    return tuple(plan)


def struck(triple: tuple[str, str, str], rng: Random, calm: Visits) -> list[Fault]:
    """A fault at a point; before it what makes processes come there."""
    kind, stage, point = triple
    if (stage, point) in calm:
        return [Fault(kind, stage, point, rng.randint(1, calm[stage, point]))]
    fault = Fault(kind, stage, point, 1)
    return [Fault("revoke", stage, "idle", rng.randint(1, 4)), fault]


def brought(place: tuple[str, str], rng: Random, calm: Visits) -> tuple[Fault, ...]:
    """One kill -9 at a point, and what makes processes come there if they seldom do."""
    stage, point = place
    before = struck(("crash", stage, point), rng, calm)
    if point not in BROUGHT_BY:
        return tuple(before)
    ticks = sum(calm.values()) // 2
    kind = BROUGHT_BY[point]
    at = [rng.randrange(ticks) for _ in range(BRINGS)]
    # The kill is at the first visit there is, whatever an undisturbed run has.
    kill = before[-1]._replace(nth=1)
    if kind in AT_A_POINT:
        return (*(Fault(kind, stage, "idle", 1 + one % 9) for one in at), kill)
    return (*(Fault(kind, stage, "", one) for one in at), kill)


def rehearsal() -> tuple[Fault, ...]:
    """A plan under which processes stand at every point there is."""
    return tuple(
        Fault(kind, stage, "idle", nth)
        for stage in world.STAGES
        for kind, nth in (("revoke", 2), ("crash", 3), ("deaf", 4))
    ) + tuple(
        Fault(kind, stage, "", 200)
        for stage in world.STAGES
        for kind in ("copy", "jump", "tell")
    )


def listed(plan: Sequence[Fault]) -> str:
    """A plan as lines to be copied into a test."""
    return "\n".join(f"    {fault!r}," for fault in plan)
