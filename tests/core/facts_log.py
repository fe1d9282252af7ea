"""Facts partitions as logs, and what aggregate sends for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from hub.core import blocks
from hub.core.aggregate import Aggregate
from hub.core.blocks import InternalKey, Part
from hub.core.bundle import NONE, only
from hub.core.catalogue.schemas import facts_schema
from hub.core.ending import Ending
from hub.core.log import ROW_LAST, START, Coordinate, Incoming, Source
from hub.core.messages import Close, Genesis, encode
from hub.core.stage import Result
from hub.core.state import Memory, Overlay
from tests.core import example

CATALOGUE = example.catalogue()
RECORDS = Source(topic="hub.records.MOBILITY", partition=0, log=b"r" * 16)
FACTS = Source(topic="hub.facts.MOBILITY", partition=1, log=b"f" * 16)
FACTS_KEY = InternalKey(key_id="facts-1", secret=b"f" * 32)
CELLS_KEY = InternalKey(key_id="cells-1", secret=b"c" * 32)
STAGE = Aggregate(
    only(CATALOGUE), facts_key=FACTS_KEY, cells_key=CELLS_KEY, entropy=bytes
)
CLOSE = Close(
    marker=b"m" * 16,
    vintage="P",
    tables=(),
    period="2025",
    created_ms=5,
    key_id="control",
)
GENESIS = Genesis(
    log=FACTS.log,
    topic=FACTS.topic,
    partition=1,
    partitions=4,
    catalogue=bytes(32),
    generation=1,
    created_ms=0,
    key_id="control",
)

Message = dict[str, list[dict[str, Any]]] | Close | Ending


def log(
    content: Sequence[Message],
    source: Source = RECORDS,
    *,
    newer: bytes = NONE,
    since: int = 0,
) -> list[Incoming]:
    """A facts partition: genesis, then one block a message from `source`.

    From the message `since` on blocks name the bundle `newer`.
    """
    values = [encode(GENESIS)]
    start = START
    for at, message in enumerate(content):
        to = Coordinate(offset=at, row=ROW_LAST)
        sections = []
        ending = None
        if isinstance(message, Close):
            ending = Ending(close=message, config=newer)
        elif isinstance(message, Ending):
            ending = message
        else:
            for name, rows in message.items():
                frame = example.facts(name, rows)
                frame = frame.with_columns(origin_offset=pl.lit(at, dtype=pl.Int64))
                schema = facts_schema(CATALOGUE.dataflows[name])
                sections.append((name, frame, schema))
        part = Part(
            kind="close" if ending else "rows",
            to=to,
            clock_ms=1000 + at,
            sections=tuple(sections),
            close=ending.close if ending else None,
            void=bool(ending and ending.void),
            absent=ending.absent if ending else (),
            config=ending.config if ending else newer if at >= since else NONE,
        )
        values += blocks.seal(
            [part],
            stage="dedupe",
            source=source,
            start=start,
            config=bytes(32),
            generation=1,
            key=FACTS_KEY,
            entropy=bytes,
        )
        start = to
    return [Incoming(offset=at, time_ms=0, value=v) for at, v in enumerate(values)]


def run(
    incoming: list[Incoming],
    sizes: Sequence[int],
    source: Source = FACTS,
    stage: Aggregate = STAGE,
) -> tuple[Memory, list[Result]]:
    """The partition in chunks of the given sizes, the rest in one."""
    memory, results = Memory(), []
    for size in [*sizes, len(incoming)]:
        chunk, incoming = incoming[:size], incoming[size:]
        if chunk:
            overlay = Overlay(memory)
            results.append(stage.step(overlay, source, chunk))
            memory.apply(overlay.pending)
    return memory, results
