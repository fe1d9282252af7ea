"""Keeping one process alive: started, watched, started again with growing patience.

Rules (design: delivery, rule 12):

- A process that ends, for whatever reason and with whatever code, is started again.
- The delay doubles from half a second to ten; a minute of health forgets the past.
- Its port stays, unless it was any port and somebody else has taken it meanwhile.
"""

from __future__ import annotations

import http.client
import json
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.embedded import ports
from hub.embedded.children import Child, tail

DELAY_SECONDS_MIN = 0.5
DELAY_SECONDS_MAX = 10.0
HEALTHY_SECONDS = 60.0
_PROBE_SECONDS = 2.0
_PROBE_BYTES_MAX = 1 << 20
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Backoff:
    """How long to wait before the next start."""

    failures: int = 0

    def after(self, lived_seconds: float) -> float:
        """The delay after a process that lived so long."""
        if lived_seconds >= HEALTHY_SECONDS:
            self.failures = 0
        # The exponent is bounded before it is used: a process may die for weeks.
        doubled = DELAY_SECONDS_MIN * (1 << min(self.failures, 10))
        self.failures += 1
        return min(DELAY_SECONDS_MAX, doubled)


@dataclass(slots=True, kw_only=True)
class Kept:
    """A process that is kept alive.

    Attributes:
        name: E.g. ``intake-0``.
        stage: E.g. ``intake``; empty for a service.
        command: Arguments for Python; ``{port}`` stands for its port.
        environment: Variables; KERWEN_METRICS_PORT is added.
        fixed: Its port was asked for and must not change.
        ready: Path that answers 200 when it is ready; empty: it is ready by living.
        restarts: How often it was started again.
        exit_code: How it ended last; None: it never did.
    """

    name: str
    stage: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    port: int
    fixed: bool = False
    ready: str = "/readyz"
    restarts: int = 0
    exit_code: int | None = None
    _child: Child | None = None
    _due: float = 0.0
    _backoff: Backoff = field(default_factory=Backoff)

    @property
    def pid(self) -> int | None:
        """Process id while it lives."""
        return self._child.pid if self._child and self._child.code is None else None

    @property
    def failures(self) -> int:
        """How often in a row it ended soon after its start."""
        return self._backoff.failures

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"{ports.HOST}:{self.port}"

    def start(self) -> None:
        """Start it now."""
        if not self.fixed and not ports.is_free(self.port):
            self.port = ports.free(1)[0]
        command = [word.replace("{port}", str(self.port)) for word in self.command]
        port = {"KERWEN_METRICS_PORT": str(self.port)}
        # -P: a folder called `agents` where the command was given is not ours.
        self._child = Child(
            self.name,
            [sys.executable, "-P", *command],
            log=self.log,
            environment={**self.environment, **port},
        )

    def tick(self, now: float) -> bool:
        """Look after it; whether anything changed."""
        if self._child is None:
            if now < self._due:
                return False
            self.restarts += 1
            self.start()
            return True
        if self._child.code is None:
            return False
        self.exit_code = self._child.code
        self._child.kill()  # what it may have left in its group
        delay = self._backoff.after(self._child.age_seconds)
        self._due = now + delay
        _log.warning(
            "%s ended with code %s, starts again in %.1f s",
            self.name,
            self.exit_code,
            delay,
        )
        self._child = None
        return True

    def stop(self, deadline: float) -> None:
        """End it, asking until `deadline` (monotonic) and then by force."""
        if self._child is not None:
            self._child.stop(max(0.1, deadline - time.monotonic()))

    def signal(self, number: int) -> None:
        """Send it a signal."""
        if self._child is not None:
            self._child.signal(number)

    def is_ready(self) -> bool:
        """Whether it says so."""
        if self.pid is None:
            return False
        return not self.ready or bool(probe(self.port, self.ready).get("ready"))

    def last_words(self) -> str:
        """The last line it logged."""
        lines = tail(self.log, 1)
        return lines[0] if lines else ""


def probe(port: int, path: str) -> dict[str, Any]:
    """What a process says of itself; ``ready`` is whether it answered 200."""
    connection = http.client.HTTPConnection(ports.HOST, port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read(_PROBE_BYTES_MAX)
        ready = answer.status == http.client.OK
    except (OSError, http.client.HTTPException):
        return {"ready": False}
    finally:
        connection.close()
    try:
        said = json.loads(body)
    except ValueError:
        said = {}
    return {**(said if isinstance(said, dict) else {}), "ready": ready}
