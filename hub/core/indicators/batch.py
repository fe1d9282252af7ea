"""Facts to cells: the same functions for the stream and for the audit.

Rules (docs/data-path.md, "Aggregate"):

- A frame of facts is signed: +1 rows join, −1 rows leave. Every result is additive, so
  a stream adds the cells of its changes and an audit adds those of all active facts;
  both end with the same integers.
- Tables by record read any facts (:func:`cells_of`). Tables by person, and those that
  ask what happened to a person elsewhere, read *whole* persons (:func:`whole_cells`):
  the caller gives what a person was with sign −1 and what it is with sign +1, and each
  side is judged for itself.
- An optional column ``seq`` is carried as its maximum: who touched the cell last.
"""

from __future__ import annotations

import polars as pl

from hub.core import cells
from hub.core.catalogue.model import Measure
from hub.core.indicators.choice import chosen
from hub.core.indicators.plan import Plan
from hub.core.indicators.spread import by_column, flagged, pooled
from hub.core.indicators.stock import postings
from hub.core.indicators.tally import AT, CELL_SCHEMA, Tally
from hub.core.indicators.whole import Whole

__all__ = [
    "CELL_SCHEMA",
    "Tally",
    "cells_of",
    "count",
    "count_whole",
    "live",
    "sequenced",
    "shares_of",
    "whole_cells",
]


def count(tally: Tally, plan: Plan, facts: pl.DataFrame) -> None:
    """Put the facts of a table by record into a tally."""
    rows = _placed(plan, facts)
    if not rows.height:
        return
    tally.enter(plan, _entries(rows, "record", pl.col("total")))
    if plan.contributes:
        tally.contribute(plan, _contributions(plan, rows))


def count_whole(tally: Tally, plan: Plan, whole: Whole) -> None:
    """Put a table made from whole persons into a tally."""
    rows = whole.rows(plan)
    if not rows.height:
        return
    match plan.table.measure:
        case Measure.STOCK:
            rows = postings(plan, whole.stays(plan))
        case Measure.PERSONS:
            rows = chosen(plan, rows)
        case _:
            count(tally, plan, rows)
            return
    tally.enter(plan, _entries(rows, "person", pl.lit(0)))


def cells_of(plan: Plan, facts: pl.DataFrame) -> pl.DataFrame:
    """Signed cells of a table by record; columns table, place, sums, seq."""
    tally = Tally()
    count(tally, plan, facts)
    return tally.cells()


def whole_cells(plan: Plan, whole: Whole) -> pl.DataFrame:
    """Signed cells of a table made from whole persons."""
    tally = Tally()
    count_whole(tally, plan, whole)
    return tally.cells()


def shares_of(plan: Plan, facts: pl.DataFrame) -> pl.DataFrame:
    """Signed contributions: table, place, person, n, a, b.

    Where a row stands for many persons (`count`, `largest`) the row itself is the
    contributor: n is its number of persons, a and b its largest two. An unknown number
    counts as none and an unknown largest as all there is: the careful reading.
    """
    tally = Tally()
    tally.contribute(plan, _contributions(plan, _placed(plan, facts)))
    return tally.shares()


def live(frame: pl.DataFrame) -> pl.DataFrame:
    """The cells that are not zero."""
    return frame.filter(pl.any_horizontal(pl.col(*cells.SUMS) != 0))


def sequenced(facts: pl.DataFrame) -> pl.DataFrame:
    """The facts with a column ``seq``."""
    if "seq" in facts.columns:
        return facts
    return facts.with_columns(seq=pl.lit(0, dtype=pl.Int64))


def _placed(plan: Plan, facts: pl.DataFrame) -> pl.DataFrame:
    """The facts that count, with at, area, sex, d1, d2 and total."""
    table = plan.table
    rows = sequenced(facts).filter(plan.holds)
    rows = rows.with_columns(
        plan.at.alias("at"), plan.total.alias("total"), *plan.codes
    )
    rows = by_column(table, flagged(plan, pooled(table, rows), margin=True))
    if plan.bands:
        rows = rows.with_columns(*plan.bands.values()).drop_nulls(list(plan.bands))
    return rows


def _entries(rows: pl.DataFrame, who: str, total: pl.Expr) -> pl.DataFrame:
    """Rows of a table as entries of a tally."""
    return rows.select(
        pl.col("at").cast(pl.Int64),
        *AT[1:],
        pl.col(who).alias("id"),
        pl.col("sign").cast(pl.Int64),
        total.cast(pl.Int64).alias("total"),
        pl.col("seq").cast(pl.Int64),
    )


def _contributions(plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
    """What each placed row brings: at, place, person, n, a, b."""
    one, none = pl.lit(1, dtype=pl.Int64), pl.lit(0, dtype=pl.Int64)
    share = {"n": one, "a": pl.col("total"), "b": none}
    if plan.table.measure is Measure.EVENTS:
        share["a"] = one
    if plan.grouped:
        share = _grouped(plan)
    signed = {n: (value * pl.col("sign")).cast(pl.Int64) for n, value in share.items()}
    return rows.select(pl.col("at").cast(pl.Int64), *AT[1:], "person", **signed)


def _grouped(plan: Plan) -> dict[str, pl.Expr]:
    total, none = pl.col("total"), pl.lit(0, dtype=pl.Int64)
    count = none
    if plan.table.count is not None:
        count = pl.col(plan.table.count).cast(pl.Int64).fill_null(0)
    if plan.table.largest is None:
        return {"n": count, "a": total, "b": none}
    first, second = (pl.col(name).cast(pl.Int64) for name in plan.table.largest)
    first = first.fill_null(total)
    rest = pl.max_horizontal(pl.min_horizontal(first, total - first), none)
    return {"n": count, "a": first, "b": second.fill_null(rest)}
