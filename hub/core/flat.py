"""Observations as flat rows, the shape of every table file: JSON Lines and CSV.

Rules:

- The columns are those of the table's data structure, in its order; TABLE stands
  before them, so one file can hold several tables.
- A row says everything that a manifest signs. What a row says beside that, or says
  wrongly, is refused and not passed over: a file is read to be verified.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hub.core.catalogue.model import Catalogue, Table
from hub.core.errors import InvalidError
from hub.core.observation import Observation

BEFORE = ("TABLE", "FREQ", "REF_AREA", "SEX")
AFTER = (
    "TIME_PERIOD",
    "OBS_VALUE",
    "OBS_STATUS",
    "CONF_STATUS",
    "UNIT_MEASURE",
    "VINTAGE",
    "RELEASE",
    "RELEASED_MS",
    "RESIDENCE_RULE",
)


def columns(tables: Sequence[Table]) -> tuple[str, ...]:
    """One header for all tables: a column for each dimension that any of them has."""
    names = dict.fromkeys(one.id for table in tables for one in table.dimensions)
    return (*BEFORE, *names, *AFTER)


def row_of(table: Table, one: Observation) -> dict[str, Any]:
    """An observation in the words of its data structure."""
    names = [dimension.id for dimension in table.dimensions]
    before = (one.table, one.frequency, one.area, one.sex)
    after = (
        one.period,
        one.value,
        one.status,
        one.conf,
        one.unit,
        one.vintage,
        one.release,
        one.released_ms,
        one.residence_rule,
    )
    return {
        **dict(zip(BEFORE, before, strict=True)),
        **dict(zip(names, one.dimensions, strict=True)),
        **dict(zip(AFTER, after, strict=True)),
    }


def one_of(catalogue: Catalogue, row: Mapping[str, Any]) -> Observation:
    """The observation in a row; numbers may be spelled as text, as CSV does.

    Raises:
        InvalidError: An unknown table, a column too many or too few, or a value that
            is none.
    """
    name = row.get("TABLE")
    table = catalogue.tables.get(name) if isinstance(name, str) else None
    if table is None or table.internal:
        raise InvalidError("TABLE: names no table of this catalogue")
    names = [dimension.id for dimension in table.dimensions]
    known = {*BEFORE, *names, *AFTER}
    filled = {field for field, value in row.items() if value not in ("", None)}
    if unknown := sorted(filled - known):
        raise InvalidError(f"{unknown[0]}: {table.id} has no such column")
    if absent := sorted(known - row.keys() - {"RESIDENCE_RULE"}):
        raise InvalidError(f"{absent[0]}: the column is missing")
    return Observation(
        table=table.id,
        frequency=_text(row, "FREQ"),
        area=_text(row, "REF_AREA"),
        sex=_text(row, "SEX"),
        dimensions=tuple(_text(row, field) for field in names),
        period=_text(row, "TIME_PERIOD"),
        value=_value(row["OBS_VALUE"]),
        status=_text(row, "OBS_STATUS"),
        conf=_text(row, "CONF_STATUS"),
        unit=_text(row, "UNIT_MEASURE"),
        vintage=_text(row, "VINTAGE"),
        release=_text(row, "RELEASE"),
        released_ms=_moment(row["RELEASED_MS"]),
        residence_rule=row.get("RESIDENCE_RULE") or None,
    )


def _text(row: Mapping[str, Any], field: str) -> str:
    value = row[field]
    if not isinstance(value, str) or not value:
        raise InvalidError(f"{field}: not a text")
    return value


def _value(value: Any) -> float | None:
    if value in ("", None):
        return None
    number = math.nan
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
    if not math.isfinite(number):
        raise InvalidError("OBS_VALUE: not a number")
    return number


def _moment(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise InvalidError("RELEASED_MS: not a whole number of milliseconds")
