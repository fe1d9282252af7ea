"""The period of a fact, as the ordinal of :mod:`hub.core.period`."""

from __future__ import annotations

import polars as pl

from hub.core import period
from hub.core.catalogue.model import Kind
from hub.core.period import PER_YEAR, Period


def index(column: pl.Expr, kind: Kind, frequency: str) -> pl.Expr:
    """The ordinal of the period that holds a day, or a finer or equal period.

    A coarser period (a year, where months are asked for) has none: null.
    """
    if kind is Kind.DATE:
        return period.ordinal(column, frequency)
    fits = column.str.len_chars() >= _LENGTH[frequency]
    if frequency == "M":
        fits = fits & ~column.str.contains("Q", literal=True)
    ends = period.ordinal(period.last_day(column), frequency)
    return pl.when(fits).then(ends).otherwise(None)


_LENGTH = {"A": 4, "Q": 7, "M": 7}


def year(at: pl.Expr, frequency: str) -> pl.Expr:
    """The year in which a period lies, so also the one in which it ends."""
    return at // PER_YEAR[frequency]


def label(at: int, frequency: str) -> str:
    """The label of an ordinal."""
    return str(Period(frequency=frequency, index=at))


def inside(outer: str, frequency: str) -> list[str]:
    """Labels of the periods of a frequency inside a period; none if it is finer."""
    return [str(part) for part in period.parse(outer).parts(frequency)]
