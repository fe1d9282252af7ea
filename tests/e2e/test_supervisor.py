"""Hubs come up, mend themselves, stand side by side, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.core.errors import MachineError
from hub.edge import keyring, topics
from hub.edge.processes import is_alive
from hub.edge.settings import Home, Settings
from hub.embedded import daemon, report
from hub.embedded.keeping import probe
from hub.embedded.plan import Plan, Service
from hub.embedded.supervisor import Supervisor

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

WORKER = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ok": true, "worker": "%s"}' %
                         os.environ.get("KERWEN_WORKER", "").encode())
    def log_message(self, *_):
        pass
assert os.environ["KERWEN_BOOTSTRAP"] and os.environ["KERWEN_HOME"]
port = int(os.environ["KERWEN_METRICS_PORT"])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""
BROKEN = "raise SystemExit('no key for this stage')"
PLAN = Plan(
    workers={"intake": 2, "dedupe": 1},
    module="stand_ins.{stage}",
    services=(Service(name="gateway", command=("-m", "stand_ins.gateway", "{port}")),),
    quick=True,
)


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Workers that answer their probes and do nothing else."""
    folder = tmp_path / "path" / "stand_ins"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    for name in ("intake", "dedupe", "gateway"):
        (folder / f"{name}.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))
    return folder


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[list[Settings]]:
    """Two homes, one with a name as people give; both are down at the end."""
    made = [
        Settings(home=Home(root=tmp_path / name)) for name in ("one", "Aşgabat Merkezi")
    ]
    yield made
    for settings in made:
        daemon.down(settings)


def until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether `condition` becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def pids(said: dict[str, Any]) -> dict[str, int]:
    """Process ids of everything in a status, by name."""
    found = {one["name"]: one["pid"] for one in (*said["workers"], *said["services"])}
    return {**found, "broker": said["broker"]["pid"], "supervisor": said["pid"]}


def now(settings: Settings) -> dict[str, Any]:
    """What a running hub says."""
    said = daemon.status(settings)
    assert said is not None
    return said


def whole(settings: Settings) -> bool:
    """Whether everything lives and answers."""
    said = now(settings)
    ready = all(one["says"]["ready"] for one in (*said["workers"], *said["services"]))
    return ready and said["state"] == "ready" and None not in pids(said).values()


@pytest.mark.usefixtures("stand_ins")
def test_two_hubs_live_and_one_dies(homes: list[Settings]) -> None:
    """Up, a worker and the broker killed, a neighbour, the supervisor killed, down."""
    first, second = homes
    said = daemon.up(first, PLAN)
    before = pids(said)
    assert sorted(before) == [
        "broker",
        "dedupe-0",
        "gateway",
        "intake-0",
        "intake-1",
        "supervisor",
    ]
    assert [one["says"]["worker"] for one in now(first)["workers"]] == [
        "intake-0",
        "intake-1",
        "dedupe-0",
    ]
    targets = json.loads(first.home.targets_file.read_text("utf-8"))
    assert [one["targets"] for one in targets] == [
        *([one["address"]] for one in (*said["workers"], *said["services"])),
        [said["broker"]["metrics"]],
    ]
    with pytest.raises(MachineError, match=r"runs in .* already"):
        daemon.up(first, PLAN)

    daemon.up(second, PLAN)
    assert now(second)["bootstrap"] != said["bootstrap"]

    os.kill(before["intake-1"], signal.SIGKILL)
    assert until(lambda: now(first)["workers"][1]["restarts"] == 1 and whole(first))
    os.kill(before["broker"], signal.SIGKILL)
    assert until(lambda: now(first)["broker"]["restarts"] == 1 and whole(first))
    after = pids(now(first))
    assert after["intake-0"] == before["intake-0"]
    assert after["intake-1"] != before["intake-1"]
    assert now(first)["bootstrap"] == said["bootstrap"]
    registry = keyring.registry(first.home.root)
    logs = topics.logs(first, "release", ["hub.cells"], registry)

    os.kill(after["supervisor"], signal.SIGKILL)
    assert until(lambda: not any(map(is_alive, after.values())), 10)
    assert daemon.status(first) is None
    assert whole(second)

    daemon.up(first, PLAN)
    assert topics.logs(first, "release", ["hub.cells"], registry) == logs
    running = [*pids(now(first)).values(), *pids(now(second)).values()]
    assert daemon.down(first)
    assert daemon.down(second)
    assert not any(map(is_alive, running))
    assert daemon.down(first) is False
    assert json.loads(first.home.targets_file.read_text("utf-8")) == []


def test_a_worker_that_cannot_begin_ends_the_start(
    stand_ins: Path, homes: list[Settings]
) -> None:
    """The sentence names worker, code and its own last words; nothing is left."""
    (stand_ins / "dedupe.py").write_text(BROKEN)
    settings = homes[0]

    with pytest.raises(
        MachineError, match="dedupe-0 ended with code 1: no key for this stage"
    ):
        daemon.up(settings, PLAN)
    assert report.holder(settings.home) is None
    assert not settings.home.hub_file.exists()


@pytest.mark.usefixtures("stand_ins")
def test_in_this_process_it_is_a_context(homes: list[Settings]) -> None:
    """Tests and the demo hold a hub as a context; it is gone after, with its port."""
    with Supervisor(homes[0], PLAN) as hub:
        assert whole(homes[0])
        scraped = probe(hub.broker.metrics_port, "/metrics")
        running = pids(now(homes[0]))
        running.pop("supervisor")
    assert scraped["ready"]
    assert not any(map(is_alive, running.values()))
    assert hub.broker.child.code in (0, 143)


def test_a_port_in_use_is_one_sentence(homes: list[Settings]) -> None:
    """Asking for a port that is taken ends the start at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(MachineError, match=rf"port {port} .* is in use"):
            Supervisor(homes[0], Plan(workers={}, port=port)).start()
        with pytest.raises(MachineError, match=rf"port {port} .* is in use"):
            daemon.up(homes[0], Plan(workers={}, port=port))
