"""The runtime under kills, stops and rebalances, on the embedded broker.

An independent checker reads what came out: after coverage, every offset of every
partition exactly once, and the count in state is the number of messages.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ResourcePattern,
    ResourceType,
)

from agents.deadlines import EXIT_HUNG
from hub.core.log import Send
from hub.core.messages import Genesis, encode
from hub.edge import kafka
from hub.edge.settings import Home, Settings
from hub.edge.state import Budget, folder_name, open_state
from hub.embedded import pki
from hub.embedded.kafka import Kafka

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WORKER = Path(__file__).with_name("echo_worker.py")
ROOT = Path(__file__).parents[2]
PARTITIONS = 4
SESSION_SECONDS = 6


@dataclass(kw_only=True)
class Bench:
    """One broker, one pair of topics, some workers."""

    settings: Settings
    name: str
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    exits: list[int] = field(default_factory=list)

    @property
    def input(self) -> str:
        """Topic the workers read."""
        return f"ministry.{self.name}.flow"

    @property
    def output(self) -> str:
        """Topic the workers write."""
        return f"hub.records.{self.name}"

    def create(self) -> None:
        """Make the topics and begin the logs of the input."""
        config = {"message.timestamp.type": "LogAppendTime"}
        shape = {"replication_factor": -1, "configs": config}
        with kafka.admin(self.settings) as admin:
            admin.create_topics(
                {
                    self.input: {"num_partitions": PARTITIONS, **shape},
                    self.output: {"num_partitions": 1, **shape},
                },
                wait_for_metadata=True,
            )
        first = Genesis(
            log=uuid.uuid4().bytes,
            topic=self.input,
            partition=0,
            partitions=PARTITIONS,
            catalogue=bytes(32),
            generation=1,
            created_ms=0,
            key_id="none",
        )
        self.send([(n, encode(replace(first, partition=n))) for n in range(PARTITIONS)])

    def send(self, values: list[tuple[int, bytes]]) -> None:
        """Put values into partitions of the input."""
        client = kafka.producer(self.settings, "admin")
        kafka.send_all(
            client,
            (
                Send(topic=self.input, partition=number, key=None, value=value)
                for number, value in values
            ),
        )
        client.close()

    def start(self, worker: str) -> None:
        """Start a worker."""
        log = (self.settings.home.logs / f"{worker}.log").open("ab")
        environment = {
            **os.environ,
            **self.settings.environment(),
            "KERWEN_WORKER": worker,
            "PYTHONPATH": str(ROOT),
        }
        with log:
            self.workers[worker] = subprocess.Popen(
                [sys.executable, str(WORKER), self.input, self.output],
                env=environment,
                stderr=log,
                stdout=log,
            )

    def kill(self, worker: str, number: int = signal.SIGKILL) -> int:
        """Send a signal that ends a worker, and wait for the end."""
        process = self.workers.pop(worker)
        process.send_signal(number)
        code = process.wait(30)
        self.exits.append(code)
        return code

    def supervise(self, worker: str) -> None:
        """Start a worker again if it has ended by itself."""
        process = self.workers.get(worker)
        if process is not None and process.poll() is not None:
            self.exits.append(process.returncode)
            self.start(worker)

    def ready(self, worker: str) -> dict[str, Any]:
        """What the worker's readiness probe answers."""
        status = json.loads((self.settings.home.run / f"{worker}.json").read_text())
        address = f"http://127.0.0.1:{status['metrics_port']}/readyz"
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return dict(json.loads(answer.read()))
        except urllib.error.HTTPError as error:
            with error:
                return dict(json.loads(error.read()))

    def stop(self) -> None:
        """End all workers."""
        for worker in list(self.workers):
            self.workers[worker].send_signal(signal.SIGCONT)
            self.kill(worker)

    def status(self) -> dict[int, dict[str, Any]]:
        """What the run files of living workers say, by partition."""
        found: dict[int, dict[str, Any]] = {}
        for worker, process in self.workers.items():
            path = self.settings.home.run / f"{worker}.json"
            if path.exists():
                status = json.loads(path.read_text())
                if status["pid"] == process.pid:
                    for one in status["partitions"]:
                        found[one["partition"]] = one
        return found

    def folded(self, ends: dict[int, int]) -> Callable[[], bool]:
        """Condition: every partition has folded its last message."""

        def condition() -> bool:
            now = self.status()
            return all(
                now.get(number, {}).get("position") == end - 1
                for number, end in ends.items()
            )

        return condition

    def moving(self) -> Callable[[], bool]:
        """Condition: all workers together have folded more in every partition."""
        before: dict[int, int] = {}

        def condition() -> bool:
            now = {n: one["position"] for n, one in self.status().items()}
            for number, position in now.items():
                before.setdefault(number, position)
            return len(before) == PARTITIONS and all(
                now.get(number, -1) > position for number, position in before.items()
            )

        return condition

    def ends(self) -> dict[int, int]:
        """End offsets of the input."""
        with kafka.consumer(self.settings, "admin") as client:
            wanted = [(self.input, number) for number in range(PARTITIONS)]
            found = kafka.extents(client, wanted)
        return {number: extent.end for (_, number), extent in found.items()}

    def blocks(self) -> list[dict[str, Any]]:
        """Everything that came out, in order."""
        with kafka.consumer(self.settings, "admin") as client:
            place = (self.output, 0)
            end = kafka.extents(client, [place])[place].end
            return [
                json.loads(message.value)
                for message in kafka.read(client, *place, 0, end)
            ]

    def counts(self) -> dict[int, int]:
        """The count in every state; the workers must have ended."""
        budget = Budget.of()
        found = {}
        for number in range(PARTITIONS):
            folder = self.settings.home.state / "intake"
            state = open_state(folder / folder_name(self.input, number), budget)
            assert state is not None
            found[number] = int(state.get_many([b"n"])[0] or b"0")
            state.close()
        return found


def until(condition: Callable[[], bool], seconds: float = 40) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def applied(blocks: list[dict[str, Any]]) -> dict[str, list[int]]:
    """Offsets per source after dropping what is covered; no gap may remain."""
    covered: dict[str, int] = {}
    offsets: dict[str, list[int]] = {}
    for block in blocks:
        after = covered.get(block["source"], -1)
        # A block that begins above what is covered would be held, not applied.
        if block["from"] > after or block["to"] <= after:
            continue
        fresh = [offset for offset in block["offsets"] if offset > after]
        offsets.setdefault(block["source"], []).extend(fresh)
        covered[block["source"]] = block["to"]
    return offsets


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A broker with the rights of intake."""
    home = Home(root=tmp_path_factory.mktemp("hub"))
    broker = Kafka(home, heap_mb=384)
    broker.start()
    pki.issue(home, ("intake",))
    found = Settings(home=home, bootstrap=broker.bootstrap)
    with kafka.admin(found) as admin:
        admin.create_acls(
            [
                ACL(
                    principal="User:intake",
                    host="*",
                    operation=operation,
                    permission_type=ACLPermissionType.ALLOW,
                    resource_pattern=ResourcePattern(kind, name, pattern),
                )
                for kind, operation, name, pattern in (
                    (ResourceType.TOPIC, ACLOperation.READ, "ministry.", 4),
                    (ResourceType.TOPIC, ACLOperation.WRITE, "hub.records.", 4),
                    (ResourceType.GROUP, ACLOperation.READ, "intake", 3),
                )
            ]
        )
    yield found
    broker.stop()


@pytest.fixture
def bench(settings: Settings, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Fresh topics; the workers end with the test."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40]
    made = Bench(settings=settings, name=name)
    made.create()
    yield made
    made.stop()


@contextmanager
def flowing(bench: Bench, dice: random.Random) -> Iterator[None]:
    """Messages come all the time; whatever happens, not after it."""
    running = threading.Event()
    running.set()

    def publish() -> None:
        while running.is_set():
            bench.send([(dice.randrange(PARTITIONS), os.urandom(300))] * 40)
            time.sleep(0.1)

    source = threading.Thread(target=publish)
    source.start()
    try:
        yield
    finally:
        running.clear()
        source.join()


@pytest.mark.chaos
def test_every_message_counts_once_under_kills_stops_and_rebalances(
    bench: Bench,
) -> None:
    """Ten kills, a stop past the session and a clean leave lose and double nothing."""
    dice = random.Random(7)  # noqa: S311 - a schedule, no secret
    bench.start("w0")
    bench.start("w1")
    w0, w1, both = ("w0",), ("w1",), ("w0", "w1")
    with flowing(bench, dice):
        for victims in (both, w0, both, w1, both, both):
            until(bench.moving())
            time.sleep(dice.uniform(0.0, 0.5))
            for victim in victims:
                bench.kill(victim)
            for victim in victims:
                bench.start(victim)
        until(bench.moving())
        bench.workers["w0"].send_signal(signal.SIGSTOP)
        time.sleep(SESSION_SECONDS + 2)
        bench.workers["w0"].send_signal(signal.SIGCONT)
        until(bench.moving())
        assert bench.kill("w1", signal.SIGTERM) == 0
    ends = bench.ends()
    until(bench.folded(ends), 60)
    bench.stop()

    assert bench.counts() == ends
    assert applied(bench.blocks()) == {
        f"{bench.input}/{number}": list(range(end)) for number, end in ends.items()
    }


def test_a_bad_message_stops_its_partition_only(bench: Bench) -> None:
    """Three deaths at one message, or a refusal, stop one partition; others go on."""
    good = [(number, b"good") for number in range(PARTITIONS)] * 20
    after = [(number, b"after") for number in range(PARTITIONS)] * 5
    bench.send([*good, (0, b"poison"), (1, b"refused"), *after])
    bench.start("w0")

    def settled() -> bool:
        bench.supervise("w0")
        now = bench.status()
        return (
            len(now) == PARTITIONS
            and [now[number]["condition"] for number in (0, 1)] == ["stopped"] * 2
            and [now[number]["position"] for number in (2, 3)] == [25, 25]
        )

    until(settled, 60)
    now = bench.status()
    answer = bench.ready("w0")

    # Once in the middle of a chunk, perhaps, and three times at the message itself.
    assert bench.exits in ([1, 1, 1], [1, 1, 1, 1])
    assert [now[number]["position"] for number in (0, 1)] == [20, 20]
    assert "offset 21" in now[0]["error"]
    assert now[1]["error"] == f"{bench.input}/1: refused on purpose"
    assert not answer["ok"]
    assert sorted(answer["stopped"]) == [f"{bench.input}/0", f"{bench.input}/1"]


def test_a_worker_that_no_longer_fetches_is_started_again(bench: Bench) -> None:
    """The loop that fetches hangs: the process ends, and the next one goes on."""
    bench.send([(number % PARTITIONS, b"x") for number in range(40)])
    bench.start("w0")
    until(bench.folded(bench.ends()))
    bench.workers["w0"].send_signal(signal.SIGHUP)
    bench.send([(number, b"more") for number in range(PARTITIONS)])
    ends = bench.ends()
    folded = bench.folded(ends)

    def mended() -> bool:
        bench.supervise("w0")
        return folded()

    until(mended, 90)
    assert bench.exits == [EXIT_HUNG]
    assert bench.kill("w0", signal.SIGTERM) == 0
    assert bench.counts() == ends


def test_a_lost_state_is_rebuilt_silently_and_another_log_is_refused(
    bench: Bench,
) -> None:
    """State comes back from the log without sending twice; a new log stops it."""
    bench.send([(number % PARTITIONS, b"x") for number in range(400)])
    bench.start("w0")
    until(bench.folded(bench.ends()))
    assert bench.kill("w0", signal.SIGTERM) == 0
    shutil.rmtree(bench.settings.home.state / "intake" / folder_name(bench.input, 0))
    sent = len(bench.blocks())
    bench.start("w0")
    until(bench.folded(bench.ends()))
    assert len(bench.blocks()) == sent

    bench.send([(number, b"more") for number in range(PARTITIONS)])
    ends = bench.ends()
    until(bench.folded(ends))
    assert bench.kill("w0", signal.SIGTERM) == 0
    assert bench.counts() == ends
    assert applied(bench.blocks()) == {
        f"{bench.input}/{number}": list(range(end)) for number, end in ends.items()
    }

    with kafka.admin(bench.settings) as admin:
        admin.delete_topics([bench.input, bench.output])
    time.sleep(1)
    bench.create()
    bench.send([(0, b"y")] * 200 + [(1, b"y")] * 20)
    bench.start("w0")
    until(
        lambda: (
            [one["condition"] for _, one in sorted(bench.status().items())]
            == ["stopped"] * PARTITIONS
        )
    )
    assert all("re-created" in one["error"] for one in bench.status().values())
    bench.stop()
    assert bench.counts() == ends
