"""What a partition that stands still waits for, and how it goes on by itself.

Rules (design: delivery, rules 10 and 12):

- One that waits for a bundle looks for it with back-off, and goes on once it is there.
- One that a message stopped goes on once that message is skipped by a signed entry, or
  a person asks for another try: a file of the partition's name in ``run/resume``. Any
  stop can be asked to try again; nothing else ends it, no rebalance and no restart.
- A worker whose bundle makes it read other topics ends, and is started again with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agents.condition import Condition
from agents.frame import WorkerError
from agents.partition import Partition
from agents.runtime import Runtime
from hub.edge.state import folder_name

INPUTS_SECONDS = 5.0
"""How often a worker asks whether it should read other topics."""


class Mender:
    """Looks once a second after the partitions of a worker that stand still."""

    def __init__(
        self,
        runtime: Runtime,
        requests: Path,
        inputs: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        """Prepare to look.

        Args:
            runtime: Whose partitions.
            requests: Folder of requests to try again.
            inputs: What this worker has to read now; None: always the same.
        """
        self._runtime = runtime
        self._requests = requests
        self._inputs = inputs
        self._read = list(inputs()) if inputs else []
        self._asked = time.monotonic()

    async def look(self) -> None:
        """Revive what can go on."""
        for one in list(self._runtime.partitions.values()):
            if await self._can(one):
                await self._runtime.revive(one)
        now = time.monotonic()
        if self._inputs and now - self._asked >= INPUTS_SECONDS:
            self._asked = now
            if list(await asyncio.to_thread(self._inputs)) != self._read:
                text = "the bundle in force names other topics to read"
                await self._runtime.app.die(WorkerError(text))

    async def _can(self, one: Partition) -> bool:
        """Whether a partition that stands still may go on."""
        if one.condition is Condition.WAITING:
            return await self._there(one)
        return one.condition is Condition.STOPPED and await self._may(one)

    async def _there(self, one: Partition) -> bool:
        """Whether the bundle a partition waits for may have come."""
        library = self._runtime.library
        if time.monotonic() < one.due:
            return False
        if library is None or not one.wants:
            return True
        return await asyncio.to_thread(library.has, one.wants)

    async def _may(self, one: Partition) -> bool:
        """Whether a stopped partition may be tried again."""
        request = self._requests / folder_name(one.tp.topic, one.tp.partition)
        if request.exists():
            with contextlib.suppress(FileNotFoundError):
                request.unlink()
            return True
        library = self._runtime.library
        if library is None or one.poison < 0 or one.source is None:
            return False
        return one.poison in await asyncio.to_thread(library.aside, one.source)
