"""One step of the stage: messages of one domain folded into a desk, one by one.

Rules (design: delivery, rules 5, 6 and 8):

- A block that begins beyond what was covered is a gap: it is not applied, its source is
  named, and it comes again from a healthy writer. One that is covered is dropped.
- Every block is opened, and so authenticated, before anything in it is believed.
- A source that waits behind a marker is held, and goes on when the marker is complete.

State, besides that of the ledger, the register, the diary, markers and coverage: ``g``
→ bundle, generation and clock of the newest block, and the sources with a gap.

Bound: a message releases held rows until :data:`RELEASE_ROWS` is exceeded; what is left
goes on with the messages that follow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import ormsgpack
import polars as pl

from hub.core import blocks, coverage, topics
from hub.core.blocks import InternalKey
from hub.core.dedupe.changes import Changes
from hub.core.dedupe.desk import Desk
from hub.core.dedupe.flows import Flow
from hub.core.dedupe.ledger import OUTCOMES, Batch
from hub.core.dedupe.people import resolve
from hub.core.dedupe.statements import Diary, Tell
from hub.core.errors import InvalidError
from hub.core.log import Coordinate, Incoming
from hub.core.markers import Alignment
from hub.core.messages import (
    Block,
    BlockHeader,
    Genesis,
    Section,
    decode,
    decode_as,
)
from hub.core.persons import Rules
from hub.core.stage import Series
from hub.core.state import Overlay

GENERAL = b"g"
RELEASE_ROWS = 200_000

Skips = Mapping[bytes, frozenset[tuple[bytes, str]]]
"""Signed skips by the bundle that holds them: digest -> {(marker, topic/partition)}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the steps of one domain share.

    Attributes:
        flows: Dataflows that may come, by id.
        expected: Sources every marker has to come from, as ``topic/partition``.
        quiet: Nothing is counted aloud about persons of this domain.
        rules: How its persons are joined.
        key: The key of the arrow from intake.
    """

    flows: Mapping[str, Flow]
    expected: frozenset[str]
    quiet: bool
    rules: Rules
    key: InternalKey = field(repr=False)
    skips: Skips


class Step:
    """One call of the stage; `take` every message, then read the results."""

    def __init__(self, setting: Setting, overlay: Overlay, before: Coordinate) -> None:
        self._setting = setting
        self._desk = Desk(overlay)
        self._alignment = Alignment(self._desk, setting.expected)
        self.changes = Changes(setting.flows, before)
        self.counts: Counter[Series] = Counter()
        self.config, self.generation, self.clock_ms = bytes(32), 0, 0
        self.gaps: set[str] = set()
        stored = self._desk.get(GENERAL)
        if stored is not None:
            general = ormsgpack.unpackb(stored)
            self.config, self.generation, self.clock_ms, gaps = general
            self.gaps = set(gaps)
        self.changes.clock_ms = self.clock_ms

    def open_diary(self, tell: Tell) -> None:
        """Statements that fall due from now on go to `tell`."""
        self._diary = Diary(self._desk, tell)

    def gauges(self, topic: str) -> dict[Series, float]:
        """What is held back in this domain, and for whom markers wait."""
        label = ("source", topic)
        gauges: dict[Series, float] = {
            ("held_messages", (label,)): self._alignment.held
        }
        waiting = self._alignment.waiting
        if waiting or self._alignment.changed:
            awaited = Counter(name for names in waiting.values() for name in names)
            for name in sorted(self._setting.expected):
                ministry, flow = topics.parse_ministry(name.rpartition("/")[0])
                labels = (("dataflow", flow), ("ministry", ministry), label)
                held = gauges.get(("close_waits", labels), 0)
                gauges["close_waits", labels] = held + awaited[name]
        return gauges

    def take(self, message: Incoming) -> None:
        """Fold one message."""
        self.changes.begin(message.offset)
        value = decode(message.value)
        if isinstance(value, Block):
            header, sections = blocks.open(value, self._setting.key)
            after = self._admit(header)
            if after is not None:
                self._note(header)
                if self._alignment.free(header.source.name):
                    self._handle(header, sections, after)
                else:
                    held = ormsgpack.packb((after.offset, after.row, message.value))
                    self._alignment.hold(header.source.name, held)
                self._release()
        elif isinstance(value, Genesis):
            self.generation = value.generation
        self.changes.end()

    def finish(self) -> None:
        """Write everything into the overlay."""
        self._diary.save()
        self._alignment.save()
        general = (self.config, self.generation, self.clock_ms, sorted(self.gaps))
        self._desk.put(GENERAL, ormsgpack.packb(general))
        self._desk.flush()

    def _admit(self, header: BlockHeader) -> Coordinate | None:
        """After which coordinate the block counts, None if it does not."""
        verdict = coverage.admit(self._desk, header)
        name = header.source.name
        if verdict.action == "gap":
            self.gaps.add(name)
            return None
        if verdict.action == "covered":
            self._count("blocks_total", outcome="covered")
            return None
        self.gaps.discard(name)
        coverage.advance(self._desk, header)
        return verdict.after

    def _note(self, header: BlockHeader) -> None:
        self.config, self.generation = header.config, header.generation
        self.clock_ms = max(self.clock_ms, header.clock_ms)
        self.changes.clock_ms = self.clock_ms
        self._diary.clock(self.clock_ms)
        self._alignment.skip(self._setting.skips.get(header.config, frozenset()))

    def _handle(
        self, header: BlockHeader, sections: list[Section], after: Coordinate
    ) -> int:
        """Fold a block that waits for nothing; how many rows it had."""
        name = header.source.name
        if header.kind == "close":
            close, _ = blocks.close_of(sections)
            for _ in self._alignment.mark(name, close):
                self._count("markers_total", outcome="void")
            return 0
        count = 0
        for section in sections:
            flow = self._setting.flows.get(section.name)
            if flow is None:
                raise InvalidError(f"{name}: no dataflow {section.name} in this domain")
            rows = blocks.rows(section, flow.records)
            if header.start < after:
                rows = coverage.unseen(rows, after)
            if rows.height:
                self._fold(flow, rows, header)
            count += rows.height
        return count

    def _fold(self, flow: Flow, rows: pl.DataFrame, header: BlockHeader) -> None:
        batch = Batch(self._desk, rows)
        accepted = batch.accept()
        if accepted:
            batch.apply(accepted, flow.blobs(rows, accepted))
            fold, persons = resolve(self._desk, rows, batch, self._setting.rules)
            self.changes.fold(flow, fold, header.clock_ms)
            self._count_persons(persons)
        ministry, _ = topics.parse_ministry(header.source.topic)
        places = rows["origin_offset"].to_numpy(), rows["origin_row"].to_numpy()
        self._diary.note(ministry, header.source, batch.turn.outcomes, places)
        if not flow.quiet:
            for kind, count in Counter(batch.turn.outcomes).items():
                self._count(
                    "rows_total",
                    count,
                    ministry=ministry,
                    dataflow=flow.id,
                    outcome=OUTCOMES[kind],
                )

    def _count_persons(self, persons: Counter[str]) -> None:
        if not self._setting.quiet:
            for word, count in persons.items():
                self._count("persons_total", count, outcome=word)

    def _release(self) -> None:
        """Emit complete closes and go on with what they held back."""
        rows = 0
        while True:
            close = self._alignment.complete()
            if close is not None:
                self.changes.close(close)
                self._diary.tell_all()
                self._count("markers_total", outcome="complete")
                continue
            held = self._alignment.next() if rows < RELEASE_ROWS else None
            if held is None:
                return
            offset, row, value = ormsgpack.unpackb(held[1])
            block = decode_as(Block, value)
            header, sections = blocks.open(block, self._setting.key)
            rows += self._handle(header, sections, Coordinate(offset=offset, row=row))

    def _count(self, name: str, count: int = 1, **labels: str) -> None:
        if count:
            self.counts[name, tuple(sorted(labels.items()))] += count
