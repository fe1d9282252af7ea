"""The records of W1: made once, the same in every run, with the counts to expect.

Rules:

- Draws depend on the count: a smaller input is cut from the largest one.
- Row `r` of batch `b` goes to partition ``b mod 4``, as one event or inside a batch.
- Five rows in a hundred repeat an earlier row of their partition, anywhere before.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from work import PARTITIONS, ROWS

_REPEATED = 0.05
_SEED = 20_260_101


def records(count: int) -> pl.DataFrame:
    """`count` rows; a multiple of 4,000."""
    dice = np.random.default_rng(_SEED)
    origin = _origins(count // PARTITIONS)
    batch, row = np.divmod(np.arange(count), ROWS)
    local = (batch // PARTITIONS) * ROWS + row
    # Draws are made by identity, so a repeated row is equal in every field.
    identity = origin[local] * PARTITIONS + batch % PARTITIONS
    draw = dice.integers(0, 2**62, size=(4, count))[:, identity]
    frame = pl.DataFrame(
        {"i": identity, **{name: draw[n] for n, name in enumerate("wxyz")}}
    )
    w, x, y, z = map(pl.col, "wxyz")
    return frame.select(
        record=pl.format("R{}", pl.col("i").cast(pl.String).str.zfill(10)),
        document=pl.format("I-AS {}", (w % 800_000).cast(pl.String).str.zfill(6)),
        surname=pl.format("Surname{}", w % 5_003),
        given=pl.format("Given{}", w % 997),
        birth_date=(w % 25_000 - 7_000).cast(pl.Int32).cast(pl.Date),
        sex=_pick(w // 7, ["F", "M"]),
        citizenship=_pick(x, [f"C{n:02}" for n in range(20)]),
        region=_pick(x // 64, ["AS", "AH", "BA", "DA", "LE", "MA"]),
        checkpoint=_pick(y, [f"CP{n:02}" for n in range(15)]),
        direction=_pick(y // 64, ["IN", "OUT"]),
        purpose=_pick(z, ["work", "study", "family", "tourism", "transit", "other"]),
        event_date=(z // 64 % 365 + 20_089).cast(pl.Int32).cast(pl.Date),
        stay_days=(z // 65_536 % 90).cast(pl.Int32),
    )


def _pick(number: pl.Expr, words: list[str]) -> pl.Expr:
    choice = pl.Series(words)
    return pl.lit(choice).gather(number % len(words))


def _origins(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """For each row of a partition, the row it repeats (itself, mostly)."""
    dice = np.random.default_rng(_SEED + 1)
    again, where = dice.random((2, count))
    own = np.arange(count)
    origin = np.where(again < _REPEATED, (where * own).astype(np.int64), own)
    while not np.array_equal(origin, origin[origin]):
        origin = origin[origin]
    return origin


GROUPS: dict[str, list[pl.Expr]] = {
    "a": [pl.col("citizenship")],
    "b": [pl.col("checkpoint"), pl.col("direction")],
    "c": [pl.col("sex"), pl.col("birth_date").dt.year() // 10],
    "d": [pl.col("purpose"), pl.col("event_date").dt.month()],
    "e": [pl.col("region"), pl.col("citizenship")],
}


def expected(rows: pl.DataFrame) -> dict[str, object]:
    """Unique rows and all cells, by another way than any contender takes."""
    unique = rows.unique("record")
    cells: dict[str, int] = {}
    for letter, parts in GROUPS.items():
        names = unique.select(pl.concat_str([pl.lit(letter), *parts], separator="|"))
        cells |= dict(names.to_series().value_counts().iter_rows())
    return {"unique": unique.height, "cells": cells}
