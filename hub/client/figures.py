"""Figures of tables, given out only when a signed manifest covers them.

Rules (docs/disclosure.md, "What is published"):

- Figures are held back until the manifest of their release is here and its signature,
  count and digest hold. Then they are given out all together, or the reader raises.
- Figures of a release without a manifest are not news yet; those of a release that was
  taken back are no news any more.
- A release may stand in the log twice, after a crash; each figure is given once.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from hub.client.feed import POLL_SECONDS, Feed
from hub.client.manifests import RELEASE, new, withdrawn
from hub.core import observation
from hub.core.catalogue.model import Catalogue, Table
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.keys import KeyRegistry
from hub.core.observation import Observation, Vintage
from hub.core.reasons import Reason
from hub.core.topics import indicator_topic
from hub.edge import keyring
from hub.edge.settings import Settings


def observations(
    settings: Settings,
    member: str,
    tables: Collection[str] = (),
    *,
    catalogue: Catalogue,
    follow: bool = False,
) -> Iterator[Observation]:
    """Verified figures, release by release, in the order of series and period.

    Args:
        settings: Where to connect; the home holds the registry and the certificate.
        member: Who reads, e.g. ``iom``.
        tables: Table ids; empty: every published table.
        catalogue: Gives the schema of each table.
        follow: Wait for more releases at the end, for ever.

    Raises:
        InvalidError: An unknown table.
        EnvelopeError: A manifest or the figures of a release do not verify.
    """
    wanted = chosen(catalogue, tables)
    registry = keyring.registry(settings.home.root)
    with Feed(settings, member) as feed:
        reader = _Reader(feed=feed, registry=registry)
        while True:
            yield from reader.released(wanted)
            if not follow:
                return
            time.sleep(POLL_SECONDS)


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


def latest(found: Iterable[Observation]) -> list[Observation]:
    """The newest release of each series and period of each table, in their order."""
    best: dict[tuple[str, str, str], Observation] = {}
    for one in found:
        place = (one.table, one.series, one.period)
        before = best.get(place)
        if before is None or before.released_ms <= one.released_ms:
            best[place] = one
    return [best[place] for place in sorted(best)]


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Figures that wait for their manifest, and manifests read so far."""

    feed: Feed
    registry: KeyRegistry
    _known: set[bytes] = field(default_factory=set)
    _manifests: list[Vintage] = field(default_factory=list)
    _given: set[tuple[str, str]] = field(default_factory=set)
    _held: dict[tuple[str, str], dict[str, Observation]] = field(default_factory=dict)

    def released(self, tables: Collection[Table]) -> Iterator[Observation]:
        """Figures of the releases that are whole now and were not given before."""
        # Manifests first: they follow their figures, so the figures must be there.
        self._manifests += new(self.feed, self.registry, self._known)
        gone = withdrawn(self._manifests)
        for table in tables:
            self._hold(table)
            for vintage in self._manifests:
                place = (vintage.table, vintage.marker.hex())
                if vintage.table != table.id or place in self._given:
                    continue
                self._given.add(place)
                held = self._held.pop(place, {})
                if vintage.action == RELEASE and (table.id, vintage.marker) not in gone:
                    check(vintage, held.values())
                    yield from sorted(
                        held.values(), key=lambda one: (one.series, one.period)
                    )

    def _hold(self, table: Table) -> None:
        codec = observation.Codec(table)
        for message in self.feed.news(indicator_topic(table.id)):
            one = codec.decode(message.value)
            place = (table.id, one.release)
            if place not in self._given:
                self._held.setdefault(place, {})[observation.line(one)] = one
