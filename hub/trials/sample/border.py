"""Border crossings: trips of every group, as two crossings each, in order of time.

Rules:

- The crossings of a person alternate; a trip ends before the next one starts.
- What happens after the last day is not in the sample: the stay is open.
- Crossings before the first day are history: they belong to returns and residence.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from hub.trials.sample import habits, papers
from hub.trials.sample.habits import HABITS, SEASONS, Habit
from hub.trials.sample.names import Ints
from hub.trials.sample.population import EPOCH, Population, generator
from hub.trials.sample.weights import Weights, pick_index

COUNTRIES = (
    *("TUR", "RUS", "UZB", "KAZ", "IRN", "AFG", "CHN", "IND", "BLR", "ARE", "KOR"),
    *("DEU", "GBR", "USA", "AZE", "GEO", "UKR", "PAK", "TJK", "KGZ"),
)
CHECKPOINTS = tuple(habits.PLACES)
PURPOSES = (
    *("WORK", "BUSINESS", "STUDY", "FAMILY", "TOURISM", "MEDICAL", "PILGRIMAGE"),
    *("TRANSIT", "OFFICIAL", "CREW", "RETURN", "OTHER"),
)
RIGHTS = ("NONE", "VISA", "TEMP", "PERM", "CITIZEN")
DAY_END = 40_000
"""A day after any sample: where an open stay ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossings:
    """Arrays by crossing, sorted by day and person; codes are indices.

    Attributes:
        step: 0 out, 1 back: the order of two crossings on one day.
    """

    who: Ints = field(repr=False)
    day: Ints = field(repr=False)
    step: Ints = field(repr=False)
    entry: Ints = field(repr=False)
    country: Ints = field(repr=False)
    checkpoint: Ints = field(repr=False)
    purpose: Ints = field(repr=False)
    right: Ints = field(repr=False)
    declared: Ints = field(repr=False)

    def between(self, first: int, last: int) -> Ints:
        """Numbers of the crossings from day `first` to day `last`."""
        low, high = np.searchsorted(self.day, [first, last + 1])
        return np.arange(low, high)


def make(people: Population, seed: int) -> Crossings:
    """Every crossing of every person."""
    parts = []
    for name, habit in HABITS.items():
        rng = generator(seed, "border/" + name)
        group = people.of(name)
        if len(group):
            trips = _trips(people, group, habit, rng)
            parts.append(_crossings(people, habit, rng, trips, name))
    rng = generator(seed, "border/returnee")
    group = people.of("returnee")
    back = rng.integers(people.first_day, people.last_day, len(group))
    out = back - 380 - rng.exponential(220, len(group)).astype(np.int64)
    returning = HABITS["worker_out"]
    parts.append(_crossings(people, returning, rng, (group, out, back), "returnee"))
    joined = {
        name: np.concatenate([part[name] for part in parts])
        for name in Crossings.__dataclass_fields__
    }
    order = np.lexsort((joined["step"], joined["who"], joined["day"]))
    return Crossings(**{name: values[order] for name, values in joined.items()})


def rows(
    people: Population, crossings: Crossings, numbers: Ints, seed: int, part: str
) -> pl.DataFrame:
    """Crossings as rows of the provider schema, with the person in ``_person``."""
    rng = generator(seed, "border/papers/" + part)
    who, days = crossings.who[numbers], crossings.day[numbers]
    checkpoint = pl.Series(CHECKPOINTS).gather(crossings.checkpoint[numbers])
    declared = pl.Series(crossings.declared[numbers].astype(np.int32))
    entry = pl.Series(crossings.entry[numbers] == 1)
    years = (days.astype("datetime64[D]")).astype("datetime64[Y]").astype(str)
    record = pl.Series(years) + "-" + pl.Series(numbers).cast(pl.String).str.zfill(9)
    return pl.DataFrame(
        {
            "record_id": "BC-" + record,
            **papers.show(people, who, days, papers.BORDER, rng),
            "event_date": pl.Series(days.astype(np.int32)).cast(pl.Date),
            "direction": pl.Series(["EXIT", "ENTRY"]).gather(entry.cast(pl.UInt32)),
            "checkpoint": checkpoint,
            "velayat": checkpoint.replace_strict(habits.PLACES),
            "transport": checkpoint.str.split("_").list.first(),
            "purpose": pl.Series(PURPOSES).gather(crossings.purpose[numbers]),
            "declared_stay_days": declared.set(declared < 0, None),
            "prev_or_next_country": pl.Series(COUNTRIES).gather(
                crossings.country[numbers]
            ),
            "residence_right": pl.Series(RIGHTS).gather(crossings.right[numbers]),
            "_person": who,
        }
    )


def _trips(
    people: Population, group: Ints, habit: Habit, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Who travels, when, and when the way back is (``DAY_END``: never)."""
    first, last = people.first_day - habit.lookback, people.last_day
    years = (last - first + 1) / 365
    if habit.trips == 0:
        count = np.ones(len(group), dtype=np.int64)
    elif habit.each:
        count = 1 + rng.poisson(max(habit.trips * years - 1, 0), len(group))
    else:
        count = rng.poisson(habit.trips * years, len(group))
    long = rng.random(len(group)) < habit.overstays
    count = np.where(long, 1, count)
    who = np.repeat(group, count)
    out = _days(rng, len(who), first, last, SEASONS[habit.season])
    order = np.lexsort((out, who))
    who, out = who[order], out[order]
    final = np.append(who[1:] != who[:-1], np.ones(min(1, len(who)), dtype=bool))
    gap = np.where(final, DAY_END, np.append(out[1:], 0) - out)
    if habit.stay == 0:
        return who, out, np.full(len(who), DAY_END)
    stay = np.exp(np.log(habit.stay) + habit.spread * rng.standard_normal(len(who)))
    whole = np.maximum(stay.astype(np.int64), 0)
    stayers = np.isin(who, group[long])
    whole = np.where(stayers, rng.integers(370, 640, len(who)), whole)
    back = out + np.minimum(whole, gap - 1)
    stays = final & (rng.random(len(who)) < habit.stays_on)
    kept = gap > 1
    return who[kept], out[kept], np.where(stays, DAY_END, back)[kept]


def _days(
    rng: np.random.Generator,
    count: int,
    first: int,
    last: int,
    season: tuple[float, ...],
) -> Ints:
    """Days drawn by the weight of their month; weekends are fuller."""
    days = np.arange(first, last + 1)
    dates = EPOCH + days.astype("timedelta64[D]")
    months = dates.astype("datetime64[M]").astype(np.int64) % 12
    weight = np.array(season)[months] * np.where((days + 4) % 7 >= 5, 1.15, 1.0)
    share = np.cumsum(weight) / weight.sum()
    return days[np.minimum(np.searchsorted(share, rng.random(count)), len(days) - 1)]


def _crossings(
    people: Population,
    habit: Habit,
    rng: np.random.Generator,
    trips: tuple[Ints, Ints, Ints],
    group: str,
) -> dict[str, Ints]:
    """Both crossings of each trip, those after the last day left out."""
    who, out, back = trips
    country = _countries(people, habit, rng, who)
    routes = habits.LORRIES if group == "driver" else habits.ROUTES
    purpose = pick_index(rng, habit.purposes, PURPOSES, len(who))
    right = pick_index(rng, habit.rights, RIGHTS, len(who))
    planned = np.where(back == DAY_END, habit.declared, back - out)
    margin = rng.exponential(np.maximum(planned * 0.25, 1)).astype(np.int64)
    declared = np.maximum(planned + margin, habit.declared)
    declared = np.where(rng.random(len(who)) < 0.04, -1, declared)
    first = 1 if habit.first == "ENTRY" else 0
    returning = PURPOSES.index("RETURN")
    home = np.full(len(who), returning) if habit.first == "EXIT" else purpose
    two = {
        "who": (who, who),
        "day": (out, back),
        "step": (np.zeros_like(who), np.ones_like(who)),
        "entry": (np.full(len(who), first), np.full(len(who), 1 - first)),
        "country": (country, country),
        "checkpoint": tuple(_route(rng, country, routes) for _ in range(2)),
        "purpose": (purpose, home),
        "right": (right, right),
        "declared": (declared, np.full(len(who), -1)),
    }
    joined = {name: np.concatenate(pair) for name, pair in two.items()}
    kept = joined["day"] <= people.last_day
    return {name: values[kept] for name, values in joined.items()}


def _countries(
    people: Population, habit: Habit, rng: np.random.Generator, who: Ints
) -> Ints:
    """The country on the other side: one of the habit's, or that of citizenship."""
    if habit.abroad:
        # People go where they went before: the country belongs to the person.
        usual = pick_index(rng, habit.abroad, COUNTRIES, people.size)
        other = pick_index(rng, habit.abroad, COUNTRIES, len(who))
        return np.where(rng.random(len(who)) < 0.75, usual[who], other)
    numbers = {code: index for index, code in enumerate(COUNTRIES)}
    own = pl.Series(people.citizenship[who]).replace_strict(
        numbers, default=numbers["UZB"], return_dtype=pl.Int64
    )
    return own.to_numpy()


def _route(rng: np.random.Generator, country: Ints, routes: dict[str, Weights]) -> Ints:
    """A checkpoint on the way to each country."""
    chosen = np.zeros(len(country), dtype=np.int64)
    for number, code in enumerate(COUNTRIES):
        there = np.flatnonzero(country == number)
        if len(there):
            way = routes.get(code, habits.BY_AIR)
            chosen[there] = pick_index(rng, way, CHECKPOINTS, len(there))
    return chosen
