"""Labour permits, contracts abroad and injuries, with wages and recruitment costs."""

from __future__ import annotations

import numpy as np
import polars as pl

from hub.trials.sample.habits import HABITS
from hub.trials.sample.names import Ints
from hub.trials.sample.papers import LABOUR
from hub.trials.sample.population import Population, generator
from hub.trials.sample.rows import NEVER, Texts, dates, numbered, optional, with_papers
from hub.trials.sample.weights import pick, weights

_GAP = 0.83
"""What a woman earns of a man's wage in the same occupation."""
_JOBS_MEN = (
    "ISCO08_1 .03 ISCO08_2 .12 ISCO08_3 .1 ISCO08_4 .02 ISCO08_5 .1 ISCO08_6 .03 "
    "ISCO08_7 .3 ISCO08_8 .15 ISCO08_9 .14 _U .01"
)
_JOBS_WOMEN = (
    "ISCO08_1 .02 ISCO08_2 .16 ISCO08_3 .12 ISCO08_4 .08 ISCO08_5 .34 ISCO08_6 .02 "
    "ISCO08_7 .07 ISCO08_8 .03 ISCO08_9 .15 _U .01"
)
_BRANCHES_MEN = (
    "ISIC4_A .03 ISIC4_B .16 ISIC4_C .14 ISIC4_F .36 ISIC4_G .06 ISIC4_H .1 "
    "ISIC4_I .04 ISIC4_J .02 ISIC4_M .03 ISIC4_P .02 ISIC4_Q .02 _U .02"
)
_BRANCHES_WOMEN = (
    "ISIC4_A .04 ISIC4_C .16 ISIC4_F .05 ISIC4_G .12 ISIC4_I .16 ISIC4_M .04 "
    "ISIC4_P .1 ISIC4_Q .12 ISIC4_T .19 _U .02"
)
_SCHOOLS = "ISCED11_2 .08 ISCED11_3 .4 ISCED11_4 .1 ISCED11_5 .14 ISCED11_6 .2 _U .08"
_WAGES = weights(
    "ISCO08_1 1600 ISCO08_2 1250 ISCO08_3 950 ISCO08_4 700 ISCO08_5 560 "
    "ISCO08_6 480 ISCO08_7 680 ISCO08_8 650 ISCO08_9 430 _U 600"
)
"""Usual monthly wage in US dollars."""


def rows(people: Population, seed: int) -> pl.DataFrame:
    """Contracts, permits (also those that began before the year) and injuries."""
    out, inside = people.of("worker_out"), people.of("worker_in")
    rng = generator(seed, "labour")
    contracts = out[rng.random(len(out)) < 0.78]
    again = inside[rng.random(len(inside)) < 0.35]
    hurt = inside[rng.random(len(inside)) < 0.12]
    first = people.first_day
    frames = [
        _rows(people, contracts, "CONTRACT_OUT", first - 60, seed),
        _rows(people, inside, "PERMIT_IN", first - 300, seed),
        _rows(people, again, "PERMIT_IN", first + 66, seed),
        _rows(people, hurt, "INJURY", first, seed),
    ]
    return pl.concat(frames).with_columns(
        record_id=numbered(f"LM-{first}", _sum(frames))
    )


def _sum(frames: list[pl.DataFrame]) -> int:
    return sum(frame.height for frame in frames)


def _rows(
    people: Population, who: Ints, kind: str, earliest: int, seed: int
) -> pl.DataFrame:
    """Rows of one kind, decided from day `earliest` to the end of the year."""
    rng = generator(seed, f"labour/{kind}/{earliest}")
    count = len(who)
    decided = rng.integers(earliest, people.last_day + 1, count)
    start = np.where(kind == "INJURY", decided, decided + rng.integers(0, 21, count))
    length = rng.choice([180, 365, 365, 365, 730], count)
    end = np.full(count, NEVER) if kind == "INJURY" else start + length
    woman = people.woman[who]
    job = np.where(woman, pick(rng, _JOBS_WOMEN, count), pick(rng, _JOBS_MEN, count))
    branch = np.where(
        woman, pick(rng, _BRANCHES_WOMEN, count), pick(rng, _BRANCHES_MEN, count)
    )
    wage, cost = _money(job, woman, rng)
    abroad = kind == "CONTRACT_OUT"
    country = pick(rng, HABITS["worker_out"].abroad, count) if abroad else _empty(count)
    injured = pick(rng, "FATAL .05 NONFATAL .95", count)
    fields = {
        "record_id": numbered(kind, count),
        "event_kind": pl.Series([kind]).new_from_index(0, count),
        "decided_on": dates(decided),
        "valid_from": dates(start),
        "valid_to": dates(end),
        "dest_country": optional(country),
        "velayat": optional(_empty(count) if abroad else people.velayat[who]),
        "activity": pl.Series(branch),
        "occupation": pl.Series(job),
        "education": pl.Series(pick(rng, _SCHOOLS, count)),
        "wage_month": wage,
        "recruitment_cost": cost,
        "currency": pl.Series(pick(rng, "USD .86 TMT .06 RUB .05 TRY .03", count)),
        "social_insured": pl.Series(rng.random(count) < 0.7),
        "injury_severity": optional(injured if kind == "INJURY" else _empty(count)),
    }
    return with_papers(
        people,
        who,
        np.maximum(decided, people.first_day),
        office=LABOUR,
        rng=rng,
        fields=fields,
    )


def _money(
    job: Texts, woman: np.ndarray, rng: np.random.Generator
) -> tuple[pl.Series, pl.Series]:
    """Monthly wage and recruitment cost in minor units; some are not known."""
    count = len(job)
    usual = pl.Series(job).replace_strict(_WAGES, return_dtype=pl.Float64).to_numpy()
    wage = (
        usual * np.where(woman, _GAP, 1.0) * np.exp(0.25 * rng.standard_normal(count))
    )
    months = np.exp(0.35 + 0.6 * rng.standard_normal(count))
    cents = pl.Series((wage * 100).astype(np.int64))
    cost = pl.Series((wage * months * 100).astype(np.int64))
    return (
        cents.set(pl.Series(rng.random(count) < 0.06), None),
        cost.set(pl.Series(rng.random(count) < 0.3), None),
    )


def _empty(count: int) -> Texts:
    return np.full(count, "")
