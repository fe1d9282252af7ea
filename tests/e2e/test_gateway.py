"""The gateway as a service of a real hub: broker, access table, kills, revocation."""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, KafkaException

from hub.cli.main import main
from hub.client import Subscription, latest
from hub.core import observation
from hub.core.catalogue.model import Catalogue
from hub.core.keys import SigningKey
from hub.core.observation import Observation
from hub.core.release import publish
from hub.core.topics import indicator_topic
from hub.edge import kafka, keyring
from hub.edge.settings import Home, Settings
from hub.embedded.plan import GATEWAY, Plan
from hub.embedded.supervisor import Supervisor
from tests.core.sdmx.releases import close, released

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
NAME = "STK_VEL"
TOPIC = indicator_topic(NAME)
NUMBERS = itertools.count(1)
"""Of releases: each is newer than all before, whatever the order of the tests."""


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue
) -> Iterator[Supervisor]:
    """Broker and gateway; releases are made by the tests, with the hub's own key."""
    settings = Settings(home=Home(root=tmp_path_factory.mktemp("gateway")))
    plan = Plan(workers={}, quick=True, services=(GATEWAY,))
    with Supervisor(settings, plan, catalogue=catalogue) as made:
        yield made


@pytest.fixture
def url(hub: Supervisor) -> str:
    """Where the gateway answers."""
    [gateway] = hub.kept
    return f"http://{gateway.address}"


def put(hub: Supervisor, catalogue: Catalogue) -> list[Observation]:
    """Publish a release as the release agent does, signed with the hub's key."""
    mark = close(next(NUMBERS))
    signer: SigningKey = keyring.release(hub.home.root).release
    table = catalogue.tables[NAME]
    found, plain = released(table, mark)
    signed = {
        name: getattr(plain, name)
        for name in plain.__slots__
        if name not in {"key_id", "signature"}
    }
    vintage = observation.sign(
        observation.Vintage(**signed, key_id=signer.key_id), signer.private
    )
    client = kafka.producer(hub.settings, "release")
    try:
        kafka.send_all(client, publish.figure_sends(table, found))
        kafka.send_all(client, [publish.manifest_send(vintage)])
    finally:
        client.close()
    return found


def soon(holds: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether something becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if holds():
                return True
        time.sleep(0.1)
    return False


def figures(url: str) -> dict[tuple[str, str], float | None]:
    """Key and period → value, as the gateway says them."""
    answer = httpx.get(
        f"{url}/sdmx/3.0/data/dataflow/KERWEN/{NAME}/1.0.0/*?format=json2", timeout=30
    )
    if answer.status_code != 200:
        return {}
    data = answer.json()["data"]
    places = data["structures"][0]["dimensions"]
    series = [[one["id"] for one in part["values"]] for part in places["series"]]
    times = [one["id"] for one in places["observation"][0]["values"]]
    found = {}
    for key, one in data["dataSets"][0]["series"].items():
        codes = [series[at][int(number)] for at, number in enumerate(key.split(":"))]
        for part, cells in one["observations"].items():
            found[".".join(codes), times[int(part)]] = cells[0]
    return found


def expected(found: list[Observation]) -> dict[tuple[str, str], float | None]:
    """The same of a release."""
    return {(one.series, one.period): one.value for one in found}


@contextmanager
def consumer(hub: Supervisor, member: str) -> Iterator[Consumer]:
    """Confluent's consumer as a member, as it comes."""
    pem = str(hub.home.pki / f"{member}.pem")
    made = Consumer(
        {
            "bootstrap.servers": hub.settings.bootstrap,
            "group.id": f"{member}.{next(NUMBERS)}",
            "auto.offset.reset": "earliest",
            "security.protocol": "SSL",
            "ssl.ca.location": str(hub.home.pki / "ca.pem"),
            "ssl.certificate.location": pem,
            "ssl.key.location": pem,
            "fetch.wait.max.ms": 100,
        }
    )
    made.subscribe([TOPIC])
    try:
        yield made
    finally:
        made.close()


def hearing(url: str, headers: dict[str, str]) -> threading.Event:
    """Listen to the live stream; what is returned is set when it ends."""
    ready, ended = threading.Event(), threading.Event()

    def hear() -> None:
        with (
            suppress(httpx.TransportError),
            httpx.stream("GET", f"{url}/live", headers=headers, timeout=60) as stream,
        ):
            for _ in stream.iter_lines():
                ready.set()
        ended.set()

    threading.Thread(target=hear, daemon=True).start()
    assert ready.wait(20)
    return ended


def drain(one: Consumer, seconds: float = 30, quiet: float = 2) -> list[Any]:
    """Messages with a value, until none comes for a while."""
    found: list[Any] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(KafkaException):
            message = one.poll(0.2)
            if message is not None and not message.error() and message.value():
                found.append(message)
                deadline = time.monotonic() + quiet
    return found


def test_a_release_is_there_within_moments_and_survives_a_kill(
    hub: Supervisor, catalogue: Catalogue, url: str
) -> None:
    """Told live, answered over HTTP, kept through kill -9; topics are read on."""
    heard: list[dict[str, Any]] = []
    ready = threading.Event()

    def listen() -> None:
        with (
            suppress(httpx.TransportError),
            httpx.stream("GET", f"{url}/live", timeout=60) as stream,
        ):
            for line in stream.iter_lines():
                ready.set()
                if line.startswith("data: "):
                    heard.append(json.loads(line[6:]))

    threading.Thread(target=listen, daemon=True).start()
    assert ready.wait(20)
    first = put(hub, catalogue)

    assert soon(lambda: bool(heard))
    assert (heard[0]["release"], heard[0]["observations"]) == (
        first[0].release,
        len(first),
    )
    assert figures(url) == expected(first)
    [gateway] = hub.kept
    killed = gateway.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    second = put(hub, catalogue)
    assert soon(lambda: figures(url) == expected(second), 60)
    assert gateway.pid != killed
    then = httpx.get(f"{url}/sdmx/2.1/data/{NAME}?asOf=2000-01-01T00:00:00Z")
    assert then.status_code == 404


def test_the_gateway_may_read_indicators_and_nothing_else(hub: Supervisor) -> None:
    """With its own certificate, at the broker."""
    with kafka.admin(hub.settings, "gateway") as client:
        seen = {
            one["name"] for one in client.describe_topics() if not one["error_code"]
        }

    assert seen
    assert all(name.startswith("indicators.") for name in seen)


def test_a_revoked_member_is_cut_from_topics_and_streams(
    hub: Supervisor,
    catalogue: Catalogue,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Within a second on HTTP; a running consumer gets nothing written after."""
    monkeypatch.setenv("KERWEN_HOME", str(hub.home.root))
    monkeypatch.delenv("KERWEN_BOOTSTRAP", raising=False)
    before = put(hub, catalogue)
    assert main(["gateway", "token", "--member", "unicef", "--json"]) == 0
    token = json.loads(capsys.readouterr().out)["token"]
    header = {"Authorization": f"Bearer {token}"}
    path = f"{url}/sdmx/2.1/dataflow/KERWEN/{NAME}"
    assert soon(lambda: httpx.get(path, headers=header).status_code == 200)

    with consumer(hub, "unicef") as unicef, consumer(hub, "iom") as iom:
        ended = hearing(url, header)
        read = [len(drain(one)) for one in (unicef, iom)]
        assert read[0] == read[1] >= len(before)
        command = ["gateway", "revoke", "--member", "unicef", "--reason", "lost laptop"]
        assert not ended.is_set()
        assert main([*command, "--json"]) == 0
        assert ended.wait(1)
        assert soon(lambda: httpx.get(path, headers=header).status_code == 401, 1)
        said = json.loads(capsys.readouterr().out)
        assert said["tokens"] == 1
        after = put(hub, catalogue)
        assert len(drain(iom)) == len(after)
        assert drain(unicef, 3) == []

    assert main(["gateway", "restore", "--member", "unicef", "--json"]) == 0
    with consumer(hub, "unicef") as unicef:
        assert drain(unicef)


def test_confluents_client_reads_as_the_document_says(
    hub: Supervisor,
    catalogue: Catalogue,
    url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Topic from the broker, schema from the gateway, nothing of ours between."""
    found = put(hub, catalogue)
    text = (ROOT / "docs/gateway.md").read_text("utf-8").partition("## With Kafka")[2]
    code = text.split("```python")[1].partition("```")[0].replace("PRM_NEW", NAME)
    given = {"GW": url, "HOME": hub.home.root, "BOOTSTRAP": hub.settings.bootstrap}
    exec(compile(code, "docs/gateway.md", "exec"), given)  # noqa: S102 - our own text
    said = capsys.readouterr().out.splitlines()[-len(found) :]

    assert said == [f"{one.period} {one.sex} {one.value} {one.status}" for one in found]


def test_the_client_and_the_gateway_say_the_same(
    hub: Supervisor, catalogue: Catalogue, url: str
) -> None:
    """Two readers of one log; and the second time there is nothing new."""
    put(hub, catalogue)
    with Subscription(hub.settings, "iom", [NAME], catalogue=catalogue) as found:
        releases = list(found)
        mark = found.bookmark
    newest = latest(one for release in releases for one in release.observations)
    with Subscription(
        hub.settings, "iom", [NAME], catalogue=catalogue, bookmark=mark
    ) as found:
        assert list(found) == []

    assert soon(lambda: figures(url) == expected(newest))
