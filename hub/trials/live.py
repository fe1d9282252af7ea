"""``kerwen audit --live``: conservation now, from what an operator may read.

Rules (design: conservation):

- Read are the workers' own accounts (their run files in the home of the hub, or their
  pages of metrics) and, as principal ``audit``, the ends of the ministries' logs. No
  batch is opened and no key is needed.
- A worker that does not answer is spoken for by its last word: what it had covered
  then, it has covered now.
- What is in a log and not folded is as old as the broker's stamp on it.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from kafka import KafkaConsumer
from prometheus_client.parser import text_string_to_metric_families

from hub.core.books import Books, mark
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.errors import MachineError, UsageError
from hub.core.reconcile import End, Line, reconcile
from hub.core.topics import quiet, sources
from hub.edge import kafka, keyring, topics
from hub.edge.metrics import PREFIX
from hub.edge.settings import Home, Settings

PAGE_SECONDS = 3.0
PAGE_BYTES_MAX = 16 << 20
AGAIN_SECONDS = 2.5
"""Workers show themselves once a second."""
_NAMES = ("position_", "settled_", "covered_", "rows_", "facts_", "messages_", "lane_")
_WHOLE = ("cut_held",)


def look(
    settings: Settings, catalogue: Catalogue, workers: Sequence[str] = ()
) -> list[Line]:
    """Every equation as it stands now.

    Args:
        settings: Of the hub.
        catalogue: Its catalogue.
        workers: Addresses of metrics; none: the workers of the hub in the home.

    Raises:
        MachineError: No hub runs in the home, or a worker that was named is not there.
        RetriableError: The brokers do not answer.
    """

    def once() -> list[Line]:
        books = pages(workers) if workers else files(settings.home)
        ends = _ends(settings, catalogue, books)
        return reconcile(catalogue, books, ends, time.time_ns() // 1_000_000)

    return _sure(once)


def glance(home: Home, catalogue: Catalogue) -> list[Line]:
    """The same without the brokers: what is late between the stages."""
    return _sure(
        lambda: reconcile(catalogue, files(home), {}, time.time_ns() // 1_000_000)
    )


def _sure(once: Callable[[], list[Line]]) -> list[Line]:
    """Look again where a quiet dataflow is late.

    Marks have no order, and workers do not show theirs at one moment: what came between
    two of them looks late once, and never twice.
    """
    lines = once()
    if not any(line.quiet and line.differences for line in lines):
        return lines
    time.sleep(AGAIN_SECONDS)
    return once()


def files(home: Home) -> Books:
    """What the workers of the hub in this home wrote last.

    Raises:
        MachineError: No hub runs there.
    """
    said = home.running()
    if said is None:
        raise MachineError(
            f"no hub runs in {home.root}: start one with `kerwen up`, or name the "
            "addresses of its workers with --workers"
        )
    books = Books()
    for worker in said.get("workers", ()):
        _enter(books, _account(home.run / f"{worker['name']}.json"))
    return books


def pages(addresses: Iterable[str]) -> Books:
    """What workers show at these addresses.

    Raises:
        UsageError: An address is none.
        MachineError: A worker does not answer.
    """
    books = Books()
    for address in addresses:
        _enter(books, _page(address))
    return books


def _account(path: Path) -> str:
    """The account in a run file; empty where there is none (yet)."""
    try:
        return str(json.loads(path.read_text("utf-8")).get("account", ""))
    except (OSError, ValueError):
        return ""


def _page(address: str) -> str:
    host, _, port = address.strip().rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"--workers: {address!r} is not host:port")
    connection = http.client.HTTPConnection(host, int(port), timeout=PAGE_SECONDS)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read(PAGE_BYTES_MAX).decode()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise MachineError(
            f"the worker at {address} does not answer ({type(error).__name__}); "
            "`kerwen status` shows workers"
        ) from error
    finally:
        connection.close()


def _enter(books: Books, text: str) -> None:
    for family in text_string_to_metric_families(text):
        name = family.name.removeprefix(PREFIX)
        if name in _WHOLE or name.startswith(_NAMES):
            for sample in family.samples:
                if "source" in sample.labels:
                    books.enter(name, sample.labels, sample.value)


def _ends(settings: Settings, catalogue: Catalogue, books: Books) -> dict[str, End]:
    """Where the logs end, and how long what is not folded has been there."""
    places = sources(catalogue, Domain.NONE)
    hidden = quiet(catalogue)
    uuids: dict[str, bytes] = {}
    names = sorted({topic for topic, _ in places if topic in hidden})
    if names:
        registry = keyring.registry(settings.home.root)
        uuids = topics.logs(settings, "audit", names, registry)
    found: dict[str, End] = {}
    now_ms = time.time_ns() // 1_000_000
    with kafka.consumer(settings, "audit") as client:
        extents = kafka.extents(client, places)
        for topic, partition in places:
            name, extent = f"{topic}/{partition}", extents[topic, partition]
            end = End(last=extent.end - 1)
            if topic in hidden:
                end = replace(end, mark=mark(uuids[topic], end.last))
                waits = books.at("position_mark", name) != end.mark
                first = end.last
            else:
                position = books.at("position_offset", name)
                first = 0 if position is None else position + 1
                waits = first <= end.last
            first = max(first, extent.start)
            if waits and first <= end.last:
                since = now_ms - _stamped(client, topic, partition, first)
                end = replace(end, since_ms=since)
            found[name] = end
    return found


def _stamped(client: KafkaConsumer, topic: str, partition: int, offset: int) -> int:
    """The append time of a message."""
    for record in kafka.records(client, topic, partition, offset, offset + 1):
        return int(record.timestamp)
    return 0
