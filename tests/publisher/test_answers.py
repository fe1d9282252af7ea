"""Statements, turned back into files, rows and record ids."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.core.envelope import seal
from hub.core.errors import EnvelopeError
from hub.core.keys import KeyRegistry
from hub.core.messages import Decision, Statement, encode, sign
from hub.edge import keyring


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


def test_a_statement_of_a_key_that_was_revoked_is_left_out(desk: Any) -> None:
    """It proves nothing any more, and stops no other from being read."""
    keys = keyring.dedupe(desk.settings.home.root)
    statement = Statement(
        member="TM/GOV/SMS/HUB",
        day="2025-03-04",
        decisions=(),
        created_ms=1,
        key_id=keys.statement.key_id,
    )
    with desk.session() as session:
        key_id, public = session.sealer.own
        good = encode(sign(statement, keys.statement.private))
        sealed = seal.seal_to_member(
            "statement", "TM/GOV/SMS/HUB", key_id, public, good
        )
        desk.hub.logs["statements.sms", 0].append(encode(sealed))
        answers = session.answers()
        assert len(list(answers.signed())) == 1
        known = dict(answers.registry.keys)
        known[statement.key_id] = replace(known[statement.key_id], status="revoked")
        later = replace(answers, registry=KeyRegistry(keys=known))
        assert list(later.signed()) == []
        assert list(later.statements()) == []


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
