"""One step of the stage: messages of one domain folded into a desk, one by one.

Rules (design: delivery, rules 5, 6 and 8):

- A block that begins beyond what was covered is a gap: it is not applied, its source is
  named, and it comes again from a healthy writer. One that is covered is dropped.
- Every block is opened, and so authenticated, before anything in it is believed.
- A source that waits behind a marker is held, and goes on when the marker is complete.
- The newest bundle that any block names is the one in force here.
- Of a message that a signed skip sets aside only the coverage counts.

State, besides that of the ledger, the register, the diary, markers and coverage: the
entry of :mod:`hub.core.dedupe.setting`.

Bounds, because every row of a step has a dozen pending entries:

- A step takes no further message once it has folded :data:`STEP_ROWS`.
- It releases held rows until :data:`RELEASE_ROWS` is reached; what is left of the
  message is the next step's first work. No later message is looked at before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import ormsgpack
import polars as pl

from hub.core import blocks, coverage, topics
from hub.core.blocks import InternalKey
from hub.core.bundle import NONE, Books
from hub.core.dedupe.changes import Changes
from hub.core.dedupe.desk import Desk
from hub.core.dedupe.flows import Flow
from hub.core.dedupe.ledger import OUTCOMES, Batch
from hub.core.dedupe.people import resolve
from hub.core.dedupe.setting import GENERAL, Setting, alignment
from hub.core.dedupe.statements import Diary, Tell
from hub.core.errors import InvalidError
from hub.core.log import ROW_LAST, Coordinate, Incoming
from hub.core.messages import (
    Block,
    BlockHeader,
    Genesis,
    Section,
    decode,
    decode_as,
)
from hub.core.stage import Series
from hub.core.state import Overlay

STEP_ROWS = 8_000
RELEASE_ROWS = 8_000


class Step:
    """One call of the stage; `run` it over messages, then read the results."""

    def __init__(
        self,
        books: Books[Setting],
        overlay: Overlay,
        key: InternalKey,
        messages: Sequence[Incoming],
    ) -> None:
        self._books = books
        self._key = key
        self._desk = Desk(overlay)
        self._alignment = alignment(self._desk, books)
        self.counts: Counter[Series] = Counter()
        self.config, self.generation, self.clock_ms = NONE, 0, 0
        self.gaps: set[str] = set()
        self._owing: tuple[int, ...] = ()
        self._rows = self._released = 0
        stored = self._desk.get(GENERAL)
        if stored is not None:
            general = ormsgpack.unpackb(stored)
            self.config, self.generation, self.clock_ms, gaps, owing = general
            self.gaps, self._owing = set(gaps), tuple(owing)
        self.start = self._begin(messages)
        self.changes = Changes(self.start)
        self.changes.clock_ms = self.clock_ms
        self._setting = books.of(self.config)
        self.changes.label(self.config, self._setting.flows)

    @property
    def setting(self) -> Setting:
        """What is in force."""
        return self._setting

    @property
    def more(self) -> bool:
        """Whether the last message has more to release."""
        return bool(self._owing)

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
            awaited = Counter(
                name for one in waiting if one.close for name in one.sources
            )
            for name in sorted(self._setting.expected):
                ministry, flow = topics.parse_ministry(name.rpartition("/")[0])
                labels = (("dataflow", flow), ("ministry", ministry), label)
                held = gauges.get(("close_waits", labels), 0)
                gauges["close_waits", labels] = held + awaited[name]
        return gauges

    def run(self, messages: Sequence[Incoming]) -> int:
        """Fold messages; how many were taken, the last one perhaps not to its end."""
        if self._owing:
            offset, number = self._owing[:2]
            self.changes.begin(offset, number)
            if not self._finish():
                return 0
        for taken, message in enumerate(messages, 1):
            self.changes.begin(message.offset)
            self._take(message)
            if not self._finish() or self._rows >= STEP_ROWS:
                return taken
        return len(messages)

    def close(self) -> None:
        """Write everything into the overlay."""
        for name, count in self.changes.rows.items():
            if not self._setting.flows[name].quiet:
                self._count("facts_total", count, dataflow=name)
        self._diary.save()
        # What tells a ministry knows this step: kept, the two would hold each other and
        # every pending entry until the collector comes round, hundreds of megabytes on.
        del self._diary
        self._alignment.save()
        general = (
            self.config,
            self.generation,
            self.clock_ms,
            sorted(self.gaps),
            self._owing,
        )
        self._desk.put(GENERAL, ormsgpack.packb(general))
        self._desk.flush()

    def _begin(self, messages: Sequence[Incoming]) -> Coordinate:
        """After which coordinate this step's outputs begin."""
        if self._owing:
            return Coordinate(offset=self._owing[2], row=self._owing[3])
        return Coordinate(offset=messages[0].offset - 1, row=ROW_LAST)

    def _finish(self) -> bool:
        """Release what the message under way frees; false if there is more of it."""
        if self._release():
            self.changes.end()
            self._owing = ()
            return True
        reached = self.changes.reached
        self._owing = (*self.changes.place, reached.offset, reached.row)
        return False

    def _take(self, message: Incoming) -> None:
        value = decode(message.value)
        if isinstance(value, Genesis):
            self.generation = value.generation
        if not isinstance(value, Block):
            return
        if message.aside:
            self._admit(decode_as(BlockHeader, value.header))
            self._count("blocks_total", outcome="aside")
            return
        header, sections = blocks.open(value, self._key)
        after = self._admit(header)
        if after is None:
            return
        self._note(header)
        if self._alignment.free(header.source.name):
            self._handle(header, sections, after)
        else:
            self._alignment.hold(header.source.name, after, message.value)

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
        self.generation = header.generation
        self.clock_ms = max(self.clock_ms, header.clock_ms)
        self.changes.clock_ms = self.clock_ms
        self._diary.clock(self.clock_ms)
        newer = self._books.newer(self.config, header.config)
        if newer != self.config:
            self._setting = self._books.of(newer)
            self._alignment.join(self.config, newer, self.clock_ms)
            self.config = newer
            self.changes.label(newer, self._setting.flows)
        self._alignment.skip(self._setting.skips)

    def _handle(
        self, header: BlockHeader, sections: list[Section], after: Coordinate
    ) -> int:
        """Fold a block that waits for nothing; how many rows it had."""
        name = header.source.name
        self._alignment.reached(name, header.config)
        if header.kind == "close":
            close, _ = blocks.close_of(sections)
            clock_ms = header.clock_ms
            for void in self._alignment.mark(name, close, header.config, clock_ms):
                self.changes.close(void)
                self._count("markers_total", outcome="void")
            self._alignment.skip(self._setting.skips)
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
        self._rows += count
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

    def _release(self) -> bool:
        """Emit complete cuts and go on with what they held back; false if it is much.

        How much a step releases moves no coordinate: all of it belongs to the message
        under way.
        """
        while True:
            ending = self._alignment.complete()
            if ending is not None:
                self.changes.close(ending)
                self._diary.tell_all()
                self._count("markers_total", outcome="complete")
                continue
            if self._released >= RELEASE_ROWS:
                return not self._alignment.ready
            held = self._alignment.next()
            if held is None:
                return True
            _, after, value = held
            header, sections = blocks.open(decode_as(Block, value), self._key)
            self._released += self._handle(header, sections, after)

    def _count(self, name: str, count: int = 1, **labels: str) -> None:
        if count:
            self.counts[name, tuple(sorted(labels.items()))] += count
