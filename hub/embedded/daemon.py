"""A hub that goes on after the command that started it: up, down, status.

Rules (design: the command):

- ``up`` returns when everything is ready, or raises the one sentence why it is not.
- The supervisor leaves our session and has no parent that waits for it.
- ``down`` asks it, waits, and takes it at the deadline; what it started dies with it.
- A home tells whether its hub runs by a lock, not by a process id, which may be reused.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

from hub.core.errors import HubError, MachineError
from hub.edge import kafka, logs
from hub.edge.processes import is_alive
from hub.edge.settings import Home, Settings, from_environment
from hub.embedded import plan as plans
from hub.embedded import report
from hub.embedded.children import tail
from hub.embedded.keeping import probe
from hub.embedded.plan import Plan
from hub.embedded.supervisor import Supervisor

DOWN_SECONDS_MAX = 75
_LOOK_SECONDS = 0.1
_BIRTH_SECONDS_MAX = 60
_HEAR_SECONDS = 1.0
_log = logging.getLogger(__name__)


def up(settings: Settings, plan: Plan | None = None) -> dict[str, Any]:
    """Start a hub that goes on by itself; its report when everything is ready.

    Raises:
        MachineError: a hub runs there already, or this one did not get ready.
    """
    settings.home.make()
    if report.holder(settings.home) is not None:
        with report.alone(settings.home):  # raises the sentence that says it
            pass
    token = secrets.token_hex(8)
    wanted = plan or Plan()
    output = settings.home.logs / "supervisor.log"
    with output.open("ab") as file:
        born = subprocess.run(
            [sys.executable, "-P", "-m", "hub.embedded.daemon"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                **settings.environment(),
                "KERWEN_PLAN": plans.to_text(wanted),
                "KERWEN_TOKEN": token,
            },
            check=False,
        )
    if born.returncode != 0:
        said = " ".join(tail(output, 1))
        raise MachineError(f"the supervisor cannot be started: {said}")
    try:
        return _wait_ready(settings.home, token, wanted.ready_seconds)
    except BaseException:
        down(settings)
        raise


def _wait_ready(home: Home, token: str, ready_seconds: float) -> dict[str, Any]:
    began = time.monotonic()
    # The supervisor has its own deadlines and says which one passed; ours is behind.
    while time.monotonic() - began < 3 * ready_seconds + 2 * DOWN_SECONDS_MAX:
        said = _read(home)
        if said.get("token") != token:
            if time.monotonic() - began > _BIRTH_SECONDS_MAX:
                break
        elif said["state"] == "failed":
            home.hub_file.unlink(missing_ok=True)
            raise MachineError(said["error"])
        elif said["state"] == "ready":
            return said
        elif report.holder(home) is None and _read(home) == said:
            break
        time.sleep(_LOOK_SECONDS)
    raise MachineError(
        f"the supervisor says nothing: see {home.logs / 'supervisor.log'}"
    )


def down(settings: Settings, seconds: float = DOWN_SECONDS_MAX) -> bool:
    """Stop the hub of the home; whether one ran."""
    home = settings.home
    pid = report.holder(home)
    if pid is None:
        home.hub_file.unlink(missing_ok=True)
        return False
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if _gone(home, pid, patience):
            home.hub_file.unlink(missing_ok=True)
            return True
    raise MachineError(f"process {pid} cannot be ended")


def _gone(home: Home, pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if report.holder(home) is None and not is_alive(pid):
            return True
        time.sleep(_LOOK_SECONDS)
    return False


def status(settings: Settings) -> dict[str, Any] | None:
    """What runs in the home, each process with what it says itself; None: nothing.

    ``says`` is the answer of a process to ``/readyz``; ``partitions`` is what a worker
    wrote last of its partitions, with positions and lag, and ``started`` when it began
    (seconds). ``answers`` of the broker is whether it speaks, not only lives.
    """
    if report.holder(settings.home) is None:
        return None
    said = _read(settings.home)
    processes = [*said.get("workers", ()), *said.get("services", ())]
    ports = [int(one["address"].rpartition(":")[2]) for one in processes]
    # All at once: one that hangs is waited for, and so are ten, but not in turn.
    with ThreadPoolExecutor(1 + len(ports)) as pool:
        broker = said.get("broker")
        heard = pool.submit(_heard, settings.home, broker) if broker else None
        says = list(pool.map(probe, ports, repeat("/readyz")))
        if broker and heard:
            broker["answers"] = heard.result()
    for process, answer in zip(processes, says, strict=True):
        process["says"] = answer
        wrote = _content(settings.home.run / f"{process['name']}.json")
        # The word of a process that is gone says nothing of the one in its place.
        mine = wrote.get("pid") == process["pid"]
        process["partitions"] = wrote.get("partitions", []) if mine else []
        process["started"] = wrote.get("started_ms", 0) / 1000 if mine else 0.0
    return said


def _heard(home: Home, broker: Mapping[str, Any]) -> bool:
    return kafka.answers(home, "admin", broker["address"], _HEAR_SECONDS)


def _read(home: Home) -> dict[str, Any]:
    return _content(home.hub_file)


def _content(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def main() -> int:
    """Run a hub until TERM or INT, detached; the plan comes in KERWEN_PLAN."""
    settings = from_environment()
    text = os.environ.get("KERWEN_PLAN")
    wanted = plans.from_text(text) if text else None
    if os.fork():
        os._exit(0)
    os.setsid()
    logs.set_up(level=settings.log_level, fields={"process": "supervisor"})
    logging.getLogger("kafka").setLevel(logging.WARNING)  # it tells every connection
    hub = Supervisor(settings, wanted, token=os.environ.get("KERWEN_TOKEN", ""))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: hub.ask_to_stop())
    try:
        hub.start()
        hub.join()
    except HubError as error:
        _log.error("the hub did not come up: %s", error)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
