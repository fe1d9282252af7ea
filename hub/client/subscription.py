"""Releases of tables, whole and verified, from where a member stopped reading.

Rules (docs/disclosure.md, "What is published"):

- Figures are held back until the manifest of their release is here and its signature,
  count and digest hold. Then they are given out all together, or the reader raises.
- Figures of a release without a manifest are not news yet; those of a release that was
  taken back are no news any more, but that it was taken back is.
- A release may stand in the log twice, after a crash; it is given once. Figures and
  manifest are sent together, so a manifest may be there a moment before its figures.
- "As of" a moment are the releases that were published until then and still stand.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from hub.client.bookmark import BEGINNING, Bookmark, Place
from hub.client.feed import POLL_SECONDS, Feed
from hub.client.manifests import RELEASE, placed, withdrawn
from hub.core import observation
from hub.core.catalogue.model import Catalogue, Table
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.keys import KeyRegistry
from hub.core.log import Incoming
from hub.core.observation import Observation, Vintage
from hub.core.reasons import Reason
from hub.core.topics import VINTAGES, indicator_topic
from hub.edge import keyring
from hub.edge.settings import Settings

GRACE_MS = 60_000
"""How long figures may come after their manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release of one table, or the news that one was taken back.

    Attributes:
        manifest: What the hub signed; its `action` says which of the two it is.
        published_ms: When the brokers took the manifest: what "as of" goes by.
        observations: In the order of series and period; empty if taken back.
    """

    manifest: Vintage
    published_ms: int
    observations: tuple[Observation, ...] = field(repr=False)

    @property
    def place(self) -> Place:
        """Table and marker."""
        return self.manifest.table, self.manifest.marker.hex()


def chosen(catalogue: Catalogue, tables: Collection[str]) -> list[Table]:
    """The tables of these ids; empty: every published one."""
    public = {one.id: one for one in catalogue.tables.values() if not one.internal}
    for table in tables:
        if table not in public:
            raise InvalidError(
                f"table {table!r}: not published; "
                "`kerwen catalogue list` shows the tables"
            )
    return [public[table] for table in tables or public]


def check(vintage: Vintage, found: Collection[Observation]) -> None:
    """Raise EnvelopeError unless these are the figures that the manifest is about."""
    name = f"{vintage.table}, release {vintage.marker.hex()[:8]}"
    if len(found) != vintage.observations:
        raise EnvelopeError(
            Reason.CONTENT,
            f"{name}: {len(found)} figures where the manifest says "
            f"{vintage.observations}",
        )
    if observation.digest(found) != vintage.digest:
        text = f"{name}: the figures are not those of the manifest"
        raise EnvelopeError(Reason.CONTENT, text)


class Subscription:
    """An iterator of releases; use as a context manager.

    After each release :attr:`bookmark` is the place behind it.
    """

    def __init__(
        self,
        settings: Settings,
        member: str,
        tables: Collection[str] = (),
        *,
        catalogue: Catalogue,
        bookmark: Bookmark = BEGINNING,
        as_of_ms: int | None = None,
        follow: bool = False,
        stop: threading.Event | None = None,
    ) -> None:
        """Begins where the bookmark is.

        Args:
            settings: Where to connect; the home holds registry and certificate.
            member: Who reads, e.g. ``iom``.
            tables: Table ids; empty: every published table.
            catalogue: Gives the schema of each table.
            bookmark: Of an earlier subscription to the same tables.
            as_of_ms: Only what was published until then.
            follow: Wait for more releases at the end, until `stop` is set.
            stop: Set it to end a subscription that follows.

        Raises:
            InvalidError: An unknown table.
        """
        self._tables = chosen(catalogue, tables)
        self._follow = follow
        self._stop = stop or threading.Event()
        self._as_of_ms = as_of_ms
        self._feed = Feed(settings, member, bookmark.positions)
        self._reader = _Reader(
            feed=self._feed,
            registry=keyring.registry(settings.home.root),
            given=set(bookmark.given),
            gone=set(bookmark.gone),
        )

    @property
    def bookmark(self) -> Bookmark:
        """Where to go on behind the last release that was given."""
        return self._reader.bookmark(self._tables)

    def __iter__(self) -> Iterator[Release]:
        """Releases in the order of tables and the log.

        Raises:
            EnvelopeError: A manifest or the figures of a release do not verify.
        """
        while True:
            for release in self._reader.released(self._tables, self._as_of_ms):
                yield release
                if self._stop.is_set():
                    return
            if not self._follow or self._stop.wait(POLL_SECONDS):
                return

    def __enter__(self) -> Self:
        self._feed.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._feed.__exit__(kind, error, trace)


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Figures that wait for their manifest, and manifests read so far."""

    feed: Feed
    registry: KeyRegistry
    given: set[Place]
    gone: set[Place]
    _known: set[bytes] = field(default_factory=set)
    _manifests: list[tuple[Vintage, Incoming]] = field(default_factory=list)
    _held: dict[Place, dict[str, Observation]] = field(default_factory=dict)
    _first: dict[Place, int] = field(default_factory=dict)

    def released(
        self, tables: Collection[Table], as_of_ms: int | None
    ) -> Iterator[Release]:
        """Releases that are whole now and were not given before."""
        # Manifests first: they follow their figures, so the figures must be there.
        self._manifests += placed(self.feed, self.registry, self._known)
        self.feed.look(indicator_topic(table.id) for table in tables)
        withdrawals = withdrawn(vintage for vintage, _ in self._manifests)
        for table in tables:
            self._hold(table)
            for vintage, message in self._manifests:
                if vintage.table != table.id or not _until(message, as_of_ms):
                    continue
                if vintage.action != RELEASE:
                    yield from self._taken_back(vintage, message)
                elif (table.id, vintage.marker) in withdrawals:
                    self._passed_over(vintage)
                else:
                    yield from self._release(vintage, message)

    def bookmark(self, tables: Collection[Table]) -> Bookmark:
        """Positions before everything that is held, and what was given."""
        waiting = [
            message.offset
            for vintage, message in self._manifests
            if vintage.action == RELEASE and _place(vintage) not in self.given
        ]
        positions = {VINTAGES: min([self.feed.position(VINTAGES), *waiting])}
        for table in tables:
            topic = indicator_topic(table.id)
            held = [at for (name, _), at in self._first.items() if name == table.id]
            positions[topic] = min([self.feed.position(topic), *held])
        return Bookmark(
            positions=positions, given=frozenset(self.given), gone=frozenset(self.gone)
        )

    def _release(self, vintage: Vintage, message: Incoming) -> Iterator[Release]:
        place = _place(vintage)
        if place in self.given:
            return
        held = self._held.get(place, {})
        fresh = time.time_ns() // 1_000_000 - message.time_ms < GRACE_MS
        if fresh and len(held) < vintage.observations:
            return
        check(vintage, held.values())
        self._drop(place)
        self.given.add(place)
        ordered = sorted(held.values(), key=lambda one: (one.series, one.period))
        yield Release(
            manifest=vintage,
            published_ms=message.time_ms,
            observations=tuple(ordered),
        )

    def _passed_over(self, vintage: Vintage) -> None:
        """A release that was taken back before it was given is no news at all."""
        place = _place(vintage)
        if place not in self.given:
            self._drop(place)
            self.given.add(place)
            self.gone.add(place)

    def _taken_back(self, vintage: Vintage, message: Incoming) -> Iterator[Release]:
        """That a release was taken back is news to whoever was given it before."""
        place = _place(vintage)
        if place in self.given and place not in self.gone:
            self.gone.add(place)
            yield Release(
                manifest=vintage, published_ms=message.time_ms, observations=()
            )

    def _drop(self, place: Place) -> None:
        self._held.pop(place, None)
        self._first.pop(place, None)

    def _hold(self, table: Table) -> None:
        codec = observation.Codec(table)
        for message in self.feed.news(indicator_topic(table.id)):
            one = codec.decode(message.value)
            place = (table.id, one.release)
            if place not in self.given:
                self._first.setdefault(place, message.offset)
                self._held.setdefault(place, {})[observation.line(one)] = one


def _place(vintage: Vintage) -> Place:
    return vintage.table, vintage.marker.hex()


def _until(message: Incoming, as_of_ms: int | None) -> bool:
    return as_of_ms is None or message.time_ms <= as_of_ms
