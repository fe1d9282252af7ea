"""The audit's arithmetic: from ministries' logs to every cell of a cut, in one batch.

Rules (design: delivery, rule 13):

- Nothing of the agents is used: not their state, not their topics, not their order of
  work. What is shared is the rules of ``hub.core``.
- The inbound log is read up to the marker of the cut in each partition.
- Result and the agents' snapshot are compared cell by cell, integer by integer.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from hub.core import blocks, cells, coverage, cut
from hub.core.aggregate import shares, snapshot
from hub.core.blocks import InternalKey
from hub.core.bundle import Bundles
from hub.core.catalogue.model import Catalogue, Domain, Measure
from hub.core.dedupe import active_facts, flows, rules_of
from hub.core.errors import EnvelopeError
from hub.core.indicators import batch
from hub.core.indicators.margins import expand
from hub.core.indicators.plan import PLACE, Plan, plans
from hub.core.indicators.whole import Whole
from hub.core.intake import Intake
from hub.core.log import Coordinate, Incoming, Source
from hub.core.messages import Block, Close, decode
from hub.core.release import assemble
from hub.core.stage import Series
from hub.core.state import Memory, Overlay
from hub.core.topics import records_topic
from hub.edge.keyring import IntakeKeys

NAMES = ["table", *PLACE]
FIGURES = [*cells.SUMS, *snapshot.EXTREMES]
Limits = Mapping[tuple[Domain, str], Coordinate]
"""Domain and source -> the last coordinate that counts."""

CHUNK = 8
"""Envelopes judged at once."""


@dataclass(slots=True, kw_only=True)
class Inbound:
    """Accepted rows of every ministry, by domain and dataflow, in log order."""

    rows: dict[Domain, dict[str, list[pl.DataFrame]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    counts: Counter[Series] = field(default_factory=Counter)


class Reader:
    """Judges and pseudonymises inbound partitions, one after the other."""

    def __init__(
        self,
        catalogue: Catalogue,
        bundles: Bundles,
        keys: IntakeKeys,
        absent: Limits | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            catalogue: Of the newest bundle that counts.
            bundles: All of them; each offset is judged under its own.
            keys: Intake's.
            absent: Up to where rows count of sources without their marker.
        """
        self._absent = absent or {}
        # Nobody else reads this arrow: the agents' internal keys are not needed.
        self._key = InternalKey(key_id="audit", secret=os.urandom(32))
        self._intake = Intake(
            bundles=bundles,
            keys=replace(keys, records=self._key),
            entropy=os.urandom,
        )
        self._domains = {records_topic(domain): domain for domain in Domain}
        self._flows = flows(catalogue)
        self.inbound = Inbound()

    def read(self, source: Source, messages: Iterable[Incoming]) -> None:
        """All messages of one partition, from its genesis up to the marker."""
        state = Memory()
        held: list[Incoming] = []
        for message in messages:
            held.append(message)
            if len(held) >= CHUNK:
                self._step(state, source, held)
                held = []
        if held:
            self._step(state, source, held)

    def _step(self, state: Memory, source: Source, held: Sequence[Incoming]) -> None:
        overlay = Overlay(state)
        result = self._intake.step(overlay, source, held)
        state.apply(overlay.pending)
        self.inbound.counts.update(result.counts)
        for send in result.sends:
            domain = self._domains.get(send.topic)
            if domain is None or send.value is None:
                continue
            block = decode(send.value)
            if isinstance(block, Block):
                self._take(domain, block)

    def _take(self, domain: Domain, block: Block) -> None:
        header, sections = blocks.open(block, self._key)
        if header.kind != "rows":
            return
        to = self._absent.get((domain, header.source.name))
        for section in sections:
            rows = blocks.rows(section, self._flows[section.name].records)
            if to is not None:
                rows = rows.head(rows.height - coverage.unseen(rows, to).height)
            self.inbound.rows[domain][section.name].append(rows)


def facts(
    catalogue: Catalogue, inbound: Inbound
) -> dict[Domain, dict[str, pl.DataFrame]]:
    """Active facts with their persons, by domain and dataflow."""
    known = flows(catalogue)
    return {
        domain: active_facts(
            {name: pl.concat(frames) for name, frames in by_flow.items()},
            known,
            rules_of(catalogue, domain),
        )
        for domain, by_flow in inbound.rows.items()
    }


def expected(
    catalogue: Catalogue,
    active: Mapping[Domain, Mapping[str, pl.DataFrame]],
    close: Close,
) -> pl.DataFrame:
    """Every cell the snapshots of a cut must hold; columns NAMES and FIGURES."""
    named = set(cut.needed(catalogue, close))
    people = {domain: Whole.of_active(frames) for domain, frames in active.items()}
    found = [snapshot.EMPTY]
    for plan in plans(catalogue):
        rows = active.get(plan.domain, {}).get(plan.dataflow)
        mine = plan.table.id in named and close.vintage in plan.vintages
        if mine and rows is not None:
            periods = cut.periods(catalogue, plan.table, close)
            signed = rows.with_columns(pl.lit(1, dtype=pl.Int8).alias("sign"))
            found.append(_table(plan, signed, people[plan.domain], periods))
    return pl.concat([frame.select(NAMES + FIGURES) for frame in found]).sort(NAMES)


def _table(
    plan: Plan, rows: pl.DataFrame, people: Whole, periods: Sequence[str]
) -> pl.DataFrame:
    """One table's cells inside a period, as a snapshot has them."""
    if not periods:
        return snapshot.EMPTY
    if plan.whole:
        made = batch.whole_cells(plan, people)
        rows = people.rows(plan)
    else:
        made = batch.cells_of(plan, rows)
    made = batch.live(made.drop("seq"))
    made = made.with_columns(pl.lit(plan.table.id).alias("table"))
    if plan.table.measure is Measure.STOCK:
        made = made.filter(pl.col("period") <= periods[-1])
    else:
        made = made.filter(pl.col("period").is_in(periods))
    if not plan.contributes:
        none = [pl.lit(None, dtype=pl.Int64).alias(name) for name in snapshot.EXTREMES]
        return made.with_columns(none)
    whole = expand(plan.table, made, cells.sums())
    given = batch.shares_of(plan, rows).filter(pl.col("period").is_in(periods))
    return whole.join(shares.judged(plan, given), on=PLACE, how="left").with_columns(
        pl.lit(plan.table.id).alias("table")
    )


def merged(catalogue: Catalogue, rows: pl.DataFrame) -> pl.DataFrame:
    """Snapshot rows of all partitions as one: cells add, the largest stay largest."""
    found = [snapshot.EMPTY]
    for plan in plans(catalogue):
        mine = rows.filter(pl.col("table") == plan.table.id)
        if not mine.height:
            continue
        if plan.contributes:
            whole = assemble.add(plan.table, mine)
        else:
            none = [pl.lit(None, dtype=pl.Int64).alias(n) for n in snapshot.EXTREMES]
            whole = mine.group_by(PLACE).agg(*cells.sums()).with_columns(none)
        found.append(whole.with_columns(pl.lit(plan.table.id).alias("table")))
    both = pl.concat([frame.select(NAMES + FIGURES) for frame in found])
    return batch.live(both).sort(NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Cells that are not equal.

    Attributes:
        cells: Cells compared.
        rows: NAMES, FIGURES and ``<figure>_agents``; null on the side that lacks one.
    """

    cells: int
    rows: pl.DataFrame

    @property
    def equal(self) -> bool:
        """Whether there is none."""
        return not self.rows.height


def compare(recounted: pl.DataFrame, agents: pl.DataFrame) -> Difference:
    """Both sides, cell by cell and integer by integer."""
    both = batch.live(recounted).join(
        agents, on=NAMES, how="full", coalesce=True, suffix="_agents"
    )
    same = [pl.col(name).eq_missing(pl.col(f"{name}_agents")) for name in FIGURES]
    return Difference(
        cells=both.height, rows=both.filter(~pl.all_horizontal(same)).sort(NAMES)
    )


def closing(messages: Iterable[Incoming], marker: bytes) -> Iterable[Incoming]:
    """Messages up to and with the close marker `marker`."""
    for message in messages:
        yield message
        if message.value[:2] != b"\xc3\x01":
            continue
        value = _control(message)
        if isinstance(value, Close) and value.marker == marker:
            return


def _control(message: Incoming) -> object:
    # A marker is small; an envelope is not decoded twice for the sake of looking.
    if len(message.value) > 64 * 1024:
        return None
    try:
        return decode(message.value)
    except EnvelopeError:
        return None
