"""Topics as a member reads them: from a position to the present end, again and again.

Rules:

- Reading is by offset, with the member's own certificate; nothing is committed and
  nothing is written, so a reader leaves no trace and disturbs nobody.
- What comes without a value (the genesis of an indicator topic) is no news.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from kafka import KafkaConsumer

from hub.core.log import Incoming
from hub.edge import kafka
from hub.edge.settings import Settings

POLL_SECONDS = 0.5
"""Pause between two looks for news."""


class Feed:
    """Positions of one reader; use as a context manager."""

    def __init__(self, settings: Settings, member: str) -> None:
        self._consumer: KafkaConsumer = kafka.consumer(settings, member)
        self._positions: dict[str, int] = {}

    def news(self, topic: str) -> Iterator[Incoming]:
        """Messages of partition 0 from the last position to the present end.

        Raises:
            RetriableError: The brokers do not answer.
            InvalidError: This member may not read the topic.
        """
        extent = kafka.extents(self._consumer, [(topic, 0)])[topic, 0]
        start = max(self._positions.get(topic, 0), extent.start)
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
