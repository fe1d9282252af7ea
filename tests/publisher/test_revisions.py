"""Revisions for sources that have none: a dictionary is the oracle."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.catalogue.model import Dataflow
from hub.edge.files import read_catalogue
from hub.publisher import revisions
from hub.publisher.spool import Spool

ROWS = st.tuples(
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["x", "y", None]),
    st.sampled_from(["", "12", "1", None]),
)


@cache
def flow() -> Dataflow:
    """A dataflow with persons."""
    return read_catalogue().dataflows["border_crossing"]


def frame(rows: list[tuple[Any, ...]], actions: list[str | None] | None = None) -> Any:
    """Rows as a source without revisions gives them."""
    return pl.DataFrame(
        {
            "record_id": [row[0] for row in rows],
            "family_name": [row[1] for row in rows],
            "given_name": [row[2] for row in rows],
            "revision": [None] * len(rows),
            "action": actions or [None] * len(rows),
        },
        schema_overrides={"revision": pl.Int32, "action": pl.String},
    ).select(
        *(
            pl.col(one.name)
            if one.name
            in ("record_id", "family_name", "given_name", "revision", "action")
            else pl.lit(None, pl.String).alias(one.name)
            for one in flow().fields
        )
    )


@given(batches=st.lists(st.lists(ROWS, min_size=1, max_size=6), max_size=5))
def test_revisions_follow_the_content(batches: list[list[tuple[Any, ...]]]) -> None:
    """New, the same, and changed rows, in one batch or over several."""
    known: dict[str, tuple[int, tuple[Any, ...]]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        Spool.open(Path(folder) / "x.sqlite") as spool,
    ):
        for rows in batches:
            expected = []
            for row in rows:
                before = known.get(row[0])
                if before is None:
                    known[row[0]] = (0, row)
                elif before[1] != row:
                    known[row[0]] = (before[0] + 1, row)
                revision = known[row[0]][0]
                expected.append((revision, "AMEND" if revision else "NEW"))
            with spool.change() as connection:
                filled = revisions.fill(connection, flow(), frame(rows))
            assert expected == filled.select("revision", "action").rows()


def test_own_actions_are_kept(tmp_path: Path) -> None:
    """A source that cancels without revisions gets the next one for it."""
    row = ("a", "x", "1")
    with Spool.open(tmp_path / "x.sqlite") as spool, spool.change() as connection:
        first = revisions.fill(connection, flow(), frame([row], ["NEW"]))
        last = revisions.fill(connection, flow(), frame([row], ["CANCEL"]))

    assert first.select("revision", "action").rows() == [(0, "NEW")]
    assert last.select("revision", "action").rows() == [(1, "CANCEL")]


def crash(spool: Spool) -> None:
    """Die inside the transaction of a batch."""
    with spool.change() as connection:
        revisions.fill(connection, flow(), frame([("a", "x", "1")]))
        raise InterruptedError


def test_a_rolled_back_batch_is_forgotten(tmp_path: Path) -> None:
    """Revisions belong to the batch: without it they were never given."""
    with Spool.open(tmp_path / "x.sqlite") as spool:
        with pytest.raises(InterruptedError):
            crash(spool)
        with spool.change() as connection:
            filled = revisions.fill(connection, flow(), frame([("a", "y", "1")]))

    assert filled["revision"].to_list() == [0]


def test_actions_follow_given_revisions() -> None:
    """A source with revisions but no actions: 0 is new, the rest are amendments."""
    rows = frame([("a", "x", "1"), ("b", "x", "1")]).with_columns(
        revision=pl.Series([0, 3], dtype=pl.Int32)
    )

    assert revisions.act(rows)["action"].to_list() == ["NEW", "AMEND"]
