"""Sample years through the core in one process: files to signed figures, no broker."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core import blocks, cells
from hub.core.aggregate import Aggregate
from hub.core.blocks import InternalKey, Part
from hub.core.bundle import only
from hub.core.catalogue.model import Catalogue, Dataflow, Domain
from hub.core.catalogue.schemas import facts_schema
from hub.core.dedupe import active_facts, flows, rules_of
from hub.core.dedupe.changes import partition_of
from hub.core.identity.pseudonyms import pseudonymise
from hub.core.keys import SigningKey
from hub.core.log import PARTITIONS_FACTS, ROW_LAST, START, Coordinate, Incoming, Source
from hub.core.messages import Block, Close, decode_as
from hub.core.observation import Codec, Observation
from hub.core.period import end_ms
from hub.core.release import Release
from hub.core.state import Memory, Overlay
from hub.core.topics import facts_topic, indicator_topic, records_topic
from hub.core.validate import checks_of, validate
from hub.publisher.sources import csv
from hub.trials import recount

Active = dict[Domain, dict[str, pl.DataFrame]]
FACTS_KEY = InternalKey(key_id="facts-1", secret=b"f" * 32)
CELLS_KEY = InternalKey(key_id="cells-1", secret=b"c" * 32)
CELLS = Source(topic="hub.cells", partition=0, log=b"c" * 16)
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One release.

    Attributes:
        recounted: Cells by the audit's batch.
        agents: Cells in the snapshots.
        figures: What was published.
    """

    close: Close
    recounted: pl.DataFrame = field(repr=False)
    agents: pl.DataFrame = field(repr=False)
    figures: list[Observation] = field(repr=False)


def active(folder: Path, catalogue: Catalogue) -> Active:
    """The facts that stand after every file of a sample was sent."""
    wanted = json.loads((folder / "manifest.json").read_text())
    rows: dict[Domain, dict[str, list[pl.DataFrame]]] = {}
    for place, file in enumerate(wanted["files"]):
        flow = catalogue.dataflows[file["dataflow"]]
        member = catalogue.members[file["member"]].member
        for chunk in csv.read(folder / file["path"], flow).chunks:
            frame = _rows(chunk.frame, flow, catalogue, member, place)
            rows.setdefault(flow.domain, {}).setdefault(flow.id, []).append(frame)
    declared = _declared(wanted["declarations"], catalogue)
    rows.setdefault(Domain.NONE, {})["declaration"] = [declared]
    known = flows(catalogue)
    return {
        domain: active_facts(
            {name: pl.concat(frames) for name, frames in by_flow.items()},
            known,
            rules_of(catalogue, domain),
        )
        for domain, by_flow in rows.items()
    }


def _rows(
    frame: pl.DataFrame, flow: Dataflow, catalogue: Catalogue, member: str, place: int
) -> pl.DataFrame:
    """Rows of a file as intake lets them go on."""
    given = frame.with_columns(
        member=pl.lit(member),
        named=pl.lit(flow.id),
        origin_offset=pl.lit(place, dtype=pl.Int64),
        origin_row=pl.int_range(1, pl.len() + 1, dtype=pl.Int32),
        clock_ms=pl.lit(end_ms("2029"), dtype=pl.Int64),
    )
    good, _ = validate(given, flow, checks_of(flow, catalogue.codelists))
    linkage = catalogue.linkage.get(flow.domain)
    return pseudonymise(good, flow, linkage, str(flow.domain).encode().ljust(32))


def _declared(entries: Sequence[dict[str, Any]], catalogue: Catalogue) -> pl.DataFrame:
    """Declarations, ten days after the end of their period."""
    flow = catalogue.dataflows["declaration"]
    frame = pl.DataFrame(
        {
            "period": [one["period"] for one in entries],
            "complete": [one["complete"] for one in entries],
            "nil": [one["nil"] for one in entries],
            "member": [catalogue.members[one["member"]].member for one in entries],
            "named": [one["dataflow"] for one in entries],
            "clock_ms": [end_ms(one["period"]) + 10 * DAY_MS for one in entries],
        }
    ).with_columns(
        origin_offset=pl.lit(0, dtype=pl.Int64),
        origin_row=pl.int_range(1, pl.len() + 1, dtype=pl.Int32),
    )
    return pseudonymise(frame, flow, None, b"n" * 32)


def run(
    catalogue: Catalogue, facts: Active, wanted: Iterable[tuple[str, str]], rows: int
) -> list[Cut]:
    """Aggregate and release over the facts, with a cut for each (period, vintage).

    Args:
        catalogue: What is declared.
        facts: What stands.
        wanted: Period and vintage of each cut, in order.
        rows: Rows of a message.
    """
    closes = [
        Close(
            marker=bytes([at]) * 16,
            vintage=vintage,
            tables=(),
            period=period,
            created_ms=end_ms(period),
            key_id="control",
        )
        for at, (period, vintage) in enumerate(wanted, 1)
    ]
    stage = Aggregate(
        only(catalogue), facts_key=FACTS_KEY, cells_key=CELLS_KEY, entropy=bytes
    )
    logs = []
    for domain in Domain:
        for partition, by_flow in _spread(facts.get(domain, {})):
            content: list[Content] = [
                _Rows(catalogue.dataflows[name], frame[first : first + rows])
                for name, frame in by_flow.items()
                for first in range(0, frame.height, rows)
            ]
            logs.append(_aggregate(stage, domain, partition, [*content, *closes]))
    longest = max(len(found) for found in logs)
    sends = [found[at] for at in range(longest) for found in logs if at < len(found)]
    figures = _released(catalogue, sends)
    return [
        Cut(
            close=close,
            recounted=recount.expected(catalogue, facts, close),
            agents=recount.merged(catalogue, _snapshot(sends, close)),
            figures=[one for one in figures if one.release == close.marker.hex()],
        )
        for close in closes
    ]


def _spread(
    by_flow: dict[str, pl.DataFrame],
) -> Iterable[tuple[int, dict[str, pl.DataFrame]]]:
    """The facts of each partition."""
    places = {
        name: pl.Series([partition_of(person) for person in frame["person"]])
        for name, frame in by_flow.items()
    }
    for partition in range(PARTITIONS_FACTS):
        yield (
            partition,
            {
                name: frame.filter(places[name] == partition)
                for name, frame in by_flow.items()
            },
        )


class _Rows(NamedTuple):
    """Facts of one message."""

    flow: Dataflow
    frame: pl.DataFrame

    def section(self, offset: int) -> blocks.Table:
        """As a section of the message at `offset`."""
        schema = facts_schema(self.flow)
        placed = self.frame.with_columns(
            origin_offset=pl.lit(offset, dtype=pl.Int64),
            origin_row=pl.int_range(1, pl.len() + 1, dtype=pl.Int32),
            clock_ms=pl.lit(0, dtype=pl.Int64),
            sign=pl.lit(1, dtype=pl.Int32),
        )
        names = [one["name"] for one in json.loads(schema)["fields"]]
        return self.flow.id, placed.select(names), schema


Content = _Rows | Close


def _aggregate(
    stage: Aggregate, domain: Domain, partition: int, content: Sequence[Content]
) -> list[bytes]:
    """What aggregate says of one partition: facts in messages, then every marker."""
    records = Source(topic=records_topic(domain), partition=0, log=b"r" * 16)
    source = Source(topic=facts_topic(domain), partition=partition, log=b"f" * 16)
    memory = Memory()
    said: list[bytes] = []
    start = START
    for at, one in enumerate(content):
        to = Coordinate(offset=at, row=ROW_LAST)
        marker = isinstance(one, Close)
        part = Part(
            kind="close" if marker else "rows",
            to=to,
            clock_ms=at,
            sections=() if isinstance(one, Close) else (one.section(at),),
            close=one if isinstance(one, Close) else None,
        )
        (value,) = blocks.seal(
            [part],
            stage="dedupe",
            source=records,
            start=start,
            config=bytes(32),
            generation=1,
            key=FACTS_KEY,
            entropy=bytes,
        )
        start = to
        overlay = Overlay(memory)
        message = Incoming(offset=at, time_ms=0, value=value)
        result = stage.step(overlay, source, [message])
        memory.apply(overlay.pending)
        said += [send.value for send in result.sends if send.value is not None]
    return said


def _snapshot(values: Sequence[bytes], close: Close) -> pl.DataFrame:
    """Snapshot rows of all partitions for a marker."""
    found: list[pl.DataFrame] = []
    held: dict[tuple[str, int], list[pl.DataFrame]] = {}
    for value in values:
        header, sections = blocks.open(decode_as(Block, value), CELLS_KEY)
        place = (header.source.topic, header.source.partition)
        for section in sections:
            if section.name == "snapshot":
                frame = blocks.rows(section, cells.SCHEMA)
                held.setdefault(place, []).append(frame)
        if header.kind == "complete":
            said, _ = blocks.close_of(sections)
            rows = held.pop(place, [])
            found += rows if said.marker == close.marker else []
    return pl.concat(found)


def _released(catalogue: Catalogue, values: Sequence[bytes]) -> list[Observation]:
    signer = SigningKey(
        key_id="release-1", private=Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    )
    stage = Release(
        only(catalogue), cells_key=CELLS_KEY, secret=b"s" * 32, signer=signer
    )
    memory = Memory()
    figures: list[Observation] = []
    codecs = {indicator_topic(one.id): Codec(one) for one in catalogue.tables.values()}
    for at, value in enumerate(values):
        overlay = Overlay(memory)
        result = stage.step(
            overlay, CELLS, [Incoming(offset=at, time_ms=0, value=value)]
        )
        memory.apply(overlay.pending)
        figures += [
            codecs[send.topic].decode(send.value)
            for send in result.sends
            if send.topic in codecs and send.value is not None
        ]
    return figures
