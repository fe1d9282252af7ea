"""Rows against their dataflow: what may go on, and why the rest may not.

Rules (design §3 rule 12, §4):

- Checks are data, made once from the dataflow (:func:`checks_of`): its fields in schema
  order, then its rules, then record ids used twice in one batch. A row is refused for
  the first check that fails.
- A bad row never raises; it becomes a :class:`Refused` with its place, a reason of the
  closed enum and the field's name, never a value.
- Dates lie between 1900 and five years after the message's own append time; ends of
  validity a hundred years; nobody is born after the message. The clock is the broker's,
  so the same message is judged alike on any day.
- An empty text is no text; text holds no control characters.
- A period is of the one frequency that its field allows: a year among months would be
  twelve months in none of them.
- Rows of one batch that say different things under one record id and revision are all
  refused: none of them is more right than the others.

Input frames hold the provider's fields and ``origin_offset``, ``clock_ms``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from hub.core import period
from hub.core.catalogue.model import Codelist, Dataflow, Field, Kind
from hub.core.catalogue.schemas import CONTROL
from hub.core.indicators.conditions import where
from hub.core.reasons import Reason

DATE_FIRST = dt.date(1900, 1, 1)
EVENT_DAYS_AHEAD = 5 * 366
VALIDITY_DAYS_AHEAD = 100 * 366
BIRTH_DAYS_AHEAD = 1  # a birth may be sent from a place where it is already tomorrow
TEXT_LENGTH_MAX = 1_000
CODES_SEPARATOR = ";"
"""Between the codes of a text field that has a codelist."""

_CONTROL_CHARACTERS = r"[\p{Cc}\u{2028}\u{2029}]"
_NUMBERS = (Kind.INT, Kind.LONG, Kind.MONEY)
_TEXTS = (Kind.STRING, Kind.CODE, Kind.PERIOD)
_SPANS = {"valid_to": "valid_from", "end": "start", "closed_on": "opened_on"}
"""End of a stretch of time -> its start."""
_DAYS_AHEAD = {
    "valid_to": VALIDITY_DAYS_AHEAD,
    "end": VALIDITY_DAYS_AHEAD,
    "birth_date": BIRTH_DAYS_AHEAD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that may be wrong with a row; `fails` is a boolean, null is false."""

    reason: Reason
    field: str
    fails: pl.Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A row that may not go on.

    Attributes:
        row: Its index in the frame given.
        field: Where the fault lies; "" for the row as a whole.
    """

    row: int
    reason: Reason
    field: str


def checks_of(flow: Dataflow, codelists: Mapping[str, Codelist]) -> tuple[Check, ...]:
    """Every check of a dataflow, in the order in which they are reported."""
    fields = {field.name: field for field in flow.fields}
    made = [check for field in flow.fields for check in _of_field(field, codelists)]
    made += [
        Check(reason=Reason.DATE, field=end, fails=pl.col(end) < pl.col(start))
        for end, start in _SPANS.items()
        if end in fields and start in fields
    ]
    made += [
        Check(
            reason=Reason.RULE,
            field=rule.then[0].field,
            fails=where(rule.when, fields) & ~where(rule.then, fields),
        )
        for rule in flow.rules
    ]
    return tuple(made)


def validate(
    frame: pl.DataFrame, flow: Dataflow, checks: Sequence[Check]
) -> tuple[pl.DataFrame, list[Refused]]:
    """The rows that may go on, and the others with their reasons, in row order."""
    if not frame.height:
        return frame, []
    refused = _failing(frame, checks)
    if not flow.reserved:
        refused |= _contradicting(frame, refused)
    if not refused:
        return frame, []
    rows = sorted(refused)
    bad = pl.Series(rows, dtype=pl.UInt32)
    accepted = frame.filter(
        ~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(bad.implode())
    )
    return accepted, [
        Refused(row=row, reason=refused[row].reason, field=refused[row].field)
        for row in rows
    ]


def _failing(frame: pl.DataFrame, checks: Sequence[Check]) -> dict[int, Check]:
    """Row index -> the first check it fails."""
    marks = frame.select(
        check.fails.fill_null(value=False).alias(str(index))
        for index, check in enumerate(checks)
    )
    # Nearly always nothing fails: only columns with a failure are looked into.
    touched = [
        name for name, any_ in zip(marks.columns, _any(marks), strict=True) if any_
    ]
    found: dict[int, Check] = {}
    for name in touched:
        for row in marks[name].arg_true():
            found.setdefault(row, checks[int(name)])
    return found


def _any(marks: pl.DataFrame) -> tuple[bool, ...]:
    return marks.select(pl.all().any()).row(0)


def _contradicting(
    frame: pl.DataFrame, refused: Mapping[int, Check]
) -> dict[int, Check]:
    """Rows, not refused yet, whose record id and revision another row contradicts."""
    key = ["origin_offset", "record_id", "revision"]
    twice = frame.select(pl.struct(key).is_duplicated()).to_series().arg_true()
    doubtful = [row for row in twice if row not in refused]
    if len(doubtful) < 2:
        return {}
    rows = frame.select(pl.exclude("origin_row"))[doubtful]
    unlike = rows.with_columns(row=pl.Series(doubtful)).filter(
        pl.struct(pl.exclude("row", *key)).n_unique().over(key) > 1
    )
    check = Check(reason=Reason.RECORD, field="record_id", fails=pl.lit(value=True))
    return dict.fromkeys(unlike["row"].to_list(), check)


def _of_field(field: Field, codelists: Mapping[str, Codelist]) -> Iterator[Check]:
    """The checks of one field; control fields have one reason for all of them."""
    column = pl.col(field.name)
    failing: list[tuple[Reason, pl.Expr]] = []
    if field.required:
        missing = column.is_null()
        if field.kind in _TEXTS:
            missing |= column.str.strip_chars() == ""
        failing.append((Reason.MISSING, missing))
    if field.codelist is not None:
        codes = list(codelists[field.codelist].codes)
        failing.append((Reason.CODE, _unknown_code(column, field, codes)))
    elif field.kind in (Kind.STRING, Kind.CODE):
        failing.append((Reason.TEXT, _unfit_text(column, field)))
    elif field.kind in _NUMBERS:
        failing.append((Reason.RANGE, _out_of_range(column, field)))
    elif field.kind is Kind.DATE:
        failing.append((Reason.DATE, _implausible(column, field.name)))
    elif field.kind is Kind.PERIOD:
        last = period.last_day(column)
        unfit = column.is_not_null() & last.is_null()
        if field.frequency:
            unfit |= period.frequency(column) != field.frequency
        failing.append((Reason.DATE, unfit | _implausible(last, field.name)))
    for reason, fails in failing:
        told = Reason.RECORD if field.name in CONTROL else reason
        yield Check(reason=told, field=field.name, fails=fails)


def _unknown_code(column: pl.Expr, field: Field, codes: list[str]) -> pl.Expr:
    """A text with a codelist holds several codes."""
    if field.kind is Kind.CODE:
        return ~column.is_in(codes)
    listed = column.str.split(CODES_SEPARATOR)
    return ~listed.list.eval(pl.element().is_in(codes)).list.all()


def _unfit_text(column: pl.Expr, field: Field) -> pl.Expr:
    most = TEXT_LENGTH_MAX if field.high is None else field.high
    return (column.str.len_chars() > most) | column.str.contains(_CONTROL_CHARACTERS)


def _out_of_range(column: pl.Expr, field: Field) -> pl.Expr:
    outside = pl.lit(value=False)
    if field.low is not None:
        outside |= column < field.low
    if field.high is not None:
        outside |= column > field.high
    return outside


def _implausible(day: pl.Expr, name: str) -> pl.Expr:
    ahead = _DAYS_AHEAD.get(name, EVENT_DAYS_AHEAD)
    today = period.local_day(pl.col("clock_ms"))
    latest = (today.cast(pl.Int32) + ahead).cast(pl.Date)
    return (day < DATE_FIRST) | (day > latest)
