"""Remittances as institutions report them: totals a month, and price quotes.

Amounts are in US cents. The two largest transfers are part of the total.
"""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl

from hub.trials.sample.population import Population, generator
from hub.trials.sample.rows import months, numbered
from hub.trials.sample.weights import weights

INSTITUTIONS = {
    "TDDB": "BANK",
    "SENAGAT": "BANK",
    "RYSGAL": "BANK",
    "DAYHAN": "BANK",
    "WU": "OPERATOR",
    "KORONA": "OPERATOR",
    "TPOCTA": "POST",
    "ALTYN": "DIGITAL",
}
CORRIDORS = weights(
    "TUR 1 RUS .55 KAZ .12 UZB .1 ARE .08 IRN .05 CHN .04 DEU .03 USA .03 KOR .03"
)
_SEXES = weights("F .4 M .55 _OUN .05")


def rows(people: Population, seed: int) -> pl.DataFrame:
    """Volumes a month, institution, corridor, direction and sex; prices a quarter."""
    frame = pl.concat([_volumes(people, seed), _prices(people, seed)], how="diagonal")
    return frame.with_columns(
        record_id=numbered(f"RM-{people.first_day}", frame.height), _person=pl.lit(-1)
    )


def _grid(people: Population, *others: tuple[str, ...]) -> list[tuple[object, ...]]:
    return list(itertools.product(months(people.first_day, people.last_day), *others))


def _volumes(people: Population, seed: int) -> pl.DataFrame:
    rng = generator(seed, "money/volumes")
    grid = _grid(
        people,
        tuple(INSTITUTIONS),
        tuple(CORRIDORS),
        ("RECEIVED", "SENT"),
        tuple(_SEXES),
    )
    table = pl.DataFrame(
        [(*month, *rest) for month, *rest in grid],  # type: ignore[misc] # a month is a pair
        schema=[
            "period_month",
            "_day",
            "institution_code",
            "corridor_country",
            "direction",
            "person_sex",
        ],
        orient="row",
    )
    usual = (
        table["corridor_country"].replace_strict(CORRIDORS, return_dtype=pl.Float64)
        * table["person_sex"].replace_strict(_SEXES, return_dtype=pl.Float64)
        * (table["direction"] == "RECEIVED").replace_strict({True: 90.0, False: 14.0})
    ).to_numpy()
    month = table["period_month"].str.slice(5, 2).cast(pl.Int32).to_numpy()
    season = 1 + 0.25 * np.sin((month - 4) * np.pi / 6)
    # Institutions have their weights, and small corridors are empty in some months.
    code = table["institution_code"].replace_strict(
        {name: weight for weight, name in enumerate(INSTITUTIONS, 1)}
    )
    transfers = rng.poisson(usual * season * (1.5 / np.sqrt(code.to_numpy())))
    mean = rng.lognormal(5.4, 0.35, table.height)
    largest = mean * (2 + rng.gamma(2.0, 1.2, table.height))
    second = largest * rng.uniform(0.5, 1.0, table.height)
    rest = np.maximum(transfers - 2, 0) * mean
    amount = largest + np.where(transfers > 1, second, 0) + rest
    persons = np.maximum((transfers * rng.uniform(0.55, 0.95, table.height)), 1)
    known = rng.random(table.height) < 0.97
    frame = table.with_columns(
        kind=pl.lit("VOLUME"),
        channel=pl.col("institution_code").replace_strict(INSTITUTIONS),
        transfers=pl.Series(transfers.astype(np.int64)),
        persons=_known(persons, known, pl.Int32),
        amount_usd=_cents(amount),
        largest1_usd=_cents(largest),
        largest2_usd=pl.when(pl.Series(transfers > 1)).then(_cents(second)),
        _day=pl.col("_day") + 40,
    )
    return frame.filter(pl.Series(transfers > 0))


def _prices(people: Population, seed: int) -> pl.DataFrame:
    rng = generator(seed, "money/prices")
    corridors = ("TUR", "RUS", "KAZ", "ARE", "DEU", "USA")
    grid = [
        (*month, *rest)  # type: ignore[misc] # a month is a pair
        for month, *rest in _grid(people, tuple(INSTITUTIONS), corridors, ("SENT",))
        if month[0][5:] in ("03", "06", "09", "12")  # type: ignore[index] # its label
    ]
    table = pl.DataFrame(
        grid,
        schema=[
            "period_month",
            "_day",
            "institution_code",
            "corridor_country",
            "direction",
        ],
        orient="row",
    )
    return table.with_columns(
        kind=pl.lit("PRICE"),
        channel=pl.col("institution_code").replace_strict(INSTITUTIONS),
        person_sex=pl.lit("_T"),
        fee_usd=pl.Series(rng.integers(300, 1500, table.height)).cast(pl.Int64),
        fx_margin_bp=pl.Series(rng.integers(20, 260, table.height)).cast(pl.Int32),
        send_amount_usd=pl.lit(200, pl.Int32),
        _day=pl.col("_day") + 40,
    )


def _cents(amount: np.ndarray) -> pl.Series:
    return pl.Series((amount * 100).astype(np.int64))


def _known(values: np.ndarray, known: np.ndarray, kind: type[pl.DataType]) -> pl.Series:
    return pl.Series(values.astype(np.int64)).set(pl.Series(~known), None).cast(kind)
