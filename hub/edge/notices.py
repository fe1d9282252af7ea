"""What release says to the operator alone: refusals, and drafts that wait for a word.

Rules (:mod:`hub.core.release.drafts`):

- A notice counts only if the hub's release key signed it.
- Nothing is written and nothing committed: whoever asks again hears it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Self

from hub.core.errors import InvalidError
from hub.core.messages import Notice, decode, verify
from hub.core.topics import NOTICES
from hub.edge import kafka, keyring
from hub.edge.settings import Settings

REFUSED, DRAFT = "refused", "draft"
_PRINCIPAL = "control"


class Ear:
    """Hears notices from a place on; use as a context manager."""

    def __init__(self, settings: Settings, *, from_the_beginning: bool = False) -> None:
        self._registry = keyring.registry(settings.home.root)
        self._consumer = kafka.consumer(settings, _PRINCIPAL)
        self._next = 0 if from_the_beginning else self._extent().end

    def news(self) -> Iterator[Notice]:
        """Notices since the last look, verified.

        Raises:
            EnvelopeError: One is damaged or not signed by the hub.
        """
        extent = self._extent()
        start = max(self._next, extent.start)
        if start >= extent.end:
            return
        for message in kafka.read(self._consumer, NOTICES, 0, start, extent.end):
            self._next = message.offset + 1
            found = decode(message.value)
            if isinstance(found, Notice):
                verify(found, self._registry.authority(found.key_id, "release"))
                yield found

    def _extent(self) -> kafka.Extent:
        return kafka.extents(self._consumer, [(NOTICES, 0)])[NOTICES, 0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()


def drafted(settings: Settings) -> set[tuple[str, str]]:
    """Period and vintage of everything that a draft was made of."""
    with Ear(settings, from_the_beginning=True) as ear:
        return {(one.period, one.vintage) for one in ear.news() if one.kind == DRAFT}


def waiting(settings: Settings, released: Collection[bytes]) -> list[Notice]:
    """Drafts that were not let out; `released` are markers of what was published."""
    with Ear(settings, from_the_beginning=True) as ear:
        return [
            one
            for one in ear.news()
            if one.kind == DRAFT and one.marker not in released
        ]


def named(settings: Settings, marker: str) -> Notice:
    """The draft whose id begins so.

    Raises:
        InvalidError: There is none, or several.
    """
    with Ear(settings, from_the_beginning=True) as ear:
        found = {
            one.marker: one
            for one in ear.news()
            if one.kind == DRAFT and one.marker.hex().startswith(marker)
        }
    if len(found) != 1:
        many = "several drafts begin" if found else "no draft begins"
        raise InvalidError(f"{many} with {marker!r}; `kerwen release draft` makes them")
    return found.popitem()[1]
