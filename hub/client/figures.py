"""Figures of tables, one after another; and the newest of each.

What is given out, when, and how it is verified: :mod:`hub.client.subscription`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from hub.client.subscription import Subscription, check, chosen
from hub.core.catalogue.model import Catalogue
from hub.core.observation import Observation
from hub.edge.settings import Settings

__all__ = ["check", "chosen", "latest", "observations"]


def observations(
    settings: Settings,
    member: str,
    tables: Collection[str] = (),
    *,
    catalogue: Catalogue,
    follow: bool = False,
    as_of_ms: int | None = None,
) -> Iterator[Observation]:
    """Verified figures, release by release, in the order of series and period.

    Args:
        settings: Where to connect; the home holds the registry and the certificate.
        member: Who reads, e.g. ``iom``.
        tables: Table ids; empty: every published table.
        catalogue: Gives the schema of each table.
        follow: Wait for more releases at the end, for ever.
        as_of_ms: Only what was published until then, milliseconds since 1970.

    Raises:
        InvalidError: An unknown table.
        EnvelopeError: A manifest or the figures of a release do not verify.
    """
    with Subscription(
        settings,
        member,
        tables,
        catalogue=catalogue,
        follow=follow,
        as_of_ms=as_of_ms,
    ) as releases:
        for release in releases:
            yield from release.observations


def latest(found: Iterable[Observation]) -> list[Observation]:
    """The newest release of each series and period of each table, in their order."""
    best: dict[tuple[str, str, str], Observation] = {}
    for one in found:
        place = (one.table, one.series, one.period)
        before = best.get(place)
        if before is None or before.released_ms <= one.released_ms:
            best[place] = one
    return [best[place] for place in sorted(best)]
