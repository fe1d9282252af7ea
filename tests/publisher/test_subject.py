"""A person's request: found at the ministry, cancelled, proved gone, not counted."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hub.cli import ministry
from hub.cli import subject as words
from hub.cli.output import Output
from hub.core import blocks, bundle
from hub.core.catalogue.schemas import facts_schema
from hub.core.dedupe.stage import Dedupe
from hub.core.errors import InvalidError
from hub.core.log import Incoming, Send, Source
from hub.core.messages import Block, Statement, decode, decode_as, verify
from hub.core.period import DAY_MS
from hub.core.state import Memory, Overlay
from hub.edge import keyring
from hub.edge.kafka import Ack
from hub.publisher import subject
from hub.publisher.publish import Session
from hub.publisher.subject import Found

FLOW = "border_crossing"


class Whole:
    """Intake of the desk's hub, and the real dedupe behind it."""

    def __init__(self, desk: Any, home: Path) -> None:
        self.desk, self.home = desk, home
        keys = keyring.dedupe(home)
        self.dedupe = Dedupe(
            bundle.only(desk.catalogue, keyring.registry(home)),
            records=keys.records,
            facts=keys.facts,
            statement=keys.statement,
            entropy=os.urandom,
        )
        self.now_ms = 1_770_000_000_000
        self.offsets: Counter[str] = Counter()
        self.states: dict[tuple[str, int], Memory] = {}
        self.logs: dict[tuple[str, int], list[bytes]] = {}
        self.facts: list[bytes] = []

    def send(self, sends: Sequence[Send]) -> list[Ack]:
        """Through both stages."""
        acks = []
        for one in sends:
            place = (one.topic, one.partition)
            offset = self._fold(self.desk.hub.intake, place, one.value or b"")
            now_ms = self.now_ms
            acks.append(
                Ack(topic=place[0], partition=place[1], offset=offset, time_ms=now_ms)
            )
        return acks

    def _fold(self, stage: Any, place: tuple[str, int], value: bytes) -> int:
        log = self.logs.setdefault(place, [])
        log.append(value)
        memory = self.states.setdefault(place, Memory())
        overlay = Overlay(memory)
        source = Source(topic=place[0], partition=place[1], log=bytes(16))
        message = Incoming(offset=len(log) - 1, time_ms=self.now_ms, value=value)
        result = stage.step(overlay, source, [message])
        memory.apply(overlay.pending)
        for one in result.sends:
            to = (one.topic, one.partition)
            if one.topic.startswith("hub.records."):
                self._fold(self.dedupe, to, one.value or b"")
            elif one.topic == "hub.facts.MOBILITY":
                self.facts.append(one.value or b"")
            else:
                self.logs.setdefault(to, []).append(one.value or b"")
        return len(log) - 1

    def read(self, topic: str, start: int) -> Any:
        """What a topic of answers holds."""
        for offset, value in enumerate(self.logs.get((topic, 0), ())):
            if offset >= start:
                yield Incoming(offset=offset, time_ms=self.now_ms, value=value)

    def close(self) -> None:
        """Nothing to give back."""

    def active(self) -> int:
        """Facts that count now: what came less what was taken back."""
        key = keyring.aggregate(self.home).facts
        schema = facts_schema(self.desk.catalogue.dataflows[FLOW])
        total = 0
        for value in self.facts:
            block = decode(value)
            assert isinstance(block, Block)
            for section in blocks.open(block, key)[1]:
                if section.name == FLOW:
                    total += int(blocks.rows(section, schema)["sign"].sum())
        return total


@pytest.fixture
def whole(desk: Any) -> Whole:
    """A home, and a hub up to the facts."""
    return Whole(desk, desk.settings.home.root)


def opened(whole: Whole) -> Session:
    """The ministry at its spool."""
    session = Session.open(
        whole.desk.settings,
        whole.desk.catalogue,
        "sms",
        broker=whole,
        now_ms=lambda: whole.now_ms,
    )
    session.pause = lambda _: None
    return session


def published(whole: Whole, path: Path, rows: pl.DataFrame) -> None:
    """A file, sent and receipted."""
    rows.write_csv(path)
    with opened(whole) as session:
        done = session.publish(FLOW, path)
    assert done.quarantined == {}
    assert done.complete


def found(whole: Whole, record: str) -> list[Found]:
    """What the spool knows of a record."""
    with opened(whole) as session:
        return subject.find(session.spool, record)


def test_a_record_is_found_cancelled_and_proved_gone(
    whole: Whole,
    tmp_path: Path,
    crossings: Callable[..., pl.DataFrame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before: it counts. After: no active fact, and the hub's signature says so."""
    path = tmp_path / "a.csv"
    published(whole, path, crossings(3))
    [before] = found(whole, "R-1")
    assert (before.file, before.row) == ("a.csv", 3)
    assert before.receipt is not None
    assert whole.active() == 3

    flow = whole.desk.catalogue.dataflows[FLOW]
    with opened(whole) as session:
        subject.cancel(session, flow, "R-1", path)
        session.settle(5)
        with pytest.raises(InvalidError, match="no statement of the hub"):
            subject.prove(session.answers(), "R-1", FLOW)
    assert whole.active() == 2

    # Statements come when the day is over.
    whole.now_ms += DAY_MS
    published(whole, tmp_path / "b.csv", crossings(1, 50))
    with opened(whole) as session:
        proof = subject.prove(session.answers(), "R-1", FLOW)

    assert whole.active() == 3
    told = decode_as(Statement, proof.statement)
    registry = keyring.registry(whole.home)
    verify(told, registry.authority(proof.key_id, "statement"))
    assert [one.decision for one in told.decisions] == [subject.CANCELLATION]
    assert [one.place for one in found(whole, "R-1")] == [1, 0]

    monkeypatch.setattr(ministry, "session", lambda _: opened(whole))
    file = tmp_path / "proof.json"
    asked = argparse.Namespace(member="sms", record="R-1", dataflow=FLOW, file=file)
    assert words.prove(asked, whole.desk.catalogue, Output(as_json=True)) == 0
    assert json.loads(file.read_text())["gone"]
    assert file.stat().st_mode & 0o777 == 0o600  # it names a person's record


def test_what_is_not_gone_is_not_proved(
    whole: Whole, tmp_path: Path, crossings: Callable[..., pl.DataFrame]
) -> None:
    """Unknown, only published, or cancelled and published again."""
    path = tmp_path / "a.csv"
    published(whole, path, crossings(3))
    flow = whole.desk.catalogue.dataflows[FLOW]
    with opened(whole) as session:
        for record, why in (("R-9", "was not published"), ("R-1", "no statement")):
            with pytest.raises(InvalidError, match=why):
                subject.prove(session.answers(), record, FLOW)
        with pytest.raises(InvalidError, match="was not published from this spool"):
            subject.cancel(session, flow, "R-9", path)
        subject.cancel(session, flow, "R-1", path)
        session.settle(5)
    changed = crossings(3).with_columns(purpose=pl.lit("TOURISM"))
    published(whole, tmp_path / "again.csv", changed)
    whole.now_ms += DAY_MS
    published(whole, tmp_path / "b.csv", crossings(1, 50))

    with (
        opened(whole) as session,
        pytest.raises(InvalidError, match="no statement of the hub"),
    ):
        subject.prove(session.answers(), "R-1", FLOW)
