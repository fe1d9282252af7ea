"""Students who come and go, enrolled over several years, some graduated meanwhile."""

from __future__ import annotations

import numpy as np
import polars as pl

from hub.trials.sample.habits import HABITS
from hub.trials.sample.names import Ints
from hub.trials.sample.papers import STUDENTS
from hub.trials.sample.population import Population, day, generator
from hub.trials.sample.rows import (
    NEVER,
    Texts,
    dates,
    numbered,
    optional,
    with_papers,
    year_of,
)
from hub.trials.sample.weights import pick

_LEVELS = "ISCED11_4 .08 ISCED11_5 .14 ISCED11_6 .62 ISCED11_7 .14 ISCED11_8 .02"
_FIELDS_WOMEN = (
    "ISCEDF_01 .2 ISCEDF_02 .14 ISCEDF_03 .08 ISCEDF_04 .16 ISCEDF_05 .05 "
    "ISCEDF_06 .06 ISCEDF_07 .07 ISCEDF_09 .22 ISCEDF_10 .02"
)
_FIELDS_MEN = (
    "ISCEDF_01 .06 ISCEDF_02 .06 ISCEDF_03 .08 ISCEDF_04 .16 ISCEDF_05 .05 "
    "ISCEDF_06 .16 ISCEDF_07 .28 ISCEDF_08 .04 ISCEDF_09 .08 ISCEDF_10 .03"
)


def rows(people: Population, seed: int) -> pl.DataFrame:
    """One row a student and course."""
    frames = [
        _rows(people, people.of("student_out"), "OUT", seed),
        _rows(people, people.of("student_in"), "IN", seed),
    ]
    total = sum(frame.height for frame in frames)
    return pl.concat(frames).with_columns(
        record_id=numbered(f"SM-{people.first_day}", total)
    )


def _rows(people: Population, who: Ints, direction: str, seed: int) -> pl.DataFrame:
    rng = generator(seed, "students/" + direction)
    count = len(who)
    first_year, last_year = year_of(np.array([people.first_day, people.last_day]))
    begun = rng.integers(first_year - 3, last_year + 1, count)
    years = np.arange(first_year - 3, last_year + 6)
    september = np.array([day(int(year), 9) for year in years])
    june = np.array([day(int(year), 6) for year in years])
    start = september[begun - years[0]] + rng.integers(-10, 25, count)
    over = begun + rng.integers(2, 6, count)
    ended = june[over - years[0]] + rng.integers(0, 45, count)
    status = pick(rng, "GRADUATED .85 LEFT .15", count)
    status = np.where(ended > people.last_day - 20, "ENROLLED", status)
    woman = people.woman[who]
    fields = {
        "record_id": numbered(direction, count),
        "direction": pl.Series([direction]).new_from_index(0, count),
        "level": pl.Series(pick(rng, _LEVELS, count)),
        "field": pl.Series(
            np.where(
                woman, pick(rng, _FIELDS_WOMEN, count), pick(rng, _FIELDS_MEN, count)
            )
        ),
        "host_country": pl.Series(_host(direction, count, rng)),
        "velayat": optional(people.velayat[who]),
        "start": dates(start),
        "end": dates(np.where(status == "ENROLLED", NEVER, ended)),
        "status": pl.Series(status),
        "funding": pl.Series(pick(rng, "STATE .4 SCHOLARSHIP .2 SELF .4", count)),
    }
    known = np.where(status == "ENROLLED", start, ended) + 20
    sent = np.clip(known, people.first_day, people.last_day - 20)
    return with_papers(people, who, sent, office=STUDENTS, rng=rng, fields=fields)


def _host(direction: str, count: int, rng: np.random.Generator) -> Texts:
    if direction == "IN":
        return np.full(count, "TKM")
    return pick(rng, HABITS["student_out"].abroad, count)
