"""Five faults, one after the other, beside a real Prometheus: seconds to the alert.

Before them, how long ``kerwen doctor`` takes.

``python -m benchmarks.alerts.run``: an embedded hub with a worker of intake and the
exporter of its home; Prometheus with the rules as delivered, scraping every second.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hub.cli.up import SPOOLS
from hub.core.access import STAGES
from hub.core.log import Send
from hub.core.topics import ministry_topic
from hub.edge import checks, kafka
from hub.edge.settings import Home, Settings
from hub.embedded.keeping import Kept
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor
from hub.trials.alarms import Prometheus

RULES = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
PATIENCE_SECONDS = 240.0


def forge(hub: Supervisor) -> None:
    """Somebody writes what is no envelope into a ministry's topic."""
    topic = ministry_topic("sms", "border_crossing")
    with kafka.producer(hub.settings, "sms") as client:
        forged = Send(topic=topic, partition=0, key=None, value=b"no envelope")
        kafka.send_all(client, [forged])


def fail_a_check(hub: Supervisor) -> None:
    """The attack suite finds a figure that tells on somebody."""
    at_ms = time.time_ns() // 1_000_000
    checks.note(hub.home, checks.Check(name="attacks", at_ms=at_ms, failed=1))


def spoil_a_certificate(hub: Supervisor) -> None:
    """A member's certificate file is damaged."""
    (hub.home.pki / "undp.pem").write_text("damaged")


def freeze(hub: Supervisor) -> None:
    """The worker hangs."""
    _worker(hub).signal(signal.SIGSTOP)


def kill_again_and_again(hub: Supervisor) -> None:
    """The worker dies, and dies again as soon as it is ready."""
    worker = _worker(hub)
    worker.signal(signal.SIGCONT)
    for _ in range(5):
        _ready(worker)
        pid = worker.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        time.sleep(2)


FAULTS: dict[str, tuple[Callable[[Supervisor], None], str]] = {
    "a forged batch": (forge, "KerwenBatchesRefused"),
    "a failed check": (fail_a_check, "KerwenCheckFailed"),
    "a damaged certificate": (spoil_a_certificate, "KerwenCertificateEnded"),
    "a frozen worker": (freeze, "KerwenDown"),
    "a worker that dies again and again": (kill_again_and_again, "KerwenRestarting"),
}


def run(folder: Path) -> Iterator[dict[str, object]]:
    """Inject every fault; what alerted, after how many seconds."""
    settings = Settings(home=Home(root=folder / "home"))
    workers = {**dict.fromkeys(STAGES, 0), "intake": 1}
    plan = Plan(workers=workers, services=(SPOOLS,), quick=True)
    with (
        Supervisor(settings, plan) as hub,
        Prometheus(folder / "prometheus", RULES, hub.home.targets_file) as prometheus,
    ):
        if not prometheus.settled([one.address for one in hub.kept], PATIENCE_SECONDS):
            raise SystemExit("the hub is not scraped")
        time.sleep(5)
        early = sorted(prometheus.firing())
        yield {"fault": "none", "alerts": early, "doctor_seconds": doctor(hub)}
        for fault, (inject, alert) in FAULTS.items():
            began = time.monotonic()
            inject(hub)
            prometheus.until(alert, PATIENCE_SECONDS)
            seconds = round(time.monotonic() - began, 1)
            yield {"fault": fault, "alert": alert, "seconds": seconds}


def doctor(hub: Supervisor) -> float:
    """How long ``kerwen doctor`` takes beside a hub, process and all."""
    began = time.monotonic()
    environment = {**os.environ, "KERWEN_HOME": str(hub.home.root)}
    command = [sys.executable, "-m", "hub.cli.main", "doctor", "--json"]
    subprocess.run(command, env=environment, capture_output=True, check=False)
    return round(time.monotonic() - began, 1)


def _worker(hub: Supervisor) -> Kept:
    return next(one for one in hub.kept if one.stage)


def _ready(worker: Kept) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not worker.is_ready():
        if time.monotonic() > deadline:
            raise SystemExit("the worker does not come back")
        time.sleep(0.5)


def main() -> int:
    """Print a line a fault; 1 if anything alerted before."""
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for one in run(Path(folder)):
            print(json.dumps(one), flush=True)
            found.append(one)
    return 1 if found[0]["alerts"] else 0


if __name__ == "__main__":
    sys.exit(main())
