"""Entries and contributions of many tables, summed together.

Rules:

- An entry is one signed id in one place of one table; a contribution is what one
  person brought to it. Tables make them, and the tally adds them all up at once: what
  a data frame library takes to begin is paid once a frequency and not once a table.
- Sums are exact, so it does not matter what was added together or in which order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from hub.core import cells, period
from hub.core.indicators.plan import PLACE, Plan

AT = ["at", *PLACE[1:]]
SHARES = ("n", "a", "b")
"""A contribution: how many (events, or persons of a row), largest, second largest."""

CELL_SCHEMA = {
    "table": pl.String,
    **dict.fromkeys(PLACE, pl.String),
    **dict.fromkeys(cells.SUMS, pl.Int64),
    "seq": pl.Int64,
}
SHARE_SCHEMA = {
    "table": pl.String,
    **dict.fromkeys(PLACE, pl.String),
    "person": pl.Binary,
    **dict.fromkeys(SHARES, pl.Int64),
}
Given = list[tuple[str, pl.DataFrame]]
"""Keys of tables of one frequency, and what each gave."""


class Tally:
    """What tables gave; add all, then read the sums."""

    def __init__(self) -> None:
        self._entries: dict[str, Given] = {}
        self._shares: dict[str, Given] = {}

    def enter(self, plan: Plan, entries: pl.DataFrame) -> None:
        """Add entries of a table: columns at, place, id, sign, total, seq."""
        given = self._entries.setdefault(plan.table.frequency, [])
        given.append((plan.key, entries))

    def contribute(self, plan: Plan, shares: pl.DataFrame) -> None:
        """Add contributions to a table: columns at, place, person, n, a, b."""
        given = self._shares.setdefault(plan.table.frequency, [])
        given.append((plan.key, shares))

    def cells(self) -> pl.DataFrame:
        """Signed cells: columns table, place, sums, seq."""
        found = [pl.DataFrame(schema=CELL_SCHEMA)]
        for frequency, given in self._entries.items():
            rows, keys = _together(given)
            rows = rows.hstack(cells.identity(rows["id"]))
            summed = rows.group_by("table", *AT).agg(
                *cells.signed_sums(), pl.col("seq").max()
            )
            found.append(_labelled(summed, keys, frequency, list(CELL_SCHEMA)))
        return pl.concat(found)

    def shares(self) -> pl.DataFrame:
        """Signed contributions: columns table, place, person, n, a, b."""
        found = [pl.DataFrame(schema=SHARE_SCHEMA)]
        for frequency, given in self._shares.items():
            rows, keys = _together(given)
            summed = rows.group_by("table", *AT, "person").agg(pl.col(SHARES).sum())
            found.append(_labelled(summed, keys, frequency, list(SHARE_SCHEMA)))
        return pl.concat(found)


def _together(given: Given) -> tuple[pl.DataFrame, pl.Series]:
    """All rows, `table` being a place in the list of keys."""
    sizes = [rows.height for _, rows in given]
    numbers = np.repeat(np.arange(len(given), dtype=np.uint32), sizes)
    rows = pl.concat([rows for _, rows in given])
    return rows.hstack([pl.Series("table", numbers)]), pl.Series([k for k, _ in given])


def _labelled(
    rows: pl.DataFrame, keys: pl.Series, frequency: str, columns: Sequence[str]
) -> pl.DataFrame:
    """The rows with words for numbers: the table's key and the period's label."""
    rows = rows.with_columns(
        period.ordinal_label(pl.col("at"), frequency).alias("period"),
        keys.gather(rows["table"]).alias("table"),
    )
    return rows.select(columns)
