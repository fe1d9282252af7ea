"""Answers that were made before, and the making of new ones, a few at a time.

Rules (docs/gateway.md, "Load"):

- An answer is a function of the table's version, the query, the format and the
  language; these are its key, and nothing else makes it stale.
- Many who ask for the same at once wait for one making.
- What is held is bounded in bytes, what waits is bounded in number; beyond it the
  answer is "come again", not a longer queue.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from hub.core.sdmx.refusal import Fault, RefusalError

BYTES_MAX = 64 * 1024 * 1024
ANSWER_BYTES_MAX = 8 * 1024 * 1024
"""Larger ones are made again each time."""
MAKERS = 2
WAITING_MAX = 256
ZIP_BYTES_MIN = 512
ZIP_LEVEL = 5


@dataclass(slots=True, kw_only=True)
class Body:
    """An answer's bytes; zipped the first time somebody wants them so."""

    content: bytes
    zipped: bytes | None = None

    def encoded(self, *, zipped: bool) -> tuple[bytes, bool]:
        """The bytes to send, and whether they are zipped."""
        if not zipped or len(self.content) < ZIP_BYTES_MIN:
            return self.content, False
        if self.zipped is None:
            # Without a time inside, the same content is the same bytes.
            self.zipped = gzip.compress(self.content, ZIP_LEVEL, mtime=0)
        return self.zipped, True

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self.content) + len(self.zipped or b"")


class Cache:
    """Answers by key; used in one loop only."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._bodies: OrderedDict[Hashable, tuple[Body, int]] = OrderedDict()
        self._making: dict[Hashable, asyncio.Future[Body | None]] = {}
        self._makers = asyncio.Semaphore(MAKERS)

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._bytes

    def holds(self, key: Hashable) -> bool:
        """Whether an answer is here."""
        return key in self._bodies

    async def get(
        self, key: Hashable, make: Callable[[], bytes | None], *, zipped: bool
    ) -> tuple[bytes, bool] | None:
        """The answer of `key`, made by `make` in another thread if it is not here.

        Args:
            key: See the module.
            make: Makes the bytes; None: there is nothing, and nothing is held.
            zipped: Whether the client takes gzip.

        Raises:
            RefusalError: AWAY; too many wait already. Or whatever `make` raises.
        """
        held = self._bodies.get(key)
        if held is None:
            body = await self._make(key, make)
        else:
            self._bodies.move_to_end(key)
            body = held[0]
        if body is None:
            return None
        if zipped and body.zipped is None and len(body.content) > ANSWER_BYTES_MAX // 8:
            found = await asyncio.to_thread(body.encoded, zipped=True)
        else:
            found = body.encoded(zipped=zipped)
        self._weigh(key, body)
        return found

    async def _make(
        self, key: Hashable, make: Callable[[], bytes | None]
    ) -> Body | None:
        under_way = self._making.get(key)
        if under_way is not None:
            return await asyncio.shield(under_way)
        if len(self._making) >= WAITING_MAX:
            raise RefusalError(Fault.AWAY, "too many queries at once; ask again soon")
        task = asyncio.ensure_future(self._made(make))
        self._making[key] = task
        task.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(task)

    async def _made(self, make: Callable[[], bytes | None]) -> Body | None:
        async with self._makers:
            content = await asyncio.to_thread(make)
        return None if content is None else Body(content=content)

    def _weigh(self, key: Hashable, body: Body) -> None:
        """Hold a body, and let the oldest go."""
        if len(body.content) > ANSWER_BYTES_MAX:
            return
        before = self._bodies.pop(key, (body, 0))[1]
        self._bodies[key] = (body, body.size)
        self._bytes += body.size - before
        while self._bytes > self._bytes_max and self._bodies:
            _, (_, size) = self._bodies.popitem(last=False)
            self._bytes -= size
