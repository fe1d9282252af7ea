"""The brokers as a publisher sees them: send in order, read answers from a position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Protocol

from kafka import KafkaConsumer, KafkaProducer

from hub.core.log import Incoming, Send
from hub.edge import kafka
from hub.edge.kafka import Ack
from hub.edge.settings import Settings


class Broker(Protocol):
    """What the courier needs; the tests have one without Kafka."""

    def send(self, sends: Sequence[Send]) -> list[Ack]:
        """Send in order and wait for every acknowledgement."""

    def read(self, topic: str, start: int) -> Iterator[Incoming]:
        """What partition 0 of `topic` holds now, from offset `start` on."""

    def close(self) -> None:
        """Give connections back."""


class KafkaBroker:
    """Connects when first needed: spooling works while the brokers are away."""

    def __init__(self, settings: Settings, principal: str) -> None:
        self._settings = settings
        self._principal = principal
        self._producer: KafkaProducer | None = None
        self._consumer: KafkaConsumer | None = None

    def send(self, sends: Sequence[Send]) -> list[Ack]:
        """See :class:`Broker`."""
        if self._producer is None:
            self._producer = kafka.producer(self._settings, self._principal)
        return kafka.send_all(self._producer, sends)

    def read(self, topic: str, start: int) -> Iterator[Incoming]:
        """See :class:`Broker`."""
        if self._consumer is None:
            self._consumer = kafka.consumer(self._settings, self._principal)
        extent = kafka.extents(self._consumer, [(topic, 0)])[topic, 0]
        # A position beyond the end belongs to a topic of the same name before this one.
        first = extent.start if start > extent.end else max(start, extent.start)
        if first < extent.end:
            yield from kafka.read(self._consumer, topic, 0, first, extent.end)

    def close(self) -> None:
        """See :class:`Broker`."""
        for client in (self._producer, self._consumer):
            if client is not None:
                # Everything acknowledged is safe; a broken connection changes nothing.
                with suppress(Exception):
                    client.close()
