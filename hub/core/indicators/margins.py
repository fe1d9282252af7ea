"""Margins: area ``TM``, dimensions ``_T``, and SEX as it is published.

Rules (docs/disclosure.md, "Margins"):

- Every subset of {area, d1, d2} is taken together once; SEX becomes F, M and the
  residual ``_OUN`` (all other codes, also a ``_T`` that a source could not divide), and
  once more ``_T``.
- Some tables bring margins of their own, because there a fact stands in several cells
  and counts in their margin once: with `multi` all but SEX, with flags that dimension,
  with columns SEX.
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
    sex = pl.when(kept).then(pl.col("sex")).otherwise(pl.lit(RESIDUAL)).alias("sex")
    folded = (
        rows if "sex" in brought(table) or not table.sex else rows.with_columns(sex)
    )
    found = []
    for codes in _margins(table):
        fixed = [pl.lit(code).alias(name) for name, code in codes.items()]
        found.append(folded.with_columns(fixed).group_by(keys).agg(each))
    return pl.concat(found)


def brought(table: Table) -> frozenset[str]:
    """The columns whose margins are among the table's cells."""
    found = {"sex"} if table.columns else set()
    for at, dimension in enumerate(table.dimensions, 1):
        if dimension.flags or table.assign == "multi":
            found.add(f"d{at}")
    if table.assign == "multi":
        found.add("area")
    return frozenset(found)


def _margins(table: Table) -> list[dict[str, str]]:
    """The codes to set, one mapping a margin; the first sets none."""
    totals = {f"d{at}": TOTAL for at in range(1, len(table.dimensions) + 1)}
    if table.area is not None:
        totals["area"] = AREA_TOTAL
    if table.sex:
        totals["sex"] = TOTAL
    for name in brought(table):
        totals.pop(name, None)
    return [
        {name: totals[name] for name, out in zip(totals, chosen, strict=True) if out}
        for chosen in product((False, True), repeat=len(totals))
    ]
