"""The lane machine and the publisher that answers it: never twice, never stuck.

A real spool and courier on one side, the real intake on the other, real envelopes
and receipts between them. Brokers lose and repeat, intake dies, spools are put back,
keys are destroyed and revoked, strangers forge. From every state that can be reached
there is a way forward that loses nothing and accepts nothing twice.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from hub.core import avro, blocks, bundle, intake
from hub.core.catalogue.schemas import records_schema
from hub.core.envelope.recipients import PrivateKey
from hub.core.intake import Intake
from hub.core.keys import HUB, Key, KeyRegistry, SigningKey
from hub.core.lanes import Lanes
from hub.core.log import Incoming, Send, Source
from hub.core.messages import (
    Block,
    Receipt,
    decode,
    decode_as,
    encode,
)
from hub.core.state import Memory, Overlay
from hub.core.topics import ministry_topic, receipts_topic, records_topic
from hub.edge.kafka import Ack
from hub.publisher import ledger, sealing
from hub.publisher.courier import Courier
from hub.publisher.entries import Item, State
from hub.publisher.receipts import open_receipt
from hub.publisher.sealing import RECORDS, Content, Sealer, listing
from hub.publisher.spool import Spool
from tests.core import ministry

REMEMBERED = 4  # few receipts, so that stale envelopes are met
FLOW = ministry.FLOW
TOPIC = ministry_topic("sms", FLOW)
RECEIPTS = receipts_topic("sms")
RECORDS_TOPIC = records_topic("MOBILITY")
NOTHING = "NOTHING"
"""An action no dataflow knows."""
EPOCHS = 4
HEALS = 25
SEALS = {"sms-1": ministry.SMS_SEAL}


@cache
def hub_key(epoch: int) -> PrivateKey:
    """The hub's sealing key of an epoch."""
    return PrivateKey(suite=2, seed=bytes([epoch]) * 32)


@cache
def sign_key(number: int) -> Ed25519PrivateKey:
    """One of the ministry's signing keys."""
    return Ed25519PrivateKey.from_private_bytes(bytes([100 + number]) * 32)


def registry(epoch: int, signer: int) -> KeyRegistry:
    """Public keys: the hub's of all epochs so far; older signing keys are revoked."""
    keys = dict(ministry.registry().keys)
    for number in range(epoch + 1):
        public = hub_key(number).public().raw
        name = f"hub-{number}"
        keys[name] = Key(key_id=name, use="seal", member=HUB, suite=2, public=public)
    for number in range(signer + 1):
        name = f"sign-{number}"
        keys[name] = Key(
            key_id=name,
            use="sign",
            member=ministry.SMS,
            public=sign_key(number).public_key().public_bytes_raw(),
            status="active" if number == signer else "revoked",
        )
    return KeyRegistry(keys=keys)


@dataclass(slots=True)
class Brokers:
    """Logs of the ministry's topic and of its receipts."""

    logs: dict[tuple[str, int], list[bytes]] = field(
        default_factory=lambda: defaultdict(list)
    )
    lose: int = 0

    def send(self, sends: Sequence[Send]) -> list[Ack]:
        """Append; of the next ones so many are acknowledged and lost."""
        acks = []
        for send in sends:
            log = self.logs[send.topic, send.partition]
            if self.lose:
                self.lose -= 1
            else:
                log.append(send.value or b"")
            acks.append(
                Ack(
                    topic=send.topic,
                    partition=send.partition,
                    offset=len(log) - 1,
                    time_ms=ministry.CLOCK_MS,
                )
            )
        return acks

    def read(self, topic: str, start: int) -> Iterator[Incoming]:
        """What the topic holds."""
        for offset, value in enumerate(self.logs[topic, 0][start:], start):
            yield Incoming(offset=offset, time_ms=ministry.CLOCK_MS, value=value)

    def close(self) -> None:
        """Nothing to give back."""


class Publishing(RuleBasedStateMachine):
    """One installation of a ministry, its brokers, and an intake."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.brokers = Brokers()
        self.states: dict[int, Memory] = defaultdict(Memory)
        self.read: dict[int, int] = defaultdict(int)
        self.epoch = self.signer = 0  # what the hub knows
        self.held = {"hub-0": hub_key(0)}
        self.known = (0, 0)  # what the ministry knows of it
        self.number = 0
        self.backed_up = False
        self.torn: set[int] = set()
        self.first: dict[bytes, bytes] = {}
        self.spool = Spool.open(self.folder / "spool.sqlite")
        self._courier()

    def teardown(self) -> None:
        """From wherever it stands, everything can be published and receipted."""
        try:
            self._heal()
        finally:
            self.spool.close()
            shutil.rmtree(self.folder)

    # What a ministry does.

    @rule(
        rows=st.integers(0, 3),
        bad=st.booleans(),
        outdated=st.sampled_from([False] * 3 + [True]),
    )
    def publish(self, rows: int, bad: bool, outdated: bool) -> None:
        """A batch into the spool; perhaps with a bad row, or of an older schema."""
        numbers = range(self.number + 1, self.number + 1 + rows)
        self.number += rows
        told = [ministry.crossing(number) for number in numbers]
        if bad and told:
            told[0]["action"] = NOTHING
        schema = ministry.catalogue().dataflows[FLOW].schema
        content = Content(
            kind=RECORDS,
            schema=schema.replace('"fields"', '"doc": "older", "fields"', 1)
            if outdated
            else schema,
            container=avro.container(ministry.frame_of(told), schema),
            rows=rows,
            records=tuple(f"R-{number}" for number in numbers),
            numbers=tuple(numbers),
        )
        flow = ministry.catalogue().dataflows[FLOW]
        self.spool.put(FLOW, os.urandom, partial(self.sealer.seal, flow, content))

    @rule(lose=st.sampled_from([0, 0, 0, 1, 2]))
    def carry(self, lose: int) -> None:
        """What is spooled goes; brokers may lose what they have acknowledged."""
        self.brokers.lose = lose
        self.courier.send()
        self.brokers.lose = 0

    @rule(
        batches=st.integers(1, 3),
        lose=st.sampled_from([0, 0, 1, 2]),
        dies=st.booleans(),
        answered=st.booleans(),
    )
    def day(self, batches: int, lose: int, dies: bool, answered: bool) -> None:
        """A day's work: batches go, are taken, and perhaps answered."""
        for _ in range(batches):
            self.publish(rows=1, bad=False, outdated=False)
        self.carry(lose)
        if dies:
            for place in (0, 1):
                self.take(count=3, dies=True, place=place)
        self._take_all()
        if answered:
            self.collect()

    @precondition(lambda self: self.backed_up)
    @rule(answered=st.booleans())
    def disaster(self, answered: bool) -> None:
        """The disk is lost after a day's work, and the copy put back."""
        self.day(batches=1, lose=0, dies=False, answered=answered)
        self.restore()
        self.day(batches=1, lose=0, dies=False, answered=True)

    @rule()
    def collect(self) -> None:
        """Receipts are read and answered."""
        self.courier.collect()
        assert not [note for note in self.courier.notes if "trusted" in note]

    @rule()
    def remind(self) -> None:
        """A day has gone by: what has no receipt goes again."""
        self.courier.remind(0)

    @rule()
    def start_again(self) -> None:
        """The process was killed; the spool is as it was."""
        self.spool.close()
        self.spool = Spool.open(self.folder / "spool.sqlite")
        self._courier()

    @rule()
    def back_up(self) -> None:
        """A copy of the spool is put away."""
        with sqlite3.connect(self.folder / "copy.sqlite") as copy:
            self.spool.connection.backup(copy)
        copy.close()
        self.backed_up = True

    @precondition(lambda self: self.backed_up)
    @rule()
    def restore(self) -> None:
        """The copy is put back: sequences that were used are used again."""
        self.spool.close()
        for name in ("spool.sqlite-wal", "spool.sqlite-shm"):
            (self.folder / name).unlink(missing_ok=True)
        shutil.copy(self.folder / "copy.sqlite", self.folder / "spool.sqlite")
        self.spool = Spool.open(self.folder / "spool.sqlite")
        self._courier()

    @rule()
    def learn(self) -> None:
        """The ministry takes the registry of now, and seals again what waits."""
        self.known = (self.epoch, self.signer)
        self._courier()
        self.courier.retry()

    # What the hub does.

    @rule(count=st.integers(1, 4), dies=st.booleans(), place=st.integers(0, 1))
    def take(self, count: int, dies: bool, place: int) -> None:
        """Intake folds a chunk; a death loses what was not written, not its words."""
        log = self.brokers.logs[TOPIC, place]
        at = self.read[place]
        chunk = [
            Incoming(offset=offset, time_ms=ministry.CLOCK_MS + offset, value=value)
            for offset, value in enumerate(log[at : at + count], at)
        ]
        if not chunk:
            return
        overlay = Overlay(self.states[place])
        source = Source(topic=TOPIC, partition=place, log=ministry.LOG)
        with patch.object(intake, "Lanes", partial(Lanes, remember=REMEMBERED)):
            result = self.intake.step(overlay, source, chunk)
        for send in result.sends:
            if send.topic == RECEIPTS:
                self.brokers.logs[RECEIPTS, 0].append(send.value or b"")
        self._check(place, result.sends)
        # No key is destroyed while a chunk that was answered is not written.
        self.torn = self.torn - {place} | ({place} if dies else set())
        if not dies:
            self.states[place].apply(overlay.pending)
            self.read[place] += len(chunk)

    def _take_all(self) -> None:
        for place in (0, 1):
            while self.read[place] < len(self.brokers.logs[TOPIC, place]):
                self.take(count=4, dies=False, place=place)

    @precondition(lambda self: self.epoch < EPOCHS and not self.torn)
    @rule()
    def destroy(self) -> None:
        """An epoch is over: its key is gone, and what was sealed to it with it."""
        self.epoch += 1
        self.held = {f"hub-{self.epoch}": hub_key(self.epoch)}
        self._intake()

    @precondition(lambda self: self.signer < EPOCHS and not self.torn)
    @rule()
    def revoke(self) -> None:
        """The ministry's signing key is revoked; it has another one."""
        self.signer += 1
        self._intake()

    # What strangers and brokers do.

    @rule(which=st.integers(0, 99), place=st.integers(0, 1), where=st.integers(0, 9999))
    def forge(self, which: int, place: int, where: int) -> None:
        """An envelope that was seen comes again with a bit turned."""
        log = self.brokers.logs[TOPIC, place]
        if log:
            value = bytearray(log[which % len(log)])
            value[where % len(value)] ^= 1
            log.append(bytes(value))

    @rule(which=st.integers(0, 99), place=st.integers(0, 1))
    def repeat(self, which: int, place: int) -> None:
        """An envelope that was seen comes again as it was."""
        log = self.brokers.logs[TOPIC, place]
        if log:
            log.append(log[which % len(log)])

    # What has to be true.

    def _check(self, place: int, sends: Sequence[Send]) -> None:
        """Receipts are of one mind; rows go on exactly where one says so."""
        rows = self._rows(sends)
        told: dict[int, int] = defaultdict(int)
        for send in sends:
            if send.topic != RECEIPTS:
                continue
            receipt = open_receipt(send.value or b"", SEALS, registry(0, 0))
            assert receipt is not None
            whole = receipt.outcome == "accepted"
            if whole:
                # Whatever comes later about this batch, it is this receipt.
                first = self.first.setdefault(receipt.digest, encode(receipt))
                assert encode(receipt) == first
                assert receipt.final
                told[receipt.offset] = receipt.accepted
            elif not receipt.final:
                assert receipt.accepted == 0
        new = {
            offset: count for offset, count in told.items() if offset in rows or count
        }
        at = self.read[place]
        assert {o: len(found) for o, found in rows.items()} == {
            offset: count for offset, count in new.items() if offset >= at and count
        }

    def _rows(self, sends: Sequence[Send]) -> dict[int, list[bytes]]:
        """Rows on their way to dedupe, by offset of their envelope."""
        flow = ministry.catalogue().dataflows[FLOW]
        found: dict[int, list[Any]] = defaultdict(list)
        for send in sends:
            if send.topic != RECORDS_TOPIC:
                continue
            block = decode(send.value or b"")
            assert isinstance(block, Block)
            _, sections = blocks.open(block, ministry.RECORDS)
            for section in sections:
                if section.name != FLOW:
                    continue
                frame = blocks.rows(section, records_schema(flow))
                for offset, record in frame.select("origin_offset", "record").rows():
                    found[offset].append(record)
        return found

    def _heal(self) -> None:
        """What operators and ministries do when told to: it must be enough."""
        self.brokers.lose = 0
        self.learn()
        for _ in range(HEALS):
            self.courier.stopped.clear()
            self.courier.send()
            self._take_all()
            self.courier.collect()
            open_ = self._items(State.SPOOLED, State.SENT)
            refused = self._items(State.REFUSED)
            if not open_ and not refused:
                break
            self.courier.remind(0)
            if refused:
                self.courier.retry()
        assert self._items(State.SPOOLED, State.SENT, State.REFUSED) == []
        self._all_accepted()

    def _all_accepted(self) -> None:
        """Every record of the spool was accepted, or is back as refused."""
        for item in self._items(State.FINAL):
            assert item.receipt is not None
            receipt = decode_as(Receipt, item.receipt)
            refused = sum(rows for _, rows in receipt.refused)
            assert receipt.accepted + refused == item.rows
            assert self.first[item.digest] == item.receipt
        kept = {
            record
            for item in self._items(State.FINAL)
            for record in listing(ledger.content(self.spool, item, "listing"))[0]
        }
        given = {
            record
            for item in self._items(State.REPLACED)
            for record in listing(ledger.content(self.spool, item, "listing"))[0]
        }
        assert given <= kept

    def _items(self, *states: State) -> list[Item]:
        return ledger.items(self.spool, *states)

    def _courier(self) -> None:
        """A publisher's process with the keys that it knows."""
        known = registry(*self.known)
        signer = self.known[1]
        self.sealer: Sealer = sealing.sealer(
            ministry.catalogue().members["sms"],
            SigningKey(key_id=f"sign-{signer}", private=sign_key(signer)),
            SEALS,
            known,
            entropy=os.urandom,
            now_ms=lambda: ministry.CLOCK_MS,
        )
        self.courier = Courier(
            catalogue=ministry.catalogue(),
            sealer=self.sealer,
            registry=known,
            spool=self.spool,
            broker=self.brokers,
        )
        self._intake()

    def _intake(self) -> None:
        """An intake with the keys of now."""
        keys = ministry.Keys(hub=self.held)
        held = bundle.only(ministry.catalogue(), registry(self.epoch, self.signer))
        self.intake = Intake(bundles=held, keys=keys, entropy=os.urandom)


TestPublishing = Publishing.TestCase
TestPublishing.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None
)
