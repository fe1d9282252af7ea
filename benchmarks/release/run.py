"""Time and memory of release alone: protect, sign and release every table.

    python benchmarks/release/run.py --records 5000000

Cells are made, not counted: every place that the codelists of a table allow in a year,
with counts of so many records spread over them unevenly, in the blocks that aggregate
would send. That is more cells than the records of a country fill, so time and memory
are bounds. Everything after it is real: blocks opened, partitions added, margins, hold
against the vintage before, noise, rates, observations, signatures.

Prints one JSON object: cells, figures, seconds and processor seconds of both vintages,
and the most memory that release held.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import product

import numpy as np
import polars as pl
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core import blocks, cells
from hub.core.blocks import InternalKey, Part
from hub.core.bundle import NONE, only
from hub.core.catalogue.model import Catalogue, Domain, Table
from hub.core.codelists import AREA
from hub.core.cut import DECLARED
from hub.core.indicators import timeline
from hub.core.indicators.margins import expand
from hub.core.indicators.plan import (
    AREA_TOTAL,
    BY_PERSON,
    CONTRIBUTING,
    PLACE,
    TOTAL,
    UNKNOWN,
)
from hub.core.keys import SigningKey
from hub.core.log import PARTITIONS_FACTS, ROW_LAST, START, Coordinate, Incoming, Source
from hub.core.messages import Close
from hub.core.release import Release
from hub.core.state import Memory, Overlay
from hub.core.topics import CELLS, NOTICES, VINTAGES, facts_topic
from hub.edge.files import read_catalogue

KEY = InternalKey(key_id="cells-1", secret=b"c" * 32)
SIGNER = SigningKey(
    key_id="release-1", private=Ed25519PrivateKey.from_private_bytes(b"k" * 32)
)
YEAR = "2025"
PERSONS_MAX = 3
"""Records of one person in a table of contributions, at most."""


def main() -> int:
    """Two vintages of everything; exit 0 if both were published."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    catalogue = read_catalogue()
    rng = np.random.default_rng(args.seed)
    first = snapshot(catalogue, args.records, rng)
    second = moved(first, rng)
    logs = [
        list(log(catalogue, rows, letter, at))
        for at, (rows, letter) in enumerate(((first, "P"), (second, "R")))
    ]
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stage = Release(only(catalogue), cells_key=KEY, secret=b"s" * 32, signer=SIGNER)
    memory = Memory()
    found = [released(stage, memory, values) for values in logs]
    after_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = {
        "records": args.records,
        "cells": first.height,
        "block_megabytes": round(sum(map(len, logs[0])) / 1e6, 1),
        "P": found[0],
        "R": found[1],
        "peak_megabytes": round(after_kib / 1024),
        "before_megabytes": round(before_kib / 1024),
        "state_megabytes": round(
            sum(len(k) + len(v) for k, v in memory.entries.items()) / 1e6, 1
        ),
        "load": os.getloadavg()[0],
    }
    print(json.dumps(said))
    return 0 if all(one["manifests"] and not one["refused"] for one in found) else 1


def released(
    stage: Release, memory: Memory, values: list[bytes]
) -> dict[str, float | int]:
    """Fold the blocks of one cut; what came of it."""
    source = Source(topic=CELLS, partition=0, log=b"c" * 16)
    topics: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    wall, cpu = time.monotonic(), time.process_time()
    for offset, value in enumerate(values):
        overlay = Overlay(memory)
        message = Incoming(offset=offset, time_ms=0, value=value)
        result = stage.step(overlay, source, [message])
        memory.apply(overlay.pending)
        topics.update(send.topic for send in result.sends)
        for (name, labels), number in result.counts.items():
            if name == "observations_total":
                outcomes[dict(labels)["outcome"]] += round(number)
    return {
        "seconds": round(time.monotonic() - wall, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "figures": sum(
            number
            for topic, number in topics.items()
            if topic not in {VINTAGES, NOTICES}
        ),
        "manifests": topics[VINTAGES],
        "refused": topics[NOTICES],
        **outcomes,
    }


def snapshot(
    catalogue: Catalogue, records: int, rng: np.random.Generator
) -> pl.DataFrame:
    """Cells of every counted table, and declarations of every period."""
    counted = [one for one in catalogue.tables.values() if one.dataflow is not None]
    reserved = set(DECLARED.values())
    tables = [one for one in counted if one.id not in reserved]
    flows = {str(one.dataflow) for one in tables}
    share = records // len(flows)
    found = [_cells(catalogue, one, share, rng) for one in tables]
    found += [_declared(catalogue, name) for name in reserved]
    return pl.concat(found)


def moved(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The cells of a later vintage: late records in one cell of five."""
    late = pl.Series(rng.integers(0, 5, rows.height) == 0)
    late &= ~rows["table"].is_in([*DECLARED.values()])
    more = pl.Series(rng.integers(1, 6, rows.height))
    odd = {
        name: pl.Series(rng.integers(0, 2**60, rows.height)) for name in cells.SUMS[2:]
    }
    return rows.with_columns(
        n=pl.when(late).then(pl.col("n") + more).otherwise(pl.col("n")),
        **{name: pl.when(late).then(odd[name]).otherwise(pl.col(name)) for name in odd},
    )


def _cells(
    catalogue: Catalogue, table: Table, records: int, rng: np.random.Generator
) -> pl.DataFrame:
    """All places of a table with uneven counts; empty ones are left out."""
    codes: list[list[str]] = [[TOTAL], [TOTAL]]
    for at, one in enumerate(table.dimensions):
        known = catalogue.codelists[one.codelist].codes
        codes[at] = [code for code in known if code != TOTAL]
    areas = [AREA_TOTAL]
    if table.area is not None:
        known = catalogue.codelists[AREA].codes
        areas = [code for code in known if code != AREA_TOTAL] + [UNKNOWN]
    sexes = ["F", "M", "_U"] if table.sex else [TOTAL]
    periods = timeline.inside(YEAR, table.frequency) or [YEAR]
    places = list(product(periods, areas, sexes, *codes))
    weights = rng.lognormal(0, 1.5, len(places))
    counts = rng.poisson(weights / weights.sum() * records)
    frame = pl.DataFrame(places, schema=list(PLACE), orient="row")
    frame = frame.with_columns(table=pl.lit(table.id), n=pl.Series(counts))
    return _contributions(table, _summed(frame.filter(pl.col("n") > 0), rng), rng)


def _summed(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The other sums of each cell: amounts, and words that no count follows from."""
    size = frame.height
    hashes = {name: pl.Series(rng.integers(0, 2**60, size)) for name in cells.SUMS[2:]}
    amounts = pl.Series(rng.integers(1_000, 90_000, size))
    return frame.with_columns(total=pl.col("n") * amounts, **hashes)


def _contributions(
    table: Table, frame: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """Persons and the two largest, with margins, where the policy keeps them."""
    if table.policy not in CONTRIBUTING or table.measure in BY_PERSON:
        none = [
            pl.lit(None, dtype=pl.Int64).alias(name)
            for name in ("persons", "top1", "top2")
        ]
        return _ordered(frame.with_columns(none))
    most = pl.Series(rng.integers(1, PERSONS_MAX + 1, frame.height))
    amount = pl.col("total") // pl.col("n") if table.policy == "S" else most
    frame = frame.with_columns(
        persons=(pl.col("n") * 2 // 3).clip(1), top1=amount, top2=amount
    )
    each = [*cells.sums(), pl.col("persons").sum(), pl.col("top1", "top2").max()]
    return _ordered(expand(table, frame, each).with_columns(table=pl.lit(table.id)))


def _declared(catalogue: Catalogue, name: str) -> pl.DataFrame:
    """Every period of three years declared by everybody, in the table's clock."""
    table = catalogue.tables[name]
    rows = [
        (name, period, AREA_TOTAL, TOTAL, member.id, flow, 12)
        for year in ("2024", "2025", "2026")
        for period in timeline.inside(year, table.frequency)
        for member in catalogue.members.values()
        for flow in member.provides
    ]
    names = ["table", *PLACE, "n"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    zero = [pl.lit(0, dtype=pl.Int64).alias(one) for one in cells.SUMS[1:]]
    none = [
        pl.lit(None, dtype=pl.Int64).alias(one) for one in ("persons", "top1", "top2")
    ]
    return _ordered(frame.with_columns(*zero, *none))


def _ordered(frame: pl.DataFrame) -> pl.DataFrame:
    numbers = (*cells.SUMS, "persons", "top1", "top2")
    return frame.select(
        "table", *PLACE, *(pl.col(name).cast(pl.Int64) for name in numbers)
    )


def log(
    catalogue: Catalogue, rows: pl.DataFrame, letter: str, number: int
) -> Iterator[bytes]:
    """The blocks of a cut: cells of each partition, then "complete"."""
    close = Close(
        marker=letter.encode() * 16,
        vintage=letter,
        tables=tuple(one.id for one in catalogue.tables.values() if not one.internal),
        period=YEAR,
        created_ms=1_000 + number,
        key_id="control-1",
    )
    at = pl.int_range(pl.len()) % PARTITIONS_FACTS
    parts = rows.with_columns(_partition=at).partition_by("_partition", as_dict=True)
    for domain in Domain:
        mine = _tables_of(catalogue, domain)
        for partition in range(PARTITIONS_FACTS):
            frame = parts[(partition,)].filter(pl.col("table").is_in(mine))
            yield from _blocks(
                domain, partition, frame.drop("_partition"), close, number
            )


def _tables_of(catalogue: Catalogue, domain: Domain) -> list[str]:
    return [
        one.id
        for one in catalogue.tables.values()
        if one.dataflow is not None
        and catalogue.dataflows[one.dataflow].domain is domain
    ]


def _blocks(
    domain: Domain, partition: int, frame: pl.DataFrame, close: Close, number: int
) -> Iterable[bytes]:
    start = Coordinate(offset=number - 1, row=ROW_LAST) if number else START
    frame = frame.with_columns(
        pl.lit(number, dtype=pl.Int64).alias("origin_offset"),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int32).alias("origin_row"),
    )
    names = ["origin_offset", "origin_row"]
    frame = frame.select(*names, pl.exclude(names))
    rows = Part(
        kind="rows",
        to=Coordinate(offset=number, row=max(frame.height, 1)),
        clock_ms=1,
        sections=(("snapshot", frame, cells.SCHEMA),) if frame.height else (),
    )
    complete = Part(
        kind="complete",
        to=Coordinate(offset=number, row=ROW_LAST),
        clock_ms=1,
        close=close,
        count=frame.height,
    )
    return blocks.seal(
        [rows, complete],
        stage="aggregate",
        source=Source(topic=facts_topic(domain), partition=partition, log=b"f" * 16),
        start=start,
        config=NONE,
        generation=1,
        key=KEY,
        entropy=bytes,
    )


if __name__ == "__main__":
    sys.exit(main())
