"""W1 as the Faust guide writes it: one event a message, tables on RocksDB.

Run as ``faust_worker.py <group> <topic>`` in the peers' environment.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections import Counter
from typing import Any

import faust
from work import PARTITIONS, asked, began, fold_in, write_counts

_, GROUP, TOPIC = sys.argv
PKI = os.environ["W1_PKI"]

tls = ssl.create_default_context(cafile=f"{PKI}/ca.pem")
tls.load_cert_chain(f"{PKI}/w1.pem")
app = faust.App(
    GROUP,
    broker=f"kafka://{os.environ['W1_BOOTSTRAP']}",
    broker_credentials=faust.SSLCredentials(context=tls),
    broker_commit_interval=1.0,
    store="rocksdb://",
    datadir=os.environ["W1_FOLDER"] + "/faust",
    topic_partitions=PARTITIONS,
    topic_replication_factor=1,
    topic_disable_leader=True,
    web_enabled=False,
)
events = app.topic(TOPIC, key_serializer="raw", value_serializer="raw")
seen = app.Table("seen")
groups = [app.Table(f"group-{letter}", default=int) for letter in "abcde"]


@app.agent(events)
async def fold(stream: Any) -> None:
    """Count every event whose record is new."""
    first = True
    async for value in stream:
        if first:
            first = False
            began()
        record, person, cells = fold_in(value)
        key = record.hex()  # the default of tables is JSON
        if key in seen:
            continue
        seen[key] = person.hex()
        for table, cell in zip(groups, cells, strict=True):
            table[cell] += 1


@app.task
async def report() -> None:
    """Write what is in the tables once somebody asks."""
    while not asked():  # noqa: ASYNC110 - the asker is another process
        await asyncio.sleep(0.2)
    # A cell is counted in each partition; items() yields it once for each.
    cells: Counter[str] = Counter()
    for table in groups:
        for cell, count in table.items():
            cells[cell] += count
    write_counts(sum(1 for _ in seen.keys()), dict(cells))  # noqa: SIM118 - no len


if __name__ == "__main__":
    faust.Worker(app, loglevel="WARNING", quiet=True).execute_from_commandline()
