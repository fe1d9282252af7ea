"""Rows that come one by one, gathered into columns of text a piece at a time.

Shared by the adapters whose library gives rows: workbooks, JSON Lines, databases,
passenger lists. Text files are cut columnar instead
(:mod:`hub.publisher.sources.records`).

Rules:

- A value becomes the text a CSV file would have: numbers without exponent, decimals as
  they are, true and false, no float where there was none.
- A typed date is stamped, so that no declared text format can read it another way; only
  in columns that feed nothing but dates.
- A text longer than ``TEXT_MAX`` is no value of a register and refuses its row.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from hub.core.catalogue.model import Dataflow, Kind
from hub.publisher.mapping import Mapping
from hub.publisher.sources.rows import ROW, STAMP, Numbers, Rejected, Strings

ROWS_MAX = 5_000
"""Rows gathered before they go on."""
TEXT_MAX = 32_767
"""Longest value, as in a spreadsheet's cell."""

_EXACT = 2**53
_LONG = "the text is longer than any value of a record"
_SHORTEN = "look for a file in a cell, and shorten the text"


@dataclass(slots=True)
class Table:
    """Gathers rows; `take` hands them over.

    Attributes:
        columns: Names, in the order of the values.
        stamped: Columns in which typed dates keep their type.
    """

    columns: tuple[str, ...]
    stamped: frozenset[str] = frozenset()
    _values: list[list[str | None]] = field(default_factory=list)
    _numbers: list[tuple[int, int]] = field(default_factory=list)
    _rejected: list[Rejected] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether it is time to hand over."""
        return len(self._values) + len(self._rejected) >= ROWS_MAX

    def add(self, row: int, line: int, values: Sequence[object]) -> None:
        """One row; refused where a value cannot be a value, dropped by nobody."""
        texts: list[str | None] = []
        for name, value in zip(self.columns, values, strict=True):
            stamp = name in self.stamped
            one = value if value is None else text_of(value, stamp=stamp)
            if one is not None and len(one) > TEXT_MAX:
                self.refuse(row, line, name, _LONG, _SHORTEN)
                return
            texts.append(one)
        if any(texts):
            self._values.append(texts)
            self._numbers.append((row, line))
        else:
            self.refuse(row, line, ROW, "the row is empty", "delete the row")

    def refuse(self, row: int, line: int, column: str, what: str, mend: str) -> None:
        """One row that cannot be read."""
        self._rejected.append(
            Rejected(row=row, line=line, column=column, what=what, mend=mend)
        )

    def take(self) -> Strings:
        """What was gathered since the last time."""
        schema = dict.fromkeys(self.columns, pl.String())
        frame = pl.DataFrame(self._values, schema=schema, orient="row")
        numbers: Numbers = np.array(self._numbers, dtype=np.int64).reshape(-1, 2)
        taken = Strings(
            frame=frame,
            rows=numbers[:, 0],
            lines=numbers[:, 1],
            rejected=tuple(self._rejected),
            stamped=bool(self.stamped),
        )
        self._values, self._numbers, self._rejected = [], [], []
        return taken


def stamped(mapping: Mapping, dataflow: Dataflow) -> frozenset[str]:
    """Columns that feed dates and nothing else."""
    dates: set[str] = set()
    others: set[str] = set()
    for one in dataflow.fields:
        if one.name in mapping.cells:
            kind = dates if one.kind is Kind.DATE else others
            kind.update(mapping.cells[one.name].columns)
    return frozenset(dates - others)


def text_of(value: object, *, stamp: bool = False) -> str | None:
    """A value as text; None where there is none.

    Args:
        value: Of a cell, a database or a JSON document.
        stamp: Whether dates are to be stamped; a time of day is then left out.
    """
    if isinstance(value, str):
        return value.strip(" \u00a0\t\r\n") or None
    if isinstance(value, dt.date):  # a datetime is one
        return _date(value, stamp=stamp)
    if isinstance(value, bool | float | decimal.Decimal):
        return _number(value)
    if isinstance(value, dt.time | dt.timedelta | int | uuid.UUID):
        return str(value)
    return None if value is None else f"({type(value).__name__})"


def _number(value: bool | float | decimal.Decimal) -> str | None:
    """The shortest text that is this number; a whole one without its point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, decimal.Decimal):
        return format(value, "f") if value.is_finite() else None
    if math.isnan(value):
        return None
    if value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return repr(value)


def _date(value: dt.date, *, stamp: bool) -> str:
    day = value.date() if isinstance(value, dt.datetime) else value
    if stamp:
        return STAMP + day.isoformat()
    if isinstance(value, dt.datetime) and value.time() != dt.time():
        return value.isoformat(sep=" ")
    return day.isoformat()
