"""Text to values: a mapping applied to a piece of a file, column by column.

Rules:

- What cannot be read as the field's kind refuses the row, with every such column
  named; only a mapping that says ``unparseable = "empty"`` turns it into null, counted.
- Money comes as minor units, or as a decimal number with `decimals` in the mapping.
- Numbers are exact: no float on the way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from hub.core.catalogue.model import Dataflow, Field, Kind
from hub.publisher.mapping import Cell, Mapping
from hub.publisher.sources.rows import STAMP, Chunk, Rejected, Strings

TYPES: dict[Kind, type[pl.DataType]] = {
    Kind.INT: pl.Int32,
    Kind.LONG: pl.Int64,
    Kind.MONEY: pl.Int64,
    Kind.DATE: pl.Date,
    Kind.BOOLEAN: pl.Boolean,
}
"""Column type of a kind; every other kind is text."""

_YES = ("true", "1", "yes", "y", "да", "hawa")
_NO = ("false", "0", "no", "n", "нет", "ýok")
_RAW, _BAD = "\0raw:", "\0bad:"
_MEND = {
    Kind.DATE: "write an existing date, or name its format in the mapping (dates)",
    Kind.BOOLEAN: "write true or false, or map the values in the mapping (values)",
    Kind.MONEY: "write minor units as a whole number, or set decimals in the mapping",
}
_WHAT = {Kind.DATE: "not a date", Kind.BOOLEAN: "neither true nor false"}
_NUMBER = "write a whole number without blanks or unit"


def schema(dataflow: Dataflow) -> dict[str, type[pl.DataType]]:
    """Columns and types of the dataflow's provider schema, in order."""
    return {one.name: TYPES.get(one.kind, pl.String) for one in dataflow.fields}


def apply(mapping: Mapping, dataflow: Dataflow, strings: Strings) -> Chunk:
    """The rows of a piece as the provider schema, and what was refused."""
    raws = [
        _raw(mapping.cells.get(one.name, Cell()), mapping.nulls).alias(_RAW + one.name)
        for one in dataflow.fields
    ]
    # Constants alone have one row; the frame's height gives them theirs.
    raw = strings.frame.with_columns(raws).select(pl.col(f"^{_RAW}.*$"))
    parsed = raw.with_columns(
        _parse(one, mapping.cells.get(one.name, Cell()), strings).alias(one.name)
        for one in dataflow.fields
    )
    names = [one.name for one in dataflow.fields]
    bad = parsed.select(
        (pl.col(_RAW + name).is_not_null() & pl.col(name).is_null()).alias(name)
        for name in names
    )
    wrong = {name: int(count) for name, count in bad.sum().row(0, named=True).items()}
    frame = parsed.select(names)
    emptied = tuple(
        (name, count)
        for name, count in wrong.items()
        if count and mapping.cells[name].empties
    )
    refusing = [
        one
        for one in dataflow.fields
        if wrong[one.name] and not mapping.cells[one.name].empties
    ]
    if not refusing:
        return Chunk(
            frame=frame, rows=strings.rows, rejected=strings.rejected, emptied=emptied
        )
    dropped = bad.select(
        pl.any_horizontal([one.name for one in refusing]).alias("bad")
    )["bad"]
    rejected = sorted(
        (*strings.rejected, *_rejections(refusing, bad, strings, mapping)),
        key=lambda one: one.row,
    )
    return Chunk(
        frame=frame.filter(~dropped),
        rows=strings.rows[~dropped.to_numpy()],
        rejected=tuple(rejected),
        emptied=emptied,
    )


def _raw(cell: Cell, nulls: Sequence[str]) -> pl.Expr:
    """The text of a field: column or constant, value map and default applied."""
    if cell.constant is not None:
        return pl.lit(cell.constant)
    if not cell.columns:
        return pl.lit(None, pl.String)
    parts = [_present(pl.col(column), nulls) for column in cell.columns]
    text = parts[0]
    if len(parts) > 1:
        joined = pl.concat_str(
            [part.fill_null("") for part in parts], separator=cell.separator
        )
        text = pl.when(pl.any_horizontal(part.is_not_null() for part in parts)).then(
            joined
        )
    if cell.values is not None:
        other = text if cell.otherwise is None else pl.lit(cell.otherwise)
        mapped = text.replace_strict(
            list(cell.values), list(cell.values.values()), default=other
        )
        text = pl.when(text.is_not_null()).then(mapped)
    return text if cell.default is None else text.fill_null(cell.default)


def _present(text: pl.Expr, nulls: Sequence[str]) -> pl.Expr:
    """A column in which the texts that mean "no value" are null."""
    return pl.when(~text.is_in(list(nulls))).then(text) if nulls else text


def _parse(one: Field, cell: Cell, strings: Strings) -> pl.Expr:
    """The value of a field out of its text; null where it cannot be read."""
    text = pl.col(_RAW + one.name)
    kind = TYPES.get(one.kind)
    if one.kind is Kind.DATE:
        forms = (STAMP + "%Y-%m-%d", *cell.dates) if strings.stamped else cell.dates
        tried = [text.str.to_date(form, strict=False) for form in forms]
        return tried[0] if len(tried) == 1 else pl.coalesce(tried)
    if one.kind is Kind.BOOLEAN:
        texts = [*_YES, *_NO]
        truth = [True] * len(_YES) + [False] * len(_NO)
        return text.str.to_lowercase().replace_strict(
            texts, truth, default=None, return_dtype=pl.Boolean
        )
    if kind is None:
        return text
    if cell.decimals is None:
        return text.cast(kind, strict=False)
    return _decimal(text, cell.decimals).cast(kind, strict=False)


def _decimal(text: pl.Expr, decimals: int) -> pl.Expr:
    """A decimal number with point or comma as a whole number of its smallest unit."""
    shape = rf"^[+-]?\d+(?:[.,]\d{{0,{decimals}}}0*)?$"
    whole = text.str.extract(r"^([+-]?\d+)", 1)
    digits = text.str.extract(r"[.,](\d*)$", 1).fill_null("")
    digits = digits.str.pad_end(decimals, "0").str.slice(0, decimals)
    return pl.when(text.str.contains(shape)).then(pl.concat_str([whole, digits]))


def _rejections(
    refusing: Sequence[Field], bad: pl.DataFrame, strings: Strings, mapping: Mapping
) -> list[Rejected]:
    """One refusal a wrong value."""
    found: list[Rejected] = []
    for one in refusing:
        cell = mapping.cells[one.name]
        what = _WHAT.get(one.kind, "not a whole number of this size")
        if one.kind is Kind.DATE:
            what = f"{what} (read as {' or '.join(cell.dates)})"
        column = " + ".join(cell.columns) or one.name
        found.extend(
            Rejected(
                row=int(strings.rows[index]),
                line=int(strings.lines[index]),
                column=column,
                what=f"{what}, for the field {one.name}",
                mend=_MEND.get(one.kind, _NUMBER),
            )
            for index in np.flatnonzero(bad[one.name].to_numpy())
        )
    return found
