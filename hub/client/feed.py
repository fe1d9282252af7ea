"""Topics as a member reads them: from a position to the present end, again and again.

Rules:

- Reading is by offset, with the member's own certificate; nothing is committed and
  nothing is written, so a reader leaves no trace and disturbs nobody.
- What comes without a value (the genesis of an indicator topic) is no news.
- A position that the log does not reach is of another log: it raises, and is not
  taken for the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from kafka import KafkaConsumer

from hub.core.errors import LogError
from hub.core.log import Incoming
from hub.edge import kafka
from hub.edge.kafka import Extent
from hub.edge.settings import Settings

POLL_SECONDS = 0.5
"""Pause between two looks for news."""


class Feed:
    """Positions of one reader; use as a context manager."""

    def __init__(
        self,
        settings: Settings,
        member: str,
        positions: Mapping[str, int] | None = None,
    ) -> None:
        self._consumer: KafkaConsumer = kafka.consumer(settings, member)
        self._positions: dict[str, int] = dict(positions or {})
        self._seen: dict[str, Extent] = {}

    def position(self, topic: str) -> int:
        """The offset behind what was read."""
        return self._positions.get(topic, 0)

    def look(self, topics: Iterable[str]) -> None:
        """Ask where several topics end, in two requests for all of them."""
        places = [(topic, 0) for topic in topics]
        found = kafka.extents(self._consumer, places)
        self._seen = {topic: found[topic, 0] for topic, _ in places}

    def news(self, topic: str) -> Iterator[Incoming]:
        """Messages of partition 0 from the last position to the present end.

        Raises:
            RetriableError: The brokers do not answer.
            InvalidError: This member may not read the topic.
            LogError: The log ends before the position.
        """
        if topic not in self._seen:
            self.look([topic])
        extent = self._seen.pop(topic)
        if self.position(topic) > extent.end:
            raise LogError(
                f"{topic}: ends at {extent.end}, before the position of the bookmark; "
                "the topic was made anew, begin without the bookmark"
            )
        start = max(self.position(topic), extent.start)
        if start < extent.end:
            for message in kafka.read(self._consumer, topic, 0, start, extent.end):
                self._positions[topic] = message.offset + 1
                if message.value:
                    yield message
        self._positions[topic] = max(start, extent.end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Nothing is owed to the broker, so a broken connection changes nothing.
        with suppress(Exception):
            self._consumer.close()
