"""A real Prometheus scrapes a running hub; canaries fly, and one is lost on purpose."""

from __future__ import annotations

import http.client
import json
import logging
import re
import shutil
import signal
import time
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import pytest

from hub.cli import asking
from hub.cli.main import main
from hub.core.log import PARTITIONS_MINISTRY, Send
from hub.core.skips import MessageSkip, Skips
from hub.core.topics import ministry_topic
from hub.edge import declared, enacting, kafka, layout
from hub.edge.declared import OTHER
from hub.edge.files import catalogue_folder, read_catalogue
from hub.edge.metrics import Metrics, Server
from hub.edge.settings import Home, Settings
from hub.embedded.keeping import Kept
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from hub.publisher.publish import Session
from hub.trials import canary
from hub.trials.alarms import Prometheus
from hub.trials.canary_service import STAGE, Keeper

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus"
SECONDS = 90
_log = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """A hub whose catalogue has the canary."""
    folder = tmp_path_factory.mktemp("alarms")
    shutil.copytree(catalogue_folder(), folder / "catalogue")
    shutil.copytree(canary.CATALOGUE, folder / "catalogue", dirs_exist_ok=True)
    home = Home(root=folder / "home")
    settings = Settings(home=home, catalogue=folder / "catalogue")
    with Supervisor(settings, Plan(quick=True)) as made:
        yield made


@pytest.fixture(scope="module")
def keeper(hub: Supervisor) -> Iterator[Keeper]:
    """Whoever lets the canaries fly; nobody waits for its patience."""
    catalogue = read_catalogue(hub.settings.catalogue)
    with Session.open(hub.settings, catalogue, canary.MEMBER) as session:
        yield Keeper(
            settings=hub.settings,
            catalogue=catalogue,
            session=session,
            metrics=Metrics(STAGE),
            patience=SECONDS,
        )


@pytest.fixture(scope="module")
def prometheus(
    hub: Supervisor, keeper: Keeper, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Prometheus, scraping hub and canary."""
    folder = tmp_path_factory.mktemp("prometheus")
    well = {"ok": True}
    server = Server(keeper.metrics, live=lambda: well, ready=lambda: well)
    labels = {"job": "kerwen", "worker": "canary"}
    target = {"targets": [f"127.0.0.1:{server.port}"], "labels": labels}
    (folder / "canary.json").write_text(json.dumps([target]))
    files = hub.home.targets_file, folder / "canary.json"
    with Prometheus(folder, RULES, *files) as made:
        yield made
    server.close()


def worker(hub: Supervisor, stage: str) -> Kept:
    """The worker of a stage."""
    return next(one for one in hub.kept if one.stage == stage)


def travelled(keeper: Keeper) -> str:
    """The word of a long trip, once nothing else is under way."""
    deadline = time.monotonic() + SECONDS
    while (word := keeper.travel()) == "waits":
        assert time.monotonic() < deadline, "the hub does not come to rest"
        time.sleep(0.5)
    return word


def drop_the_next(hub: Supervisor) -> None:
    """Have intake drop the canary's next row: it is set aside before it comes.

    Every partition of its topic gets a config record first, so it will be one later.
    """
    topic = ministry_topic(canary.MEMBER, canary.DATAFLOW)
    places = [(topic, partition) for partition in range(PARTITIONS_MINISTRY)]
    with kafka.admin(hub.settings) as client:
        log = layout.identities(client, [topic])[topic]
    with kafka.consumer(hub.settings, "admin") as reader:
        ends = {place: one.end for place, one in kafka.extents(reader, places).items()}
        skips = [
            MessageSkip(
                source=f"{topic}/{partition}",
                log=log,
                offset=end + 1,
                reason="dropped on purpose",
                created_ms=1,
            )
            for (_, partition), end in ends.items()
        ]
        enacting.enact(
            hub.settings,
            skipping=lambda before: reduce(Skips.with_message, skips, before),
        )
        after = kafka.extents(reader, places)
    assert {place: one.end for place, one in after.items()} == {
        place: end + 1 for place, end in ends.items()
    }


def test_a_hub_is_watched(
    hub: Supervisor, keeper: Keeper, prometheus: Prometheus
) -> None:
    """From well to ill: a canary is dropped, another is late, a forged batch comes."""
    assert prometheus.settled([one.address for one in hub.kept], SECONDS)

    assert [keeper.fly(), keeper.fly()] == ["counted", "counted"]
    assert travelled(keeper) == "released"
    sent = list(keeper.tokens)
    assert len(sent) == 5
    home = hub.home
    behind = (home.run, home.logs, home.state, home.kafka)
    assert canary.leaks(sent, behind) == []
    assert keeper.search() == 0
    assert prometheus.firing() == {}

    drop_the_next(hub)
    assert keeper.fly() == "lost"
    took = prometheus.until("KerwenCanaryLost", SECONDS, outcome="receipt")
    assert took < SECONDS
    _log.info("a dropped row was told after %.1f s", took)
    assert keeper.fly() == "counted"

    dedupe = worker(hub, "dedupe")
    dedupe.signal(signal.SIGSTOP)
    keeper.patience = 5
    assert keeper.fly() == "lost"
    dedupe.signal(signal.SIGCONT)
    keeper.patience = SECONDS
    assert keeper.fly() == "counted"
    shown = keeper.metrics.registry.get_sample_value
    for where in ("receipt", "counted"):
        lost = {"stage": STAGE, "outcome": where}
        assert shown("kerwen_canary_lost_total", lost) == 1
        assert shown("kerwen_canary_wrong_total", {**lost, "outcome": "twice"}) is None

    topic = ministry_topic("sms", "border_crossing")
    with kafka.producer(hub.settings, "sms") as client:
        forged = Send(topic=topic, partition=0, key=None, value=b"no envelope")
        kafka.send_all(client, [forged])
    labels = {"ministry": "sms", "reason": "malformed"}
    took = prometheus.until("KerwenBatchesRefused", SECONDS, **labels)
    assert took < SECONDS


def test_doctor_is_done_soon(
    hub: Supervisor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five seconds, waits and all, on a machine of its own: twice its work at most."""
    monkeypatch.setattr(asking, "LOOK_SECONDS", 60.0)  # this one is shared
    monkeypatch.setenv("KERWEN_HOME", str(hub.home.root))
    monkeypatch.setenv("KERWEN_CATALOGUE", str(hub.settings.catalogue))
    began = time.process_time()
    main(["doctor", "--json"])
    took = time.process_time() - began
    said = json.loads(capsys.readouterr().out)
    assert said["logs"]["whole"] > 40
    assert took < 8, took


@pytest.mark.parametrize("stage", ["intake", "dedupe", "aggregate", "release"])
def test_what_a_worker_shows_is_declared(hub: Supervisor, stage: str) -> None:
    """Every family, label and word of a page that is really served."""
    known = {name: one for (name, at), one in declared.metrics().items() if at == stage}
    seen = set()
    deadline = time.monotonic() + SECONDS
    # A worker that has just begun has not folded its genesis yet.
    while "kerwen_message_seconds" not in (text := page(worker(hub, stage).port)):
        assert time.monotonic() < deadline, "it folds nothing"
        time.sleep(0.2)
    for line in text.splitlines():
        if not line.startswith("kerwen_"):
            continue
        name = line.partition("{")[0].removeprefix("kerwen_")
        for suffix in ("_bucket", "_sum", "_count"):
            whole = name.removesuffix(suffix)
            name = whole if whole in known else name
        assert name in known, name
        labels = {
            part.partition("=")[0] for part in line.partition("{")[2].split('",')[:-1]
        }
        assert labels <= {"stage", "le", *known[name].labels}, line
        assert f'"{OTHER}"' not in line
        seen.add(name)
    assert {"message_seconds", "disk_free_bytes", "ready", "source_lag_seconds"} <= seen


def test_a_broker_tells_what_the_boards_show(hub: Supervisor) -> None:
    """And what the rules ask: every metric of Kafka's is on the page of a real one."""
    files = (RULES.parent / "grafana" / "boards.toml", RULES / "brokers.rules.yml")
    text = "".join(path.read_text("utf-8") for path in files)
    shown = set(re.findall(r"\bkafka_\w+", text))
    told = set(re.findall(r"^kafka_\w+", page(hub.broker.metrics_port), re.MULTILINE))

    assert shown
    assert shown <= told


def page(port: int) -> str:
    """The metrics of a process."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()
