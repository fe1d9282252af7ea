"""A real Prometheus scrapes a running worker, and soon tells what is wrong."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.core.access import STAGES
from hub.core.log import Send
from hub.core.topics import ministry_topic
from hub.edge import declared, kafka
from hub.edge.declared import OTHER
from hub.edge.settings import Home, Settings
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from hub.trials.alarms import Prometheus
from hub.trials.live import pages

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus"
SECONDS = 60


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """A hub with one worker, of intake."""
    settings = Settings(home=Home(root=tmp_path_factory.mktemp("alarms")))
    plan = Plan(workers={**dict.fromkeys(STAGES, 0), "intake": 1}, quick=True)
    with Supervisor(settings, plan) as made:
        yield made


@pytest.fixture(scope="module")
def prometheus(
    hub: Supervisor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Prometheus, scraping the hub by the file the supervisor writes."""
    folder = tmp_path_factory.mktemp("prometheus")
    with Prometheus(folder, RULES, hub.home.targets_file) as made:
        yield made


def test_a_forged_batch_alerts_within_seconds(
    hub: Supervisor, prometheus: Prometheus
) -> None:
    """Nothing fires while all is well; what is no batch of ours is told at once."""
    [worker] = hub.kept
    assert prometheus.settled([worker.address], SECONDS)
    assert prometheus.firing() == {}

    topic = ministry_topic("sms", "border_crossing")
    with kafka.producer(hub.settings, "sms") as client:
        forged = Send(topic=topic, partition=0, key=None, value=b"no envelope")
        kafka.send_all(client, [forged])
    took = prometheus.until("KerwenBatchesRefused", SECONDS)
    labels = prometheus.firing()["KerwenBatchesRefused"]

    assert took < SECONDS
    assert labels["ministry"] == "sms"
    assert labels["reason"] == "malformed"
    assert labels["severity"] == "warning"


def test_what_a_worker_shows_is_declared(hub: Supervisor) -> None:
    """Every family, label and word of a page that is really served."""
    [worker] = hub.kept
    text = _page(worker.port)
    known = declared.metrics()
    seen = set()
    for line in text.splitlines():
        if not line.startswith("kerwen_"):
            continue
        name = line.partition("{")[0].removeprefix("kerwen_")
        for suffix in ("_bucket", "_sum", "_count"):
            whole = name.removesuffix(suffix)
            name = whole if (whole, "intake") in known else name
        assert (name, "intake") in known, name
        labels = {
            part.partition("=")[0] for part in line.partition("{")[2].split('",')[:-1]
        }
        assert labels <= {"stage", "le", *known[name, "intake"].labels}, line
        assert f'"{OTHER}"' not in line
        seen.add(name)
    assert {"message_seconds", "envelopes_total", "disk_free_bytes", "ready"} <= seen
    assert {"source_lag_seconds", "certificate_end_seconds"} <= seen
    assert pages([f"127.0.0.1:{worker.port}"]).places


def _page(port: int) -> str:
    """The metrics of a worker."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()
