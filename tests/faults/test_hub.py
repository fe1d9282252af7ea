"""Faults of a running hub: put into a real broker and a real worker, and mended."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from hub.cli import asking, brokers, certificates
from hub.cli.bundles import standings
from hub.cli.findings import RESTART
from hub.core.access import Acl
from hub.core.log import Send
from hub.core.topics import TRAIL
from hub.edge import acls, bundles, control, kafka, passes, trail
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings
from hub.edge.state import folder_name
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from tests.faults import injected
from tests.faults.brittle.intake import POISON
from tests.faults.world import Case, at, tiny

pytestmark = pytest.mark.e2e

IDLE = {"late", "stage missing"}
"""Only intake runs here, so what it hands on waits."""

SPARE = "statements.mot"
INPUT = "ministry.mot.rail_journey"
Inject = Callable[[Supervisor, Case], None]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """Broker and intake on a small catalogue."""
    root = tmp_path_factory.mktemp("faults")
    folder = tiny(root / "catalogue")
    settings = Settings(home=Home(root=root / "home"), catalogue=folder)
    plan = Plan(workers={"intake": 1}, module="brittle.{stage}", quick=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        with Supervisor(settings, plan) as made:
            yield made


@pytest.fixture
def one(
    hub: Supervisor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Case:
    """The command in the hub's home."""
    return at(hub.settings, tmp_path, monkeypatch, capsys)


def obey(hub: Supervisor, one: Case, command: str) -> None:
    """Do what a command says; Kafka's own tool is not here, its client is."""
    first, _, rest = command.partition("  #")[0].partition(" && ")
    if first.startswith("kafka-topics.sh --delete --topic "):
        with kafka.admin(hub.settings) as client:
            client.delete_topics([first.split()[-1]])
        time.sleep(1)
        one.obey(rest)
    else:
        one.obey(command)


def soon(found: Callable[[], bool], seconds: float = 120) -> bool:
    """Whether something becomes true in time."""
    deadline = time.monotonic() + seconds
    while not found():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def no_topic(hub: Supervisor, one: Case) -> None:
    """Somebody deleted a topic."""
    del one
    with kafka.admin(hub.settings) as client:
        client.delete_topics([SPARE])
    time.sleep(1)


def kept_shorter(hub: Supervisor, one: Case) -> None:
    """Somebody changed how long a topic is kept."""
    del one
    resource = ConfigResource(
        ConfigResourceType.TOPIC, "receipts.mot", {"retention.ms": "60000"}
    )
    with kafka.admin(hub.settings) as client:
        client.alter_configs([resource])


def more_partitions(hub: Supervisor, one: Case) -> None:
    """Somebody gave a topic more partitions."""
    del one
    with kafka.admin(hub.settings) as client:
        client.create_partitions({SPARE: 2})


def no_permission(hub: Supervisor, one: Case) -> None:
    """The ministry may not write any more."""
    del one
    row = Acl(
        principal="mot",
        operation="WRITE",
        resource="TOPIC",
        name=INPUT,
        pattern="LITERAL",
    )
    with kafka.admin(hub.settings) as client:
        client.delete_acls([acls._exactly(acls._entry(row))])


def a_door(hub: Supervisor, one: Case) -> None:
    """A member was allowed to read what ministries send."""
    del one
    row = Acl(
        principal="iom",
        operation="READ",
        resource="TOPIC",
        name="ministry.",
        pattern="PREFIXED",
    )
    with kafka.admin(hub.settings) as client:
        client.create_acls([acls._entry(row)])


def not_everywhere(hub: Supervisor, one: Case) -> None:
    """Putting a bundle in force broke off."""
    del one
    bundles.set_applied(hub.home.bundles, bytes(32))


def half_a_marker(hub: Supervisor, one: Case) -> None:
    """Closing a period broke off before the first partition had the marker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(control, "finish", lambda *_: None)
        control.close(hub.settings, read_catalogue(one.catalogue), period="2025")


def not_in_force(hub: Supervisor, one: Case) -> None:
    """A member's file that nobody put in force."""
    del hub
    text = (one.catalogue / "providers" / "iom.toml").read_text("utf-8")
    text = text.replace('"iom"', '"unodc"').replace("/IOM/", "/UNODC/")
    (one.catalogue / "providers" / "unodc.toml").write_text(text, "utf-8")


def log_without_head(hub: Supervisor, one: Case) -> None:
    """Retention took the head of a log, and there is no copy of its state."""
    shutil.rmtree(one.settings.shelves, ignore_errors=True)
    place = TopicPartition(INPUT, 0)
    with kafka.admin(hub.settings) as client:
        client.delete_records({place: 1})


def ended(hub: Supervisor, one: Case) -> None:
    """A member's certificate ended, and nobody had looked."""
    del hub
    injected.over(one)


def revoked(hub: Supervisor, one: Case) -> None:
    """A ministry's certificate was revoked, and it got no other."""
    serial = certificates.of(one.settings.home, "mot").serial
    passes.revoke(hub.home, now_ms=1, reason="lost", certificate=serial)


def poisoned(hub: Supervisor, one: Case) -> None:
    """A message that ends whoever reads it; told after the third time, and alone."""

    def others() -> set[str]:
        parts = one.run("status")[1]["processes"][1]["partitions"]
        return {
            part["condition"]
            for part in parts
            if (part["topic"], part["partition"]) != (INPUT, 0)
        }

    with kafka.producer(hub.settings, "mot") as client:
        deadly = Send(topic=INPUT, partition=0, key=None, value=POISON)
        kafka.send_all(client, [deadly])
    assert soon(lambda: any(at["poison"] >= 0 for at in standings(hub.home)), 120)
    assert soon(lambda: others() == {"running"}), others()


def damaged(hub: Supervisor, one: Case) -> None:
    """A disk lost what holds a state together; its worker begins again."""
    folder = hub.home.state / "intake" / folder_name(INPUT, 1)
    (folder / "CURRENT").write_bytes(b"\0\n")
    hub.kept[0].signal(signal.SIGKILL)
    assert soon(lambda: "state damaged" in one.doctor())


FAULTS: dict[str, tuple[Inject, str]] = {
    "topic missing": (no_topic, "topic missing"),
    "retention changed": (kept_shorter, "topic settings"),
    "partitions added": (more_partitions, "partitions"),
    "permission missing": (no_permission, "permission missing"),
    "permission added": (a_door, "permission added"),
    "bundle not in every log": (not_everywhere, "bundle not in force"),
    "marker not in every log": (half_a_marker, "cut broke off"),
    "agreement not in force": (not_in_force, "not in force"),
    "log without its head": (log_without_head, "log reach"),
    "certificate of a member ended": (ended, "certificate ended"),
    "certificate of a ministry revoked": (revoked, "certificate revoked"),
    "poisoned message": (poisoned, "message poisoned"),
    "state damaged": (damaged, "state damaged"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_called_by_name_and_mended(
    hub: Supervisor, one: Case, name: str
) -> None:
    """By the command it names, as it stands there."""
    inject, what = FAULTS[name]
    inject(hub, one)
    found = one.doctor()
    assert what in found

    obey(hub, one, found[what])

    assert soon(lambda: set(one.doctor()) <= IDLE), one.doctor()


def test_a_topic_made_again_is_called_by_name(hub: Supervisor, one: Case) -> None:
    """While its worker runs; only its files mend it, or a state that begins anew."""
    with kafka.admin(hub.settings) as client:
        client.delete_topics([INPUT])
    time.sleep(1)
    one.obey("kerwen topics apply")
    assert soon(lambda: "docs/recovery.md" in one.doctor().get("log replaced", ""))

    def told() -> bool:
        found = one.run("status")[1]["findings"]
        causes = [f["cause"] for f in found if f["what"] == "log replaced"]
        return bool(causes) and all("re-created" in cause for cause in causes)

    worker = hub.kept[0]
    worker.signal(signal.SIGKILL)
    assert soon(told)
    worker.signal(signal.SIGSTOP)
    for part in (hub.home.state, one.settings.shelves):
        for folder in (part / "intake").glob(f"{INPUT}-*"):
            shutil.rmtree(folder)
    worker.signal(signal.SIGKILL)
    assert soon(lambda: set(one.doctor()) <= IDLE), one.doctor()


def test_a_trail_that_was_touched_is_called_by_name(hub: Supervisor, one: Case) -> None:
    """What cannot be mended is shown; a new trail begins with what was found."""
    with kafka.producer(hub.settings, "admin") as client:
        forged = Send(topic=TRAIL, partition=0, key=None, value=b"nothing happened")
        kafka.send_all(client, [forged])

    assert one.doctor()["trail touched"] == "kerwen log verify"
    code, said = one.run("log", "verify")
    assert (code, said["verified"]) == (1, False)

    obey(hub, one, f"kafka-topics.sh --delete --topic {TRAIL} && kerwen topics apply")
    assert soon(lambda: set(one.doctor()) <= IDLE), one.doctor()


def test_stages_without_a_worker_are_called_by_name(one: Case) -> None:
    """By the hub and by the brokers, and told once."""

    def stages() -> list[str]:
        _, said = one.run("doctor")
        causes = [f["cause"] for f in said["findings"] if f["what"] == "stage missing"]
        return [cause.partition(":")[0].split()[-1] for cause in causes]

    assert soon(lambda: stages() == ["dedupe", "aggregate", "release"]), stages()


def test_a_broker_that_hangs_is_called_by_name(
    hub: Supervisor, one: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It accepts every connection, so nobody may wait for its word."""
    monkeypatch.setattr(asking, "REACH_SECONDS", 1.0)
    pid = hub.broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        asked = asking.ask(one.settings)
        took = time.monotonic() - began
        found = one.doctor()
    finally:
        os.kill(pid, signal.SIGCONT)

    assert asked == asking.Asked(findings=())
    assert took < 20
    assert found["broker silent"] == RESTART
    assert soon(lambda: set(one.doctor()) <= IDLE), one.doctor()


def test_a_wrong_clock_is_called_by_name(hub: Supervisor, one: Case) -> None:
    """The brokers' last word lies in what this machine takes for the future."""
    del one
    trail.note(hub.settings, "test")
    late = time.time() - 3_600

    assert [f.what for f in brokers.of_brokers(hub.settings, late)] == ["clock"]
    assert list(brokers.of_brokers(hub.settings)) == []


def test_brokers_of_another_version_are_called_by_name(hub: Supervisor) -> None:
    """What this broker says is understood; a request less, and it is named."""
    with kafka.admin(hub.settings) as client:
        said = dict(client.api_versions())
    assert list(brokers.of_versions(said)) == []

    for number, (name, version) in brokers.NEEDED.items():
        for there in ((0, version - 1), (version + 1, 99)):
            [found] = brokers.of_versions({**said, number: there})
            assert found.what == "broker version"
            assert f"{name} {version}" in found.cause
