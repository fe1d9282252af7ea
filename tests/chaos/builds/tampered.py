"""A worker of aggregate that drops one message and folds one twice, on purpose.

Only for the chaos trial, see :mod:`unguarded`. Of the messages with rows of crossings
one is dropped and a later one is folded twice; how many rows that were is written to
the home, so that the trial knows what its checker has to find.
"""

from __future__ import annotations

import importlib
import os
from itertools import count
from pathlib import Path

import polars as pl

from agents.worker import main
from hub.core import coverage
from hub.core.log import Coordinate

MARK = "checkpoint"
"""A column that only border crossings have."""

DROPPED, DOUBLED = 8, 12
"""Which message; the first ones are folded again if a second worker joins meanwhile."""

SEEN = count(1)
honest = coverage.unseen


def tampering(frame: pl.DataFrame, after: Coordinate) -> pl.DataFrame:
    """The rows of a message, or none, or all of them twice."""
    rows = honest(frame, after)
    if MARK not in rows.columns or not rows.height:
        return rows
    number = next(SEEN)
    if number >= DROPPED and first("dropped", rows.height):
        return rows.clear()
    if number >= DOUBLED and first("doubled", rows.height):
        return pl.concat([rows, rows])
    return rows


def first(name: str, rows: int) -> bool:
    """Whether nobody did this before; then the number of rows is written down."""
    try:
        with (Path(os.environ["KERWEN_HOME"]) / name).open("x") as file:
            file.write(str(rows))
    except FileExistsError:
        return False
    return True


if __name__ == "__main__":
    stage = os.environ["KERWEN_WORKER"].partition("-")[0]
    if stage == "aggregate":
        coverage.unseen = tampering
    main(stage, importlib.import_module(f"agents.{stage}").build)
