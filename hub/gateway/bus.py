"""News inside the gateway: what changed in the store, for whoever listens.

Rules:

- News come from the reader's thread and are heard in the server's loop.
- A listener that does not keep up is dropped, and told by the end of its stream: it
  asks again and misses nothing, because the store has everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from hub.gateway.store import Change

QUEUE_MAX = 1_000
"""News that a listener may be behind: more than one release of every table."""

News = Change | None
"""A change; None: the listener was too slow, or the gateway stops."""


class Bus:
    """Spreads changes to all listeners."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queues: set[asyncio.Queue[News]] = set()

    @property
    def listeners(self) -> int:
        """How many there are now."""
        return len(self._queues)

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to spread in this loop."""
        self._loop = loop

    def close(self) -> None:
        """End every listener; to be called in the loop."""
        self._loop = None
        for queue in list(self._queues):
            self._drop(queue)

    def publish(self, change: Change) -> None:
        """Tell everybody; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._spread, change)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Queue[News]]:
        """A queue of news from now on."""
        queue: asyncio.Queue[News] = asyncio.Queue(QUEUE_MAX)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    def _spread(self, change: Change) -> None:
        for queue in list(self._queues):
            try:
                queue.put_nowait(change)
            except asyncio.QueueFull:
                self._drop(queue)

    def _drop(self, queue: asyncio.Queue[News]) -> None:
        self._queues.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)
