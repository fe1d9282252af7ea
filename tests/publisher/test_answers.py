"""Rows to mend and statements, turned back into files, rows and record ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hub.core.envelope import seal
from hub.core.errors import EnvelopeError
from hub.core.messages import Decision, Statement, encode, sign
from hub.edge import keyring


def spoiled(rows: pl.DataFrame) -> pl.DataFrame:
    """Row 13 with a code that nobody knows."""
    wrong = pl.when(pl.int_range(pl.len()) == 13).then(pl.lit("Z"))
    return rows.with_columns(sex=wrong.otherwise("sex"))


def test_refused_rows_are_mended_and_published(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """The file to mend has the provider's columns; mended, its rows are accepted."""
    spoiled(crossings(25)).write_csv(tmp_path / "a.csv")
    with desk.session() as session:
        session.publish("border_crossing", tmp_path / "a.csv")
        counts = session.answers().mend(tmp_path / "back")
        back = pl.read_csv(tmp_path / "back" / "border_crossing.mend.csv")
        why = pl.read_csv(tmp_path / "back" / "border_crossing.reasons.csv")
        back.with_columns(sex=pl.lit("F")).write_csv(tmp_path / "b.csv")
        done = session.publish("border_crossing", tmp_path / "b.csv")

    assert counts == {"border_crossing": 1}
    assert why.rows() == [("a.csv", 15, "R-13", "code", "sex")]
    assert (done.accepted, done.quarantined) == (1, {})


def test_statements_name_records(desk: Any, tmp_path: Path, crossings: Any) -> None:
    """A coordinate of the log becomes the record id and row of the ministry's file."""
    crossings(25).write_csv(tmp_path / "a.csv")
    keys = keyring.dedupe(desk.settings.home.root)
    with desk.session() as session:
        session.publish("border_crossing", tmp_path / "a.csv")
        places = session.spool.connection.execute(
            "SELECT topic, partition, offset FROM batches ORDER BY id"
        ).fetchall()
        topic, partition, offset = places[1]
        decision = Decision(
            topic=topic, partition=partition, offset=offset, row=4, decision="replay"
        )
        statement = Statement(
            member="TM/GOV/SMS/HUB",
            day="2025-03-04",
            decisions=(decision,),
            created_ms=1,
            key_id=keys.statement.key_id,
        )
        good = encode(sign(statement, keys.statement.private))
        key_id, public = session.sealer.own
        sealed = seal.seal_to_member(
            "statement", "TM/GOV/SMS/HUB", key_id, public, good
        )
        desk.hub.logs["statements.sms", 0].append(encode(sealed))
        (told,) = session.answers().statements()

    assert (told.file, told.row, told.record_id) == ("a.csv", 16, "R-14")
    assert (told.decision, told.dataflow) == ("replay", "border_crossing")


def test_an_unsigned_statement_is_refused(desk: Any) -> None:
    """What the hub did not sign is no statement."""
    statement = Statement(
        member="TM/GOV/SMS/HUB",
        day="2025-03-04",
        decisions=(),
        created_ms=1,
        key_id=keyring.dedupe(desk.settings.home.root).statement.key_id,
    )
    with desk.session() as session:
        key_id, public = session.sealer.own
        sealed = seal.seal_to_member(
            "statement", "TM/GOV/SMS/HUB", key_id, public, encode(statement)
        )
        desk.hub.logs["statements.sms", 0].append(encode(sealed))
        with pytest.raises(EnvelopeError, match="signature"):
            list(session.answers().statements())
