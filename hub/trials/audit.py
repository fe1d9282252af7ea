"""``kerwen audit``: is what the agents counted what the ministries sent?

Rules (design: delivery, rule 13):

- Needs the custodians: intake's private keys and pseudonym secrets, and the key of the
  cells arrow. Reads the brokers as principal ``audit``.
- One cut is audited: the newest complete one unless another is named.
- Conservation is checked beside the cells: rows published = accepted + quarantined +
  rows of duplicate batches, per ministry and dataflow.
- Each offset is judged under the bundle in force there, cells under that of the cut.
- What signed skips left out is left out here as well, and named: never silently.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from hub.core import avro, blocks, cells, coverage, cut
from hub.core.blocks import InternalKey
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.errors import InvalidError
from hub.core.log import Coordinate, Incoming, Source
from hub.core.messages import Block, Close, decode
from hub.core.state import Memory, Overlay
from hub.core.topics import CELLS, facts_topic, parse_ministry, sources
from hub.edge import enacting, kafka, keyring, topics
from hub.edge.bundles import Library
from hub.edge.kafka import Extent
from hub.edge.settings import Settings
from hub.trials import controls, recount
from hub.trials.controls import Control

_DOMAINS = {facts_topic(domain): domain for domain in Domain}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Rows of one ministry and dataflow, as intake judges them."""

    ministry: str
    dataflow: str
    accepted: int
    duplicates: int
    quarantined: int

    @property
    def published(self) -> int:
        """Rows in sealed batches, each time they were sent."""
        return self.accepted + self.duplicates + self.quarantined


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A message that was set aside, or what of a source is not in the cut.

    Attributes:
        source: ``topic/partition``.
        offset: Of the message; of an absent source, the last one that counts.
        what: "message" or "source".
    """

    what: str
    source: str
    offset: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found.

    Attributes:
        unique: Records that count: each once, whatever its revisions and copies.
        cells: Cells compared.
        different: Cells that are not equal.
        recounted: The true cells, for the custodians.
        controls: Control totals against the stocks that they speak of.
        skipped: What is not in the cut because of a signed skip.
    """

    close: Close
    flows: tuple[Flow, ...]
    unique: int
    cells: int
    different: pl.DataFrame = field(repr=False)
    recounted: pl.DataFrame = field(repr=False)
    controls: tuple[Control, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def verdict(self) -> str:
        """``equal`` or ``different``."""
        return "different" if self.different.height else "equal"


@dataclass(slots=True, kw_only=True)
class _Cut:
    """A marker and the snapshot rows of the partitions that are complete for it."""

    close: Close
    config: bytes
    rows: dict[str, pl.DataFrame] = field(default_factory=dict)
    absent: dict[tuple[Domain, str], Coordinate] = field(default_factory=dict)


def audit(
    settings: Settings, catalogue: Catalogue | None = None, marker: bytes | None = None
) -> Audit:
    """Recompute one cut from the inbound log and compare it with the agents' cells.

    Args:
        settings: Whose hub.
        catalogue: Not asked for any more: that of the cut's bundle counts.
        marker: Id of the cut; None: the newest complete one.

    Raises:
        InvalidError: There is no complete cut, or not the one named.
    """
    root = settings.home.root
    library = enacting.library(settings)
    found = _cuts(settings, library, keyring.aggregate(root).cells)
    chosen = _choose(found, marker)
    catalogue = library.get(chosen.config).catalogue
    reader = recount.Reader(catalogue, library, keyring.intake(root), chosen.absent)
    skipped = _read_inbound(settings, catalogue, chosen, reader, library)
    active = recount.facts(catalogue, reader.inbound)
    recounted = recount.expected(catalogue, active, chosen.close)
    agents = recount.merged(catalogue, pl.concat(chosen.rows.values()))
    difference = recount.compare(recounted, agents)
    loud = {flow.id for flow in catalogue.dataflows.values() if not flow.quiet}
    return Audit(
        close=chosen.close,
        flows=_flows(catalogue, reader.inbound.counts),
        unique=_unique(reader.inbound, loud),
        cells=difference.cells,
        different=difference.rows,
        recounted=recounted,
        controls=tuple(controls.compare(catalogue, active)),
        skipped=skipped,
    )


def write_cells(audited: Audit, path: Path) -> None:
    """The true cells as JSON lines; for custodians only, so the file is theirs only."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    audited.recounted.write_ndjson(path)


def _choose(found: Mapping[bytes, _Cut], marker: bytes | None) -> _Cut:
    if not found:
        raise InvalidError(
            "no complete cut is in the cells topic: close one with `kerwen release`"
        )
    if marker is None:
        return max(found.values(), key=lambda one: one.close.created_ms)
    if marker not in found:
        raise InvalidError(f"cut {marker.hex()} is not complete or not known")
    return found[marker]


def _cuts(settings: Settings, library: Library, key: InternalKey) -> dict[bytes, _Cut]:
    """The cuts of which every partition that they need has said "complete"."""
    cuts: dict[bytes, _Cut] = {}
    held: dict[str, list[pl.DataFrame]] = {}
    overlay = Overlay(Memory())
    with kafka.consumer(settings, "audit") as client:
        extent = kafka.extents(client, [(CELLS, 0)])[CELLS, 0]
        _whole(CELLS, 0, extent)
        for message in kafka.read(client, CELLS, 0, 0, extent.end):
            block = decode(message.value)
            if isinstance(block, Block):
                _take(overlay, block, key, held, cuts)
    return {
        marker: one
        for marker, one in cuts.items()
        # Every partition answers every marker; a cut of few tables needs few of them.
        if _needed(library.get(one.config).catalogue, one.close) <= one.rows.keys()
    }


def _whole(topic: str, partition: int, extent: Extent) -> None:
    if extent.start:
        raise InvalidError(
            f"{topic}/{partition} begins at {extent.start}: retention took what an"
            " audit from the start needs"
        )


def _needed(catalogue: Catalogue, close: Close) -> set[str]:
    return {
        f"{facts_topic(domain)}/{partition}"
        for domain, partition in cut.sources(catalogue, close)
    }


def _take(
    overlay: Overlay,
    block: Block,
    key: InternalKey,
    held: dict[str, list[pl.DataFrame]],
    cuts: dict[bytes, _Cut],
) -> None:
    """Snapshot rows wait for the "complete" of their partition."""
    header, sections = blocks.open(block, key)
    verdict = coverage.admit(overlay, header)
    if verdict.action != "apply":
        return
    coverage.advance(overlay, header)
    name = header.source.name
    if header.kind == "complete":
        ending = blocks.ending_of(header, sections)
        if ending.void:
            return
        close = ending.close
        known = cuts.setdefault(close.marker, _Cut(close=close, config=ending.config))
        domain = _DOMAINS[header.source.topic]
        known.absent |= {(domain, one.source): one.to for one in ending.absent}
        empty = pl.DataFrame(schema=avro.polars_schema(cells.SCHEMA))
        known.rows[name] = pl.concat([empty, *held.pop(name, [])])
        return
    for section in sections:
        if section.name == "snapshot":
            rows = blocks.rows(section, cells.SCHEMA)
            held.setdefault(name, []).append(coverage.unseen(rows, verdict.after))


def _read_inbound(
    settings: Settings,
    catalogue: Catalogue,
    chosen: _Cut,
    reader: recount.Reader,
    library: Library,
) -> tuple[Skipped, ...]:
    """Read every ministry's log; what of it signed skips left out."""
    places = sources(catalogue, Domain.NONE)
    registry = keyring.registry(settings.home.root)
    names = sorted({topic for topic, _ in places})
    logs = topics.logs(settings, "audit", names, registry)
    skipped: list[Skipped] = []
    with kafka.consumer(settings, "audit") as client:
        extents = kafka.extents(client, places)
        for topic, partition in places:
            extent = extents[topic, partition]
            _whole(topic, partition, extent)
            source = Source(topic=topic, partition=partition, log=logs[topic])
            aside = library.aside(source)
            end, last = extent.end, _last(chosen, source.name)
            if last is not None:
                end = min(end, last + 1)
                skipped.append(_absent(library, chosen, source.name, last))
            messages: Iterable[Incoming] = (
                replace(message, aside=message.offset in aside)
                for message in kafka.read(client, topic, partition, 0, end)
            )
            if last is None:
                messages = recount.closing(messages, chosen.close.marker)
            reader.read(source, messages)
            skipped += _set_aside(library, source)
    return tuple(skipped)


def _last(chosen: _Cut, source: str) -> int | None:
    """The last offset that counts of a source without its marker."""
    found = [to.offset for (_, name), to in chosen.absent.items() if name == source]
    return max(found, default=None)


def _absent(library: Library, chosen: _Cut, source: str, last: int) -> Skipped:
    newest = library.newest()
    reasons = [
        one.reason
        for one in (newest.skips.cuts if newest else ())
        if (one.marker, one.source) == (chosen.close.marker, source)
    ]
    reason = reasons[0] if reasons else ""
    return Skipped(what="source", source=source, offset=last, reason=reason)


def _set_aside(library: Library, source: Source) -> Iterator[Skipped]:
    newest = library.newest()
    for one in newest.skips.messages if newest else ():
        if (one.source, one.log) == (source.name, source.log):
            yield Skipped(
                what="message", source=one.source, offset=one.offset, reason=one.reason
            )


def _flows(
    catalogue: Catalogue, counts: Counter[tuple[str, tuple[tuple[str, str], ...]]]
) -> tuple[Flow, ...]:
    """Rows by outcome; quiet dataflows are left out."""
    summed: Counter[tuple[str, str, str]] = Counter()
    for (metric, labels), number in counts.items():
        if metric == "rows_total":
            named = dict(labels)
            place = (named["ministry"], named["dataflow"])
            summed[(*place, named["outcome"])] += int(number)
    found = []
    for topic in dict.fromkeys(topic for topic, _ in sources(catalogue, Domain.NONE)):
        member, dataflow = parse_ministry(topic)
        if catalogue.dataflows[dataflow].quiet:
            continue
        found.append(
            Flow(
                ministry=member,
                dataflow=dataflow,
                accepted=summed[member, dataflow, "accepted"],
                duplicates=summed[member, dataflow, "duplicate"],
                quarantined=summed[member, dataflow, "quarantined"],
            )
        )
    return tuple(found)


def _unique(inbound: recount.Inbound, loud: set[str]) -> int:
    """Records that count by arrival: natural duplicates and quiet dataflows apart."""
    total = 0
    for by_flow in inbound.rows.values():
        for name, frames in by_flow.items():
            if name in loud:
                rows = pl.concat([frame.select("record", "nkey") for frame in frames])
                first = rows.unique("record", keep="first", maintain_order=True)
                named = first.filter(pl.col("nkey").is_not_null())
                total += first.height - named.height + named["nkey"].n_unique()
    return total
