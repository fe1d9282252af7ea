"""W1 with Quix Streams: one event a message, state on RocksDB with changelog.

Run as ``quix_worker.py <group> <topic>`` in the peers' environment. All events of a
partition bear one key, so that its whole state is in one place and nothing has to be
grouped again: five repartition topics would be many times slower.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter

from confluent_kafka import Consumer, TopicPartition
from quixstreams import Application, State
from quixstreams.kafka import ConnectionConfig
from work import PARTITIONS, began, fold_in, write_counts

PKI = os.environ["W1_PKI"]
TLS = {
    "bootstrap.servers": os.environ["W1_BOOTSTRAP"],
    "security.protocol": "ssl",
    "ssl.ca.location": f"{PKI}/ca.pem",
    "ssl.certificate.location": f"{PKI}/w1.pem",
    "ssl.key.location": f"{PKI}/w1.pem",
}
begun = False


def fold(value: bytes, state: State) -> None:
    """Count the event if its record is new."""
    global begun  # noqa: PLW0603 - once a process
    if not begun:
        begun = True
        began()
    record, person, cells = fold_in(value)
    key = record.hex()
    if state.exists(key):
        return
    state.set_bytes(key, person)
    for cell in cells:
        state.set(cell, state.get(cell, 0) + 1)


def changelog(topic: str) -> None:
    """Read back what was made durable, the last value of every key."""
    reader = Consumer({**TLS, "group.id": "w1-none", "enable.partition.eof": False})
    places = [TopicPartition(topic, number, 0) for number in range(PARTITIONS)]
    left = sum(reader.get_watermark_offsets(place)[1] for place in places)
    reader.assign(places)
    seen: set[tuple[int, bytes]] = set()
    last: dict[tuple[int, str], int] = {}
    while left:
        messages = reader.consume(10_000, timeout=10)
        if not messages:
            raise TimeoutError(topic)
        left -= len(messages)
        for message in messages:
            key = message.key().partition(b"|")[2]
            if b"|" in key:
                last[message.partition(), json.loads(key)] = json.loads(message.value())
            else:
                seen.add((message.partition(), key))
    reader.close()
    cells: Counter[str] = Counter()
    for (_, cell), count in last.items():
        cells[cell] += count
    write_counts(len(seen), dict(cells))


def main() -> None:
    """Run until told to stop, then report."""
    _, group, topic = sys.argv
    app = Application(
        ConnectionConfig.from_librdkafka_dict(TLS),
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_interval=1.0,
        state_dir=os.environ["W1_FOLDER"] + "/quix",
        loglevel="WARNING",
    )
    events = app.topic(topic, key_deserializer="bytes", value_deserializer="bytes")
    app.dataframe(events).update(fold, stateful=True)
    app.run()
    changelog(f"changelog__{group}--{topic}--default")


if __name__ == "__main__":
    main()
