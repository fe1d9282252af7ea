"""A worker of aggregate that drops one message and folds one twice, on purpose.

Only for the chaos trial, see :mod:`unguarded`. Rules:

- One message with rows of crossings is dropped, one with rows of remittances is folded
  twice. They are of two dataflows, so that what is missing and what is too much cannot
  stand in one figure, where each would hide the other.
- A message that takes rows back is left alone: dropped, it would double what it takes
  back. So is one with rows of other years, of which the checker counts nothing.
- How many rows it was is written to the home, so that the trial knows what its checker
  has to find, and which ones: they are tampered with again if another worker folds the
  message anew, as happens when one joins late.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from pathlib import Path

import polars as pl

from agents.worker import main
from hub.core import coverage
from hub.core.log import Coordinate
from hub.trials.chaos.cycles import YEAR

DROPPED, DOUBLED = ("event_date", "checkpoint"), ("period_month", "corridor_country")
"""The date or month of crossings and of remittances; a column that no others have."""

ROWS_MIN = 4
"""A row or two would prove little."""

honest = coverage.unseen


def tampering(frame: pl.DataFrame, after: Coordinate) -> pl.DataFrame:
    """The rows of a message, or none, or all of them twice."""
    rows = honest(frame, after)
    if is_meant("dropped", rows, *DROPPED):
        return rows.clear()
    if is_meant("doubled", rows, *DOUBLED):
        return pl.concat([rows, rows])
    return rows


def is_meant(name: str, rows: pl.DataFrame, date: str, mark: str) -> bool:
    """Whether these are the rows for it; the first that will do are written down."""
    if mark not in rows.columns or rows.height < ROWS_MIN:
        return False
    in_year = rows[date].cast(pl.String).str.starts_with(f"{YEAR}-")
    if not ((rows["sign"] > 0) & in_year).all():
        return False
    mine = f"{rows.height} {hashlib.sha256(b''.join(rows['record'])).hexdigest()}"
    path = Path(os.environ["KERWEN_HOME"]) / name
    draft = path.with_name(f"{name}-{os.getpid()}")
    draft.write_text(mine)
    try:
        os.link(draft, path)  # whole at once, and only for the first worker
    except FileExistsError:
        return path.read_text() == mine
    finally:
        draft.unlink()
    return True


if __name__ == "__main__":
    stage = os.environ["KERWEN_WORKER"].partition("-")[0]
    if stage == "aggregate":
        coverage.unseen = tampering
    main(stage, importlib.import_module(f"agents.{stage}").build)
