"""Cells of every cut, against a recount from the ministries' logs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, cast

import polars as pl
from faust.types import TP

from hub.core import avro, blocks, cells, coverage, cut
from hub.core.log import Coordinate, Incoming
from hub.core.messages import Block, BlockHeader, Close, Section, decode
from hub.core.state import Memory, Overlay
from hub.trials import recount
from tests.core import ministry
from tests.simulation import world
from tests.simulation.workload import Workload
from tests.simulation.world import World

NO_ROWS = pl.DataFrame(schema=avro.polars_schema(cells.SCHEMA))
ORIGIN = ["origin_offset", "origin_row"]


def problems(log: Sequence[Incoming], work: Workload) -> Iterator[str]:
    """Every cut is complete and equals the recount."""
    held, cuts = snapshots(log)
    if held:
        yield f"snapshots of nobody's cut: {sorted(held)}"
    for number, close in enumerate(work.closes):
        found = cuts.get(close.marker, {})
        needed = len(cut.sources(work.world.catalogue, close))
        if len(found) < needed:
            yield f"cut {number}: {len(found)} of {needed} partitions"
            continue
        told = _compared(work, number, tuple(found[name] for name in sorted(found)))
        if told:
            yield told


@lru_cache(1000)
def _compared(work: Workload, number: int, snapshot: tuple[bytes, ...]) -> str:
    """What differs in a cut; "" if nothing does."""
    catalogue = work.world.catalogue
    frames = [
        avro.frame(one, cells.SCHEMA, rows_max=1 << 20, bytes_max=1 << 30)
        for one in snapshot
    ]
    agents = recount.merged(catalogue, pl.concat(frames))
    difference = recount.compare(truth(work)[number], agents)
    if difference.equal:
        return ""
    return (
        f"cut {number}: {difference.rows.height} of {difference.cells} cells"
        f" differ: {difference.rows.head(3).rows()}"
    )


@lru_cache(4096)
def _opened(value: bytes) -> tuple[BlockHeader, list[Section]] | None:
    block = decode(value)
    if not isinstance(block, Block):
        return None
    header, sections = blocks.open(block, world.arrow_key("cells", 2))
    return header, sections


@lru_cache(4096)
def _rows(container: bytes, count: int, after: Coordinate) -> bytes:
    """The new rows of a section, without where they came from."""
    section = Section(name="snapshot", count=count, container=container)
    rows = coverage.unseen(blocks.rows(section, cells.SCHEMA), after)
    none = [pl.lit(0).cast(rows.schema[name]).alias(name) for name in ORIGIN]
    return avro.container(rows.with_columns(none), cells.SCHEMA, codec="null")


def snapshots(
    log: Sequence[Incoming],
) -> tuple[set[str], dict[bytes, dict[str, bytes]]]:
    """Sources with rows that no "complete" follows; complete snapshots by marker."""
    overlay = Overlay(Memory())
    held: dict[str, list[bytes]] = defaultdict(list)
    cuts: dict[bytes, dict[str, bytes]] = defaultdict(dict)
    for message in log:
        opened = _opened(message.value)
        if opened is None:
            continue
        header, sections = opened
        verdict = coverage.admit(overlay, header)
        if verdict.action != "apply":
            continue
        coverage.advance(overlay, header)
        name = header.source.name
        for section in sections:
            if section.name == "snapshot":
                new = _rows(section.container, section.count, verdict.after)
                held[name].append(new)
        if header.kind == "complete":
            ending = blocks.ending_of(header, sections)
            if not ending.void:
                rows = _joined(tuple(held.pop(name, ())))
                cuts[ending.close.marker][name] = rows
    return {*held}, cuts


@lru_cache(4096)
def _joined(containers: tuple[bytes, ...]) -> bytes:
    """Containers as one, its rows in order."""
    frames = [
        avro.frame(one, cells.SCHEMA, rows_max=1 << 20, bytes_max=1 << 30)
        for one in containers
    ]
    rows = pl.concat([NO_ROWS, *frames])
    return avro.container(rows.sort(rows.columns), cells.SCHEMA, codec="null")


@lru_cache(64)
def truth(work: Workload) -> list[pl.DataFrame]:
    """The recounted cells of every cut of a workload."""
    return [_recount(work, close) for close in work.closes]


def inbound(work: Workload) -> dict[TP, list[Incoming]]:
    """The ministries' logs as they stand in the end."""
    logs = {
        tp: [Incoming(offset=0, time_ms=0, value=genesis)]
        for tp, _, genesis in work.world.births()
        if tp in work.world.inputs["intake"]
    }
    for entry in work.entries:
        log = logs[entry.tp]
        log.append(Incoming(offset=len(log), time_ms=entry.time_ms, value=entry.value))
    return logs


def reader(whole: World) -> recount.Reader:
    """The audit's reader of the inbound log."""
    keys = ministry.Keys(hub=world.HUB_KEYS)
    return recount.Reader(whole.catalogue, whole.bundles, cast("Any", keys))


def _recount(work: Workload, close: Close) -> pl.DataFrame:
    reading = reader(work.world)
    for tp, messages in inbound(work).items():
        reading.read(world.source_of(tp), recount.closing(messages, close.marker))
    active = recount.facts(work.world.catalogue, reading.inbound)
    return recount.expected(work.world.catalogue, active, close)
