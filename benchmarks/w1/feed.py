"""Puts the records of a file into a topic, one sealed event a message.

Run as ``feed.py <bootstrap> <certificates> <file> <topic> <count>`` in the peers'
environment, whose producer is the fastest that Python has.
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import fastavro
from confluent_kafka import KafkaException, Producer
from work import PARTITIONS, ROWS, encode, seal


def main() -> None:
    """Send all, wait for every acknowledgement."""
    bootstrap, pki, file, topic, count = sys.argv[1:]
    client = Producer(
        {
            "bootstrap.servers": bootstrap,
            "security.protocol": "ssl",
            "ssl.ca.location": f"{pki}/ca.pem",
            "ssl.certificate.location": f"{pki}/w1.pem",
            "ssl.key.location": f"{pki}/w1.pem",
            "acks": "all",
            "linger.ms": 50,
            "queue.buffering.max.messages": 200_000,
        }
    )
    failed: list[object] = []

    def told(error: object, _message: object) -> None:
        if error is not None:
            failed.append(error)

    with Path(file).open("rb") as rows:
        for number, row in enumerate(islice(fastavro.reader(rows), int(count))):
            partition = number // ROWS % PARTITIONS
            value, key = seal(encode(row)), b"%d" % partition
            while True:
                try:
                    client.produce(topic, value, key, partition, on_delivery=told)
                    break
                except BufferError:
                    client.poll(0.1)
            if number % ROWS == 0:
                client.poll(0)
    if client.flush(120) or failed:
        raise KafkaException(*failed[:1])


if __name__ == "__main__":
    main()
