"""Expected cells of the tables that are simple to count: events and sums.

Rules:

- Counted from the good rows as they finally stand, with the catalogue's conditions,
  periods and dimensions, by a way of its own: plain grouping, once, at the end.
- Exact figures before any protection; an audit compares, nobody publishes them.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from hub.core.catalogue.model import (
    Catalogue,
    Condition,
    Dataflow,
    Dimension,
    Field,
    Kind,
    Measure,
    Table,
)

NATIONAL = "TM"
KEYS = ("period", "area", "sex", "d1", "d2")


def cells(
    catalogue: Catalogue, flow: Dataflow, rows: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """Cells by table: keys, `n` rows and `total` of the value.

    Args:
        catalogue: Its tables over this dataflow.
        flow: The dataflow.
        rows: Final good rows, all text.
    """
    kinds = {one.name: one for one in flow.fields}
    typed = rows.with_columns(_typed(one) for one in flow.fields)
    return {
        table.id: _cells(table, typed, kinds, catalogue)
        for table in catalogue.tables.values()
        if table.dataflow == flow.id
        and table.measure in (Measure.EVENTS, Measure.SUM)
        and table.time in kinds
    }


def merge(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Cells of several parts of a dataflow, added."""
    whole = pl.concat(parts)
    return whole.group_by(KEYS).agg(pl.col("n", "total").sum()).sort(KEYS)


def _typed(one: Field) -> pl.Expr:
    if one.kind is Kind.BOOLEAN:
        return (pl.col(one.name) == "true").alias(one.name)
    if one.kind is Kind.DATE:
        return pl.col(one.name).str.to_date()
    whole = one.kind in (Kind.INT, Kind.LONG, Kind.MONEY)
    return pl.col(one.name).cast(pl.Int64 if whole else pl.String)


def _cells(
    table: Table, rows: pl.DataFrame, kinds: dict[str, Field], catalogue: Catalogue
) -> pl.DataFrame:
    chosen = rows.filter(
        pl.lit(value=True), *(_holds(condition) for condition in table.where)
    )
    assert table.time is not None, "cells() took only tables with a time"  # noqa: S101
    time = kinds[table.time]
    dims = [_code(one, kinds, catalogue, time) for one in table.dimensions]
    dims += [pl.lit("")] * (2 - len(dims))
    parts = table.value_parts or (((table.value, 1),) if table.value else ())
    value = pl.sum_horizontal(
        pl.lit(0), *(pl.col(name) * weight for name, weight in parts)
    )
    sex = pl.col(table.sex_field) if table.sex else pl.lit("_T")
    area = pl.col(table.area).fill_null("_U") if table.area else pl.lit(NATIONAL)
    keyed = chosen.filter(pl.col(time.name).is_not_null()).select(
        _period(time, table.frequency).alias("period"),
        area.alias("area"),
        sex.alias("sex"),
        dims[0].alias("d1"),
        dims[1].alias("d2"),
        value.cast(pl.Int64).alias("value"),
    )
    return (
        keyed.group_by(KEYS)
        .agg(pl.len().cast(pl.Int64).alias("n"), pl.col("value").sum().alias("total"))
        .sort(KEYS)
    )


def _holds(condition: Condition) -> pl.Expr:
    """A condition of the catalogue; null never holds."""
    column, value = pl.col(condition.field), condition.value
    other = pl.lit(value)
    if isinstance(value, str) and value.startswith("@"):
        other = pl.col(value[1:])
    listed = list(value) if isinstance(value, tuple) else [value]
    made: dict[str, Callable[[], pl.Expr]] = {
        "eq": lambda: column == other,
        "ne": lambda: column != other,
        "in": lambda: column.is_in(listed),
        "not_in": lambda: ~column.is_in(listed),
        "null": column.is_null,
        "not_null": column.is_not_null,
        "le": lambda: column <= other,
        "ge": lambda: column >= other,
        "lt": lambda: column < other,
        "gt": lambda: column > other,
    }
    return made[condition.op]().fill_null(value=False)


def _period(time: Field, frequency: str) -> pl.Expr:
    """The label of the period that a row belongs to."""
    text = pl.col(time.name).cast(pl.String)
    year = text.str.slice(0, 4)
    if frequency == "A":
        return year
    month = text.str.slice(5, 2)
    if frequency == "M":
        return year + "-" + month
    quarter = (month.cast(pl.Int32) + 2) // 3
    return year + "-Q" + quarter.cast(pl.String)


def _code(
    one: Dimension, kinds: dict[str, Field], catalogue: Catalogue, time: Field
) -> pl.Expr:
    """A dimension's code of each row."""
    if one.bands:
        born = (
            pl.col("birth_year")
            if "birth_year" in kinds
            else pl.col("birth_date").dt.year().cast(pl.Int64)
        )
        age = pl.col(time.name).cast(pl.String).str.slice(0, 4).cast(pl.Int64) - born
        code = pl.lit(one.other)
        for name, low, high in one.bands:
            inside = (age >= low) & (
                pl.lit(value=True) if high is None else age <= high
            )
            code = (
                pl.when(inside.fill_null(value=False))
                .then(pl.lit(name))
                .otherwise(code)
            )
        return code
    column = pl.col(one.field or "")
    mapping = one.mapping
    if mapping is None and one.grouping is not None:
        listed = kinds[one.field or ""].codelist
        mapping = catalogue.codelists[listed or ""].groups[one.grouping]
    if mapping is not None:
        column = column.replace_strict(dict(mapping), default=one.other)
    return column.cast(pl.String).fill_null(one.other)
