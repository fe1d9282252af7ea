"""Expected cells of the tables that are simple to count: events and sums.

Rules:

- Counted from the good rows as they finally stand, with the catalogue's conditions,
  periods and dimensions, by a way of its own: plain grouping, once, at the end.
- Exact figures before any protection; an audit compares, nobody publishes them.
- Tables that look at whole persons or at several periods are left to other oracles.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

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
        and not (table.residence or table.joined or table.delay_days)
        and table.pool == 1
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
    area = pl.col(table.area).fill_null("_U") if table.area else pl.lit(NATIONAL)
    found = []
    for sex, value in _values(table):
        for dims in _places(table, kinds, catalogue, time):
            keyed = chosen.filter(
                pl.col(time.name).is_not_null() & value.is_not_null()
            ).select(
                _period(time, table.frequency).alias("period"),
                area.alias("area"),
                sex.alias("sex"),
                *(code.alias(f"d{at}") for at, code in enumerate(dims, 1)),
                value.cast(pl.Int64).alias("value"),
            )
            found.append(keyed.drop_nulls(["d1", "d2"]))
    return (
        pl.concat(found)
        .group_by(KEYS)
        .agg(pl.len().cast(pl.Int64).alias("n"), pl.col("value").sum().alias("total"))
        .sort(KEYS)
    )


def _values(table: Table) -> list[tuple[pl.Expr, pl.Expr]]:
    """SEX and value of a row, once for each column that has a number."""
    if table.columns:
        return [
            (pl.lit(code), pl.when(pl.col(name) > 0).then(pl.col(name)))
            for code, name in table.columns
        ]
    parts = table.value_parts or (((table.value, 1),) if table.value else ())
    value = pl.sum_horizontal(
        pl.lit(0), *(pl.col(name) * weight for name, weight in parts)
    )
    return [(pl.col(table.sex_field) if table.sex else pl.lit("_T"), value)]


def _places(
    table: Table, kinds: dict[str, Field], catalogue: Catalogue, time: Field
) -> list[tuple[pl.Expr, ...]]:
    """Both dimensions of a row, once for each of their flags; null where none."""
    listed: list[list[pl.Expr]] = []
    for one in table.dimensions:
        if one.flags:
            listed.append(
                [pl.when(pl.col(n)).then(pl.lit(code)) for code, n in one.flags]
            )
        else:
            listed.append([_code(one, kinds, catalogue, time)])
    listed += [[pl.lit("")]] * (2 - len(listed))
    return list(product(*listed))


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
        "within_days": lambda: (
            (column - pl.col(condition.of or "")).dt.total_days().is_between(0, other)
        ),
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
