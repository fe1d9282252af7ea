"""Changes of facts on their way out: numbered, cut into parts, sent to partitions.

Rules (design: delivery, rules 5, 6 and 8):

- The changes of one batch are in this order: what is retracted, by dataflow and record
  key; the rows that count, as they came; facts that begin without a row, by dataflow
  and record key. In one message they are numbered from 1 on. A close that completes
  takes the number 0, or the next one if rows were released before it.
- A message that releases more than one step may goes on in the next one, and its
  numbers with it.
- A fact goes to the partition of its person, and a retraction after it to the same.
- Every partition gets every part, also where nothing changed.

Invariant: the changes up to any message are the difference of the active facts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from hub.core import blocks
from hub.core.blocks import Part
from hub.core.dedupe.flows import Flow, dataflow_in
from hub.core.ending import Ending
from hub.core.log import PARTITIONS_FACTS, ROW_LAST, Coordinate

PERSON_SIZE = 16
LAST_BYTE = 3
assert 256 % PARTITIONS_FACTS == 0  # noqa: S101 - so one byte decides the partition

Fact = tuple[bytes, bytes, bytes]
"""Record, person, blob."""


@dataclass(slots=True, kw_only=True)
class Fold:
    """What one batch of rows changes.

    Attributes:
        minus: Facts that end.
        rows: The rows whose facts begin, in order.
        persons: Their persons.
        plus: Facts that begin and have no row here.
    """

    minus: list[Fact]
    rows: pl.DataFrame = field(repr=False)
    persons: list[bytes]
    plus: list[Fact]


def partition_of(person: bytes) -> int:
    """The facts partition of a person."""
    return int.from_bytes(person[: LAST_BYTE + 1], "big") % PARTITIONS_FACTS


class Changes:
    """The changes of one step; `rows` says how many there are, by dataflow."""

    def __init__(self, start: Coordinate) -> None:
        self._covered = self._reached = start
        self._offset = start.offset
        self._next = 1
        self._frames: dict[str, list[pl.DataFrame]] = {}
        self._parts: list[list[Part]] = [[] for _ in range(PARTITIONS_FACTS)]
        self.rows: Counter[str] = Counter()
        self.clock_ms = 0

    @property
    def reached(self) -> Coordinate:
        """Up to where changes were made."""
        return self._reached

    @property
    def place(self) -> tuple[int, int]:
        """The message under way and the number of its next change."""
        return self._offset, self._next

    def label(self, config: bytes, flows: Mapping[str, Flow]) -> None:
        """Go on under a bundle and with its dataflows."""
        if self._frames:
            self._cut(self._reached)
        self._config = config
        self._flows = flows

    def begin(self, offset: int, number: int = 0) -> None:
        """Go on to the message at `offset`, or with what is left of it."""
        self._offset = offset
        self._next = number

    def fold(self, flow: Flow, fold: Fold, clock_ms: int) -> None:
        """Add the changes of a batch."""
        self._next = max(self._next, 1)
        self._add(fold.minus, -1, clock_ms)
        if fold.persons:
            persons = pl.Series("person", fold.persons, pl.Binary)
            self._keep(flow, fold.rows.hstack([persons]), 1)
        self._add(fold.plus, 1, clock_ms)
        if self._next > 1:
            self._reached = Coordinate(offset=self._offset, row=self._next - 1)

    def close(self, ending: Ending) -> None:
        """Add a cut that is complete, or void: what is before it belongs to it."""
        if self._frames:
            self._cut(self._reached)
        at = Coordinate(offset=self._offset, row=self._next)
        part = Part(
            kind="close",
            to=at,
            clock_ms=self.clock_ms,
            close=ending.close,
            void=ending.void,
            absent=ending.absent,
            config=ending.config,
        )
        for parts in self._parts:
            parts.append(part)
        self._covered = self._reached = at
        self._next += 1

    def end(self) -> None:
        """The message is done; the next one comes after all of it."""
        self._reached = Coordinate(offset=self._offset, row=ROW_LAST)

    def seal(
        self, seal: Callable[[Sequence[Part]], list[bytes]]
    ) -> list[tuple[int, bytes]]:
        """The blocks for every partition: (partition, value)."""
        if self._covered < self._reached:
            self._cut(self._reached)
        return [
            (partition, value)
            for partition, parts in enumerate(self._parts)
            for value in seal(parts)
        ]

    def _add(self, facts: list[Fact], sign: int, clock_ms: int) -> None:
        groups: dict[str, list[Fact]] = {}
        for fact in sorted(facts):
            groups.setdefault(dataflow_in(fact[2]), []).append(fact)
        for name in sorted(groups):
            flow, group = self._flows[name], groups[name]
            frame = flow.facts_of([blob for _, _, blob in group]).hstack(
                [
                    pl.Series("clock_ms", [clock_ms], pl.Int64).new_from_index(
                        0, len(group)
                    ),
                    pl.Series("record", [record for record, _, _ in group], pl.Binary),
                    pl.Series("person", [person for _, person, _ in group], pl.Binary),
                ]
            )
            self._keep(flow, frame, sign)

    def _keep(self, flow: Flow, frame: pl.DataFrame, sign: int) -> None:
        first, self._next = self._next, self._next + frame.height
        numbers = {
            "origin_offset": pl.lit(self._offset, pl.Int64).alias("origin_offset"),
            "origin_row": pl.int_range(first, self._next, dtype=pl.Int32).alias(
                "origin_row"
            ),
            "sign": pl.lit(sign, pl.Int32).alias("sign"),
        }
        numbered = frame.select(numbers.get(name, pl.col(name)) for name in flow.types)
        self.rows[flow.id] += frame.height
        self._frames.setdefault(flow.id, []).append(numbered)

    def _cut(self, to: Coordinate) -> None:
        """End the part under way at `to`."""
        sections: list[list[blocks.Table]] = [[] for _ in range(PARTITIONS_FACTS)]
        for name in sorted(self._frames):
            frame, schema = pl.concat(self._frames[name]), self._flows[name].facts
            places = _partitions(frame["person"])
            for partition in range(PARTITIONS_FACTS):
                chosen = frame.filter(places == partition)
                if chosen.height:
                    sections[partition].append((name, chosen, schema))
        self._frames = {}
        self._covered = to
        for parts, tables in zip(self._parts, sections, strict=True):
            parts.append(
                Part(
                    kind="rows",
                    to=to,
                    clock_ms=self.clock_ms,
                    sections=tuple(tables),
                    config=self._config,
                )
            )


def _partitions(persons: pl.Series) -> pl.Series:
    table = np.frombuffer(b"".join(persons.to_list()), np.uint8)
    last = table.reshape(-1, PERSON_SIZE)[:, LAST_BYTE]
    return pl.Series(last % PARTITIONS_FACTS)
