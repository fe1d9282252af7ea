"""W1 as a stage of Kerwen: columns from the container to the cell.

Run as a process, ``kerwen_worker.py <name> <input> <output> <last offset>``; settings
come from the environment, like any worker's. Nothing of the runtime is changed: the
only hook notes when the last batch of every partition was written.
"""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from data import GROUPS
from work import PARTITIONS, ROWS, SCHEMA, SECRET, began, seal, unseal

from agents.partition import Partition
from agents.worker import Plan, run
from hub.core import avro
from hub.core.guard import Position
from hub.core.identity.hashing import keyed
from hub.core.log import Incoming, Send, Source
from hub.core.stage import Result
from hub.core.state import Overlay
from hub.edge.settings import from_environment

INFLATED_BYTES_MAX = 4 << 20
CELL = b"c"
SEEN = b"r"
CELLS_SCHEMA = (
    '{"type":"record","name":"cells","fields":[{"name":"cell","type":["null","string"]}'
    ',{"name":"n","type":["null","long"]}]}'
)
_COUNT = struct.Struct(">q")
_PERSON = [pl.col("document"), pl.col("birth_date").to_physical()]


class W1:
    """Decrypt, decode, two pseudonyms, dedupe, five counts; a block of changed cells.

    State: ``r`` and the record's pseudonym → the person's; ``c`` and a cell → count.
    """

    def __init__(self, name: str, output: str) -> None:
        self.name = name
        self._output = output
        self._begun = False

    def step(
        self, overlay: Overlay, _source: Source, messages: Sequence[Incoming]
    ) -> Result:
        """See :class:`hub.core.stage.Stage`."""
        if not self._begun and messages[-1].offset:
            self._begun = True
            began()
        frames = [
            avro.frame(
                unseal(message.value),
                SCHEMA,
                rows_max=ROWS,
                bytes_max=INFLATED_BYTES_MAX,
            )
            for message in messages
            if message.offset  # the genesis record holds no rows
        ]
        if not frames:
            return Result()
        rows = pl.concat(frames).with_columns(
            record_key=keyed(SECRET, "record", [pl.col("record")]),
            person_key=keyed(SECRET, "person", _PERSON),
        )
        cells = _count(overlay, _fresh(overlay, rows))
        value = seal(avro.container(cells, CELLS_SCHEMA))
        send = Send(topic=self._output, partition=0, key=None, value=value)
        return Result(sends=[send])


def _fresh(overlay: Overlay, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows whose records were never seen; from now on they were."""
    rows = rows.unique("record_key", keep="first", maintain_order=True)
    keys = [SEEN + key for key in rows["record_key"].to_list()]
    found = overlay.get_many(keys)
    for key, person, before in zip(keys, rows["person_key"], found, strict=True):
        if before is None:
            overlay.put(key, person)
    return rows.filter(pl.Series([before is None for before in found]))


def _count(overlay: Overlay, rows: pl.DataFrame) -> pl.DataFrame:
    """Add the rows to all cells; the cells that changed, with their new counts."""
    found = pl.concat(
        rows.lazy()
        .group_by([part.alias(f"p{n}") for n, part in enumerate(parts)])
        .agg(n=pl.len().cast(pl.Int64))
        .select(
            pl.concat_str(
                [pl.lit(letter), *(f"p{n}" for n in range(len(parts)))], separator="|"
            ).alias("cell"),
            "n",
        )
        for letter, parts in GROUPS.items()
    ).collect()
    keys = [CELL + cell.encode() for cell in found["cell"]]
    before = [_COUNT.unpack(old)[0] if old else 0 for old in overlay.get_many(keys)]
    changed = found.with_columns(pl.col("n") + pl.Series(before, dtype=pl.Int64))
    for key, count in zip(keys, changed["n"], strict=True):
        overlay.put(key, _COUNT.pack(count))
    return changed


def _watch(last: int) -> None:
    """Note when the batch of the last message of the last partition was written."""
    stored, done = Partition.stored, set()

    def watched(self: Partition, position: Position) -> None:
        stored(self, position)
        if position.offset == last:
            done.add(self.tp)
            if len(done) == PARTITIONS:
                file = Path(os.environ["W1_FOLDER"]) / "done"
                file.write_text(str(time.monotonic()), "ascii")

    Partition.stored = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    _, name, given, output, last = sys.argv
    _watch(int(last))
    run(W1(name, output), from_environment(), Plan(inputs=[given]))
