"""Control totals: what a stock was said to be when it began, and what it came to.

Rules (docs/catalogue.md, "A stock"):

- A stock begins with an opening file of ordinary rows; what its custodian counted in it
  is a control total and never a part of it.
- A total of a period is compared with the stock at the last period before it, in every
  group that both know. The comparison is for custodians: it is printed as sums and as
  the number of groups that differ, never group by group.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from hub.core import cells
from hub.core.catalogue.model import Catalogue, Domain, Table
from hub.core.indicators import batch
from hub.core.indicators.margins import expand
from hub.core.indicators.plan import AREA_TOTAL, TOTAL, plan
from hub.core.indicators.whole import Whole
from hub.core.period import of_day, parse

Active = Mapping[Domain, Mapping[str, pl.DataFrame]]
"""Domain → dataflow → facts that stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One total against one stock.

    Attributes:
        table: The stock.
        period: Of the total.
        declared: What was said to be there.
        counted: What the stock came to at the end of the period before.
        groups: Groups compared.
        different: Groups in which the two differ.
    """

    table: str
    period: str
    declared: int
    counted: int
    groups: int
    different: int


def compare(catalogue: Catalogue, active: Active) -> list[Control]:
    """Every stock with control totals, every period that has one."""
    found = []
    for table in catalogue.tables.values():
        if table.control is not None:
            found += _of_stock(catalogue, table, active)
    return found


def _of_stock(catalogue: Catalogue, table: Table, active: Active) -> list[Control]:
    totals = catalogue.tables[str(table.control)]
    ours, theirs = plan(catalogue, table), plan(catalogue, totals)
    facts = active.get(theirs.domain, {}).get(theirs.dataflow)
    people = active.get(ours.domain, {})
    if facts is None or ours.dataflow not in people:
        return []
    signed = facts.with_columns(pl.lit(1, dtype=pl.Int64).alias("sign"))
    said = expand(totals, batch.cells_of(theirs, signed), cells.sums())
    said = said.filter(pl.col("area") == AREA_TOTAL)
    posted = batch.whole_cells(ours, Whole.of_active(people))
    ids = [one.id for one in table.dimensions]
    shared = [f"d{ids.index(one.id) + 1}" for one in totals.dimensions]
    found = []
    for period in said["period"].unique().sort():
        before = parse(period).start - dt.timedelta(days=1)
        stock = posted.filter(
            pl.col("period") <= str(of_day(before, table.frequency))
        ).with_columns(pl.lit(period).alias("period"))
        counted = expand(table, stock, cells.sums())
        wide = said.filter(pl.col("period") == period)
        found.append(_control(table, period, wide, counted, shared))
    return found


def _control(
    table: Table,
    period: str,
    said: pl.DataFrame,
    counted: pl.DataFrame,
    shared: list[str],
) -> Control:
    """One period: groups by SEX and the dimensions that both have."""
    names = ["sex", *(f"own{at}" for at in range(len(shared)))]
    declared = said.select(
        "sex",
        *(pl.col(f"d{at + 1}").alias(f"own{at}") for at in range(len(shared))),
        pl.col("total").alias("declared"),
    )
    other = [name for name in ("d1", "d2") if name not in shared]
    whole = counted.filter(
        pl.col("area") == AREA_TOTAL, *(pl.col(name) == TOTAL for name in other)
    ).select(
        "sex",
        *(pl.col(name).alias(f"own{at}") for at, name in enumerate(shared)),
        pl.col("n").alias("counted"),
    )
    both = declared.join(whole, on=names, how="full", coalesce=True)
    both = both.with_columns(pl.col("declared", "counted").fill_null(0))
    total = both.filter(pl.all_horizontal(pl.col(names) == TOTAL))
    inner = both.filter(
        pl.all_horizontal(pl.col(names) != TOTAL),
        pl.max_horizontal("declared", "counted") > 0,
    )
    differ = (inner["declared"] != inner["counted"]).sum()
    return Control(
        table=table.id,
        period=period,
        declared=int(total["declared"].sum()),
        counted=int(total["counted"].sum()),
        groups=inner.height,
        different=int(differ),
    )
