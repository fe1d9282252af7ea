"""Margins: area ``TM``, dimensions ``_T``, and SEX as it is published.

Rules (docs/disclosure.md, "Margins"):

- Every subset of {area, d1, d2} is taken together once; SEX becomes F, M and the
  residual ``_OUN`` (all other codes, also a ``_T`` that a source could not divide), and
  once more ``_T``.
- A table with `multi` brings its own margins: only SEX is folded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

import polars as pl

from hub.core.catalogue.model import Table
from hub.core.indicators.plan import AREA_TOTAL, PLACE, TOTAL

RESIDUAL = "_OUN"
SEXES = ("F", "M", RESIDUAL)


def expand(
    table: Table,
    rows: pl.DataFrame,
    aggregations: Iterable[pl.Expr],
    by: Sequence[str] = (),
) -> pl.DataFrame:
    """The rows summed into every cell and margin; columns place, `by`, aggregations."""
    each = list(aggregations)
    keys = [*PLACE, *by]
    kept = pl.col("sex").is_in(SEXES[:2])
    sex = pl.when(kept).then(pl.col("sex")).otherwise(pl.lit(RESIDUAL))
    folded = rows.with_columns(sex.alias("sex")) if table.sex else rows
    found = []
    for codes in _margins(table):
        fixed = [pl.lit(code).alias(name) for name, code in codes.items()]
        found.append(folded.with_columns(fixed).group_by(keys).agg(each))
    return pl.concat(found)


def _margins(table: Table) -> list[dict[str, str]]:
    """The codes to set, one mapping a margin; the first sets none."""
    totals: dict[str, str] = {}
    if table.assign != "multi":
        if table.area is not None:
            totals["area"] = AREA_TOTAL
        totals |= {f"d{at}": TOTAL for at in range(1, len(table.dimensions) + 1)}
    if table.sex:
        totals["sex"] = TOTAL
    return [
        {name: totals[name] for name, out in zip(totals, chosen, strict=True) if out}
        for chosen in product((False, True), repeat=len(totals))
    ]
