"""The watcher: how far every partition of the path is, seen from outside.

Rules:

- It reads the brokers and never asks an agent: an internal message says in the clear
  which stretch of which partition it covers, and how new the newest batch in it is. So
  what follows a partition tells how far it was folded.
- Release writes at cuts only; of it alone the run file tells the position.
- Brokers that are away only make it wait.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from hub.core.catalogue.model import Domain
from hub.core.errors import HubError
from hub.core.log import PARTITIONS_FACTS, ROW_LAST
from hub.core.messages import Block, BlockHeader, decode, decode_as
from hub.core.topics import CELLS, facts_topic, records_topic
from hub.edge import kafka
from hub.edge.kafka import Ack
from hub.edge.settings import Settings

Place = tuple[str, int]
_POLL_MS = 100
_FACTS = [
    (facts_topic(domain), partition)
    for domain in Domain
    for partition in range(PARTITIONS_FACTS)
]
_WATCHED = [*((records_topic(domain), 0) for domain in Domain), *_FACTS, (CELLS, 0)]


@dataclass(slots=True, kw_only=True)
class Watcher:
    """Tails the internal topics in a thread of its own; use as a context.

    Attributes:
        folded: The last offset of every input partition that an output covers.
        clock_ms: Of every input partition: append time of the newest ministry's message
            that its outputs have taken in.
        cells: Offset of the newest message of the cells topic.
    """

    settings: Settings
    folded: dict[Place, int] = field(default_factory=dict)
    clock_ms: dict[Place, int] = field(default_factory=dict)
    cells: int = -1
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def passed(self, probe: Iterable[Ack]) -> bool:
        """Whether a probe is through every partition, up to the cells."""
        acks = list(probe)
        since_ms = min(ack.time_ms for ack in acks)
        return all(
            self.folded.get((ack.topic, ack.partition), -1) >= ack.offset
            for ack in acks
        ) and all(self.clock_ms.get(place, 0) >= since_ms for place in _FACTS)

    def released(self, since_ms: int) -> int:
        """How far release has read the cells; -1 if it said nothing since then."""
        path = self.settings.home.run / "release-0.json"
        with suppress(OSError, ValueError):
            said = json.loads(path.read_text("utf-8"))
            if said["updated_ms"] >= since_ms:
                return max(
                    (int(one["position"]) for one in said["partitions"]), default=-1
                )
        return -1

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                with kafka.consumer(self.settings, "admin") as client:
                    self._tail(client)
            except (HubError, KafkaError):
                self._stop.wait(_POLL_MS / 1000)

    def _tail(self, client: KafkaConsumer) -> None:
        wanted = [TopicPartition(*place) for place in _WATCHED]
        client.assign(wanted)
        client.seek_to_beginning(*wanted)
        while not self._stop.is_set():
            for place, records in client.poll(timeout_ms=_POLL_MS).items():
                for record in records:
                    self._take(place.topic, record.offset, record.value)

    def _take(self, topic: str, offset: int, value: bytes) -> None:
        if topic == CELLS:
            self.cells = max(self.cells, offset)
        block = decode(value)
        if not isinstance(block, Block):
            return
        header = decode_as(BlockHeader, block.header)
        place = (header.source.topic, header.source.partition)
        # A message split for size is folded when its last row is covered.
        last = header.to_offset - (header.to_row < ROW_LAST)
        self.folded[place] = max(self.folded.get(place, -1), last)
        self.clock_ms[place] = max(self.clock_ms.get(place, 0), header.clock_ms)
