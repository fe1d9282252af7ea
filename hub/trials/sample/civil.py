"""Civil status: births, deaths and citizenship, as the registry writes them.

Rules:

- Who acquires citizenship appears with the new one; the former stands beside it.
- Births are registered late now and then: the thirty days are an indicator.
- The dead appear in no later flow by design of their groups, not by looking ahead.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from hub.trials.sample.names import Ints
from hub.trials.sample.papers import REGISTRY
from hub.trials.sample.population import Population, generator
from hub.trials.sample.rows import Texts, dates, numbered, optional, with_papers
from hub.trials.sample.weights import pick


def rows(people: Population, seed: int) -> pl.DataFrame:
    """One row an event."""
    rng = generator(seed, "civil")
    home, settled = people.of("home"), people.of("resident_in")
    stateless = people.of("stateless")
    newborn = home[people.born[home] >= people.first_day]
    old = np.concatenate([home, settled, people.of("neighbour")])
    old = old[people.age(old, people.first_day) >= 60]
    some = rng.permutation(settled[people.born[settled] < people.first_day - 400])
    citizens = np.concatenate([some[: len(some) // 8], stateless[::3]])
    leaving = people.of("emigrant")
    leaving = leaving[rng.random(len(leaving)) < 0.1]
    events = (
        (newborn, "BIRTH"),
        (old[rng.random(len(old)) < 0.06], "DEATH"),
        (citizens, "ACQUIRE_CIT"),
        (leaving, "LOSE_CIT"),
        (stateless[1::3], "STATELESS_DETERMINED"),
    )
    frames = [_rows(people, who, kind, seed) for who, kind in events]
    total = sum(frame.height for frame in frames)
    return pl.concat(frames).with_columns(
        record_id=numbered(f"CS-{people.first_day}", total)
    )


def _rows(people: Population, who: Ints, kind: str, seed: int) -> pl.DataFrame:
    rng = generator(seed, "civil/" + kind)
    count = len(who)
    birth = kind == "BIRTH"
    happened = (
        people.born[who]
        if birth
        else rng.integers(people.first_day, people.last_day - 20, count)
    )
    late = rng.random(count) < 0.12
    lag = np.where(late, rng.integers(31, 140, count), rng.integers(0, 29, count))
    registered = np.minimum(happened + lag, np.maximum(people.last_day, happened))
    before = people.citizenship[who]
    parents = pick(
        rng, "BOTH_NATIONAL .62 ONE_FOREIGN .18 BOTH_FOREIGN .16 STATELESS .04", count
    )
    fields = {
        "record_id": numbered(kind, count),
        "event_kind": pl.Series([kind]).new_from_index(0, count),
        "event_date": dates(happened),
        "registered_on": dates(registered),
        "prev_citizenship": optional(_former(kind, before)),
        "parent_status": optional(parents if birth else np.full(count, "")),
        "velayat": pl.Series(people.velayat[who]),
    }
    frame = with_papers(
        people, who, registered, office=REGISTRY, rng=rng, fields=fields
    )
    now = _now(kind, before)
    return frame.with_columns(citizenship=pl.Series(now))


def _former(kind: str, before: Texts) -> Texts:
    if kind == "ACQUIRE_CIT":
        return before
    if kind == "LOSE_CIT":
        return np.full(len(before), "TKM")
    return np.full(len(before), "")


def _now(kind: str, before: Texts) -> Texts:
    if kind == "ACQUIRE_CIT":
        return np.full(len(before), "TKM")
    if kind == "LOSE_CIT":
        return np.full(len(before), "RUS")
    return before
