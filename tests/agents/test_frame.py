"""A worker that begins before the brokers do."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from agents.frame import BROKER_SECONDS, start


def test_brokers_that_are_not_there_are_looked_for_until_the_deadline() -> None:
    """A port that takes connections and drops them is tried again and again."""
    tries = 0

    async def drop(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        writer.close()

    async def story() -> float:
        server = await asyncio.start_server(drop, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        producer = AIOKafkaProducer(bootstrap_servers=[f"127.0.0.1:{port}"])
        began = time.monotonic()
        with pytest.raises(KafkaConnectionError):
            await start(producer, 2 * BROKER_SECONDS)
        await producer.stop()
        server.close()
        return time.monotonic() - began

    seconds = asyncio.run(story())

    assert tries >= 3
    assert 2 * BROKER_SECONDS <= seconds < 30
