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

from hub.core import cells, period
from hub.core.catalogue.model import Measure
from hub.core.indicators import timeline
from hub.core.indicators.choice import chosen
from hub.core.indicators.plan import PLACE, Plan, age_code, value_of
from hub.core.indicators.spread import by_column, flagged, pooled
from hub.core.indicators.stock import postings
from hub.core.indicators.whole import Whole

IDENTITY = ("key", "h1", "h2", "h3")
GROUP = ["at", *PLACE[1:]]
CELL_SCHEMA = {
    "table": pl.String,
    **dict.fromkeys(PLACE, pl.String),
    **dict.fromkeys(cells.SUMS, pl.Int64),
    "seq": pl.Int64,
}
SHARES = ("n", "a", "b")
"""A contribution: how many (events, or persons of a row), largest, second largest."""


def cells_of(plan: Plan, facts: pl.DataFrame) -> pl.DataFrame:
    """Signed cells of a table by record; columns table, place, sums, seq."""
    rows = _placed(plan, facts)
    if "key" not in rows.columns:
        rows = rows.hstack(cells.identity(rows["record"]))
    return _sum(plan, rows)


def whole_cells(plan: Plan, whole: Whole) -> pl.DataFrame:
    """Signed cells of a table made from whole persons."""
    rows = whole.rows(plan)
    match plan.table.measure:
        case Measure.STOCK:
            rows = postings(plan, rows, whole.closings(plan))
        case Measure.PERSONS:
            rows = chosen(plan, rows)
        case _:
            return cells_of(plan, rows)
    rows = rows.hstack(cells.identity(rows["person"]))
    return _sum(plan, rows.with_columns(total=pl.lit(0, dtype=pl.Int64)))


def shares_of(plan: Plan, facts: pl.DataFrame) -> pl.DataFrame:
    """Signed contributions: place, person, n, a, b.

    Where a row stands for many persons (`count`, `largest`) the row itself is the
    contributor: n is its number of persons, a and b its largest two. An unknown number
    counts as none and an unknown largest as all there is: the careful reading.
    """
    rows = _placed(plan, facts)
    one, none = pl.lit(1, dtype=pl.Int64), pl.lit(0, dtype=pl.Int64)
    share = {"n": one, "a": pl.col("total"), "b": none}
    if plan.table.measure is Measure.EVENTS:
        share["a"] = one
    if plan.grouped:
        share = _grouped(plan)
    exprs = [(value * pl.col("sign")).sum().alias(n) for n, value in share.items()]
    summed = rows.group_by([*GROUP, "person"]).agg(exprs)
    return _labelled(plan, summed).select(*PLACE, "person", *SHARES)


def with_identity(facts: pl.DataFrame) -> pl.DataFrame:
    """The facts with the record's key and power sums, once for many tables."""
    return facts.hstack(cells.identity(facts["record"]))


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
        plan.at.alias("at"), value_of(table).alias("total"), *plan.codes
    )
    rows = by_column(table, flagged(plan, pooled(table, rows), margin=True))
    if plan.ages:
        year = timeline.year(pl.col("at"), table.frequency)
        ages = {name: age_code(one, year) for name, one in plan.ages.items()}
        rows = rows.with_columns(**ages).drop_nulls(list(ages))
    return rows


def _sum(plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
    summed = rows.group_by(GROUP).agg(*cells.signed_sums(), pl.col("seq").max())
    return _labelled(plan, summed).select(list(CELL_SCHEMA))


def _labelled(plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        period.ordinal_label(pl.col("at"), plan.table.frequency).alias("period"),
        pl.lit(plan.key).alias("table"),
    )


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
