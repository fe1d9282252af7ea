"""Periods as integers, so that columns can compare and count them.

A period's index grows by one a period: the year, 4 × year + quarter − 1, 12 × year +
month − 1. Scalars and labels are those of :mod:`hub.core.period`.
"""

from __future__ import annotations

import polars as pl

from hub.core.catalogue.model import Kind

PER_YEAR = {"A": 1, "Q": 4, "M": 12}


def index(column: pl.Expr, kind: Kind, frequency: str) -> pl.Expr:
    """The index of the period a date, or a finer or equal period, lies in.

    A coarser period (a year, where months are asked for) has none: null.
    """
    if kind is Kind.DATE:
        return _place(column.dt.year(), column.dt.month(), frequency)
    year = column.str.extract(r"^(\d{4})").cast(pl.Int32)
    month = column.str.extract(r"^\d{4}-(\d{2})$").cast(pl.Int32)
    quarter = column.str.extract(r"^\d{4}-Q([1-4])$").cast(pl.Int32)
    if frequency == "A":
        return year
    last = pl.coalesce(month, quarter * 3) if frequency == "Q" else month
    return _place(year, last, frequency)


def _place(year: pl.Expr, month: pl.Expr, frequency: str) -> pl.Expr:
    per = PER_YEAR[frequency]
    if per == 1:
        return year.cast(pl.Int32)
    return year.cast(pl.Int32) * per + (month.cast(pl.Int32) - 1) // (12 // per)


def year(at: pl.Expr, frequency: str) -> pl.Expr:
    """The year in which a period lies, so also the one in which it ends."""
    return at // PER_YEAR[frequency]


def label(at: int, frequency: str) -> str:
    """``2025``, ``2025-Q1`` or ``2025-03``."""
    whole, rest = divmod(at, PER_YEAR[frequency])
    match frequency:
        case "Q":
            return f"{whole:04}-Q{rest + 1}"
        case "M":
            return f"{whole:04}-{rest + 1:02}"
        case _:
            return f"{whole:04}"


def labels(column: pl.Series, frequency: str) -> pl.Series:
    """The labels of a column of indices."""
    names = {at: label(at, frequency) for at in column.unique().to_list()}
    if not names:
        return pl.Series(column.name, [], dtype=pl.String)
    return column.replace_strict(
        list(names), list(names.values()), return_dtype=pl.String
    )


def span(period: str, frequency: str) -> range:
    """Indices of the periods of a frequency inside a period; empty if it is finer."""
    whole = int(period[:4])
    per = PER_YEAR[frequency]
    rest = period[5:]
    if not rest:
        return range(whole * per, (whole + 1) * per)
    inside = 12
    if rest.startswith("Q"):
        first, months = 3 * (int(rest[1:]) - 1), 3
    else:
        first, months = int(rest) - 1, 1
    width = inside // per
    if width > months:
        return range(0)
    return range(whole * per + first // width, whole * per + (first + months) // width)
