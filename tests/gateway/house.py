"""A gateway in one process: its store filled from logs in memory, without a broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from hub.core.log import Incoming
from hub.core.topics import INDICATORS, VINTAGES
from hub.edge.metrics import Metrics
from hub.edge.settings import Home
from hub.embedded.ports import free
from hub.gateway.app import application
from hub.gateway.doors import Doors
from hub.gateway.gateway import Gateway
from hub.gateway.lookup import Lookup
from hub.gateway.settings import GatewaySettings
from hub.gateway.store import Change, Store
from tests.core.sdmx.releases import REGISTRY, Log, catalogue

LOG_ID = b"l" * 16


@dataclass(slots=True)
class House:
    """A gateway and its store's writer.

    Attributes:
        read: Topic → messages taken from the log so far.
    """

    gateway: Gateway
    store: Store
    home: Home
    read: dict[str, int]

    def take(self, log: Log, *, caught_up: bool = True) -> list[Change]:
        """Let the store take in what is new in a log, as the reader does."""
        ends = {topic: (LOG_ID, len(found)) for topic, found in log.topics.items()}
        with self.store.batch(ends):
            for topic, found in log.topics.items():
                first = self.read.get(topic, 0)
                news = [
                    Incoming(offset=at, time_ms=moment, value=value)
                    for at, (moment, value) in enumerate(found[first:], first)
                ]
                if topic == VINTAGES:
                    for one in news:
                        self.store.add_manifest(one)
                else:
                    self.store.add_figures(topic.removeprefix(INDICATORS), news)
                self.read[topic] = len(found)
            tables = [one.id for one in self.gateway.tables()] if caught_up else []
            changes = self.store.settle(tables)
        self.gateway.changed(changes)
        return changes


def house(folder: Path, **settings: Any) -> House:
    """An empty gateway in a folder."""
    home = Home(root=folder)
    home.make()
    store = Store(
        home.state / "gateway" / "store.sqlite", catalogue(), lambda: REGISTRY
    )
    wanted = GatewaySettings(**{"per_second": 0.0, **settings})
    readers = {one.id for one in catalogue().members.values() if one.reads}
    gateway = Gateway(
        catalogue=catalogue(),
        lookup=Lookup(store.path),
        doors=Doors(home, readers, per_second=wanted.per_second, burst=wanted.burst),
        settings=wanted,
        metrics=Metrics("gateway"),
    )
    gateway.progress.caught_up = True
    return House(gateway=gateway, store=store, home=home, read={})


@contextmanager
def served(one: House) -> Iterator[str]:
    """The gateway on a loopback port; its address."""
    [port] = free(1)
    server = uvicorn.Server(
        uvicorn.Config(
            application(one.gateway),
            host="127.0.0.1",
            port=port,
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the server does not start"
        assert thread.is_alive(), "the server ended"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
