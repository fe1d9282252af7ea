"""Persons: one cell per person and period, so that margins add.

Rules (docs/data-path.md, "Aggregate"):

- ``first`` and ``last`` take the least and greatest (date, record key) of the period;
  ``main`` the place with most days (the table's `value`, if it names one, or the length
  of its stays), else most events, else the least codes.
- ``multi`` counts a person once in every place and once in every margin; such a table
  brings its own margins and they must not be summed.
- Age is that at the end of the period.
"""

from __future__ import annotations

from itertools import product

import polars as pl

from hub.core.indicators.plan import AREA_TOTAL, TOTAL, Plan
from hub.core.indicators.spread import flagged, pooled
from hub.core.indicators.whole import LENGTH

PERSON = ["sign", "person", "at"]
CODES = ["area", "sex", "d1", "d2"]


def chosen(plan: Plan, facts: pl.DataFrame) -> pl.DataFrame:
    """One row per counted person, with sign, person, at, area, sex, d1, d2 and seq.

    Args:
        plan: Of a table of persons.
        facts: Those that count (:meth:`hub.core.indicators.whole.Whole.rows`).
    """
    table = plan.table
    rows = pooled(table, facts.with_columns(at=plan.at))
    match table.assign:
        case "main":
            rows = _main(plan, _coded(plan, rows))
        case "multi":
            for name in plan.lists:
                # A list in one text: names of letters, digits and _.
                names = pl.col(name).str.extract_all(r"\w+")
                rows = rows.with_columns(names).explode(name)
            rows = flagged(plan, rows, margin=False)
            rows = _multi(plan, _coded(plan, rows))
        case _:
            last = table.assign == "last"
            order = [str(table.time), "record"]
            rows = rows.sort(order, descending=last).unique(
                PERSON, keep="first", maintain_order=True
            )
            rows = _coded(plan, rows)
    return rows


def _coded(plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.with_columns(*plan.codes)
    if not plan.bands:
        return rows
    return rows.with_columns(*plan.bands.values()).drop_nulls(list(plan.bands))


def _main(plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
    days = pl.lit(0, dtype=pl.Int64)
    if plan.table.value is not None:
        days = pl.col(plan.table.value).cast(pl.Int64).fill_null(0)
    elif plan.table.residence is not None:
        days = pl.col(LENGTH)
    weighed = rows.group_by([*PERSON, *CODES]).agg(
        pl.len().alias("events"), days.sum().alias("days"), pl.col("seq").max()
    )
    order = weighed.sort(
        ["days", "events", *CODES], descending=[True, True, *[False] * len(CODES)]
    )
    return order.unique(PERSON, keep="first", maintain_order=True)


def _multi(plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
    totals = {"d1": TOTAL, "d2": TOTAL, "area": AREA_TOTAL}
    used = ["area"] if plan.table.area is not None else []
    used += [f"d{at}" for at in range(1, len(plan.table.dimensions) + 1)]
    found = []
    for margin in product((False, True), repeat=len(used)):
        names = [name for name, out in zip(used, margin, strict=True) if out]
        found.append(rows.with_columns(pl.lit(totals[n]).alias(n) for n in names))
    return pl.concat(found).group_by([*PERSON, *CODES]).agg(pl.col("seq").max())
