"""Ten ways in which a row is wrong, one a row.

Rules:

- A broken row is a copy of a good one under its own record id: the good rows stay as
  they are, so the truth of the good ones holds.
- Each kind has the reason that intake must give; one kind cannot be read at all and is
  refused at the source.
- Values are text here, as they are in the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from hub.core.catalogue.model import Dataflow, Field, Kind
from hub.core.reasons import Reason

SOURCE = "source"
"""Refused before it is in any batch."""

_NUMBERS = (Kind.INT, Kind.LONG, Kind.MONEY)
_CONTROL = ("record_id", "revision", "action")
# Dataflow -> field and value that break one of its rules and nothing else.
_RULES = {
    "border_crossing": ("prev_or_next_country", "TKM"),
    "residence_permit": ("citizenship", "TKM"),
    "remittance": ("corridor_country", "TKM"),
    "labour_migration": ("citizenship", "TKM"),
    "passenger_flow": ("pax_total", "0"),
}
# Rows that the rule speaks of.
_RULED = {
    "labour_migration": pl.col("event_kind") == "PERMIT_IN",
    "passenger_flow": pl.col("pax_f").cast(pl.Int64) > 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One way to be wrong.

    Attributes:
        reason: What the hub answers, or ``SOURCE``.
        field: The field that is changed; None where the dataflow cannot be so wrong.
        value: What stands there instead, given the column.
        rows: Which rows can be broken so; None: any.
    """

    kind: str
    reason: str
    field: str
    value: Callable[[pl.Expr], pl.Expr]
    rows: pl.Expr | None = None


def ways(flow: Dataflow) -> list[Break]:
    """The ways in which rows of a dataflow can be wrong."""
    made = [
        _missing(flow),
        _code(flow),
        _event(flow, "old_date", "1825"),
        _event(flow, "future_date", "2075"),
        _order(flow),
        _range(flow),
        _text(flow),
        _rule(flow),
        _constant("record", Reason.RECORD, "record_id", None),
        _unreadable(flow),
    ]
    return [one for one in made if one is not None]


def apply(rows: pl.DataFrame, kinds: pl.Series, flow: Dataflow) -> pl.DataFrame:
    """`rows` (all text), each broken in its way.

    Adds ``_fate``: the reason expected, or ``""`` for a row that cannot be so broken.
    """
    known = ways(flow)
    marked = rows.with_columns((kinds % len(known)).alias("_kind"), _fate=pl.lit(""))
    for number, one in enumerate(known):
        chosen = pl.col("_kind") == number
        if one.rows is not None:
            chosen &= one.rows
        marked = marked.with_columns(_chosen=chosen.fill_null(value=False))
        marked = marked.with_columns(
            pl.when("_chosen")
            .then(one.value(pl.col(one.field)))
            .otherwise(one.field)
            .alias(one.field),
            pl.when("_chosen")
            .then(pl.lit(f"{one.kind}:{one.reason}"))
            .otherwise("_fate")
            .alias("_fate"),
        )
    return marked.filter(pl.col("_fate") != "").drop("_kind", "_chosen")


def _constant(kind: str, reason: str, field: str, value: str | None) -> Break:
    return Break(
        kind=kind,
        reason=reason,
        field=field,
        value=lambda _: pl.lit(value, pl.String),
    )


def _first(flow: Dataflow, wanted: Callable[[Field], bool]) -> Field | None:
    fields = (one for one in flow.fields if one.name not in _CONTROL)
    return next(filter(wanted, fields), None)


def _missing(flow: Dataflow) -> Break | None:
    """A required field is empty."""
    field = _first(flow, lambda one: one.required)
    if field is None:
        return None
    return _constant("missing", Reason.MISSING, field.name, None)


def _code(flow: Dataflow) -> Break | None:
    """A code that is in no codelist."""
    field = _first(flow, lambda one: one.kind is Kind.CODE and one.required)
    if field is None:
        return None
    return _constant("code", Reason.CODE, field.name, "ZZ9")


def _event(flow: Dataflow, kind: str, year: str) -> Break:
    """The event lies in another century."""
    return Break(
        kind=kind,
        reason=Reason.DATE,
        field=flow.event_date,
        value=lambda text: pl.lit(year) + text.str.slice(4),
        rows=pl.col(flow.event_date).is_not_null()
        & ~pl.col(flow.event_date).str.ends_with("02-29"),
    )


def _order(flow: Dataflow) -> Break | None:
    """An end that lies before its start."""
    names = {one.name for one in flow.fields}
    spans = (("valid_to", "valid_from"), ("end", "start"), ("closed_on", "opened_on"))
    for end, start in spans:
        if {end, start} <= names:
            return Break(
                kind="order",
                reason=Reason.DATE,
                field=end,
                value=lambda _: pl.lit("1990-01-01"),
                rows=pl.col(end).is_not_null() & pl.col(start).is_not_null(),
            )
    return None


def _range(flow: Dataflow) -> Break | None:
    """A number outside its bounds."""
    field = _first(flow, lambda one: one.kind in _NUMBERS and one.low is not None)
    if field is None:
        return None
    return _constant("range", Reason.RANGE, field.name, "-2000000")


def _text(flow: Dataflow) -> Break | None:
    """A text longer than its bound."""
    field = _first(
        flow,
        lambda one: (
            one.kind is Kind.STRING and not one.codelist and one.high is not None
        ),
    )
    if field is None:
        return None
    return _constant("text", Reason.TEXT, field.name, "X" * (field.high or 0) + "X")


def _rule(flow: Dataflow) -> Break | None:
    """A rule of the dataflow does not hold."""
    if flow.id not in _RULES:
        return None
    field, value = _RULES[flow.id]
    return Break(
        kind="rule",
        reason=Reason.RULE,
        field=field,
        value=lambda _: pl.lit(value),
        rows=_RULED.get(flow.id),
    )


def _unreadable(flow: Dataflow) -> Break | None:
    """A date that does not exist."""
    field = _first(flow, lambda one: one.kind is Kind.DATE)
    if field is None:
        return None
    return _constant("unreadable", SOURCE, field.name, "2025-02-30")
