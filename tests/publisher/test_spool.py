"""The spool: killed at any step, it holds each row once, in dense lanes."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.core.errors import InvalidError, MachineError
from hub.core.lanes import partition_of
from hub.core.log import Send
from hub.edge.kafka import Ack
from hub.publisher import ledger, receipts
from hub.publisher.entries import Parcel, Place, State
from hub.publisher.publish import Session
from hub.publisher.spool import Spool

ROWS = 35
BATCH = 10


class Killed(BaseException):
    """Stands for kill -9: nothing catches it on the way."""


class Fuse:
    """Kills at the n-th time it is passed."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, *_: Any) -> int:
        """Count; the SQLite progress handler stops at a non-zero answer."""
        self.left -= 1
        return int(self.left <= 0)

    def burn(self) -> None:
        """Count, and kill."""
        if self():
            raise Killed


class Unsure:
    """A broker that takes messages and dies before it says so, or before it reads."""

    def __init__(self, hub: Any, send: Fuse, read: Fuse) -> None:
        self.hub = hub
        self.fuses = (send, read)

    def send(self, sends: Sequence[Send]) -> list[Ack]:
        """Deliver, then perhaps die."""
        acks: list[Ack] = self.hub.send(sends)
        self.fuses[0].burn()
        return acks

    def read(self, topic: str, start: int) -> Any:
        """Read, and perhaps die half-way."""
        for message in self.hub.read(topic, start):
            self.fuses[1].burn()
            yield message

    def close(self) -> None:
        """Nothing to give back."""


POINTS = st.tuples(
    st.sampled_from(["sql", "entropy", "send", "read"]), st.integers(1, 60)
)


def crash(session: Session, desk: Any, point: tuple[str, int], path: Path) -> None:
    """Publish until the fuse burns down."""
    kind, at = point
    never = Fuse(1 << 30)
    broker = Unsure(
        desk.hub,
        Fuse(at) if kind == "send" else never,
        Fuse(at) if kind == "read" else never,
    )
    session.broker = session.courier.broker = broker
    if kind == "sql":
        session.spool.connection.set_progress_handler(Fuse(at), 40)
    if kind == "entropy":
        fuse, real = Fuse(at), session.sealer.entropy

        def entropy(size: int) -> bytes:
            fuse.burn()
            return real(size)

        object.__setattr__(session.sealer, "entropy", entropy)
    with session:
        try:
            session.publish("border_crossing", path, wait_seconds=0)
        except (Killed, sqlite3.OperationalError):
            session.spool.connection.set_progress_handler(None, 0)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(points=st.lists(POINTS, min_size=1, max_size=4))
def test_a_publication_survives_any_crash(
    desk: Any, tmp_path: Path, crossings: Any, points: list[tuple[str, int]]
) -> None:
    """However often it dies, every row is accepted, and lanes have no hole."""
    path = tmp_path / "a.csv"
    crossings(ROWS).write_csv(path)
    shutil.rmtree(desk.settings.home.spool, ignore_errors=True)
    desk.hub.logs.clear()
    desk.hub.states.clear()
    for point in points:
        crash(desk.session(batch_rows=BATCH), desk, point, path)

    with desk.session(batch_rows=BATCH) as session:
        session.courier.remind(0)
        done = session.publish("border_crossing", path)
        items = ledger.items(session.spool)
        checked = receipts.verify_spool(
            session.spool, session.courier.registry, session.sealer.member
        )

    assert (done.accepted, done.waiting, done.refused) == (ROWS, 0, 0)
    assert done.published == done.accepted + done.duplicates
    assert [item.sequence for item in items] == list(range(1, len(items) + 1))
    assert checked.problems == ()
    assert sum(item.rows for item in items) == ROWS


CHILD = """
import sys
from pathlib import Path
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings
from hub.publisher.publish import Session

home, path = Path(sys.argv[1]), Path(sys.argv[2])
catalogue = read_catalogue()
with Session.open(
    Settings(home=Home(root=home)), catalogue, "sms", batch_rows=20
) as session:
    print("ready", flush=True)
    session.add("border_crossing", path)
print("done", flush=True)
"""


def test_kill_9_while_spooling(desk: Any, tmp_path: Path, crossings: Any) -> None:
    """A process killed again and again leaves a spool that goes on where it was."""
    path = tmp_path / "a.csv"
    rows = 4_000
    crossings(rows).write_csv(path)
    command = [sys.executable, "-c", CHILD, str(desk.settings.home.root), str(path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    kills, found = 0, [0]
    for wait in (0.05, 0.15, 0.3, 0.1, 0.45, 0.2, 60):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, env=environment
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            if wait < 60:
                time.sleep(wait)
                child.send_signal(signal.SIGKILL)
                kills += 1
        spool = desk.settings.home.spool / "sms.sqlite"
        with Spool.open(spool, write=False) as held:
            found.append(len(ledger.items(held)))

    with desk.session() as session:
        done = session.publish("border_crossing", path)
        sequences = [item.sequence for item in ledger.items(session.spool)]

    assert kills == 6
    assert found == sorted(found)
    assert any(0 < count < rows // 20 for count in found)
    assert done.known
    assert (done.published, done.accepted) == (rows, rows)
    assert sequences == list(range(1, rows // 20 + 1))


def parcel(number: int) -> Any:
    """A maker of small batches that checks the place it is given."""

    def make(place: Place) -> Parcel:
        assert place.sequence == number
        return Parcel(
            value=bytes([number]),
            digest=bytes([number]) * 32,
            batch=bytes(16),
            kind="records",
            rows=1,
            copy=b"",
        )

    return make


def test_a_failing_batch_leaves_no_trace(tmp_path: Path) -> None:
    """What raises while it is sealed takes no place in the lane."""

    def fail(_: Place) -> Parcel:
        raise InvalidError("no")

    with Spool.open(tmp_path / "x.sqlite") as spool:
        spool.put("flow", os.urandom, parcel(1))
        with pytest.raises(InvalidError):
            spool.put("flow", os.urandom, fail)
        spool.put("flow", os.urandom, parcel(2))
        chain = [(item.sequence, item.previous) for item in ledger.items(spool)]

    assert chain == [(1, bytes(32)), (2, bytes([1]) * 32)]


def test_going_back_is_done_once(tmp_path: Path) -> None:
    """A batch sent after the complaint is not sent again for the same complaint."""
    with Spool.open(tmp_path / "x.sqlite") as spool:
        for number in (1, 2, 3):
            spool.put("flow", os.urandom, parcel(number))
        items = ledger.items(spool)
        acks = [Ack(topic="t", partition=0, offset=n, time_ms=0) for n in (5, 6, 7)]
        ledger.sent(spool, items, acks, 0)

        assert ledger.back(spool, items[0].lane, 2, offset=7)
        assert [i.state for i in ledger.items(spool)] == ["sent", "spooled", "spooled"]
        again = ledger.items(spool, State.SPOOLED)
        acks = [Ack(topic="t", partition=0, offset=n, time_ms=0) for n in (8, 9)]
        ledger.sent(spool, again, acks, 0)
        assert ledger.back(spool, items[0].lane, 2, offset=7)
        assert {i.state for i in ledger.items(spool)} == {"sent"}
        assert not ledger.back(spool, items[0].lane, 9, offset=99)


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    """SQLite's own limit stands for a full disk: clear words, nothing half done."""
    with Spool.open(tmp_path / "x.sqlite") as spool:
        spool.put("flow", os.urandom, parcel(1))
        pages = spool.connection.execute("PRAGMA page_count").fetchone()[0]
        spool.connection.execute(f"PRAGMA max_page_count={pages}")

        def big(place: Place) -> Parcel:
            made = parcel(2)(place)
            object.__setattr__(made, "copy", bytes(1 << 20))
            return made  # type: ignore[no-any-return] # the maker is untyped

        with pytest.raises(MachineError, match="no room for the spool"):
            spool.put("flow", os.urandom, big)
        assert len(ledger.items(spool)) == 1


def test_another_version_is_refused(tmp_path: Path) -> None:
    """A spool of the future, and a file that is no spool, are not touched."""
    path = tmp_path / "x.sqlite"
    with Spool.open(path) as spool:
        spool.connection.execute("PRAGMA user_version=9")
    with pytest.raises(InvalidError, match="version 9"):
        Spool.open(path)
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(InvalidError, match="not a usable spool"):
        Spool.open(path)
    with pytest.raises(InvalidError, match="nothing was published"):
        Spool.open(tmp_path / "y.sqlite", write=False)


def test_reading_needs_no_lock(tmp_path: Path) -> None:
    """Receipts can be looked at while a publication runs."""
    with Spool.open(tmp_path / "x.sqlite") as spool:
        spool.put("flow", os.urandom, parcel(1))
        with Spool.open(tmp_path / "x.sqlite", write=False) as other:
            assert len(ledger.items(other)) == 1


def test_a_lane_is_replaced_in_its_own_partition(tmp_path: Path) -> None:
    """There the hub sees that a new lane takes the place of one with a hole."""
    with Spool.open(tmp_path / "x.sqlite") as spool:
        spool.put("flow", os.urandom, parcel(1))
        for number in range(2, 22):
            (item,) = ledger.items(spool, State.SPOOLED)

            def again(_: Any, place: Place, number: int = number) -> Parcel:
                made: Parcel = parcel(1)(place)
                object.__setattr__(made, "digest", bytes([number]) * 32)
                return made

            spool.reopen([item], os.urandom, again, new_lane=True)
        lanes = {item.lane for item in ledger.items(spool)}

    assert len(lanes) == 21
    assert len({partition_of(lane) for lane in lanes}) == 1


def test_a_spool_on_a_fixed_medium_is_read_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite would write beside the file in order to read it."""
    path = tmp_path / "x.sqlite"
    with Spool.open(path) as spool:
        spool.put("flow", os.urandom, parcel(1))
    monkeypatch.setattr("hub.publisher.spool.os.access", lambda *_: False)
    with Spool.open(path, write=False) as held:
        assert len(ledger.items(held)) == 1
        assert [one.name for one in tmp_path.glob("x.sqlite*")] == ["x.sqlite"]
