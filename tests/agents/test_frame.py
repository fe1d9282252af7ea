"""A worker that begins before the brokers do, and one whom its group forgets."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from agents.deadlines import EXIT_START
from agents.frame import BROKER_SECONDS, start

ROOT = Path(__file__).parents[2]


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


FORGOTTEN = """
import sys, time
from agents.frame import make_app
app = make_app("x", bootstrap="127.0.0.1:9", context=None, datadir=sys.argv[1])
app.assignments = 1
app.expect(0.3)
app.assignments += int(sys.argv[2])
time.sleep(1.5)
"""


@pytest.mark.parametrize(("given", "code"), [(0, EXIT_START), (1, 0)])
def test_a_worker_whom_its_group_gives_nothing_more_ends(
    given: int, code: int, tmp_path: Path
) -> None:
    """It let go of its share in a rebalance that never comes to its end."""
    words = [sys.executable, "-c", FORGOTTEN, str(tmp_path), str(given)]
    assert subprocess.run(words, check=False, cwd=ROOT).returncode == code
