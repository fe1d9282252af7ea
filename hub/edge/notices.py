"""What release says to the operator alone: refusals, and drafts that wait for a word.

Rules (:mod:`hub.core.release.drafts`):

- A notice counts only if a release key of the hub signed it that is in force. Others
  are passed over and logged: when a key that was revoked signed, nobody can tell, and
  a draft is made again by one command.
- Nothing is written and nothing committed: whoever asks again hears it again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Self

from hub.core.errors import EnvelopeError, InvalidError
from hub.core.keys import KeyRegistry
from hub.core.log import Incoming
from hub.core.messages import Notice, decode, verify
from hub.core.release.drafts import live
from hub.core.topics import NOTICES
from hub.edge import kafka, keyring
from hub.edge.settings import Settings

_PRINCIPAL = "control"
_log = logging.getLogger(__name__)


class Ear:
    """Hears notices from a place on; use as a context manager."""

    def __init__(self, settings: Settings, *, from_the_beginning: bool = False) -> None:
        self._root = settings.home.root
        self._consumer = kafka.consumer(settings, _PRINCIPAL)
        self._next = 0 if from_the_beginning else self._extent().end

    def news(self) -> Iterator[Notice]:
        """Notices since the last look that count."""
        extent = self._extent()
        start = max(self._next, extent.start)
        if start >= extent.end:
            return
        # Keys change while somebody listens.
        registry = keyring.registry(self._root)
        yield from trusted(self._read(start, extent.end), registry)

    def _read(self, start: int, end: int) -> Iterator[Incoming]:
        for message in kafka.read(self._consumer, NOTICES, 0, start, end):
            self._next = message.offset + 1
            yield message

    def _extent(self) -> kafka.Extent:
        return kafka.extents(self._consumer, [(NOTICES, 0)])[NOTICES, 0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()


def trusted(messages: Iterable[Incoming], registry: KeyRegistry) -> Iterator[Notice]:
    """The notices in messages that count."""
    for message in messages:
        try:
            found = decode(message.value)
            if isinstance(found, Notice):
                verify(found, registry.authority(found.key_id, "release"))
                yield found
        except EnvelopeError as error:
            text = "the notice at offset %d does not count: %s"
            _log.warning(text, message.offset, error)


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
