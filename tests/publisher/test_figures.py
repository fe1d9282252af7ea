"""What a ministry's machine shows: ages and numbers, and none of a quiet dataflow."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hub.cli import doctor, late
from hub.cli.main import main
from hub.publisher import accounts, courier, exporter, figures, ledger
from hub.publisher.entries import Fate
from hub.publisher.spool import Spool

FLOW = "border_crossing"
DAY_MS = 86_400_000
QUIET = "service_contact"


def spoiled(rows: pl.DataFrame) -> pl.DataFrame:
    """Two rows with a code that nobody knows."""
    wrong = pl.int_range(pl.len()) < 2
    return rows.with_columns(sex=pl.when(wrong).then(pl.lit("Z")).otherwise("sex"))


def shown(desk: Any, now_ms: int) -> dict[tuple[str, ...], float]:
    """Samples by name and labels after the stage."""
    spools = figures.Spools(desk.settings.home.spool, {"consular_case"}, lambda: now_ms)
    return {
        (sample.name, *list(sample.labels.values())[1:]): sample.value
        for family in spools.collect()
        for sample in family.samples
    }


def test_refused_rows_have_an_age_until_they_are_closed(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """From the hub's receipt on, by the hub's time, whatever this clock says."""
    spoiled(crossings(9)).write_csv(tmp_path / "a.csv")
    with desk.session() as session:
        session.publish(FLOW, tmp_path / "a.csv")
        rows = accounts.rows(session.spool, Fate.OPEN)
        since = rows[0].since_ms
        ahead = ledger.figure(session.spool, ledger.CLOCK_MS)
    found = shown(desk, since + ahead + 8 * DAY_MS)
    name = "kerwen_quarantine_age_seconds"

    assert found[name, "sms", FLOW] == 8 * 86_400
    assert found[name, "sms", ""] == 0
    assert found["kerwen_quarantine_rows", "sms", FLOW, "open"] == 2
    assert found["kerwen_receipts_overdue", "sms"] == 0
    with desk.session() as session:
        accounts.purge(session.spool, rows, 0)
    found = shown(desk, since + 99 * DAY_MS)
    assert found[name, "sms", FLOW] == 0
    assert found["kerwen_quarantine_rows", "sms", FLOW, "purged"] == 2


def test_of_a_quiet_dataflow_only_the_ministrys_age_is_shown(desk: Any) -> None:
    """No rows, no dataflow."""
    path = desk.settings.home.spool / "mfa.sqlite"
    with Spool.open(path) as spool, spool.change() as connection:
        connection.execute(
            "INSERT INTO held (digest, dataflow, since_ms) VALUES (?, ?, 5000)",
            (bytes(32), "consular_case"),
        )
        connection.execute(
            "INSERT INTO held_rows (digest, row, held, place, reason, field, record) "
            "VALUES (?, 0, 1, 0, 'code', 'sex', 'R')",
            (bytes(32),),
        )
    found = shown(desk, 65_000)

    assert found["kerwen_quarantine_age_seconds", "mfa", ""] == 60
    assert not [key for key in found if "consular_case" in key]
    assert not [key for key in found if key[0] == "kerwen_quarantine_rows"]


def test_status_and_doctor_explain_each_in_one_line(
    desk: Any, tmp_path: Path, crossings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No receipt, rows to mend, a wrong clock: a cause and a command each."""
    spoiled(crossings(9)).write_csv(tmp_path / "a.csv")
    crossings(3, 50).write_csv(tmp_path / "b.csv")
    with desk.session() as session:
        session.publish(FLOW, tmp_path / "a.csv")
        desk.hub.drop = {desk.hub.sent + 1}
        session.publish(FLOW, tmp_path / "b.csv", wait_seconds=0)
        with session.spool.change() as connection:
            connection.execute("UPDATE held SET since_ms = since_ms - ?", (8 * DAY_MS,))
            connection.execute("UPDATE batches SET first_ms = first_ms - 400000")
            ledger.note(session.spool, ledger.CLOCK_MS, -40 * DAY_MS)
    held = figures.read(desk.settings.home.spool / "sms.sqlite", 0)
    monkeypatch.setattr(
        "hub.cli.late.time.time_ns",
        lambda: (held.accounts[0].oldest_ms + 8 * DAY_MS - 40 * DAY_MS) * 10**6,
    )
    found = {
        one.what: one for one in late.of_spools(desk.settings.home, desk.catalogue)
    }

    assert set(found) == {"no receipt", "rows to mend", "clock"}
    assert "1 batches of sms are unanswered" in found["no receipt"].cause
    assert found["rows to mend"].command == "kerwen quarantine list --member sms"
    assert f"refused rows of {FLOW} wait at sms" in found["rows to mend"].cause
    assert "40 days behind" in found["clock"].cause
    assert all("\n" not in one.cause for one in found.values())
    assert courier.RECEIPT_SECONDS < 400
    told = {one.what for one in doctor.look(desk.settings)}
    assert {"no receipt", "clock"} <= told


@pytest.mark.parametrize("beside", [0, 3])
def test_that_batches_of_quiet_dataflows_are_late_is_told_and_not_how_many(
    desk: Any,
    tmp_path: Path,
    crossings: Any,
    monkeypatch: pytest.MonkeyPatch,
    beside: int,
) -> None:
    """One batch or four: Prometheus, status, doctor and publish say the same."""
    later_ms = time.time_ns() // 10**6 + DAY_MS
    monkeypatch.setattr(time, "time_ns", lambda: later_ms * 10**6)
    said = []
    for number in (1, 4):
        here = make_late(desk, tmp_path, crossings, number, beside)
        with here.session() as session:
            session.courier.remind()
            notes = [*session.courier.notes]
        home = here.settings.home
        causes = [
            *(one.cause for one in late.of_spools(home, here.catalogue)),
            *(one.cause for one in doctor.look_at(here.settings, "sms")),
        ]
        spools = figures.Spools(home.spool, {QUIET}, lambda: later_ms)
        gauges = {
            (family.name, *sample.labels.values(), sample.value)
            for family in spools.collect()
            for sample in family.samples
            if family.name in {"kerwen_receipts_overdue", "kerwen_spool_batches"}
        }
        said.append((notes, causes, gauges))

    assert said[0] == said[1]
    assert any("batches of sms are unanswered" in one for one in said[0][1])
    assert any("batches of sms were refused" in one for one in said[0][1])
    assert ("kerwen_receipts_overdue", "publisher", "sms", beside + 1) in said[0][2]


def make_late(
    desk: Any, tmp_path: Path, crossings: Any, number: int, beside: int
) -> Any:
    """A home with so many batches of a quiet dataflow unanswered, and as many refused.

    The batches of these tests are border crossings by another name.
    """
    here = type(desk)(tmp_path / f"{number} {beside}", desk.catalogue)
    path = tmp_path / f"{number} {beside}.csv"
    crossings(10 * (2 * number + beside)).write_csv(path)
    with here.session() as session:
        here.hub.drop = set(range(1, 99))
        session.publish(FLOW, path, wait_seconds=0)
        with session.spool.change() as connection:
            hidden = "UPDATE batches SET dataflow = ? WHERE id <= ?"
            connection.execute(hidden, (QUIET, 2 * number))
            refused = "UPDATE batches SET state = 'refused' WHERE id <= ?"
            connection.execute(refused, (number,))
            connection.execute("UPDATE batches SET first_ms = 0, sent_ms = 0")
            ledger.note(session.spool, ledger.CLOCK_MS, 0)
    return here


def test_a_spool_that_cannot_be_read_is_a_figure(desk: Any) -> None:
    """One bad file does not hide the others."""
    desk.settings.home.spool.mkdir(parents=True, exist_ok=True)
    (desk.settings.home.spool / "sms.sqlite").write_bytes(b"no database" * 99)
    with Spool.open(desk.settings.home.spool / "mfa.sqlite"):
        pass
    found = shown(desk, 0)
    assert found["kerwen_spool_unreadable", "sms"] == 1
    assert found["kerwen_spool_unreadable", "mfa"] == 0


def test_the_exporter_answers(desk: Any, tmp_path: Path, crossings: Any) -> None:
    """The page that Prometheus reads, with the catalogue's quiet dataflows."""
    spoiled(crossings(9)).write_csv(tmp_path / "a.csv")
    with desk.session() as session:
        session.publish(FLOW, tmp_path / "a.csv")
    server = exporter.serve(desk.settings)
    try:
        page = urllib.request.urlopen(
            f"http://127.0.0.1:{server.port}/metrics", timeout=5
        ).read()
    finally:
        server.close()
    text = page.decode()
    line = f'dataflow="{FLOW}",ministry="sms",outcome="open",stage="publisher"'
    assert f"kerwen_quarantine_rows{{{line}}} 2.0" in text


def test_receipts_verify_on_a_machine_without_hub(
    desk: Any,
    tmp_path: Path,
    crossings: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A spool and the registry, nothing else: no hub, no key, nothing to write to."""
    crossings(25).write_csv(tmp_path / "a.csv")
    with desk.session() as session:
        session.publish(FLOW, tmp_path / "a.csv")
    home, other = desk.settings.home.root, tmp_path / "court"
    (other / "spool").mkdir(parents=True)
    (other / "keys").mkdir()
    (other / "spool" / "sms.sqlite").write_bytes(
        (home / "spool" / "sms.sqlite").read_bytes()
    )
    registry = (home / "keys" / "registry.json").read_bytes()
    (other / "keys" / "registry.json").write_bytes(registry)
    monkeypatch.setenv("KERWEN_HOME", str(other))
    monkeypatch.setenv("KERWEN_BOOTSTRAP", "127.0.0.1:1")

    assert main(["receipts", "verify", "--member", "sms", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"receipts": 3, "without": 0, "problems": []}
    path = other / "spool" / "sms.sqlite"
    with Spool.open(path) as spool, spool.change() as connection:
        connection.execute("UPDATE batches SET rows = rows + 1 WHERE sequence = 2")
    assert main(["receipts", "verify", "--member", "sms", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert "counts 10 of 11 rows" in said["problems"][0]
