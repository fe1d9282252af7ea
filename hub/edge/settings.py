"""Where a hub lives and what it is called: read once from the environment.

Rules (design: the command):

- ``KERWEN_HOME`` holds everything a hub writes; two homes are two hubs.
- ``KERWEN_BOOTSTRAP`` names the brokers; without it, the hub running in the home.
- A worker is told its name and its metrics port by whoever starts it.
- Nothing here is a secret, and nothing is read twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.core.errors import MachineError, UsageError
from hub.edge.processes import is_alive

HOME_DEFAULT = "./.kerwen"
METRICS_HOST = "127.0.0.1"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
RESUME = "resume"
"""Folder in ``run/``: a file of a partition's name asks for another try."""
COPIES = "checkpoint"
"""What is touched in ``run/`` so that every worker takes checkpoints."""
_PORT_MAX = 65_535
_SECONDS_MAX = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The folders of one hub; all private to the user that runs it."""

    root: Path

    @property
    def state(self) -> Path:
        """State of the agents; belongs on an encrypted volume."""
        return self.root / "state"

    @property
    def keys(self) -> Path:
        """Signing and sealing keys, one folder a principal."""
        return self.root / "keys"

    @property
    def pki(self) -> Path:
        """TLS: ``ca.pem`` and one ``<principal>.pem`` (key and certificate) each."""
        return self.root / "pki"

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.root / "logs"

    @property
    def kafka(self) -> Path:
        """Data and configuration of the embedded broker."""
        return self.root / "kafka"

    @property
    def run(self) -> Path:
        """What runs now: process ids, ports, locks."""
        return self.root / "run"

    @property
    def spool(self) -> Path:
        """Batches of publishers until their final receipts are there."""
        return self.root / "spool"

    @property
    def bundles(self) -> Path:
        """Signed bundles, one folder each (see :mod:`hub.edge.bundles`)."""
        return self.root / "bundles"

    @property
    def hub_file(self) -> Path:
        """What the supervisor says about the hub that runs here."""
        return self.run / "hub.json"

    @property
    def targets_file(self) -> Path:
        """Addresses of metrics for Prometheus (file_sd)."""
        return self.run / "prometheus-targets.json"

    def make(self) -> None:
        """Create the folders, private to this user."""
        for folder in (
            self.root,
            self.state,
            self.keys,
            self.pki,
            self.logs,
            self.kafka,
            self.run,
            self.spool,
        ):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise MachineError(
                    f"cannot make {folder}: {error.strerror}; set KERWEN_HOME"
                ) from error

    def running(self) -> dict[str, Any] | None:
        """Content of :attr:`hub_file`, or None where no hub runs."""
        try:
            said = dict(json.loads(self.hub_file.read_text("utf-8")))
            pid = int(said["pid"])
        except (FileNotFoundError, KeyError, ValueError):
            return None
        return said if is_alive(pid) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says.

    Attributes:
        catalogue: Folder that replaces the packaged catalogue, or None.
        bootstrap: Brokers as ``host:port,…``; empty: the hub running in `home`.
        log_level: DEBUG, INFO, WARNING or ERROR.
        worker: Name of this worker process, e.g. ``intake-0``; empty outside.
        metrics_port: Port of this worker's ``/metrics``; 0: choose a free one.
        metrics_host: Address it listens on; loopback unless a container says else.
        checkpoint_seconds: How often states are copied to their shelves; 0: the
            worker's own word.
        checkpoints: Folder of the shelves, off the worker; None: in the home.
    """

    home: Home
    catalogue: Path | None = None
    bootstrap: str = ""
    log_level: str = "INFO"
    worker: str = ""
    metrics_port: int = 0
    metrics_host: str = METRICS_HOST
    checkpoint_seconds: int = 0
    checkpoints: Path | None = None

    @property
    def shelves(self) -> Path:
        """Where checkpoints are kept, one folder a stage."""
        return self.checkpoints or self.home.root / "checkpoints"

    def brokers(self) -> str:
        """Where to connect.

        Raises:
            MachineError: no brokers are named and no hub runs in the home.
        """
        if self.bootstrap:
            return self.bootstrap
        running = self.home.running()
        if running and running.get("bootstrap"):
            return str(running["bootstrap"])
        raise MachineError(
            f"no hub runs in {self.home.root}: "
            "start one with `kerwen up`, or set KERWEN_BOOTSTRAP"
        )

    def environment(self) -> dict[str, str]:
        """These settings as variables for a child process."""
        values = {
            "KERWEN_HOME": str(self.home.root),
            "KERWEN_CATALOGUE": str(self.catalogue) if self.catalogue else "",
            "KERWEN_BOOTSTRAP": self.bootstrap,
            "KERWEN_LOG_LEVEL": self.log_level,
            "KERWEN_WORKER": self.worker,
            "KERWEN_METRICS_HOST": self.metrics_host,
            "KERWEN_METRICS_PORT": str(self.metrics_port) if self.metrics_port else "",
            "KERWEN_CHECKPOINT_SECONDS": (
                str(self.checkpoint_seconds) if self.checkpoint_seconds else ""
            ),
            "KERWEN_CHECKPOINTS": str(self.checkpoints) if self.checkpoints else "",
        }
        return {name: value for name, value in values.items() if value}


def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environ` (default: this process's environment).

    Raises:
        UsageError: a variable has a value that cannot be used.
    """
    values = os.environ if environ is None else environ
    catalogue = values.get("KERWEN_CATALOGUE", "")
    shelves = values.get("KERWEN_CHECKPOINTS", "")
    return Settings(
        home=Home(root=Path(values.get("KERWEN_HOME") or HOME_DEFAULT).absolute()),
        catalogue=Path(catalogue).absolute() if catalogue else None,
        bootstrap=values.get("KERWEN_BOOTSTRAP", ""),
        log_level=_level(values.get("KERWEN_LOG_LEVEL") or "INFO"),
        worker=values.get("KERWEN_WORKER", ""),
        metrics_port=_port(values.get("KERWEN_METRICS_PORT") or "0"),
        metrics_host=values.get("KERWEN_METRICS_HOST") or METRICS_HOST,
        checkpoint_seconds=_seconds(values.get("KERWEN_CHECKPOINT_SECONDS") or "0"),
        checkpoints=Path(shelves).absolute() if shelves else None,
    )


def _level(value: str) -> str:
    if value.upper() not in LEVELS:
        raise UsageError(f"KERWEN_LOG_LEVEL={value}: expected {', '.join(LEVELS)}")
    return value.upper()


def _seconds(value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) > _SECONDS_MAX:
        raise UsageError(
            f"KERWEN_CHECKPOINT_SECONDS={value}: expected 1 to {_SECONDS_MAX}"
        )
    return int(value)


def _port(value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) > _PORT_MAX:
        raise UsageError(f"KERWEN_METRICS_PORT={value}: expected a port number")
    return int(value)
