"""A worker and its keys: which it holds is told; new ones make it start again.

Rules (docs/keys.md, "Rotation"):

- The stamp is taken before the keys are read (:mod:`hub.edge.keystamps`).
- Keys that changed and can be read end the process with a failure, as every reason to
  start again does; the supervisor starts it with the new ones. State and log make that
  harmless (delivery, rules 1 to 3).
- A folder that cannot be read changes nothing: the worker goes on with what it holds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from agents.frame import HubApp, WorkerError
from hub.core.errors import HubError
from hub.edge import keyring, keystamps
from hub.edge.settings import Home

LOOK_SECONDS = 1.0

LOADERS: dict[str, Callable[[Path], object]] = {
    "intake": keyring.intake,
    "dedupe": keyring.dedupe,
    "aggregate": keyring.aggregate,
    "release": keyring.release,
}

logger = logging.getLogger(__name__)


class Keyed:
    """The keys of one worker."""

    def __init__(self, home: Home, stage: str) -> None:
        """Take the stamp; call it before the keys are read."""
        self._home = home
        self._stage = stage
        self._held = keystamps.stamp(home, stage)
        self._seen = self._held

    def tell(self, worker: str) -> None:
        """Write down which keys this worker holds."""
        keystamps.tell(self._home, worker, self._stage, self._held)

    def changed(self) -> bool:
        """Whether other keys are there, whole and readable, for two looks."""
        now = keystamps.stamp(self._home, self._stage)
        settled, self._seen = now == self._seen, now
        if now == self._held or not settled:
            return False
        try:
            LOADERS[self._stage](self._home.root)
        except HubError as error:
            logger.warning("new keys cannot be used: %s", error)
            self._held = now  # said once
            return False
        return True

    def watching(self, app: HubApp) -> Callable[[], Awaitable[None]]:
        """What ends `app` when its keys have changed; runs as long as the app does."""

        async def watch() -> None:
            while not app.should_stop:
                if self.changed():
                    text = "the keys have changed: starting again"
                    await app.die(WorkerError(text))
                await asyncio.sleep(LOOK_SECONDS)

        return watch
