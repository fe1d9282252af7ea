"""Every form of file through the real intake: accepted, and once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from hub.core.errors import MachineError
from hub.edge.metrics import Metrics
from hub.publisher import mapping
from hub.publisher.figures import STAGE
from hub.publisher.sources import files
from hub.publisher.watch import Watch
from hub.publisher.watch_plan import FolderPlan, Plan
from tests.publisher.sources.lists import ROOT, interchange, message, person


def workbook(path: Path, frame: Any) -> Path:
    """A workbook of a frame."""
    book = openpyxl.Workbook()
    book.active.append(frame.columns)
    for row in frame.iter_rows():
        book.active.append(row)
    book.save(path)
    return path


def test_workbooks_and_lines_are_accepted(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """The same rows in three forms are one set of records for the hub."""
    rows = crossings(25)
    rows.write_csv(tmp_path / "a.csv")
    rows.write_ndjson(tmp_path / "a.jsonl")
    workbook(tmp_path / "a.xlsx", rows)

    with desk.session() as session:
        done = [
            session.publish("border_crossing", tmp_path / name)
            for name in ("a.csv", "a.jsonl", "a.xlsx", "a.xlsx")
        ]
        kept = session.spool.connection.execute(
            "SELECT max(revision), count(*) FROM records"
        ).fetchone()

    assert [one.accepted for one in done] == [25] * 4
    assert [one.known for one in done] == [False, False, False, True]
    assert kept == (0, 25)


def test_an_interrupted_workbook_goes_on(
    desk: Any, tmp_path: Path, crossings: Any
) -> None:
    """Like a text file: after its last row in the spool."""
    path = workbook(tmp_path / "a.xlsx", crossings(45))
    with desk.session() as session:
        made = 0

        def tell(*_: object) -> None:
            nonlocal made
            made += 1
            if made == 3:
                raise RuntimeError

        with pytest.raises(RuntimeError):
            session.add("border_crossing", path, tell=tell)
    with desk.session() as session:
        done = session.publish("border_crossing", path)

    assert (done.accepted, done.batches) == (45, 5)


def test_passenger_lists_are_accepted_and_amended(desk: Any, tmp_path: Path) -> None:
    """Counts pass the hub's rules; a later list of the flight is its next revision."""
    flow = desk.catalogue.dataflows["passenger_flow"]
    text = (ROOT / "docs/examples/paxlst.toml").read_text("utf-8")
    known = mapping.load(text, "paxlst.toml", flow)
    crew = message([person("FM", "M")], document="250", number=2)
    path = tmp_path / "early.edi"
    path.write_text(interchange(message([person(), person(sex="M")]), crew))
    late = tmp_path / "late.edi"
    late.write_text(interchange(message([person()])))

    with desk.session() as session:
        first = session.publish(flow.id, path, mapping=known)
        second = session.publish(flow.id, late, mapping=known)
        kept = session.spool.connection.execute(
            "SELECT record, revision FROM records ORDER BY record"
        ).fetchall()
        spooled = Path(session.spool.path).read_bytes()

    assert (first.accepted, second.accepted) == (2, 1)
    assert (first.quarantined, second.quarantined) == ({}, {})
    assert first.source.deviations == {("reservation_data_left_out", "T5"): 15}
    assert kept == [
        ("T5702/2025-03-05/in/IST/crew", 0),
        ("T5702/2025-03-05/in/IST/pax", 1),
    ]
    assert b"ORAZOWA" not in spooled


def test_a_form_without_its_library_is_told(
    tmp_path: Path, desk: Any, crossings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CSV needs none; a workbook says which to install."""
    path = workbook(tmp_path / "a.xlsx", crossings(1))
    flow = desk.catalogue.dataflows["border_crossing"]

    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name.rpartition(".")[2])

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(MachineError, match=r"pip install 'kerwen\[publisher\]'"):
        files.read(path, flow)


def test_quiet_dataflows_show_no_numbers(desk: Any, tmp_path: Path) -> None:
    """Neither in what is said nor in the metrics."""
    flow = desk.catalogue.dataflows["trafficking_case"]
    place = tmp_path / "in"
    place.mkdir()
    known = mapping.by_name(flow, ["record_id", "case_ref", "identified_on"])
    plan = FolderPlan(
        path=place, flow=flow, marked=True, mapping=replace(known, name="m.toml")
    )
    said: list[str] = []
    watch = Watch(
        plan=Plan(member="moi", folders=(plan,)),
        open=lambda: desk.session("moi"),
        metrics=Metrics(STAGE),
        listings=tmp_path,
        say=said.append,
    )
    text = "record_id,case_ref,identified_on\n1,7,2025-03-04\n2,8,2025-03-05\n"
    (place / "a.csv").write_text(text)
    (place / "a.csv.done").touch()

    watch.round()

    assert said == ["a.csv: done"]
    exposed = watch.metrics.text().decode()
    assert "kerwen_files_total" in exposed
    assert "kerwen_rows_total{" not in exposed


def test_deviations_lie_beside_their_list(desk: Any, tmp_path: Path) -> None:
    """By carrier and kind, for whoever calls the carrier; nothing of a person."""
    flow = desk.catalogue.dataflows["passenger_flow"]
    text = (ROOT / "docs/examples/paxlst.toml").read_text("utf-8")
    place = tmp_path / "in"
    place.mkdir()
    plan = FolderPlan(
        path=place,
        flow=flow,
        marked=True,
        keep=False,
        mapping=mapping.load(text, "paxlst.toml", flow),
    )
    (place / "a.edi").write_text(interchange(message([person(sex="Q")])))
    (place / "a.edi.done").touch()
    watch = Watch(
        plan=Plan(member="sms", folders=(plan,)),
        open=desk.session,
        metrics=Metrics(STAGE),
        listings=tmp_path,
        say=lambda _: None,
    )

    watch.round()

    [left] = (place / "done").iterdir()
    assert left.name == "a.edi.deviations.csv"
    assert left.read_text().splitlines() == [
        "carrier,kind,count",
        "T5,reservation_data_left_out,5",
        "T5,sex_code_unknown,1",
    ]
    exposed = watch.metrics.text().decode()
    assert 'kerwen_deviations_total{dataflow="passenger_flow"' in exposed
    assert 'reason="sex_code_unknown"' in exposed
    assert "T5" not in exposed
