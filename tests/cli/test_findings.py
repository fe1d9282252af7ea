"""Faults: each has one cause and one command; a healthy hub has none."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.cli import asking, doctor, expiry
from hub.cli.findings import of_hub
from hub.cli.main import main
from hub.cli.status import content_of
from hub.core import access, guard
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings
from hub.embedded import pki
from hub.publisher.spool import Spool

NOW = 1_795_000_000.0
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
        "failures": 0,
        "started": 0.0,
        "exit_code": None,
        "says": {"ready": True, "assigned": True, "opening": []},
        "partitions": list(partitions),
        **changed,
    }


def hub(*workers: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """What a running hub says of itself; stages that are not named are well."""
    there = {one["stage"] for one in workers}
    others = [
        process(name=f"{stage}-0", stage=stage)
        for stage in access.STAGES
        if stage not in there
    ]
    return {
        "state": "ready",
        "pid": 1,
        "bootstrap": "127.0.0.1:9092",
        "broker": {"pid": 2, "metrics": "127.0.0.1:8", "restarts": 0, "answers": True},
        "workers": [*workers, *others],
        "services": [],
        **changed,
    }


PLACE = "hub.records.NONE/0"
FOLDER = "/home/kerwen/state/dedupe/hub.records.NONE-0"
NOT_READY = {"ready": False, "assigned": True, "opening": ["a"], "stopped": []}


def stopped(error: str, **changed: Any) -> dict[str, Any]:
    """A hub with a partition that stands still."""
    one = partition(condition="stopped", error=f"{PLACE}: {error}", **changed)
    return hub(process(one, says=NOT_READY))


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "starting": (hub(state="starting"), "starting", "--watch"),
    "stopping": (hub(state="stopping"), "starting", "--watch"),
    "broker": (hub(broker={"pid": None}), "broker down", "kafka.out"),
    "broker hung": (
        hub(broker={"pid": 2, "answers": False}),
        "broker silent",
        "kerwen down && kerwen up",
    ),
    "broker begins": (
        hub(broker={"pid": 2, "answers": False}, state="restarting"),
        "broker silent",
        "kafka.out",
    ),
    "down": (hub(process(pid=None, exit_code=70)), "worker down", "dedupe-0.log"),
    "again and again": (
        hub(process(restarts=9, failures=3, started=NOW - 5, exit_code=1)),
        "worker restarts",
        "dedupe-0.log",
    ),
    "silent": (
        hub(process(says={"ready": False}, started=NOW - 9)),
        "worker not ready",
        "dedupe-0.log",
    ),
    "hung": (
        hub(process(says={"ready": False}, started=NOW - 99)),
        "worker hangs",
        "kill -9 7",
    ),
    "opening": (hub(process(says=NOT_READY)), "worker not ready", "dedupe-0.log"),
    "unassigned": (
        hub(process(says={"ready": False, "assigned": False})),
        "worker not ready",
        "dedupe-0.log",
    ),
    "no room": (
        hub(
            process(
                partition(condition="opening", error="state x: the disk is full; it"),
                says=NOT_READY,
            )
        ),
        "disk",
        "du -sh /home/kerwen/*",
    ),
    "refused": (
        stopped("something impossible"),
        "partition stopped",
        f"kerwen topics resume --partition {PLACE}",
    ),
    "position unreadable": (
        stopped("the stored position is unreadable; rebuild this state"),
        "state damaged",
        f"kerwen down && mv {FOLDER} {FOLDER}.old && kerwen up",
    ),
    "state unreadable": (
        stopped(f"state {FOLDER}: corrupt; restore a checkpoint or move it away"),
        "state damaged",
        f"mv {FOLDER} {FOLDER}.old && kerwen topics resume --partition {PLACE}",
    ),
    "poison": (
        stopped("the worker died 3 times at offset 7; `kerwen topics skip`", poison=7),
        "message poisoned",
        f"kerwen topics skip --partition {PLACE} --offset 7 --reason TEXT",
    ),
    "another log": (
        stopped(f"the topic was re-created; {guard.REBUILD}"),
        "log replaced",
        "docs/recovery.md",
    ),
    "no genesis": (
        stopped(f"the first message is no genesis record; {guard.CREATE}"),
        "log not begun",
        f"kerwen topics apply && kerwen topics resume --partition {PLACE}",
    ),
    "no bundle": (
        hub(process(partition(condition="waiting", error="holds no bundle 12ab"))),
        "bundle missing",
        "kerwen topics bundle --add FOLDER",
    ),
    "gap": (
        hub(process(partition(gaps=["ministry.sms.x/0"]))),
        "gap open",
        "kerwen down && kerwen up",
    ),
    "a stage without workers": (
        {**hub(), "workers": hub()["workers"][1:]},
        "stage missing",
        "kerwen down && kerwen up",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_with_its_command(name: str) -> None:
    """One fault, one finding."""
    said, what, command = FAULTS[name]
    [found] = of_hub(said, HOME, NOW)
    assert what == found.what
    assert command in found.command
    assert found.cause
    assert "\n" not in found.text().partition("\n  mend: ")[2]


def test_who_lives_for_a_while_has_got_over_it() -> None:
    """Deaths of long ago are no fault."""
    said = hub(process(restarts=9, failures=3, started=NOW - 16, exit_code=1))
    assert list(of_hub(said, HOME, NOW)) == []


def test_a_healthy_hub_has_no_findings() -> None:
    """No news is good news."""
    assert list(of_hub(hub(process(partition())), HOME)) == []


def test_status_adds_up_partitions_and_names_addresses() -> None:
    """Position and lag of a process are those of all its inputs."""
    said = hub(process(partition(lag=3), partition(position=0, end=1)))
    found = content_of(said, HOME)
    worker = next(one for one in found["processes"] if one["name"] == "dedupe-0")
    assert (worker["position"], worker["lag"]) == (11, 3)
    assert found["addresses"]["bootstrap"] == "127.0.0.1:9092"
    assert found["addresses"]["gateway"] is None
    workers = {f"{stage}-0" for stage in access.STAGES}
    assert set(found["addresses"]["metrics"]) == {*workers, "kafka"}


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
    assert list(expiry.of_certificates(settings.home, now)) == []
    late = now + timedelta(days=383)
    [found] = expiry.of_certificates(settings.home, late)
    assert found.what == "certificate ends"
    assert "end within 30 days" in found.cause
    over = list(expiry.of_certificates(settings.home, now + timedelta(days=398)))
    assert {one.what for one in over} == {"certificate ended"}
    assert [one.command for one in over] == [
        *["kerwen down && kerwen up"] * 2,  # the broker's, the authority's
        "kerwen keys reissue iom --reason TEXT --apply",
    ]
    pki.issue(settings.home, [f"m{number}" for number in range(9)])
    [many] = expiry.of_certificates(settings.home, now + timedelta(days=398))
    assert "and 11 more" in many.cause


def test_doctor_finds_a_damaged_certificate(settings: Settings) -> None:
    """Something that is no certificate is named."""
    (settings.home.pki / "iom.pem").write_text("no")
    [found] = expiry.of_certificates(settings.home, datetime.now(UTC))
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
    assert list(doctor.look(made)) == []
    assert [one.what for one in asking.ask(made).findings] == ["broker down"] * 2


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
    assert {one.what for one in found} == {"spool"}
    assert [one.command for one in found] == [
        "kerwen publish --member sms",
        "kerwen publish --member sms --retry",
    ]
    assert found[0].cause.startswith("2 batches")
