"""A day without brokers, a full disk, a wrong clock, answers that do not come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.core.envelope.seal import seal_to_member
from hub.core.errors import RetriableError
from hub.core.log import Incoming, Send
from hub.core.messages import Receipt, decode_as, encode, sign
from hub.edge import keyring
from hub.edge.kafka import Ack
from hub.publisher import courier, entries, ledger
from hub.publisher.entries import Parcel, Place, State
from hub.publisher.spool import Spool

FLOW = "border_crossing"
YEAR_MS = 365 * 86_400_000


class Counting:
    """Brokers that keep nothing but the order in which lanes arrived."""

    def __init__(self) -> None:
        self.sequences: dict[tuple[str, int], list[int]] = {}
        self.largest = 0
        self.away = True

    def send(self, sends: Sequence[Send]) -> list[Ack]:
        """Note the sequence that each value bears."""
        if self.away:
            raise RetriableError("brokers do not answer")
        self.largest = max(self.largest, sum(len(one.value or b"") for one in sends))
        for one in sends:
            place = (one.topic, one.partition)
            number = int.from_bytes((one.value or b"")[:8], "big")
            self.sequences.setdefault(place, []).append(number)
        return [
            Ack(topic=one.topic, partition=one.partition, offset=0, time_ms=0)
            for one in sends
        ]

    def read(self, topic: str, start: int) -> Iterator[Incoming]:
        """Nothing comes back."""
        del topic, start
        return iter(())

    def close(self) -> None:
        """Nothing to give back."""


def large(number: int, size: int) -> Any:
    """A maker of a batch of `size` bytes that bears its sequence."""

    def make(place: Place) -> Parcel:
        value = place.sequence.to_bytes(8, "big") + bytes(size)
        return Parcel(
            value=value,
            digest=number.to_bytes(32, "big"),
            batch=bytes(16),
            kind="records",
            rows=1,
            copy=b"",
        )

    return make


def test_a_day_of_batches_flows_in_order_and_in_bounds(desk: Any) -> None:
    """What waited leaves lane by lane in sequence; memory holds one window of it."""
    flows = ("border_crossing", "residence_permit")
    with desk.session() as session:
        brokers = Counting()
        session.broker = session.courier.broker = brokers
        for number in range(60):
            session.spool.put(
                flows[number % 2], os.urandom, large(number, (number % 7) << 20)
            )
        waiting = session.settle(0)
        assert ledger.count(session.spool, State.SPOOLED) == 60
        brokers.away = False
        tracemalloc.start()
        sent = session.courier.send()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        left = ledger.count(session.spool, State.SPOOLED)

    assert "wait in the spool" in waiting[0]
    assert (sent, left) == (60, 0)
    assert sorted(len(found) for found in brokers.sequences.values()) == [30, 30]
    for found in brokers.sequences.values():
        assert found == list(range(1, 31))
    assert brokers.largest <= courier.WINDOW_BYTES
    # 180 MB waited; a window and SQLite's own copy of one batch are in memory.
    assert peak < 3 * courier.WINDOW_BYTES


LIMITED = """
import resource, sys
from hub.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.exit(main(sys.argv[2:]))
"""


def publish(desk: Any, path: Path, limit: int) -> subprocess.CompletedProcess[str]:
    """``kerwen publish`` in a process whose files may not grow beyond `limit`."""
    words = ("publish", "--member", "sms", "--dataflow", FLOW, str(path), "--json")
    return subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *words],
        env={
            **os.environ,
            "KERWEN_HOME": str(desk.settings.home.root),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_room_is_said_and_nothing_is_half_done(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """A real limit on file size: exit 3, whole batches only, and on it goes later."""
    path = tmp_path / "a.csv"
    crossings(20_000).write_csv(path)
    spool = desk.settings.home.spool / "sms.sqlite"

    done = publish(desk, path, 400_000)
    with Spool.open(spool, write=False) as held:
        before = ledger.items(held)
        (check,) = held.connection.execute("PRAGMA integrity_check").fetchone()
    after = publish(desk, path, 1 << 30)
    with desk.session(batch_rows=8_000) as session:
        whole = session.publish(FLOW, path)

    assert done.returncode == 3
    assert "no room for the spool" in json.loads(done.stdout)["error"]
    assert done.stderr.count("\n") == 1
    assert check == "ok"
    assert {item.rows for item in before} <= {8_000}
    assert len(before) < 3
    assert after.returncode == 3  # the brokers are away, but it is in the spool now
    assert json.loads(after.stdout)["waiting_batches"] == 3
    assert (whole.accepted, whole.published) == (20_000, 20_000)


@pytest.mark.parametrize("years", [-9, 40])
def test_a_clock_that_is_years_off_changes_no_row(
    desk: Any, tmp_path: Path, crossings: Any, years: int
) -> None:
    """Taken, dated by the hub's receipt, and the person is told to set the clock."""
    crossings(12).write_csv(tmp_path / "a.csv")
    with desk.session() as session:
        real = session.sealer.now_ms
        object.__setattr__(session.sealer, "now_ms", lambda: real() + years * YEAR_MS)
        done = session.publish(FLOW, tmp_path / "a.csv")
        receipts = [
            decode_as(Receipt, item.receipt)
            for item in ledger.items(session.spool)
            if item.receipt
        ]

    assert (done.accepted, done.waiting) == (12, 0)
    assert len(receipts) == 2
    assert all(abs(one.received_ms - real()) < YEAR_MS for one in receipts)
    way = "behind" if years < 0 else "ahead of"
    assert any(f"days {way} the brokers'" in note for note in done.notes)


def test_a_right_clock_is_not_mentioned(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """Minutes do not matter."""
    crossings(2).write_csv(tmp_path / "a.csv")
    with desk.session() as session:
        assert session.publish(FLOW, tmp_path / "a.csv").notes == ()
    assert courier.clock_note(-299_000) == ""
    assert "5 minutes behind" in courier.clock_note(-301_000)


def test_what_is_not_answered_is_sent_again(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """A batch that the brokers lost after their word is missed, told and sent again."""
    crossings(25).write_csv(tmp_path / "a.csv")
    desk.hub.drop = {1, 2, 3}
    with desk.session() as session:
        lost = session.publish(FLOW, tmp_path / "a.csv", wait_seconds=0)
        real = session.sealer.now_ms
        soon = session.settle(0)
        later = real() + courier.RECEIPT_SECONDS * 1000 + 1
        object.__setattr__(session.sealer, "now_ms", lambda: later)
        overdue = ledger.overdue(session.spool, later, courier.RECEIPT_SECONDS * 1000)
        notes = session.settle(1)
        done = session.publish(FLOW, tmp_path / "a.csv")

    assert (lost.waiting, soon) == (25, ())
    assert overdue[0] == 3
    assert "3 batches are without a receipt, the first for 5 minutes" in notes[0]
    assert (done.accepted, done.waiting, done.duplicates) == (25, 0, 0)


def test_a_second_receipt_that_differs_is_told(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """The hub's signature under two stories about one batch is no answer."""
    crossings(5).write_csv(tmp_path / "a.csv")
    keys = keyring.intake(desk.settings.home.root)
    with desk.session() as session:
        session.publish(FLOW, tmp_path / "a.csv")
        (item,) = ledger.items(session.spool)
        told = decode_as(Receipt, item.receipt or b"")
        other = sign(replace(told, received_ms=1), keys.receipt.private)
        key_id, public = session.sealer.own
        for receipt in (told, other):
            sealed = seal_to_member(
                "receipt", told.member, key_id, public, encode(receipt)
            )
            desk.hub.logs["receipts.sms", 0].append(encode(sealed))
        session.courier.collect()
        (kept,) = ledger.items(session.spool)
        notes = list(session.courier.notes)

    assert kept.receipt == item.receipt
    assert kept.answers == 3
    assert len(notes) == 1
    assert "not the receipt the hub gave" in notes[0]


def test_a_spool_of_the_first_version_goes_on(
    desk: Any, tmp_path: Path, crossings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read by nobody until a publication has brought it to this version."""
    crossings(5).write_csv(tmp_path / "a.csv")
    path = desk.settings.home.spool / "sms.sqlite"
    with monkeypatch.context() as old:
        old.setattr("hub.publisher.spool.VERSIONS", (entries.SCHEMA,))
        old.setattr("hub.publisher.spool.VERSION", 1)
        with Spool.open(path) as spool:
            lane = os.urandom(16)
            spool.connection.execute(
                "INSERT INTO lanes VALUES (?, ?, 0, ?, 1)", (lane, FLOW, bytes(32))
            )
    with pytest.raises(Exception, match="brings it to 3"):
        Spool.open(path, write=False)
    with desk.session() as session:
        done = session.publish(FLOW, tmp_path / "a.csv")
        (item,) = ledger.items(session.spool)

    assert done.accepted == 5
    assert item.lane == lane


def test_brokers_of_an_earlier_day_take_what_is_published_again(
    desk: Any, crossings: Any, tmp_path: Path
) -> None:
    """What had a receipt is gone with the day; the next file opens a new lane."""
    paths = []
    for number in range(3):
        paths.append(tmp_path / f"{number}.csv")
        crossings(10, 10 * number).write_csv(paths[-1])
    hub = desk.hub

    def published(path: Path, *, again: bool = False) -> int:
        with desk.session() as session:
            done = session.publish(FLOW, path, again=again, wait_seconds=20)
            assert done.waiting == 0
            return int(done.accepted)

    assert published(paths[0]) == 10
    kept = deepcopy((hub.logs, hub.states))
    assert published(paths[1]) == 10
    hub.logs, hub.states = kept

    assert published(paths[2]) == 10
    assert published(paths[1], again=True) == 10
    with desk.session() as session:
        assert ledger.position(session.spool, "receipts.sms") == len(
            hub.logs["receipts.sms", 0]
        )
