"""How soon a revoked member is cut: a running consumer, a live stream, its requests.

    PYTHONPATH=. python benchmarks/gateway/revoke.py --times 3

An embedded broker with its access table and the gateway as a service. Releases are
written several times a second, and two members read them with
Confluent's consumer, as it comes; one of the two also hears the live stream and asks
over HTTP all the time. Then `kerwen gateway revoke` is run. Prints one JSON object:
seconds after the command began (HTTP) or had returned (Kafka), and how many batches
that were sent after it had returned were read by the revoked member and by the other.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import Consumer

from hub.cli.main import main as kerwen
from hub.core.catalogue.model import Catalogue
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings
from hub.embedded.plan import GATEWAY, Plan
from hub.embedded.supervisor import Supervisor
from tests.e2e.test_gateway import NAME, consumer, put, soon

CUT, STAYS = "unicef", "iom"
QUIET_SECONDS = 3.0
WRITE_SECONDS = 0.25
"""Between two releases; the tests have markers for some ninety."""


class Doing:
    """Something done again and again in a thread, until stopped."""

    def __init__(self, step: Callable[[], object]) -> None:
        self._step, self._stop = step, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._step()

    def end(self) -> None:
        """Stop, and wait for the last step."""
        self._stop.set()
        self._thread.join(30)


def command(*words: str) -> dict[str, Any]:
    """What a verb says in JSON."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = kerwen([*words, "--json"])
    if code != 0:
        raise RuntimeError(said.getvalue())
    return dict(json.loads(said.getvalue()))


def reader(one: Consumer, read: list[tuple[float, int]]) -> Callable[[], None]:
    """A step that notes when a message came and when the brokers had taken it."""

    def step() -> None:
        message = one.poll(0.05)
        if message is not None and not message.error() and message.value():
            read.append((time.time(), message.timestamp()[1]))

    return step


def listen(url: str, header: dict[str, str], ended: list[float]) -> threading.Thread:
    """Hear the live stream until it ends."""
    ready = threading.Event()

    def hear() -> None:
        with (
            contextlib.suppress(httpx.TransportError),
            httpx.stream("GET", f"{url}/live", headers=header, timeout=60) as stream,
        ):
            for _ in stream.iter_lines():
                ready.set()
        ended.append(time.time())

    thread = threading.Thread(target=hear, daemon=True)
    thread.start()
    ready.wait(20)
    return thread


def once(hub: Supervisor, catalogue: Catalogue, url: str) -> dict[str, float]:
    """Revoke, measure, restore."""
    token = command("gateway", "token", "--member", CUT)["token"]
    header = {"Authorization": f"Bearer {token}"}
    path = f"{url}/sdmx/2.1/dataflow/KERWEN/{NAME}"
    soon(lambda: httpx.get(path, headers=header).status_code == 200)
    read: dict[str, list[tuple[float, int]]] = {CUT: [], STAYS: []}
    ended: list[float] = []
    refused: list[float] = []

    def ask() -> None:
        if httpx.get(path, headers=header).status_code != 200:
            refused.append(time.time())
            time.sleep(0.02)

    sent: list[float] = []

    def write() -> None:
        put(hub, catalogue)
        sent.append(time.time())
        time.sleep(WRITE_SECONDS)

    with consumer(hub, CUT) as cut, consumer(hub, STAYS) as stays:
        doing = [Doing(reader(cut, read[CUT])), Doing(reader(stays, read[STAYS]))]
        hearing = listen(url, header, ended)
        doing += [Doing(write), Doing(ask)]
        soon(lambda: all(len(one) > 100 for one in read.values()))
        time.sleep(1)
        began = time.time()
        command("gateway", "revoke", "--member", CUT, "--reason", "measured")
        returned = time.time()
        time.sleep(QUIET_SECONDS)
        hearing.join(20)
        for one in reversed(doing):
            one.end()
    after = {
        name: sum(taken > 1000 * returned for _, taken in found)
        for name, found in read.items()
    }
    command("gateway", "restore", "--member", CUT)
    return {
        "command": returned - began,
        "http stream ended after": ended[0] - began,
        "http refused after": refused[0] - began,
        "kafka last message after the command": max(at for at, _ in read[CUT])
        - returned,
        "kafka figures sent later and read by the revoked": after[CUT],
        "kafka figures sent later and read by the other": after[STAYS],
        "releases a second": len(sent) / (returned + QUIET_SECONDS - sent[0]),
    }


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=3)
    times = parser.parse_args().times
    catalogue = read_catalogue()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Home(root=Path(folder)))
        plan = Plan(workers={}, quick=True, services=(GATEWAY,))
        with Supervisor(settings, plan, catalogue=catalogue) as hub:
            os.environ["KERWEN_HOME"] = folder
            url = f"http://{hub.kept[0].address}"
            found = [once(hub, catalogue, url) for _ in range(times)]
    said = {
        name: {
            "median": round(statistics.median(one[name] for one in found), 3),
            "most": round(max(one[name] for one in found), 3),
        }
        for name in found[0]
    }
    print(json.dumps(said, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
