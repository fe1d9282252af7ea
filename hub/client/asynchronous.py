"""The same for programs that run in an event loop.

Rules:

- Reading happens in a thread of its own, one release ahead of nobody: the next one is
  read when it is asked for.
- Whoever leaves the loop, or is cancelled, ends the thread within a moment.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import suppress

from hub.client.bookmark import BEGINNING, Bookmark
from hub.client.subscription import Release, Subscription
from hub.core.catalogue.model import Catalogue
from hub.core.observation import Observation
from hub.edge.settings import Settings


async def releases(
    settings: Settings,
    member: str,
    tables: Collection[str] = (),
    *,
    catalogue: Catalogue,
    bookmark: Bookmark = BEGINNING,
    as_of_ms: int | None = None,
    follow: bool = False,
) -> AsyncGenerator[tuple[Release, Bookmark]]:
    """Releases as :class:`hub.client.Subscription` gives them, each with its bookmark.

    Args:
        settings: Where to connect; the home holds registry and certificate.
        member: Who reads, e.g. ``iom``.
        tables: Table ids; empty: every published table.
        catalogue: Gives the schema of each table.
        bookmark: Of an earlier subscription to the same tables.
        as_of_ms: Only what was published until then.
        follow: Wait for more releases at the end, for ever.

    Raises:
        InvalidError: An unknown table.
        EnvelopeError: A manifest or the figures of a release do not verify.
    """
    stop = threading.Event()

    def begin() -> Subscription:
        return Subscription(
            settings,
            member,
            tables,
            catalogue=catalogue,
            bookmark=bookmark,
            as_of_ms=as_of_ms,
            follow=follow,
            stop=stop,
        )

    subscription = await asyncio.to_thread(begin)
    found = iter(subscription)
    pending: asyncio.Future[Release | None] | None = None
    try:
        while True:
            pending = asyncio.ensure_future(asyncio.to_thread(_next, found))
            release = await asyncio.shield(pending)
            if release is None:
                return
            yield release, subscription.bookmark
    finally:
        stop.set()
        if pending is not None:
            with suppress(Exception):  # whatever it says, nobody waits for it any more
                await pending
        await asyncio.to_thread(subscription.__exit__, None, None, None)


async def observations(
    settings: Settings,
    member: str,
    tables: Collection[str] = (),
    *,
    catalogue: Catalogue,
    follow: bool = False,
    as_of_ms: int | None = None,
) -> AsyncGenerator[Observation]:
    """Verified figures; see :func:`hub.client.observations`."""
    async for release, _ in releases(
        settings,
        member,
        tables,
        catalogue=catalogue,
        follow=follow,
        as_of_ms=as_of_ms,
    ):
        for one in release.observations:
            yield one


def _next(found: Iterator[Release]) -> Release | None:
    return next(found, None)
