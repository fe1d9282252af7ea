"""Topics of W1: the same records as batches and as events, and who may use them."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import replace

import polars as pl
from contenders import HERE, KERWEN, PEERS
from data import expected, records
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)
from work import PARTITIONS, ROWS, SCHEMA, seal

from hub.core import avro
from hub.core.log import Send
from hub.core.messages import Genesis, encode
from hub.edge import kafka
from hub.edge.settings import Settings

TURNS_MAX = 10


def topic_of(contender: str, rows: int) -> str:
    """Kerwen reads batches, the others events."""
    return f"w1.{'batches' if contender == KERWEN else 'events'}.{rows}"


def fill(settings: Settings, sizes: Mapping[str, int]) -> dict[int, dict[str, object]]:
    """Make and fill all topics; what has to be counted, by number of records."""
    names = {topic_of(contender, rows) for contender, rows in sizes.items()}
    shape = {"num_partitions": PARTITIONS, "replication_factor": -1}
    with kafka.admin(settings) as client:
        client.create_topics(
            dict.fromkeys(names, shape) | {"w1.cells": {**shape, "num_partitions": 1}},
            wait_for_metadata=True,
        )
        client.create_acls(_permissions())
    rows = records(max(sizes.values()))
    _fill_batches(settings, rows.head(sizes.get(KERWEN, 0)))
    file = settings.home.root / "rows.avro"
    file.write_bytes(avro.container(rows, SCHEMA, codec="null"))
    for name in sorted(name for name in names if name.startswith("w1.events.")):
        pki_folder, count = settings.home.pki, name.rpartition(".")[2]
        what = [settings.brokers(), pki_folder, file, name, count]
        feeder = [PEERS / "bin/python", HERE / "feed.py"]
        subprocess.run(list(map(str, [*feeder, *what])), check=True)
    file.unlink()
    return {size: expected(rows.head(size)) for size in sizes.values()}


def _fill_batches(settings: Settings, rows: pl.DataFrame) -> None:
    topic = topic_of(KERWEN, rows.height)
    first = Genesis(
        log=uuid.uuid4().bytes,
        topic=topic,
        partition=0,
        partitions=PARTITIONS,
        catalogue=bytes(32),
        generation=1,
        created_ms=0,
        key_id="none",
    )
    values = [
        (number, encode(replace(first, partition=number)))
        for number in range(PARTITIONS)
    ]
    for number, batch in enumerate(rows.iter_slices(ROWS)):
        value = seal(avro.container(batch, SCHEMA))
        values.append((number % PARTITIONS, value))
    with kafka.producer(settings, "admin") as client:
        kafka.send_all(
            client,
            (
                Send(topic=topic, partition=number, key=None, value=value)
                for number, value in values
                if rows.height
            ),
        )


def _permissions() -> list[ACL]:
    """Everything on our own topics and groups, nothing else, for every principal."""
    principals = ["w1", *(f"w1-{KERWEN}-{turn}" for turn in range(TURNS_MAX))]
    return [
        ACL(
            principal=f"User:{principal}",
            host="*",
            operation=ACLOperation.ALL,
            permission_type=ACLPermissionType.ALLOW,
            resource_pattern=ResourcePattern(
                kind, prefix, ACLResourcePatternType.PREFIXED
            ),
        )
        for principal in principals
        for kind, prefix in (
            (ResourceType.TOPIC, "w1"),
            (ResourceType.TOPIC, "changelog__w1"),  # Quix Streams
            (ResourceType.GROUP, "w1"),
        )
    ]
