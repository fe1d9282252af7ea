"""Faults: each has one cause and one command; a healthy hub has none."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.cli import doctor, status
from hub.cli.findings import of_hub
from hub.cli.main import main
from hub.cli.output import Output
from hub.cli.status import content_of
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings
from hub.embedded import pki
from hub.publisher.spool import Spool

HOME = Home(root=Path("/home/kerwen"))


def partition(**changed: Any) -> dict[str, Any]:
    """A partition that runs."""
    return {
        "topic": "hub.records.NONE",
        "partition": 0,
        "condition": "running",
        "position": 9,
        "end": 10,
        "lag": 0,
        "gaps": [],
        "error": "",
        **changed,
    }


def process(*partitions: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A worker that is well."""
    return {
        "name": "dedupe-0",
        "stage": "dedupe",
        "pid": 7,
        "address": "127.0.0.1:9",
        "log": "/logs/dedupe-0.log",
        "restarts": 0,
        "exit_code": None,
        "says": {"ready": True, "assigned": True, "opening": []},
        "partitions": list(partitions),
        **changed,
    }


def hub(*workers: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """What a running hub says of itself."""
    return {
        "state": "ready",
        "pid": 1,
        "bootstrap": "127.0.0.1:9092",
        "broker": {"pid": 2, "metrics": "127.0.0.1:8", "restarts": 0},
        "workers": list(workers),
        "services": [],
        **changed,
    }


STOPPED = partition(condition="stopped", error="hub.records.NONE/0: rebuild this state")
NOT_READY = {"ready": False, "assigned": True, "opening": ["a"], "stopped": []}

FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "starting": (hub(state="starting"), "starting", "--watch"),
    "broker": (hub(broker={"pid": None}), "broker down", "kafka.out"),
    "down": (hub(process(pid=None, exit_code=70)), "worker down", "dedupe-0.log"),
    "silent": (hub(process(says={"ready": False})), "worker not ready", "dedupe-0.log"),
    "opening": (hub(process(says=NOT_READY)), "worker not ready", "dedupe-0.log"),
    "stopped": (
        hub(process(STOPPED, says=NOT_READY)),
        "partition stopped",
        "mv /home/kerwen/state/dedupe/hub.records.NONE-0 ",
    ),
    "gap": (
        hub(process(partition(gaps=["ministry.sms.x/0"]))),
        "gap open",
        "kerwen down && kerwen up",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_with_its_command(name: str) -> None:
    """One fault, one finding."""
    said, what, command = FAULTS[name]
    [found] = of_hub(said, HOME)
    assert what == found.what
    assert command in found.command
    assert found.cause


def test_a_healthy_hub_has_no_findings() -> None:
    """No news is good news."""
    assert list(of_hub(hub(process(partition())), HOME)) == []


def test_status_adds_up_partitions_and_names_addresses() -> None:
    """Position and lag of a process are those of all its inputs."""
    said = hub(process(partition(lag=3), partition(position=0, end=1)))
    found = content_of(said, HOME)
    worker = found["processes"][1]
    assert (worker["position"], worker["lag"]) == (11, 3)
    assert found["addresses"]["bootstrap"] == "127.0.0.1:9092"
    assert found["addresses"]["gateway"] is None
    assert set(found["addresses"]["metrics"]) == {"dedupe-0", "kafka"}


def test_what_is_wrong_stands_first(capsys: pytest.CaptureFixture[str]) -> None:
    """Who looks at a screen for ten seconds reads its first lines."""
    faults = [FAULTS[name][0]["workers"][0] for name in ("down", "silent", "gap")]
    status._headline(content_of(hub(*faults), HOME), Output(as_json=False))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 things are wrong"
    assert lines[1].startswith("worker down: dedupe-0 ended with code 70")
    assert lines[2].startswith("  mend: ")

    many = [FAULTS["down"][0]["workers"][0]] * 20
    status._headline(content_of(hub(*many), HOME), Output(as_json=False))
    assert "and 12 more: kerwen doctor" in capsys.readouterr().out
    status._headline(content_of(hub(process(partition())), HOME), Output(as_json=False))
    assert capsys.readouterr().out == "nothing is wrong\n"


def test_a_worker_without_room_or_time_is_not_ready() -> None:
    """Its cause is named, not only that it is not ready."""
    for says, word in (
        ({"disk_free_bytes": 1 << 20}, "1 MB of disk left"),
        ({"clock_behind_seconds": 9.0}, "clock 9 s behind"),
    ):
        ill = process(says={**NOT_READY, "opening": [], **says})
        [found] = of_hub(hub(ill), HOME)
        assert word in found.cause


def test_doctor_finds_that_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first thing a newcomer is told is the next command."""
    monkeypatch.setenv("KERWEN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KERWEN_BOOTSTRAP", raising=False)
    assert main(["doctor", "--json"]) == 1
    [found] = json.loads(capsys.readouterr().out)["findings"]
    assert (found["what"], found["command"]) == ("no hub", "kerwen up")
    assert not (tmp_path / "home").exists()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An empty home, made."""
    made = Settings(home=Home(root=tmp_path / "home"))
    made.home.make()
    return made


def whats(settings: Settings) -> set[str]:
    """Kinds of the findings there are."""
    return {one.what for one in doctor.look(settings)}


def test_doctor_finds_what_a_killed_supervisor_left(settings: Settings) -> None:
    """A report without a supervisor behind it is stale."""
    settings.home.hub_file.write_text('{"state": "ready", "pid": 1}')
    assert whats(settings) == {"stale lock"}


def test_doctor_finds_certificates_that_end(settings: Settings) -> None:
    """Two weeks before the end is early enough to act, and late enough to know."""
    pki.issue(settings.home, ["iom", "broker"])
    now = datetime.now(UTC)
    assert list(doctor._certificates(settings.home, now)) == []
    late = now + timedelta(days=383)
    [found] = doctor._certificates(settings.home, late)
    assert "end within 30 days" in found.cause


def test_doctor_finds_a_damaged_certificate(settings: Settings) -> None:
    """Something that is no certificate is named."""
    (settings.home.pki / "iom.pem").write_text("no")
    [found] = doctor._certificates(settings.home, datetime.now(UTC))
    assert "iom.pem" in found.cause


def test_doctor_finds_keys_that_are_missing(settings: Settings) -> None:
    """Every principal without its folder is named, and the registry."""
    (settings.home.keys / "intake").mkdir()
    found = [one for one in doctor.look(settings) if one.what == "keys"]
    providers = [m for m in read_catalogue().members.values() if m.provides]
    assert len(found) == 1 + 5 + len(providers)


def test_doctor_finds_too_little_room(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the broker and the spool do."""
    few = shutil.disk_usage("/")._replace(free=doctor.DISK_BYTES_MIN - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: few)
    assert "disk" in whats(settings)


def test_doctor_finds_a_catalogue_that_does_not_hold(tmp_path: Path) -> None:
    """The other looks go on without it."""
    made = Settings(home=Home(root=tmp_path / "home"), catalogue=tmp_path / "none")
    assert whats(made) == {"catalogue", "no hub"}


def test_doctor_finds_a_broker_that_does_not_answer(tmp_path: Path) -> None:
    """Named brokers are asked, and no embedded hub is missed."""
    made = Settings(home=Home(root=tmp_path / "home"), bootstrap="127.0.0.1:1,x")
    assert [one.what for one in doctor.look(made)] == ["broker down", "broker down"]


def test_doctor_finds_batches_that_wait(settings: Settings) -> None:
    """What was not receipted is not forgotten."""
    with Spool.open(settings.home.spool / "sms.sqlite") as spool:
        for number, state in enumerate(("spooled", "sent", "refused", "final")):
            digest = bytes([number])
            spool.connection.execute(
                "INSERT INTO batches (dataflow, kind, rows, lane, sequence, previous, "
                "digest, batch, state) VALUES ('x', 'records', 1, ?, ?, ?, ?, ?, ?)",
                (bytes(16), number + 1, bytes(32), digest, bytes(16), state),
            )
    found = list(doctor._spools(settings.home))
    assert [one.command for one in found] == [
        "kerwen publish --member sms",
        "kerwen publish --member sms --retry",
    ]
    assert found[0].cause.startswith("2 batches")
