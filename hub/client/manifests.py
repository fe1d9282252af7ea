"""Manifests: which releases there are, each with the hub's signature checked.

Rules (docs/disclosure.md, "What is published"):

- A manifest counts only if the hub's release key signed it; one that does not raises.
- The same manifest may stand in the log twice, after a crash; it is given once.
- A withdrawal is a manifest as well: it takes a release of a table back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator

from hub.client.feed import POLL_SECONDS, Feed
from hub.core import observation
from hub.core.errors import RetriableError
from hub.core.keys import KeyRegistry
from hub.core.log import Incoming
from hub.core.observation import Vintage
from hub.core.topics import VINTAGES
from hub.edge import keyring
from hub.edge.settings import Settings

RELEASE, WITHDRAW = "release", "withdraw"


def vintages(
    settings: Settings,
    member: str,
    tables: Collection[str] = (),
    *,
    follow: bool = False,
) -> Iterator[Vintage]:
    """Verified manifests in the order of the log.

    Args:
        settings: Where to connect; the home holds the registry and the certificate.
        member: Who reads, e.g. ``iom``.
        tables: Table ids; empty: all.
        follow: Wait for more at the end, for ever.

    Raises:
        EnvelopeError: A manifest is damaged or not signed by the hub.
    """
    registry = keyring.registry(settings.home.root)
    known: set[bytes] = set()
    with Feed(settings, member) as feed:
        while True:
            for vintage in new(feed, registry, known):
                if not tables or vintage.table in tables:
                    yield vintage
            if not follow:
                return
            time.sleep(POLL_SECONDS)


def new(feed: Feed, registry: KeyRegistry, known: set[bytes]) -> Iterator[Vintage]:
    """Verified manifests since the last look; `known` grows by their digests."""
    for vintage, _ in placed(feed, registry, known):
        yield vintage


def placed(
    feed: Feed, registry: KeyRegistry, known: set[bytes]
) -> Iterator[tuple[Vintage, Incoming]]:
    """Like :func:`new`, each with its message: offset, and when the brokers took it."""
    for message in feed.news(VINTAGES):
        if message.value not in known:
            vintage = observation.decode(message.value)
            key = registry.authority(vintage.key_id, observation.use_of(vintage))
            observation.verify(vintage, key)
            known.add(message.value)
            yield vintage, message


def withdrawn(found: Iterable[Vintage]) -> set[tuple[str, bytes]]:
    """Table and marker of every release that was taken back."""
    return {(one.table, one.marker) for one in found if one.action == WITHDRAW}


def wait_for(
    settings: Settings,
    member: str,
    marker: bytes,
    tables: Collection[str],
    timeout: float,
    *,
    tell: Callable[[int, int], None] | None = None,
    until: Callable[[], bool] | None = None,
) -> list[Vintage]:
    """Wait for the release of a marker; its manifests in the order of `tables`.

    Args:
        settings: Where to connect.
        member: Who reads.
        marker: Id of the close marker.
        tables: Tables that must be there.
        timeout: Seconds to wait.
        tell: Progress: how many are there, of how many.
        until: What else ends the wait, with those that are there; asked now and then.

    Raises:
        RetriableError: They are not all there in time.
        EnvelopeError: A manifest is damaged or not signed by the hub.
    """
    registry = keyring.registry(settings.home.root)
    deadline = time.monotonic() + timeout
    known: set[bytes] = set()
    found: dict[str, Vintage] = {}
    with Feed(settings, member) as feed:
        while True:
            for one in new(feed, registry, known):
                if (one.marker, one.action) == (marker, RELEASE):
                    found[one.table] = one
            there = [found[table] for table in tables if table in found]
            if tell is not None:
                tell(len(there), len(tables))
            if len(there) == len(tables) or (until is not None and until()):
                return there
            if time.monotonic() > deadline:
                raise RetriableError(
                    f"release {marker.hex()[:8]}: {len(there)} of {len(tables)} tables "
                    f"after {timeout:.0f} s; `kerwen doctor` says what it waits for"
                )
            time.sleep(POLL_SECONDS)
