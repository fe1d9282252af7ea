"""What runs where: the lock of a home, ``hub.json`` and the targets of Prometheus.

Both files are replaced whole, so a reader never sees half of one.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from hub.core.errors import MachineError
from hub.edge.settings import Home
from hub.embedded import ports
from hub.embedded.kafka import Kafka
from hub.embedded.keeping import Kept


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Hold the home: one hub at a time.

    Raises:
        MachineError: a hub runs there already.
    """
    with (home.run / "hub.lock").open("a+") as file:
        for _ in range(20):
            if _locked(file):
                break
            time.sleep(0.05)  # somebody may only be asking, see holder()
        else:
            raise MachineError(
                f"a hub runs in {home.root} already: `kerwen status` shows it, "
                "`kerwen down` stops it, another KERWEN_HOME makes a second one"
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)


def holder(home: Home) -> int | None:
    """Process id of the supervisor that holds the home, or None."""
    try:
        with (home.run / "hub.lock").open("r+") as file:
            if not _locked(file):
                said = file.read().strip()
                return int(said) if said.isdigit() else None
    except FileNotFoundError:
        pass
    return None


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Report:
    """Writes what runs where."""

    def __init__(self, home: Home, token: str = "") -> None:
        self._home = home
        self._token = token
        self._started_ms = time.time_ns() // 1_000_000

    def write(
        self,
        state: str,
        broker: Kafka | None,
        kept: Sequence[Kept],
        *,
        broker_restarts: int = 0,
    ) -> None:
        """Say what runs now."""
        content = self._head(state)
        if broker is not None:
            content["bootstrap"] = broker.bootstrap
            content["broker"] = {
                "pid": broker.pid,
                "address": broker.bootstrap,
                "metrics": f"{ports.HOST}:{broker.metrics_port}",
                "restarts": broker_restarts,
            }
        content["workers"] = [_process(one) for one in kept if one.stage]
        content["services"] = [_process(one) for one in kept if not one.stage]
        _replace(self._home.hub_file, content)
        _replace(self._home.targets_file, _targets(broker, kept))

    def failed(self, error: str) -> None:
        """Leave word why the hub did not come up; not over another hub's word."""
        if holder(self._home) is None and self._home.run.is_dir():
            _replace(self._home.hub_file, {**self._head("failed"), "error": error})

    def remove(self) -> None:
        """Nothing runs any more."""
        self._home.hub_file.unlink(missing_ok=True)
        _replace(self._home.targets_file, [])

    def _head(self, state: str) -> dict[str, Any]:
        return {
            "state": state,
            "pid": os.getpid(),
            "token": self._token,
            "home": str(self._home.root),
            "started_ms": self._started_ms,
        }


def _process(one: Kept) -> dict[str, Any]:
    return {
        "name": one.name,
        "stage": one.stage,
        "pid": one.pid,
        "address": one.address,
        "log": str(one.log),
        "restarts": one.restarts,
        "failures": one.failures,
        "exit_code": one.exit_code,
    }


def _targets(broker: Kafka | None, kept: Sequence[Kept]) -> list[dict[str, Any]]:
    """Targets as Prometheus reads them (file_sd)."""
    found = [
        {"targets": [one.address], "labels": {"job": "kerwen", "worker": one.name}}
        for one in kept
    ]
    if broker is not None:
        address = f"{ports.HOST}:{broker.metrics_port}"
        found.append({"targets": [address], "labels": {"job": "kafka"}})
    return found


def _replace(path: Path, content: object) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    draft.replace(path)
