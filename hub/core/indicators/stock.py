"""Stocks: who is valid at the end of a period, posted once and for all time.

Rules (docs/data-path.md, "Aggregate"):

- A fact is valid from `time` to `until`, both inclusive, without `until` for ever. It
  counts at the periods whose last day lies in that stretch.
- Where several facts of a person are valid, the latest start counts; of equal starts
  the least record key. So a person is in one cell at a time.
- A closing fact of the same person ends what began on or before its day, a final one
  also what begins later; on that day the person is no longer counted.
- A stay is cut at the first of January of the year in which the age band changes.
- +1 is posted at the first period where a person counts in a cell and −1 at the first
  where it no longer does. The stock of a period is the sum of all postings up to it;
  no horizon is needed and nothing has to be closed by hand.
"""

from __future__ import annotations

import polars as pl

from hub.core.catalogue.model import Kind
from hub.core.indicators import timeline
from hub.core.indicators.plan import PLACE, Plan
from hub.core.period import PER_YEAR

FOREVER = 2**30
"""An index no period reaches: the end of what does not end."""

OWNER = ["sign", "person"]


def stays(
    plan: Plan, facts: pl.DataFrame, closings: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The facts of whole persons by which they are counted: `begin`, `end`.

    Stocks that differ in nothing but their codes have the same stays.

    Args:
        plan: Of a stock.
        facts: Those that count, of whole persons.
        closings: What ends their stays
            (:meth:`hub.core.indicators.whole.Whole.closings`).
    """
    if closings is not None and closings.height:
        facts = _closed(plan, facts, closings)
    return _winners(_intervals(plan, facts))


def postings(plan: Plan, found: pl.DataFrame) -> pl.DataFrame:
    """Columns sign, person, at, area, sex, d1, d2, seq; sign is side × direction.

    Args:
        plan: Of a stock.
        found: Its stays.
    """
    rows = found.with_columns(*plan.codes)
    for name in plan.ages:
        rows = _cut_by_age(plan, rows, name)
    begin = rows.select(*OWNER, *PLACE[1:], "seq", at="begin")
    end = rows.filter(pl.col("end") < FOREVER).select(
        "person", *PLACE[1:], "seq", at="end", sign=-pl.col("sign")
    )
    return pl.concat([begin, end.select(begin.columns)])


def _intervals(plan: Plan, facts: pl.DataFrame) -> pl.DataFrame:
    """One row per valid fact: periods [begin, end) at whose last day it is valid."""
    table = plan.table
    frequency = table.frequency
    start = str(table.time)
    kind = plan.fields[start].kind
    end = pl.lit(FOREVER, dtype=pl.Int32)
    if table.until is not None:
        # The period of the day after: the first whose end lies behind `until`.
        after = pl.col(table.until).dt.offset_by("1d")
        past = timeline.index(after, plan.fields[table.until].kind, frequency)
        end = past.fill_null(FOREVER)
    if "closed" in facts.columns:
        day = timeline.index(pl.col("closed"), Kind.DATE, frequency)
        end = pl.min_horizontal(end, day)
    rows = facts
    if "birth_year" not in rows.columns:
        rows = rows.with_columns(birth_year=pl.lit(None, dtype=pl.Int32))
    rows = rows.with_columns(
        timeline.index(pl.col(start), kind, frequency).alias("begin"),
        end.cast(pl.Int32).alias("end"),
        pl.col(start).alias("since"),
    )
    return rows.filter(pl.col("begin") < pl.col("end"))


def _closed(plan: Plan, facts: pl.DataFrame, closings: pl.DataFrame) -> pl.DataFrame:
    """The facts with ``closed``: the first day that is over by a closing, or null."""
    numbered = facts.with_row_index("_row")
    started = pl.col(str(plan.table.time)) <= pl.col("closed")
    first = (
        numbered.select("_row", *OWNER, str(plan.table.time))
        .join(closings, on=OWNER)
        .filter(pl.col("final") | started)
        .group_by("_row")
        .agg(pl.col("closed").min())
    )
    found = numbered.join(first, on="_row", how="left", maintain_order="left")
    return found.drop("_row")


def _winners(rows: pl.DataFrame) -> pl.DataFrame:
    """Stretches in which one fact of a person counts, none overlapping."""
    several = rows.select(pl.len().over(OWNER) > 1).to_series()
    alone, rows = rows.filter(~several), rows.filter(several)
    if not rows.height:
        return alone
    edges = pl.concat(
        [
            rows.select(*OWNER, edge=pl.col("begin")),
            rows.select(*OWNER, edge=pl.col("end")).filter(pl.col("edge") < FOREVER),
        ]
    )
    edges = edges.unique().sort([*OWNER, "edge"])
    follows = pl.col("edge").shift(-1).over(OWNER).fill_null(FOREVER)
    edges = edges.with_columns(follows=follows)
    inside = (pl.col("begin") <= pl.col("edge")) & (pl.col("edge") < pl.col("end"))
    won = (
        edges.join(rows, on=OWNER, how="inner")
        .filter(inside)
        .sort(["since", "record"], descending=[True, False])
        .unique([*OWNER, "edge"], keep="first", maintain_order=True)
        .with_columns(begin=pl.col("edge"), end=pl.col("follows"))
    )
    return pl.concat([alone, won.select(alone.columns)])


def _cut_by_age(plan: Plan, rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Each stay in as many pieces as it has bands; outside all bands it is dropped."""
    dimension = plan.ages[name]
    per = PER_YEAR[plan.table.frequency]
    # Who was born nobody knows when is in the first piece alone, from begin to end.
    listed = [(dimension.other, None, -1), *dimension.bands]
    bands = pl.DataFrame(
        {
            name: [code for code, _, _ in listed],
            "_first": [at == 0 for at in range(len(listed))],
            "_low": [None if low is None else low * per for _, low, _ in listed],
            "_high": [
                None if high is None else (high + 1) * per for _, _, high in listed
            ],
        },
        schema_overrides={"_low": pl.Int32, "_high": pl.Int32},
    )
    born = pl.col("birth_year").cast(pl.Int32) * per
    pieces = (
        rows.drop(name)
        .join(bands, how="cross")
        .with_columns(
            begin=pl.max_horizontal("begin", born + pl.col("_low")),
            end=pl.min_horizontal("end", born + pl.col("_high")),
        )
    )
    known = pl.col("birth_year").is_not_null() | pl.col("_first")
    return pieces.filter(known & (pl.col("begin") < pl.col("end")))
