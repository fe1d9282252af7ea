"""Publishing against the real intake in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core.errors import EnvelopeError, InvalidError, MachineError
from hub.publisher import ledger, receipts
from hub.publisher.entries import State
from hub.publisher.publish import Session


def test_every_row_is_accounted_for(desk: Any, tmp_path: Path, crossings: Any) -> None:
    """Published equals accepted plus quarantined, and reasons are counted."""
    wrong = pl.when(pl.int_range(pl.len()) == 3).then(pl.lit("Z")).otherwise("sex")
    crossings(25).with_columns(sex=wrong).write_csv(tmp_path / "a.csv")

    with desk.session() as session:
        done = session.publish("border_crossing", tmp_path / "a.csv")

    assert (done.published, done.accepted, done.batches) == (25, 24, 3)
    assert done.quarantined == {"code": 1}
    assert done.complete
    assert not done.known


def test_the_same_file_again_is_known(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """A second publication of a file does nothing and says so."""
    crossings(5).write_csv(tmp_path / "a.csv")

    with desk.session() as session:
        first = session.publish("border_crossing", tmp_path / "a.csv")
    with desk.session() as session:
        second = session.publish("border_crossing", tmp_path / "a.csv")

    assert (first.known, second.known) == (False, True)
    assert second.accepted == 5
    assert desk.hub.sent == 1


def test_resent_batches_are_duplicates(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """A batch that is sent twice gets its receipt twice and counts as a duplicate."""
    crossings(25).write_csv(tmp_path / "a.csv")

    with desk.session() as session:
        done = session.publish("border_crossing", tmp_path / "a.csv", resend=True)

    assert (done.published, done.accepted, done.duplicates) == (50, 25, 25)


def test_again_keeps_revisions(desk: Any, tmp_path: Path, crossings: Any) -> None:
    """The same rows in new batches keep their revisions; changed rows get the next."""
    rows = crossings(6)
    rows.write_csv(tmp_path / "a.csv")
    changed = pl.when(pl.int_range(pl.len()) == 2).then(pl.lit("TOURISM"))
    with desk.session() as session:
        session.publish("border_crossing", tmp_path / "a.csv")
        session.publish("border_crossing", tmp_path / "a.csv", again=True)
        rows.with_columns(purpose=changed.otherwise("purpose")).write_csv(
            tmp_path / "b.csv"
        )
        session.publish("border_crossing", tmp_path / "b.csv")
        kept = session.spool.connection.execute(
            "SELECT revision, action, count(*) FROM records GROUP BY 1, 2 ORDER BY 1"
        ).fetchall()

    assert kept == [(0, "NEW", 5), (1, "AMEND", 1)]


def test_brokers_may_be_away(desk: Any, tmp_path: Path, crossings: Any) -> None:
    """Spooling works without brokers; the next session delivers."""
    crossings(25).write_csv(tmp_path / "a.csv")
    desk.hub.away = True
    with desk.session() as session:
        waiting = session.publish("border_crossing", tmp_path / "a.csv")
    desk.hub.away = False
    with desk.session() as session:
        done = session.publish("border_crossing", tmp_path / "a.csv")

    assert (waiting.waiting, waiting.accepted) == (25, 0)
    assert "wait in the spool" in waiting.notes[0]
    assert (done.waiting, done.accepted) == (0, 25)


def test_no_hub_at_all_is_no_obstacle(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """Where no hub is known yet, the file is in the spool and the person is told."""
    crossings(5).write_csv(tmp_path / "a.csv")
    with Session.open(desk.settings, desk.catalogue, "sms") as session:
        done = session.publish("border_crossing", tmp_path / "a.csv")

    assert done.waiting == 5
    assert "no hub runs" in done.notes[0]


def test_content_goes_with_the_final_receipt(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """Receipts stay and verify offline, sealed contents do not stay."""
    crossings(25).write_csv(tmp_path / "a.csv")
    with desk.session() as session:
        session.publish("border_crossing", tmp_path / "a.csv")
        held = session.spool.connection.execute(
            "SELECT count(envelope), count(copy), count(receipt) FROM batches"
        ).fetchone()
        checked = receipts.verify_spool(
            session.spool, session.courier.registry, session.sealer.member
        )

    assert held == (0, 0, 3)
    assert (checked.receipts, checked.rows, checked.problems) == (3, 25, ())


def test_a_forged_receipt_is_passed_over(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """What the hub did not sign moves nothing; the batch goes on waiting."""
    crossings(5).write_csv(tmp_path / "a.csv")
    desk.hub.logs["receipts.sms", 0].append(b"\xc3\x01not a receipt")
    with desk.session() as session:
        done = session.publish("border_crossing", tmp_path / "a.csv")

    assert done.accepted == 5
    assert "cannot be trusted" in done.notes[0]


@pytest.mark.parametrize("lost", [{1}, {2}, {1, 2}])
def test_a_gap_sends_the_lane_back(
    desk: Any, tmp_path: Path, crossings: Any, lost: set[int]
) -> None:
    """Batches the broker lost are sent again when the hub asks for them."""
    crossings(35).write_csv(tmp_path / "a.csv")
    desk.hub.drop = lost
    with desk.session() as session:
        done = session.publish("border_crossing", tmp_path / "a.csv")

    assert (done.accepted, done.waiting) == (35, 0)


def test_a_restored_spool_gets_a_new_lane(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """A fork replaces the lane; the rows arrive in the new one."""
    crossings(15).write_csv(tmp_path / "a.csv")
    crossings(15, 100).write_csv(tmp_path / "b.csv")
    with desk.session() as session:
        session.declare("border_crossing", "2025-03")
        session.settle(1)
        lane, digest = session.spool.connection.execute(
            "SELECT lane, digest FROM lanes"
        ).fetchone()
        session.publish("border_crossing", tmp_path / "a.csv")
        with session.spool.change() as connection:  # as a backup would have it
            connection.execute("DELETE FROM batches WHERE sequence > 1")
            connection.execute("DELETE FROM files")
            connection.execute("UPDATE lanes SET sequence = 1, digest = ?", (digest,))
    with desk.session() as session:
        done = session.publish("border_crossing", tmp_path / "b.csv")
        lanes = session.spool.connection.execute(
            "SELECT lane = ?, open FROM lanes", (lane,)
        ).fetchall()

    assert (done.accepted, done.waiting, done.refused) == (15, 0, 0)
    assert sorted(lanes) == [(0, 1), (1, 0)]
    assert any("lane was replaced" in note for note in done.notes)


def test_a_refused_batch_waits_and_can_be_retried(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """A batch the hub cannot open is kept, told, and sealed again on demand."""
    crossings(5).write_csv(tmp_path / "a.csv")
    with desk.session() as session:
        right = session.sealer
        object.__setattr__(session.sealer, "hub", (right.hub[0], right.own[1]))
        bad = session.publish("border_crossing", tmp_path / "a.csv")
    with desk.session() as session:
        session.courier.retry()
        done = session.publish("border_crossing", tmp_path / "a.csv")

    assert (bad.refused, bad.accepted, bad.published) == (5, 0, 5)
    assert "refused as a whole (key)" in bad.notes[0]
    assert (done.refused, done.accepted, done.published) == (0, 5, 5)


def test_an_unknown_signature_stops_the_lane(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """What the hub does not believe is told once and sent again by the next session."""
    crossings(25).write_csv(tmp_path / "a.csv")
    with desk.session() as session:
        wrong = replace(session.sealer.sign, private=Ed25519PrivateKey.generate())
        object.__setattr__(session.sealer, "sign", wrong)
        bad = session.publish("border_crossing", tmp_path / "a.csv")
        states = {item.state for item in ledger.items(session.spool)}
    with desk.session() as session:
        session.courier.retry()
        done = session.publish("border_crossing", tmp_path / "a.csv")

    assert bad.waiting == 25
    assert "did not believe" in bad.notes[0]
    assert states == {State.SPOOLED}
    assert (done.accepted, done.waiting) == (25, 0)


def test_declarations_travel_in_the_lane(desk: Any) -> None:
    """A declaration is a batch of its lane; the wrong kind of period is refused."""
    with desk.session() as session:
        session.declare("border_crossing", "2025-03")
        with pytest.raises(InvalidError, match="2025-03"):
            session.declare("border_crossing", "2025-Q1")
        notes = session.settle(1)
        (item,) = ledger.items(session.spool)

    assert notes == ()
    assert (item.kind, item.state) == ("declaration", State.FINAL)


def test_only_providers_publish(desk: Any, tmp_path: Path) -> None:
    """Members that read, and dataflows of others, are refused by name."""
    with pytest.raises(InvalidError, match="no member that publishes"):
        desk.session("ilo")
    with desk.session() as session, pytest.raises(InvalidError, match="it provides"):
        session.publish("remittance", tmp_path / "a.csv")


def test_a_revoked_key_publishes_nothing(desk: Any) -> None:
    """Fail closed: no batch is made with a key that does not count."""
    registry = desk.settings.home.root / "keys" / "registry.json"
    text = registry.read_text()
    lines = [
        line.replace('"active"', '"revoked"') if '"sms-sign' in line else line
        for line in text.splitlines()
    ]
    registry.write_text("\n".join(lines))

    with pytest.raises(EnvelopeError, match="no active sign key"):
        desk.session()


def test_one_session_at_a_time(desk: Any) -> None:
    """A second writer is refused instead of mixing two lanes."""
    with desk.session(), pytest.raises(MachineError, match="another publication"):
        desk.session()


def test_rejected_rows_are_listed_beside_the_file(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """What cannot be read is in the list, what can is published."""
    wrong = pl.when(pl.int_range(pl.len()) == 3).then(pl.lit("31.02.2025"))
    rows = crossings(12).with_columns(event_date=wrong.otherwise("event_date"))
    rows.write_csv(tmp_path / "a.csv")
    with desk.session() as session:
        done = session.publish("border_crossing", tmp_path / "a.csv")

    assert (done.published, done.accepted, done.source.rejected) == (11, 11, 1)
    listed = pl.read_csv(tmp_path / "a.csv.rejected.csv")
    assert listed.select("row", "column").rows() == [(5, "event_date")]


def test_a_full_disk_refuses_before_it_accepts(
    desk: Any, tmp_path: Path, crossings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without room nothing is taken in."""
    crossings(5).write_csv(tmp_path / "a.csv")
    with desk.session() as session:
        monkeypatch.setattr(
            "hub.publisher.spool.shutil.disk_usage",
            lambda _: type("Usage", (), {"free": 1 << 20}),
        )
        with pytest.raises(MachineError, match="no room"):
            session.publish("border_crossing", tmp_path / "a.csv")
        assert ledger.items(session.spool) == []
