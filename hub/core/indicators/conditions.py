"""A table's `where` as a column expression.

Rules:

- Conditions are and-ed; an empty tuple holds for every row.
- An empty field fails every comparison except `ne` and `not_in`, which it passes:
  what is not there is not the named code.
- A value ``"@name"`` is another field of the same row.
- ``within_days`` holds where the field lies 0 to so many days after the date it names.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping

import polars as pl

from hub.core.catalogue.model import Condition, Field, Kind

_COMPARE: Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "eq": lambda a, b: (a == b).fill_null(value=False),
    "ne": lambda a, b: a.ne_missing(b),
    "le": lambda a, b: (a <= b).fill_null(value=False),
    "ge": lambda a, b: (a >= b).fill_null(value=False),
    "lt": lambda a, b: (a < b).fill_null(value=False),
    "gt": lambda a, b: (a > b).fill_null(value=False),
}


def where(conditions: Iterable[Condition], fields: Mapping[str, Field]) -> pl.Expr:
    """One boolean expression, never null."""
    holds = pl.lit(value=True)
    for condition in conditions:
        holds = holds & _one(condition, fields)
    return holds


def named(conditions: Iterable[Condition]) -> set[str]:
    """The fields that the conditions read."""
    found = set()
    for condition in conditions:
        found.add(condition.field)
        if condition.of is not None:
            found.add(condition.of)
        if isinstance(condition.value, str) and condition.value.startswith("@"):
            found.add(condition.value[1:])
    return found


def _one(condition: Condition, fields: Mapping[str, Field]) -> pl.Expr:
    column, value = pl.col(condition.field), condition.value
    match condition.op:
        case "null":
            return column.is_null()
        case "not_null":
            return column.is_not_null()
        case "in" | "not_in":
            assert isinstance(value, tuple)  # noqa: S101 - the loader saw to it
            inside = column.is_in(list(value)).fill_null(value=False)
            return ~inside if condition.op == "not_in" else inside
        case "within_days":
            days = column.cast(pl.Int32) - pl.col(str(condition.of)).cast(pl.Int32)
            return days.is_between(0, pl.lit(value)).fill_null(value=False)
        case op:
            kind = fields[condition.field].kind
            return _COMPARE[op](column, _value(value, kind))


def _value(value: object, kind: Kind) -> pl.Expr:
    if isinstance(value, str) and value.startswith("@"):
        return pl.col(value[1:])
    if kind is Kind.DATE and isinstance(value, str):
        return pl.lit(dt.date.fromisoformat(value))
    return pl.lit(value)
