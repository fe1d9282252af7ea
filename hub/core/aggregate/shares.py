"""Who contributed how much to a cell, for tables under dominance rules.

State (keys are the letter and what follows):

- ``t`` table|period|area|sex|d1|d2| person (16 bytes) → n, a, b.

Rules:

- Contributions are kept per person, so the number of distinct persons and the two
  largest survive corrections, merges and splits; they are looked up at a cut only.
- Persons of different partitions are different, so at release numbers add and the
  largest two are the largest two of all partitions.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from hub.core.indicators.margins import expand
from hub.core.indicators.plan import PLACE, Plan
from hub.core.indicators.tally import SHARES
from hub.core.state import Overlay

KIND = b"t"
ID_SIZE = 16
ROW = np.dtype([("n", "<i4"), ("a", "<i8"), ("b", "<i8")])
_ZERO = bytes(ROW.itemsize)


def fold(overlay: Overlay, shares: pl.DataFrame) -> None:
    """Add signed contributions (:meth:`hub.core.indicators.tally.Tally.shares`)."""
    head = pl.concat_str(pl.lit(KIND.decode()), "table")
    places = pl.concat_str(head, *PLACE, pl.lit(""), separator="|").cast(pl.Binary)
    named = shares.select(place=places, person="person")
    keys = list(map(bytes.__add__, *named.to_dict(as_series=False).values()))
    stored = overlay.get_many(keys)
    rows = np.frombuffer(b"".join(v or _ZERO for v in stored), dtype=ROW).copy()
    for name in SHARES:
        rows[name] += shares[name].to_numpy().astype(ROW[name])
    flat, size = rows.tobytes(), ROW.itemsize
    values = (flat[at : at + size] for at in range(0, len(flat), size))
    overlay.pending.update(
        (key, None if value == _ZERO else value)
        for key, value in zip(keys, values, strict=True)
    )


def margins(overlay: Overlay, plan: Plan, periods: Iterable[str]) -> pl.DataFrame:
    """Persons, top1 and top2 of every cell and margin of the periods."""
    found = [judged(plan, _scan(overlay, plan, period)) for period in periods]
    return pl.concat(found)


def _scan(overlay: Overlay, plan: Plan, period: str) -> pl.DataFrame:
    prefix = KIND + f"{plan.key}|{period}|".encode()
    keys, values = [], []
    for key, value in overlay.scan(prefix):
        keys.append(key[len(prefix) :])
        values.append(value)
    rows = np.frombuffer(b"".join(values), dtype=ROW)
    frame = pl.DataFrame(
        {
            "place": pl.Series([key[: -ID_SIZE - 1] for key in keys], dtype=pl.Binary),
            "person": pl.Series([key[-ID_SIZE:] for key in keys], dtype=pl.Binary),
            **{name: pl.Series(rows[name].astype(np.int64)) for name in SHARES},
        }
    )
    parts = pl.col("place").cast(pl.String).str.split_exact("|", len(PLACE) - 2)
    return (
        frame.with_columns(parts.struct.rename_fields(PLACE[1:]))
        .unnest("place")
        .with_columns(pl.lit(period).alias("period"))
    )


def judged(plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
    """Persons, top1 and top2 of cells and margins from contributions.

    A person is one contributor of a margin, whatever cells lie behind.
    """
    if not plan.grouped:
        whole = [pl.col(name).sum() for name in SHARES]
        rows = expand(plan.table, rows, whole, by=["person"])
        people = (pl.col("n") > 0).cast(pl.Int64).sum()
        top = pl.col("a").top_k(2).sort(descending=True)
        return rows.group_by(PLACE).agg(
            people.alias("persons"),
            top.get(0, null_on_oob=True).alias("top1"),
            top.get(1, null_on_oob=True).fill_null(0).alias("top2"),
        )
    top = pl.col("a").append(pl.col("b")).top_k(2).sort(descending=True)
    each = [
        pl.col("n").sum().alias("persons"),
        top.get(0, null_on_oob=True).alias("top1"),
        top.get(1, null_on_oob=True).fill_null(0).alias("top2"),
    ]
    return expand(plan.table, rows, each)
