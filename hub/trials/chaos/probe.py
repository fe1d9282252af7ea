"""The probe: one message into every ministry partition, seen through to the cells.

Rules:

- It is the config record that is in force already, sent once more: every worker has to
  read it, nothing changes by it.
- A partition has recovered when it has folded the probe and what follows it has folded
  what came of it: so each partition of the path is asked, also one without traffic.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from kafka import KafkaProducer
from kafka.errors import KafkaError

from hub.core.catalogue.model import Catalogue, Domain
from hub.core.errors import EnvelopeError, HubError, MachineError
from hub.core.log import Send
from hub.core.messages import Config, decode
from hub.core.topics import sources
from hub.edge import kafka
from hub.edge.kafka import Ack
from hub.edge.settings import Settings

_LOOK_MESSAGES = 16


@dataclass(slots=True)
class Probe:
    """Sends probes as principal ``control``."""

    settings: Settings
    catalogue: Catalogue
    _value: bytes = b""
    _producer: KafkaProducer | None = None

    def send(self) -> list[Ack] | None:
        """Where the probe is in every partition; None while the brokers are away."""
        try:
            if not self._value:
                self._value = self._config()
            if self._producer is None:
                self._producer = kafka.producer(self.settings, "control")
            return kafka.send_all(self._producer, self._sends())
        except MachineError:
            raise
        except (HubError, KafkaError):
            self.close()
            return None

    def close(self) -> None:
        """Give the connection back."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):
                producer.close(timeout=1)

    def _sends(self) -> list[Send]:
        return [
            Send(topic=topic, partition=partition, key=None, value=self._value)
            for topic, partition in sources(self.catalogue, Domain.NONE)
        ]

    def _config(self) -> bytes:
        """The config record that stands at the beginning of a ministry partition."""
        topic, partition = sources(self.catalogue, Domain.NONE)[0]
        with kafka.consumer(self.settings, "admin") as client:
            place = (topic, partition)
            end = kafka.extents(client, [place])[place].end
            most = min(end, _LOOK_MESSAGES)
            for message in kafka.read(client, topic, partition, 0, most):
                with suppress(EnvelopeError):
                    if isinstance(decode(message.value), Config):
                        return message.value
        raise MachineError(f"{topic}/{partition} begins without a config record")
