"""Facts that stand in several cells: flags, columns, pools.

Rules (docs/catalogue.md, "A table"):

- A pool of n counts a fact in the period of its date and the n − 1 after it.
- A fact stands in every code whose flag is true, and once in ``_T`` if any is. One
  without a true flag is outside the table.
- A row of columns stands in each SEX whose number is above zero, with that number, and
  once in ``_T`` with their sum.
- Margins made here are not summed again (:func:`hub.core.indicators.margins.brought`).
"""

from __future__ import annotations

import polars as pl

from hub.core.catalogue.model import Dimension, Table
from hub.core.indicators.plan import TOTAL, Plan


def pooled(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with ``at``, each in every period whose pool it is in."""
    if table.pool == 1:
        return rows
    at = pl.col("at")
    return rows.with_columns(pl.int_ranges(at, at + table.pool)).explode("at")


def flagged(plan: Plan, rows: pl.DataFrame, *, margin: bool) -> pl.DataFrame:
    """Rows with d1, d2 of flags; with `margin` also under the total."""
    for name, dimension in plan.flags.items():
        codes = _true_codes(dimension)
        if margin:
            every = pl.concat_list(codes, pl.lit([TOTAL]))
            codes = pl.when(codes.list.len() > 0).then(every).otherwise(codes)
        rows = rows.with_columns(codes.alias(name)).explode(name).drop_nulls(name)
    return rows


def by_column(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with ``sex`` and ``total`` of their columns."""
    if not table.columns:
        return rows
    found = []
    for code, name in table.columns:
        number = pl.col(name).cast(pl.Int64)
        found.append(rows.with_columns(sex=pl.lit(code), total=number))
    found.append(rows.with_columns(sex=pl.lit(TOTAL)))
    return pl.concat(found).filter(pl.col("total") > 0)


def _true_codes(dimension: Dimension) -> pl.Expr:
    codes = [
        pl.when(pl.col(name).fill_null(value=False)).then(pl.lit(code))
        for code, name in dimension.flags
    ]
    return pl.concat_list(codes).list.drop_nulls()
