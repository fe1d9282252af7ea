"""What release says to the operator alone: refusals, and drafts that wait for a word.

Rules (:mod:`hub.core.release.drafts`):

- A notice counts only if the hub's release key signed it.
- Nothing is written and nothing committed: whoever asks again hears it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from hub.core.errors import InvalidError
from hub.core.messages import Notice, decode, verify
from hub.core.release.drafts import live
from hub.core.topics import NOTICES
from hub.edge import kafka, keyring
from hub.edge.settings import Settings

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


def drafts(settings: Settings) -> list[Notice]:
    """Drafts that were neither refused nor replaced; those let out are among them."""
    with Ear(settings, from_the_beginning=True) as ear:
        return live(ear.news())


def named(settings: Settings, marker: str) -> Notice:
    """The draft whose id begins so.

    Raises:
        InvalidError: There is none, or several.
    """
    found = [one for one in drafts(settings) if one.marker.hex().startswith(marker)]
    if len(found) != 1:
        many = "several drafts begin" if found else "no draft that counts begins"
        raise InvalidError(
            f"{many} with {marker!r}; `kerwen release plan` lists them, and"
            " `kerwen release draft` makes them"
        )
    return found[0]
