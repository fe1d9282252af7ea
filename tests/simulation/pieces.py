"""Parts of steps, remembered: what a step computes from content alone.

Rules:

- Where a row came from never decides what it adds to a cell, only which of two changes
  is the later one. So changes are remembered by content and order of rows, a snapshot
  and the figures of a cut by what they read. A message at another offset, or cut
  otherwise, then costs nothing new.
- What is called in another way than is known here is computed: this can make a schedule
  slow, never wrong.
- One trial in :data:`trial.WHOLLY` remembers nothing: there every step is computed, and
  every log is folded anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, cast
from unittest.mock import patch

import polars as pl

from hub.core.aggregate import Aggregate
from hub.core.aggregate import snapshot as cells_of
from hub.core.release import collect
from hub.core.release.collect import Waiting
from hub.core.release.office import Office
from hub.core.state import Overlay
from tests.simulation import contents
from tests.simulation.steps import Memo

ORIGIN = ("origin_offset", "origin_row")


@contextmanager
def remembered(memo: Memo) -> Iterator[None]:
    """Changes, snapshots and figures are looked up."""
    folds = _Folds(memo)

    def changes(*args: Any) -> Any:
        return folds.changes(*args)

    with ExitStack() as stack:
        stack.enter_context(contents.remembered())
        for where, name, stand_in in (
            (Aggregate, "_changes", changes),
            (cells_of, "fold", folds.fold),
            (Aggregate, "_snapshot", _snapshot(memo)),
            (Office, "_figures", _figures(memo)),
        ):
            stack.enter_context(patch.object(where, name, stand_in))
        yield


class _Folds:
    """Changes and what they make of cells; the second follows the first at once."""

    def __init__(self, memo: Memo) -> None:
        self._memo = memo
        self._changes = Aggregate._changes
        self._fold = cells_of.fold
        self._rows: pl.DataFrame | None = None

    def changes(self, stage: Aggregate, overlay: Overlay, *args: Any) -> Any:
        """See :class:`Aggregate`."""
        self._rows = None
        domain, chunk = cast("tuple[Any, Any]", args if len(args) == 2 else (0, None))
        if not hasattr(chunk, "facts"):
            return self._changes(stage, overlay, *args)
        facts = {name: pl.concat(frames) for name, frames in chunk.facts.items()}
        order = sorted({seq for one in facts.values() for seq in one["seq"]})
        rank = {seq: number for number, seq in enumerate(order)}
        told = []
        for name, frame in facts.items():
            ranks = [rank[seq] for seq in frame["seq"]]
            facts[name] = frame.with_columns(pl.Series("seq", ranks, pl.Int64))
            told.append((name, tuple(facts[name].drop(ORIGIN).rows())))

        def call(below: Overlay) -> tuple[pl.DataFrame, pl.DataFrame | None]:
            ranked = replace(chunk, facts={n: [one] for n, one in facts.items()})
            made = self._changes(stage, below, domain, ranked)
            return made, self._fold(below, made) if made.height else None

        key = ("changes", domain, chunk.config, tuple(told))
        found = self._memo.ask(key, overlay, call)
        overlay.pending.update(found.pending)
        made, rows = found.given
        if rows is not None:
            seqs = [order[number] for number in rows["seq"]]
            self._rows = rows.with_columns(pl.Series("seq", seqs, pl.Int64))
        return made

    def fold(self, overlay: Overlay, changes: pl.DataFrame) -> pl.DataFrame:
        """See :mod:`hub.core.aggregate.snapshot`."""
        rows, self._rows = self._rows, None
        return self._fold(overlay, changes) if rows is None else rows


def _snapshot(memo: Memo) -> Any:
    whole = cast("Any", Aggregate._snapshot)

    def snapshot(self: Aggregate, overlay: Overlay, *args: Any) -> Any:

        def call(below: Overlay) -> Any:
            return whole(self, below, *args)

        return memo.ask(("snapshot", *args), overlay, call).given

    return snapshot


def _figures(memo: Memo) -> Any:
    whole = cast("Any", Office._figures)

    def figures(self: Office, overlay: Overlay, waiting: Waiting, *more: Any) -> Any:
        if any(more):
            return whole(self, overlay, waiting, *more)
        rows = collect.rows_of(overlay, waiting.close.marker)
        told = tuple(sorted(rows.drop(ORIGIN).rows(), key=repr))

        def call(below: Overlay) -> Any:
            told_more: list[dict[str, Any]] = [{} for _ in more]
            with patch.object(collect, "rows_of", lambda *_: rows):
                return whole(self, below, waiting, *told_more), told_more

        found = memo.ask(("figures", waiting, told), overlay, call)
        overlay.pending.update(found.pending)
        given, told_more = found.given
        for place, one in zip(more, told_more, strict=True):
            place.update(one)
        return given

    return figures
