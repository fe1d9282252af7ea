"""Cells in state, and the snapshot of a cut.

State (keys are the letter and what follows):

- ``c`` table|period|area|sex|d1|d2 → the six sums, 48 bytes; no entry is zero. The
  reading of what was intended stands under table~.

Rules (delivery, rule 8; docs/data-path.md, "Aggregate"):

- A snapshot holds every cell of the cut's tables whose period lies in the marker's;
  of a stock all postings up to the end of it.
- Tables that keep contributions are given with their margins and with persons, top1
  and top2, because those do not add over cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from hub.core import cells
from hub.core.aggregate import shares
from hub.core.catalogue.model import Measure
from hub.core.indicators.margins import expand
from hub.core.indicators.plan import PLACE, Plan
from hub.core.state import Overlay

KIND = b"c"
_NAMES = ["table", *PLACE]
EXTREMES = ("persons", "top1", "top2")
EMPTY = pl.DataFrame(
    schema={
        **dict.fromkeys(_NAMES, pl.String),
        **dict.fromkeys((*cells.SUMS, *EXTREMES), pl.Int64),
    }
)


def fold(overlay: Overlay, changes: pl.DataFrame) -> pl.DataFrame:
    """Add signed cells.

    Args:
        overlay: State.
        changes: Columns table, place, sums, seq.

    Returns:
        The cells named, with what they now hold, in the order of their last change.
    """
    named = changes.group_by(_NAMES).agg(*cells.sums(), pl.col("seq").max())
    named = named.sort("seq", *_NAMES)
    keys = _keys(named)
    now = cells.plus(cells.unpack(overlay.get_many(keys)), named)
    zero = cells.encode(cells.ZERO)
    pending = overlay.pending
    for key, value in zip(keys, cells.pack(now), strict=True):
        pending[key] = None if value == zero else value
    return named.select(*_NAMES, "seq").hstack(now)


def snapshot(overlay: Overlay, plan: Plan, periods: Sequence[str]) -> pl.DataFrame:
    """One table's rows of a cut: table, place, sums, persons, top1, top2.

    Args:
        overlay: State.
        plan: Of the table, for the vintage of the cut.
        periods: Which it publishes, in order (:func:`hub.core.cut.periods`).
    """
    table = plan.table
    if not periods:
        return EMPTY
    if table.measure is Measure.STOCK:
        rows = _scan(overlay, f"{plan.key}|").filter(pl.col("period") <= periods[-1])
    else:
        rows = pl.concat([_scan(overlay, f"{plan.key}|{one}|") for one in periods])
    rows = rows.with_columns(pl.lit(table.id).alias("table"))
    if not plan.contributes:
        none = [pl.lit(None, dtype=pl.Int64).alias(name) for name in EXTREMES]
        return rows.with_columns(none).sort(PLACE)
    whole = expand(table, rows, cells.sums())
    most = shares.margins(overlay, plan, periods)
    return (
        whole.join(most, on=PLACE, how="left")
        .with_columns(pl.lit(table.id).alias("table"))
        .select(EMPTY.columns)
        .sort(PLACE)
    )


def _keys(frame: pl.DataFrame) -> list[bytes]:
    texts = frame.select(pl.concat_str(_NAMES, separator="|").alias("key"))["key"]
    return [KIND + text.encode() for text in texts]


def _scan(overlay: Overlay, prefix: str) -> pl.DataFrame:
    found = list(overlay.scan(KIND + prefix.encode()))
    texts = pl.Series("key", [key[1:].decode() for key, _ in found], dtype=pl.String)
    parts = texts.str.split_exact("|", len(_NAMES) - 1).struct.rename_fields(_NAMES)
    names = parts.struct.unnest()
    return names.hstack(cells.unpack([value for _, value in found]))
