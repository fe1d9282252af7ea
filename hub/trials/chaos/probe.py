"""The probe: one message into every ministry partition, seen through to the cells.

Rules:

- It is the config record that is in force already, sent once more: every worker has to
  read it, nothing changes by it.
- A partition has recovered when it has folded the probe and what follows it has folded
  what came of it: so each partition of the path is asked, also one without traffic.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from hub.core.catalogue.model import Catalogue, Domain
from hub.core.errors import EnvelopeError, HubError, MachineError
from hub.core.messages import Config, decode
from hub.core.topics import sources
from hub.edge import kafka
from hub.edge.kafka import Ack
from hub.edge.settings import Settings

GIVE_UP_SECONDS = 5
_LOOK_MESSAGES = 16


@dataclass(slots=True)
class Probe:
    """Sends probes as principal ``control``."""

    settings: Settings
    catalogue: Catalogue
    _value: bytes = b""
    _producer: KafkaProducer | None = None
    _sent: list[Any] = field(default_factory=list)

    def send(self) -> list[Ack] | None:
        """Where the probe is in every partition; None as long as it is not there.

        Called again, it goes on with the same probe, or with another if that failed.
        """
        try:
            if not self._value:
                self._value = self._config()
            if self._producer is None:
                self._producer = _producer(self.settings)
            if not self._sent:
                self._sent = self._begin(self._producer)
        except MachineError:
            raise
        except (HubError, KafkaError):
            return None
        if not all(one.is_done for one in self._sent):
            return None
        done, self._sent = self._sent, []
        if all(one.succeeded() for one in done):
            return _acks(done)
        self.close()
        return None

    def close(self) -> None:
        """Give the connection back."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):
                producer.close(timeout=1)

    def _begin(self, producer: KafkaProducer) -> list[Any]:
        return [
            producer.send(topic, value=self._value, partition=partition)
            for topic, partition in sources(self.catalogue, Domain.NONE)
        ]

    def _config(self) -> bytes:
        """The config record that stands at the beginning of a ministry partition."""
        topic, partition = sources(self.catalogue, Domain.NONE)[0]
        with kafka.consumer(self.settings, "admin") as client:
            value = _first_config(client, topic, partition)
        if value is None:
            raise MachineError(f"{topic}/{partition} begins without a config record")
        return value


def _producer(settings: Settings) -> KafkaProducer:
    """A producer that gives up soon: a probe that comes twice does no harm."""
    return KafkaProducer(
        bootstrap_servers=settings.brokers().split(","),
        client_id="kerwen-probe",
        security_protocol="SSL",
        ssl_context=kafka.context(settings.home, "control"),
        acks="all",
        enable_idempotence=False,
        retries=0,
        bootstrap_timeout_ms=GIVE_UP_SECONDS * 1000,
        request_timeout_ms=GIVE_UP_SECONDS * 1000,
        delivery_timeout_ms=GIVE_UP_SECONDS * 1000,
        max_block_ms=GIVE_UP_SECONDS * 1000,
        allow_auto_create_topics=False,
    )


def _acks(done: list[Any]) -> list[Ack]:
    results = [one.get(timeout=0) for one in done]
    return [
        Ack(
            topic=one.topic,
            partition=one.partition,
            offset=one.offset,
            time_ms=one.timestamp,
        )
        for one in results
    ]


def _first_config(client: KafkaConsumer, topic: str, partition: int) -> bytes | None:
    place = (topic, partition)
    end = kafka.extents(client, [place])[place].end
    for message in kafka.read(client, topic, partition, 0, min(end, _LOOK_MESSAGES)):
        with suppress(EnvelopeError):
            if isinstance(decode(message.value), Config):
                return message.value
    return None
