"""Aggregate: one input partition of ``hub.facts.<domain>`` to ``hub.cells``.

State (keys are the letter and what follows; see also snapshot, shares, people):

- ``k`` → clock, generation and configuration of the newest block.

Rules (delivery, rules 5 to 8; docs/data-path.md, "Aggregate"):

- All messages of a chunk are folded together: one look-up and one write a cell.
- Cells go out as absolute values; a row's origin is the fact that changed it last, so
  a stretch sent again in other pieces never hides a change. Between two cuts this view
  may lag after a crash; the snapshot of a cut is exact.
- At a marker everything before it is folded first, then the snapshot of its tables
  goes out, then "complete" with the number of rows.
- A block that begins above what is covered is held and named as a gap.
- Facts are folded under the newest bundle that any block named; a cut is computed
  under its own. Of a message that a signed skip sets aside only the coverage counts.
- A bundle may count what the state has never looked at: a new table over a dataflow
  that has a past. Then the partition is counted anew from the beginning of its log,
  under the newest bundle from the first message on: a change that is live means the
  same for old rows.
- A marker that is void goes on as "complete" without a snapshot, so that release
  forgets it.

Invariant: state after a message is a function of the log, not of the chunks.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from hub.core import blocks, cells, coverage
from hub.core.aggregate import shares, snapshot
from hub.core.aggregate.wholes import Wholes
from hub.core.blocks import InternalKey, Part
from hub.core.bundle import NONE, Books, Bundle, Bundles
from hub.core.catalogue.live import young
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.catalogue.schemas import facts_schema
from hub.core.cut import needed, periods
from hub.core.ending import Ending
from hub.core.errors import RecountError
from hub.core.indicators import batch
from hub.core.indicators.plan import Plan, plans
from hub.core.log import ROW_LAST, Coordinate, Incoming, Send, Source
from hub.core.messages import Block, BlockHeader, Section, decode, decode_as
from hub.core.stage import Result, Series
from hub.core.standing import Standing
from hub.core.state import Overlay, Reader
from hub.core.topics import CELLS, facts_topic

CARRIED = b"k"
_CARRIED = struct.Struct("<qi32s")
ROWS = ROW_LAST + 1
"""`seq` is message offset × ROWS + row: where a fact stands, in one number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """What a bundle says about facts and cells."""

    catalogue: Catalogue
    plans: Mapping[Domain, Sequence[Plan]]
    wholes: Mapping[Domain, Wholes]
    schemas: Mapping[str, str]

    @classmethod
    def of(cls, bundle: Bundle) -> _Book:
        """The book of a bundle."""
        catalogue = bundle.catalogue
        found = {domain: plans(catalogue, domain) for domain in Domain}
        return cls(
            catalogue=catalogue,
            plans=found,
            wholes={domain: Wholes(catalogue, own) for domain, own in found.items()},
            schemas={
                flow.id: facts_schema(flow) for flow in catalogue.dataflows.values()
            },
        )

    def unseen(self, older: _Book, domain: Domain) -> list[str]:
        """Tables of this book that look at rows `older` did not count for them."""
        own = {plan.table.id for plan in self.plans[domain]}
        return [name for name in young(older.catalogue, self.catalogue) if name in own]


@dataclass(slots=True, kw_only=True)
class _Chunk:
    """What one step has gathered and not yet folded."""

    start: Coordinate
    clock_ms: int = 0
    generation: int = 0
    config: bytes = NONE
    facts: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    gaps: dict[str, None] = field(default_factory=dict)
    counts: Counter[Series] = field(default_factory=Counter)


class Aggregate:
    """The stage; one instance serves any number of partitions."""

    name = "aggregate"

    def __init__(
        self,
        bundles: Bundles,
        *,
        facts_key: InternalKey,
        cells_key: InternalKey,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._books = Books(bundles, _Book.of)
        self._facts_key = facts_key
        self._cells_key = cells_key
        self._entropy = entropy
        self._domains = {facts_topic(domain): domain for domain in Domain}

    def step(
        self, overlay: Overlay, source: Source, messages: Sequence[Incoming]
    ) -> Result:
        """See :class:`hub.core.stage.Stage`."""
        domain = self._domains[source.topic]
        chunk = _Chunk(start=Coordinate(offset=messages[0].offset - 1, row=ROW_LAST))
        self._resume(overlay, chunk)
        for message in messages:
            self._take(overlay, domain, chunk, message)
        last = Coordinate(offset=messages[-1].offset, row=ROW_LAST)
        self._flush(overlay, domain, chunk, last)
        carried = _CARRIED.pack(chunk.clock_ms, chunk.generation, chunk.config)
        overlay.put(CARRIED, carried)
        values = blocks.seal(
            chunk.parts,
            stage=self.name,
            source=source,
            start=chunk.start,
            config=chunk.config,
            generation=chunk.generation,
            key=self._cells_key,
            entropy=self._entropy,
        )
        sends = [Send(topic=CELLS, partition=0, key=None, value=v) for v in values]
        return Result(sends=sends, counts=dict(chunk.counts), gaps=tuple(chunk.gaps))

    def standing(self, topic: str, state: Reader) -> Standing:
        """See :class:`hub.core.standing.Stands`."""
        del topic
        (stored,) = state.get_many([CARRIED])
        return Standing(bundle=_CARRIED.unpack(stored)[2] if stored else NONE)

    def _resume(self, overlay: Overlay, chunk: _Chunk) -> None:
        stored = overlay.get(CARRIED)
        if stored is not None:
            chunk.clock_ms, chunk.generation, chunk.config = _CARRIED.unpack(stored)
        else:
            chunk.config = self._books.newest()

    def _take(
        self, overlay: Overlay, domain: Domain, chunk: _Chunk, message: Incoming
    ) -> None:
        """Gather one message; a marker folds what is before it."""
        block = decode(message.value)
        if not isinstance(block, Block):
            return  # genesis and configuration: covered, nothing to count
        if message.aside:
            header = decode_as(BlockHeader, block.header)
            sections: list[Section] = []
        else:
            header, sections = blocks.open(block, self._facts_key)
        verdict = coverage.admit(overlay, header)
        if verdict.action == "gap":
            chunk.gaps[header.source.name] = None
        if verdict.action != "apply":
            return
        coverage.advance(overlay, header)
        if message.aside:
            chunk.counts["blocks_total", (("outcome", "aside"),)] += 1
            return
        chunk.clock_ms = max(chunk.clock_ms, header.clock_ms)
        chunk.generation = header.generation
        self._obey(domain, chunk, header.config)
        if header.kind == "close":
            ending = blocks.ending_of(header, sections)
            self._close(overlay, domain, chunk, message.offset, ending)
            return
        for section in sections:
            self._gather(chunk, message.offset, verdict.after, section)

    def _obey(self, domain: Domain, chunk: _Chunk, named: bytes) -> None:
        """Go over to the bundle a block names, if it is newer."""
        newer = self._books.newer(chunk.config, named)
        if newer == chunk.config:
            return
        tables = self._books.of(newer).unseen(self._books.of(chunk.config), domain)
        if tables:
            raise RecountError(f"new tables have a past: {', '.join(tables)}")
        chunk.config = newer

    def _gather(
        self, chunk: _Chunk, offset: int, after: Coordinate, section: Section
    ) -> None:
        book = self._books.of(chunk.config)
        rows = blocks.rows(section, book.schemas[section.name])
        rows = coverage.unseen(rows, after)
        if not rows.height:
            return
        at = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
        rows = rows.with_columns((at + offset * ROWS).alias("seq"))
        chunk.facts.setdefault(section.name, []).append(rows)
        flow = book.catalogue.dataflows[section.name]
        if not flow.quiet:
            chunk.counts["facts_total", (("dataflow", flow.id),)] += rows.height

    def _close(
        self,
        overlay: Overlay,
        domain: Domain,
        chunk: _Chunk,
        offset: int,
        ending: Ending,
    ) -> None:
        """Everything before the marker, its snapshot, and "complete"."""
        before = Coordinate(offset=offset - 1, row=ROW_LAST)
        self._flush(overlay, domain, chunk, before)
        rows = snapshot.EMPTY
        if not ending.void:
            rows = self._snapshot(overlay, domain, ending)
        origin = [
            pl.lit(offset, dtype=pl.Int64).alias("origin_offset"),
            pl.int_range(1, pl.len() + 1, dtype=pl.Int32).alias("origin_row"),
        ]
        section = ("snapshot", rows.with_columns(origin), cells.SCHEMA)
        chunk.parts += [
            Part(
                kind="rows",
                to=Coordinate(offset=offset, row=rows.height),
                clock_ms=chunk.clock_ms,
                sections=(section,) if rows.height else (),
                config=ending.config,
            ),
            Part(
                kind="complete",
                to=Coordinate(offset=offset, row=ROW_LAST),
                clock_ms=chunk.clock_ms,
                close=ending.close,
                count=rows.height,
                void=ending.void,
                absent=ending.absent,
                config=ending.config,
            ),
        ]

    def _snapshot(
        self, overlay: Overlay, domain: Domain, ending: Ending
    ) -> pl.DataFrame:
        close, book = ending.close, self._books.of(ending.config)
        named = set(needed(book.catalogue, close))
        found = [
            snapshot.snapshot(overlay, plan, periods(book.catalogue, plan.table, close))
            for plan in book.plans[domain]
            if plan.table.id in named and close.vintage in plan.vintages
        ]
        return pl.concat([snapshot.EMPTY, *found])

    def _flush(
        self, overlay: Overlay, domain: Domain, chunk: _Chunk, to: Coordinate
    ) -> None:
        """Fold what was gathered and say what cells hold now, up to `to`."""
        so_far = chunk.parts[-1].to if chunk.parts else chunk.start
        if not so_far < to:
            return
        changes = self._changes(overlay, domain, chunk)
        sections: tuple[blocks.Table, ...] = ()
        if changes.height:
            rows = snapshot.fold(overlay, changes)
            origin = [
                (pl.col("seq") // ROWS).alias("origin_offset"),
                (pl.col("seq") % ROWS).alias("origin_row"),
                *(pl.lit(None).alias(name) for name in snapshot.EXTREMES),
            ]
            sections = (("cells", rows.with_columns(origin), cells.SCHEMA),)
        chunk.parts.append(
            Part(
                kind="rows",
                to=to,
                clock_ms=chunk.clock_ms,
                sections=sections,
                config=chunk.config,
            )
        )
        chunk.facts.clear()

    def _changes(self, overlay: Overlay, domain: Domain, chunk: _Chunk) -> pl.DataFrame:
        """Signed cells of all gathered facts; contributions are folded on the way."""
        facts = {name: pl.concat(frames) for name, frames in chunk.facts.items()}
        tally = batch.Tally()
        book = self._books.of(chunk.config)
        for plan in book.plans[domain]:
            if plan.dataflow in facts and not plan.whole:
                batch.count(tally, plan, facts[plan.dataflow])
        for plan, whole in book.wholes[domain].change(overlay, facts):
            batch.count_whole(tally, plan, whole)
        shares.fold(overlay, tally.shares())
        return tally.cells()
