"""Rows that are figures already: population, flights, activities, policy answers."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl

from hub.core.catalogue.model import Codelist
from hub.trials.sample import border
from hub.trials.sample.population import (
    VELAYAT_WEIGHTS,
    VELAYATS,
    Population,
    day,
    generator,
)
from hub.trials.sample.rows import dates, months, numbered, year_of
from hub.trials.sample.weights import pick, pick_by, weights

AGES = weights("Y0T4 .105 Y5T9 .105 Y10T14 .09 Y15T24 .15 Y25T64 .49 Y_GE65 .06")
WIDE = {"Y0T14": ("Y0T4", "Y5T9", "Y10T14")}
POPULATION = 7_060_000
_SHARES = weights("LABOUR_FORCE .38 EMPLOYED .35")
_PORTS = {
    "TUR": "IST .85 ESB .15",
    "RUS": "DME .6 KZN .22 LED .18",
    "ARE": "DXB .78 AUH .22",
    "DEU": "FRA 1",
    "GBR": "LGW 1",
    "IND": "DEL 1",
    "CHN": "PEK .6 URC .4",
    "KAZ": "ALA 1",
    "UZB": "TAS 1",
    "IRN": "IKA 1",
}
_BY_AIR = np.array([one.startswith("AIR") for one in border.CHECKPOINTS])
QUESTIONS = 94
"""Questions of the sample round; how many there are is data, not a rule."""
LOCAL_QUESTIONS = 30
LINKAGE = {
    "F": {"LINK_TRUE": 48_210, "LINK_MADE": 47_850, "LINK_RIGHT": 47_830},
    "M": {"LINK_TRUE": 51_790, "LINK_MADE": 51_560, "LINK_RIGHT": 51_545},
}
"""The yearly test of linkage by sex, in pairs of records."""


def denominators(
    people: Population, stock: pl.DataFrame, countries: Codelist
) -> pl.DataFrame:
    """Reference figures of each year, and the control total of the opening stock.

    Args:
        people: The population, for the years.
        stock: The opening permits, of which OPENING_STOCK is the control total.
        countries: With the grouping of citizenships.
    """
    first = int(year_of(np.array([people.first_day]))[0])
    last = int(year_of(np.array([people.last_day]))[0])
    rows: list[tuple[object, ...]] = []
    for year in range(first, last + 1):
        growth = 1.014 ** (year - 2025)
        middle, end = day(year, 7), day(year, 12, 31)
        for (area, weight), sex in itertools.product(
            zip(VELAYATS, VELAYAT_WEIGHTS, strict=True), ("F", "M")
        ):
            half = POPULATION * growth * weight * (0.503 if sex == "F" else 0.497)
            shares = {age: share * half for age, share in AGES.items()}
            shares |= {
                wide: sum(shares[a] for a in parts) for wide, parts in WIDE.items()
            }
            shares["_T"] = half
            rows += [
                ("POP_MIDYEAR", middle, area, sex, age, None, int(value))
                for age, value in shares.items()
            ]
            gap = 0.78 if sex == "F" else 1.22
            rows += [
                (kind, middle, area, sex, "_T", None, int(half * share * gap))
                for kind, share in _SHARES.items()
            ]
        rows.append(("GDP_USD", end, "TM", "_T", "_T", None, int(64e9 * growth)))
        rows.append(("REFUGEES_OF_ORIGIN", end, "TM", "_T", "_T", None, 560))
        rows += [
            (kind, end, "TM", sex, "_T", None, pairs)
            for sex, test in LINKAGE.items()
            for kind, pairs in test.items()
        ]
    rows += _opening(people, stock, countries)
    frame = pl.DataFrame(
        rows,
        schema={
            "kind": pl.String,
            "ref": pl.Int64,
            "area": pl.String,
            "sex": pl.String,
            "age": pl.String,
            "group": pl.String,
            "value": pl.Int64,
        },
        orient="row",
    )
    money = frame["kind"] == "GDP_USD"
    return frame.select(
        "kind",
        dates(frame["ref"].to_numpy()).alias("ref_date"),
        *("area", "sex", "age", "group", "value"),
        pl.concat_str(pl.lit("Sample figures "), pl.col("group").fill_null("")).alias(
            "source"
        ),
        dates(frame["ref"].to_numpy() + 60).alias("published_on"),
        record_id=numbered(f"DN-{people.first_day}", frame.height),
        _person=pl.lit(-1),
        _day=pl.col("ref").clip(people.first_day) + 60,
        _member=pl.Series(np.where(money, "mef", "stat")),
    )


def _opening(
    people: Population, stock: pl.DataFrame, countries: Codelist
) -> list[tuple[object, ...]]:
    """Valid permits on the first day, by citizenship and sex."""
    groups = countries.groups["CL_COUNTRY_G"]
    counted = (
        stock.with_columns(
            pl.col("citizenship").replace_strict(groups, default="OTH").alias("g"),
            pl.when(pl.col("sex").is_in(["F", "M"]))
            .then("sex")
            .otherwise(pl.lit("_OUN"))
            .alias("s"),
        )
        .group_by("g", "s")
        .len()
        .sort("g", "s")
    )
    return [
        ("OPENING_STOCK", people.first_day, "TM", sex, "_T", group, count)
        for group, sex, count in counted.rows()
    ]


def flights(people: Population, seed: int) -> pl.DataFrame:
    """Passengers announced in advance, by flight: counts, no names.

    They are those who cross by air, but for some who were not announced.
    """
    rng = generator(seed, "figures/flights")
    crossings = border.make(people, seed)
    known = crossings.between(people.first_day, people.last_day)
    known = known[_BY_AIR[crossings.checkpoint[known]]]
    known = known[rng.random(len(known)) < 0.96]
    country = np.array(border.COUNTRIES)[crossings.country[known]]
    sex = people.sex[crossings.who[known]]
    lists = (
        pl.DataFrame(
            {
                "day": crossings.day[known],
                "direction": np.where(crossings.entry[known] == 1, "ENTRY", "EXIT"),
                "port": pick_by(rng, country, _PORTS, "OTH 1"),
                "f": sex == "F",
                "m": sex == "M",
            }
        )
        .group_by("day", "direction", "port")
        .agg(pl.col("f", "m").sum(), pl.len())
        .sort("day", "direction", "port")
    )
    count = lists.height
    carriers = lists["port"].replace_strict(
        {"IST": "TK", "DXB": "FZ", "FRA": "LH", "KZN": "S7"}, default="T5"
    )
    return pl.DataFrame(
        {
            "record_id": numbered(f"PF-{people.first_day}", count),
            "flight_date": dates(lists["day"].to_numpy()),
            "direction": lists["direction"],
            "port_abroad": lists["port"],
            "carrier": carriers,
            "pax_f": lists["f"].cast(pl.Int32),
            "pax_m": lists["m"].cast(pl.Int32),
            "pax_oun": (lists["len"] - lists["f"] - lists["m"]).cast(pl.Int32),
            "pax_total": lists["len"].cast(pl.Int32),
            "crew": _int(rng.integers(5, 10, count)),
            "list_ok": pl.Series(rng.random(count) < 0.985),
            "_person": pl.Series(np.full(count, -1)),
            "_day": lists["day"],
        }
    )


def activities(people: Population, seed: int) -> pl.DataFrame:
    """Trainings, hotline calls, campaigns and measures of the action plan."""
    rng = generator(seed, "figures/activities")
    grid = list(
        itertools.product(
            months(people.first_day, people.last_day),
            ("moi", "molsp", "cso-keik"),
            ("TRAINING", "HOTLINE", "CAMPAIGN", "MEASURE"),
            range(5),
        )
    )
    count = len(grid)
    kind = np.array([one[2] for one in grid])
    measure = kind == "MEASURE"
    size = rng.gamma(2.0, 14.0, count)
    size = np.where(kind == "CAMPAIGN", size * 12, size)
    women = rng.uniform(0.35, 0.7, count)
    code = pl.Series([f"NAP-{1 + place % 40:02d}" for place in range(count)])
    status = pl.Series(pick(rng, "PLANNED .2 RUNNING .4 DONE .34 LATE .06", count))
    return pl.DataFrame(
        {
            "record_id": numbered(f"NA-{people.first_day}", count),
            "kind": pl.Series(kind),
            "period_month": pl.Series([one[0][0] for one in grid]),
            "pillar": pl.Series(
                pick(rng, "PREVENT .4 PROTECT .3 PROSECUTE .15 PARTNER .15", count)
            ),
            "org_type": pl.Series(
                pick(
                    rng,
                    "MINISTRY .2 LOCAL .2 POLICE .18 COURT .06 EDUCATION .16 "
                    "HEALTH .1 ASSOCIATION .1",
                    count,
                )
            ),
            "topic": pl.Series(
                pick(
                    rng,
                    "WORK_ABROAD .3 DOCUMENTS .2 TRAFFICKING .18 RETURN .12 RIGHTS .1 "
                    "FAMILY .06 IDENTIFICATION .04",
                    count,
                )
            ),
            "velayat": pl.Series(rng.choice(VELAYATS, count, p=VELAYAT_WEIGHTS)),
            "people_f": _int(np.where(measure, 0, size * women)),
            "people_m": _int(np.where(measure, 0, size * (1 - women))),
            "people_oun": _int(np.where(measure, 0, rng.random(count) < 0.05)),
            "measure_code": code.set(pl.Series(~measure), None),
            "measure_status": status.set(pl.Series(~measure), None),
            "_person": pl.Series(np.full(count, -1)),
            "_day": pl.Series([one[0][1] + 35 for one in grid]),
            "_member": pl.Series([one[1] for one in grid]),
        }
    )


def answers(people: Population, seed: int) -> pl.DataFrame:
    """One round of policy answers a year, of the country and of its velayats."""
    rng = generator(seed, "figures/answers")
    first = int(year_of(np.array([people.first_day]))[0])
    last = int(year_of(np.array([people.last_day]))[0])
    asked = [("TM", QUESTIONS), *((area, LOCAL_QUESTIONS) for area in VELAYATS)]
    grid = [
        (year, area, number, many)
        for area, many in asked
        for number in range(many)
        for year in range(first, last + 1)
    ]
    count, years = len(grid), last - first + 1
    domain = np.array([1 + number * 6 // many for _, _, number, many in grid])
    answered = np.array([day(year, 11) for year, *_ in grid])
    # What is there stays there: an answer of one round is where the next one begins.
    base = rng.choice(3, count // years, p=[0.25, 0.35, 0.4])
    steps = rng.random((count // years, years)) < 0.12
    steps[:, 0] = False
    level = np.minimum(base[:, None] + steps.cumsum(axis=1), 2).ravel()
    code = ["L" if area != "TM" else "Q" for _, area, *_ in grid]
    return pl.DataFrame(
        {
            "record_id": numbered(f"PA-{people.first_day}", count),
            "round": pl.Series([str(year) for year, *_ in grid]),
            "domain": "PD_" + pl.Series(domain).cast(pl.String),
            "question_code": pl.Series(
                [f"{c}{one[2] + 1:03d}" for c, one in zip(code, grid, strict=True)]
            ),
            "answer": pl.Series(np.array(["ABSENT", "PARTIAL", "COMPLETE"])[level]),
            "gcm_objective": _int(rng.integers(1, 24, count)),
            "answered_on": dates(answered + rng.integers(0, 28, count)),
            "answered_by": pl.Series(
                pick(
                    rng, "sms .3 molsp .2 mfa .12 moe .08 moh .1 moi .1 stat .1", count
                )
            ),
            "area": pl.Series([area for _, area, *_ in grid]),
            "_person": pl.Series(np.full(count, -1)),
            "_day": pl.Series(answered + 30),
            "_member": pl.Series(["isld"]).new_from_index(0, count),
        }
    )


def _int(values: np.ndarray) -> pl.Series:
    return pl.Series(values.astype(np.int32))
