"""A real Prometheus beside a running hub: what is broken on purpose alerts, and when.

Rules (operators):

- Prometheus itself, with the rules as they are delivered; only the pace is the trial's:
  one second between scrapes and between evaluations.
- Time to alert is from the fault until Prometheus says *firing*, the patience of the
  rule (``for``) included.
"""

from __future__ import annotations

import http.client
import json
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

from hub.core.errors import MachineError
from hub.embedded import ports
from hub.embedded.children import Child

PACE_SECONDS = 1
READY_SECONDS = 30.0
_ANSWER_BYTES_MAX = 8 << 20
_LOOK_SECONDS = 0.2


class Prometheus:
    """One Prometheus process; use it as a context."""

    def __init__(self, folder: Path, rules: Path, *targets: Path) -> None:
        """Prepare it.

        Args:
            folder: For its configuration and data.
            rules: Folder of ``*.rules.yml``.
            targets: Files of addresses (file_sd), e.g. the one of a home.
        """
        self._folder = folder
        self._port = ports.free(1)[0]
        scrape = {
            "job_name": "kerwen",
            "file_sd_configs": [
                {"files": [str(path) for path in targets], "refresh_interval": "1s"}
            ],
        }
        pace = f"{PACE_SECONDS}s"
        config = {
            "global": {
                "scrape_interval": pace,
                "scrape_timeout": pace,
                "evaluation_interval": pace,
            },
            "rule_files": [str(path) for path in sorted(rules.glob("*.rules.yml"))],
            "scrape_configs": [scrape],
        }
        folder.mkdir(parents=True, exist_ok=True)
        # JSON is YAML.
        (folder / "prometheus.yml").write_text(json.dumps(config), "utf-8")
        self._child: Child | None = None

    def __enter__(self) -> Self:
        found = shutil.which("prometheus")
        if found is None:
            raise MachineError(
                "prometheus is not here: apt-get install prometheus, then try again"
            )
        self._child = Child(
            "prometheus",
            [
                found,
                f"--config.file={self._folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self._folder / 'data'}",
                f"--web.listen-address={ports.HOST}:{self._port}",
            ],
            log=self._folder / "prometheus.log",
        )
        deadline = time.monotonic() + READY_SECONDS
        while not self._ready():
            if time.monotonic() > deadline or self._child.code is not None:
                said = " ".join(self._child.tail(2))
                self.__exit__()
                raise MachineError(f"prometheus does not get ready: {said}")
            time.sleep(_LOOK_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.stop(5)

    def firing(self) -> dict[str, Mapping[str, str]]:
        """The alerts that fire: name -> labels of one of them."""
        return {labels["alertname"]: labels for labels in self._firing()}

    def _firing(self) -> list[Mapping[str, str]]:
        answer = self._ask("/api/v1/alerts")
        return [
            one["labels"]
            for one in answer["data"]["alerts"]
            if one["state"] == "firing"
        ]

    def up(self) -> set[str]:
        """Addresses that answer its scrapes."""
        answer = self._ask("/api/v1/targets?state=active")
        return {
            one["labels"]["instance"]
            for one in answer["data"]["activeTargets"]
            if one["health"] == "up"
        }

    def until(self, alert: str, seconds: float, **labels: str) -> float:
        """Wait until an alert with these labels fires; how long it took, in seconds.

        Raises:
            MachineError: It does not, in time.
        """
        began = time.monotonic()
        wanted = {"alertname": alert, **labels}.items()
        while not any(wanted <= found.items() for found in self._firing()):
            if time.monotonic() - began > seconds:
                raise MachineError(
                    f"{dict(wanted)} does not fire within {seconds:.0f} s; firing: "
                    f"{sorted(self.firing())}"
                )
            time.sleep(_LOOK_SECONDS)
        return time.monotonic() - began

    def settled(self, addresses: Collection[str], seconds: float) -> bool:
        """Whether all of these are scraped, in time."""
        deadline = time.monotonic() + seconds
        while not set(addresses) <= self.up():
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def _ready(self) -> bool:
        try:
            return self._get("/-/ready")[0] == http.client.OK
        except (OSError, http.client.HTTPException):
            return False

    def _ask(self, path: str) -> Any:
        status, body = self._get(path)
        if status != http.client.OK:
            raise MachineError(f"prometheus answers {status} to {path}")
        return json.loads(body)

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(ports.HOST, self._port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read(_ANSWER_BYTES_MAX)
        finally:
            connection.close()
