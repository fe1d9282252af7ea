"""From the topics into the store: one thread, as the gateway's own principal.

Rules (docs/gateway.md, "The store"):

- Reading is by offset; positions are the store's, nothing is committed to the brokers.
- A topic is its log: one that was made anew empties the store, which is a cache.
- Brokers that are away are waited for, with growing patience; meanwhile the gateway
  answers from its store and says how old that is.
- What cannot be verified is counted and left out; it never ends the reader.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from hub.core.errors import EnvelopeError, HubError
from hub.core.log import Incoming
from hub.core.topics import INDICATORS, VINTAGES, indicator_topic
from hub.edge import kafka, layout
from hub.edge.settings import Settings
from hub.gateway.gateway import Gateway
from hub.gateway.store import Store

PRINCIPAL = "gateway"
POLL_MS = 500
POLL_RECORDS_MAX = 5_000
WAIT_SECONDS_MIN, WAIT_SECONDS_MAX = 1.0, 30.0
EXTENT_SECONDS = 5.0
GRACE_MS = 60_000
"""Figures and their manifest are sent together, so either may be in the log first."""
_log = logging.getLogger(__name__)


class Feed(threading.Thread):
    """Reads for ever; see the module."""

    def __init__(self, settings: Settings, gateway: Gateway, store: Store) -> None:
        super().__init__(name="feed", daemon=True)
        self._settings = settings
        self._gateway = gateway
        self._store = store
        self._stop = threading.Event()
        self._reader: _Reader | None = None
        self._topics = [indicator_topic(one.id) for one in gateway.tables()]
        self._topics.append(VINTAGES)

    def partitions(self) -> list[dict[str, object]]:
        """How far each topic is read, as workers say it."""
        reader = self._reader
        return [] if reader is None else reader.partitions()

    def end(self) -> None:
        """Ask it to stop, and wait."""
        self._stop.set()
        self.join(WAIT_SECONDS_MAX)

    def run(self) -> None:
        """Read, and begin again whenever the brokers were away."""
        wait = WAIT_SECONDS_MIN
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._read()
            except (HubError, KafkaError) as error:
                self._gateway.progress.problem = type(error).__name__
                _log.warning("the topics cannot be read now: %s", error)
            if time.monotonic() - began > WAIT_SECONDS_MAX:
                wait = WAIT_SECONDS_MIN
            self._stop.wait(wait)
            wait = min(WAIT_SECONDS_MAX, 2 * wait)

    def _read(self) -> None:
        """One connection's life."""
        with kafka.admin(self._settings, PRINCIPAL) as client:
            logs = layout.identities(client, self._topics)
        with kafka.consumer(self._settings, PRINCIPAL) as consumer:
            reader = _Reader(consumer, self._store, self._gateway, logs)
            reader.seek()
            self._reader = reader
            while not self._stop.is_set():
                reader.look()
                self._gateway.progress.problem = ""


class _Reader:
    """Positions in the topics, and what is still to come."""

    def __init__(
        self,
        consumer: KafkaConsumer,
        store: Store,
        gateway: Gateway,
        logs: Mapping[str, bytes],
    ) -> None:
        self._consumer = consumer
        self._store = store
        self._gateway = gateway
        self._logs = logs
        self._positions: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        self._asked = 0.0

    def seek(self) -> None:
        """Go to where the store is; it is begun anew where a log lost its start."""
        self._positions = self._store.positions(self._logs)
        places = [(topic, 0) for topic in self._logs]
        extents = kafka.extents(self._consumer, places)
        lost = [
            topic
            for topic in self._logs
            if not extents[topic, 0].start
            <= self._positions[topic]
            <= extents[topic, 0].end
        ]
        if lost:
            _log.warning("%s: not the log the store was made from; anew", lost[0])
            self._store.clear()
            self._gateway.refresh(self._gateway.states)
            self._positions = {topic: extents[topic, 0].start for topic in self._logs}
        self._ends = {topic: extents[topic, 0].end for topic in self._logs}
        self._asked = time.monotonic()
        self._consumer.assign([TopicPartition(topic, 0) for topic in self._logs])
        for topic, position in self._positions.items():
            self._consumer.seek(TopicPartition(topic, 0), position)

    def partitions(self) -> list[dict[str, object]]:
        """Position and end of every topic."""
        positions, ends = dict(self._positions), dict(self._ends)
        return [
            {
                "topic": topic,
                "partition": 0,
                "condition": "running",
                "position": position - 1,
                "end": ends.get(topic, position),
                "lag": max(0, ends.get(topic, position) - position),
                "rebuild": 0,
                "gaps": [],
                "error": "",
            }
            for topic, position in positions.items()
        ]

    def look(self) -> None:
        """Take in what there is, and say how far we are."""
        polled = self._consumer.poll(timeout_ms=POLL_MS, max_records=POLL_RECORDS_MAX)
        if polled:
            self._take(polled)
        if time.monotonic() - self._asked > EXTENT_SECONDS or not polled:
            self._extents()
        self._settle()

    def _extents(self) -> None:
        """Where the logs end now; asked seldom, unless there is nothing else to do."""
        if time.monotonic() - self._asked < POLL_MS / 1000:
            return
        places = [(topic, 0) for topic in self._logs]
        found = kafka.extents(self._consumer, places)
        self._ends = {topic: found[topic, 0].end for topic in self._logs}
        self._asked = time.monotonic()

    def _take(self, polled: Mapping[TopicPartition, list[Any]]) -> None:
        """Put messages and positions into the store, together."""
        ends = {}
        for partition, records in polled.items():
            self._positions[partition.topic] = records[-1].offset + 1
            ends[partition.topic] = (
                self._logs[partition.topic],
                self._positions[partition.topic],
            )
        bad = 0
        with self._store.batch(ends):
            for partition, records in polled.items():
                news = [_incoming(one) for one in records if one.value]
                if partition.topic == VINTAGES:
                    bad += sum(not self._manifest(one) for one in news)
                else:
                    table = partition.topic.removeprefix(INDICATORS)
                    bad += self._store.add_figures(table, news)
        if bad:
            self._gateway.metrics.count("messages_total", bad, outcome="refused")
        for topic, position in self._positions.items():
            self._ends[topic] = max(self._ends.get(topic, 0), position)

    def _manifest(self, message: Incoming) -> bool:
        try:
            self._store.add_manifest(message)
        except EnvelopeError as error:
            _log.error("manifest at offset %d left out: %s", message.offset, error)
            return False
        return True

    def _settle(self) -> None:
        """Take in the releases that are whole; tables read to the end are ready."""
        behind = {
            topic: self._ends[topic] - position
            for topic, position in self._positions.items()
        }
        ready = [
            topic.removeprefix(INDICATORS)
            for topic, lag in behind.items()
            if lag <= 0 and behind[VINTAGES] <= 0
        ]
        if self._store.waits:
            old_ms = time.time_ns() // 1_000_000 - GRACE_MS
            with self._store.batch({}):
                changes = self._store.settle(ready, old_ms)
            if changes:
                self._gateway.changed(changes)
        progress = self._gateway.progress
        progress.lag = sum(max(0, lag) for lag in behind.values())
        if progress.lag == 0:
            progress.caught_up = True


def _incoming(record: Any) -> Incoming:
    return Incoming(offset=record.offset, time_ms=record.timestamp, value=record.value)
