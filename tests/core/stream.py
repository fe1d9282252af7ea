"""Small streams of pseudonymised rows for the tests of dedupe."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Any, NamedTuple

import polars as pl
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core import blocks
from hub.core.avro import polars_schema
from hub.core.blocks import InternalKey, Part
from hub.core.bundle import NONE, only
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.dedupe import Dedupe, active_facts, flows
from hub.core.ending import Ending
from hub.core.envelope.recipients import PrivateKey
from hub.core.keys import Key, KeyRegistry, SigningKey
from hub.core.log import ROW_LAST, START, Coordinate, Incoming, Source
from hub.core.messages import Block, Close, decode
from hub.core.persons import ENTRY_SIZE, RULES
from hub.core.stage import Result, fold
from hub.core.state import Memory
from tests.core import example

FIELDS = "sex:code velayat:code event_date:date days:int"
FLOWS = {
    name: example.dataflow(name, Domain.MOBILITY, FIELDS)
    for name in ("crossing", "permit")
} | {"price": example.dataflow("price", Domain.NONE, FIELDS)}
CATALOGUE = Catalogue(
    digest=bytes(32),
    instance="TM",
    codelists={},
    dataflows=FLOWS,
    members={
        "sms": example.member("sms", "crossing"),
        "mfa": example.member("mfa", "permit"),
        "mef": example.member("mef", "price"),
    },
    tables={},
    policies={},
)
EVERY = flows(CATALOGUE)
OWNERS = {"crossing": "sms", "permit": "mfa", "price": "mef"}
RECORDS_KEY = InternalKey(key_id="records-1", secret=b"r" * 32)
FACTS_KEY = InternalKey(key_id="facts-1", secret=b"f" * 32)
STATEMENT_KEY = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
SEALING = {
    name: PrivateKey(suite=2, seed=blake2b(name.encode(), digest_size=32).digest())
    for name in CATALOGUE.members
}
REGISTRY = KeyRegistry(
    keys={
        f"{name}-seal": Key(
            key_id=f"{name}-seal",
            use="seal",
            member=CATALOGUE.members[name].member,
            public=key.public().raw,
            suite=2,
        )
        for name, key in SEALING.items()
    }
)
DAY_MS = 86_400_000
NOON_MS = 20_000 * DAY_MS


def stage(registry: KeyRegistry = REGISTRY, **changed: Any) -> Dedupe:
    """The stage with this catalogue."""
    given: dict[str, Any] = {
        "bundles": only(CATALOGUE, registry),
        "records": RECORDS_KEY,
        "facts": FACTS_KEY,
        "statement": SigningKey(key_id="statement-1", private=STATEMENT_KEY),
        "entropy": bytes,
    }
    return Dedupe(**(given | changed))


class Row(NamedTuple):
    """One row of a record; what it says depends on seed, record, revision, digest."""

    record: int
    revision: int = 0
    digest: int = 0
    cancel: bool = False


def sixteen(*parts: object) -> bytes:
    """Any parts as 16 bytes."""
    return blake2b(repr(parts).encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What rows say: persons with numbers, papers and names, wrong now and then."""

    seed: int
    people: int = 3
    naturals: int = 4
    steady: float = 0.7
    shared: bytes | None = None

    def content(self, row: Row, flow: str) -> dict[str, Any]:
        """The columns of a row without its origin."""
        seed = repr((self.seed, row.record, row.revision, row.digest))
        chance = Random(seed)  # noqa: S311 - test data that can be made again
        # Most revisions of a record agree about the person and the natural key.
        lasting = Random(repr((self.seed, row.record)))  # noqa: S311 - the same
        source = lasting if chance.random() < self.steady else chance
        person = source.randrange(self.people)
        entries = {(3, source.choice([person, person, 99]))}
        if source.random() < 0.5:
            entries.add((0, person))
        if source.random() < 0.7:
            entries.add((1, source.choice([person, person, source.randrange(4)])))
        keys = b"".join(
            sorted(bytes((t,)) + sixteen(t, n)[: ENTRY_SIZE - 1] for t, n in entries)
        )
        natural = source.randrange(2 * self.naturals + 1)
        return {
            "member": f"TM/GOV/{OWNERS[flow]}",
            "record": sixteen("record", row.record),
            "revision": row.revision,
            "digest": sixteen(row.digest, row.cancel),
            "action": "CANCEL" if row.cancel else "NEW",
            "nkey": sixteen("n", natural) if natural < self.naturals else self.shared,
            "sig": None if flow == "price" else sixteen("sig", keys),
            "keys": None if flow == "price" else keys,
            "sex": chance.choice("FM"),
            "velayat": chance.choice(["TM-A", "TM-S"]),
            "event_date": dt.date(2025, 1, chance.randint(1, 3)),
            "days": chance.choice([None, 1, 2]),
        }

    def frame(self, flow: str, rows: Iterable[tuple[int, int, Row]]) -> pl.DataFrame:
        """Rows with their origins, as intake sends them."""
        values = [
            {"origin_offset": offset, "origin_row": place, "clock_ms": NOON_MS + offset}
            | self.content(row, flow)
            for offset, place, row in rows
        ]
        return pl.DataFrame(values, schema=polars_schema(EVERY[flow].records))


@dataclass(slots=True)
class Lane:
    """One ministry partition as intake forwards it."""

    world: World
    flow: str
    partition: int = 0
    offset: int = -1
    start: Coordinate = START
    config: bytes = NONE

    @property
    def source(self) -> Source:
        """The ministry partition."""
        topic = f"ministry.{OWNERS[self.flow]}.{self.flow}"
        return Source(topic=topic, partition=self.partition, log=b"m" * 16)

    def block(self, rows: Sequence[Row], *, clock_ms: int = NOON_MS) -> bytes:
        """The block of one batch."""
        return self.wide_block([rows], clock_ms=clock_ms)

    def wide_block(
        self, batches: Sequence[Sequence[Row]], *, clock_ms: int = NOON_MS
    ) -> bytes:
        """One block of several batches."""
        placed = []
        for rows in batches:
            self.offset += 1
            placed += [(self.offset, place, row) for place, row in enumerate(rows)]
        frame = self.world.frame(self.flow, placed)
        table = (self.flow, frame, EVERY[self.flow].records)
        to = Coordinate(offset=self.offset, row=ROW_LAST)
        return self._seal(
            Part(kind="rows", to=to, clock_ms=clock_ms, sections=(table,))
        )

    def close(self, close: Close) -> bytes:
        """The block of a marker."""
        self.offset += 1
        to = Coordinate(offset=self.offset, row=0)
        return self._seal(Part(kind="close", to=to, clock_ms=NOON_MS, close=close))

    def _seal(self, part: Part) -> bytes:
        (value,) = blocks.seal(
            [part],
            stage="intake",
            source=self.source,
            start=self.start,
            config=self.config,
            generation=0,
            key=RECORDS_KEY,
            entropy=bytes,
        )
        self.start = part.to
        return value


def marker(number: int) -> Close:
    """A close marker."""
    return Close(
        marker=sixteen("marker", number),
        vintage="P",
        tables=(),
        period="2025",
        created_ms=number,
        key_id="control-1",
    )


class Change(NamedTuple):
    """One change of a fact as aggregate gets it."""

    offset: int
    row: int
    sign: int
    flow: str
    fact: tuple[Any, ...]


class Ended(NamedTuple):
    """A close as aggregate gets it."""

    offset: int
    row: int
    marker: bytes


class Run:
    """A stage over a log: its state, changes, closes and counts."""

    def __init__(self, dedupe: Dedupe, domain: Domain = Domain.MOBILITY) -> None:
        self.dedupe = dedupe
        self.source = Source(topic=f"hub.records.{domain}", partition=0, log=b"i" * 16)
        self.memory = Memory()
        self.changes: list[list[Change]] = [[] for _ in range(4)]
        self.closes: list[list[Ended]] = [[] for _ in range(4)]
        self.voids: list[list[Ended]] = [[] for _ in range(4)]
        self.endings: dict[bytes, Ending] = {}
        self.reached = [START] * 4
        self.counts: Counter[Any] = Counter()
        self.result = Result()
        self.told: list[bytes] = []

    def step(self, messages: Sequence[Incoming]) -> Result:
        """One chunk."""
        for result in fold(self.dedupe, self.memory, self.source, messages):
            self.result = result
            self.counts.update(result.counts)
            for send in result.sends:
                assert send.value is not None
                if send.topic.startswith("statements."):
                    self.told.append(send.value)
                else:
                    self._read(send.partition, send.value)
        last = Coordinate(offset=messages[-1].offset, row=ROW_LAST)
        assert self.reached == [last] * 4
        return self.result

    def _read(self, partition: int, value: bytes) -> None:
        block = decode(value)
        assert isinstance(block, Block)
        header, sections = blocks.open(block, FACTS_KEY)
        assert header.start == self.reached[partition]
        self.reached[partition] = header.to
        if header.kind == "close":
            ending = blocks.ending_of(header, sections)
            ended = Ended(header.to_offset, header.to_row, ending.close.marker)
            (self.voids if ending.void else self.closes)[partition].append(ended)
            self.endings[ending.close.marker] = ending
            return
        found = []
        for section in sections:
            for line in blocks.rows(section, EVERY[section.name].facts).rows():
                offset, row, _, sign, person, *rest = line
                assert int.from_bytes(person[:4], "big") % 4 == partition
                fact = (section.name, person, *rest)
                found.append(Change(offset, row, sign, section.name, fact))
        self.changes[partition].extend(sorted(found, key=lambda one: one[:2]))

    @property
    def all_changes(self) -> list[Change]:
        """The changes of all partitions in their one order."""
        return sorted(
            (one for part in self.changes for one in part), key=lambda c: c[:2]
        )


def log(values: Iterable[bytes]) -> list[Incoming]:
    """Messages of a records topic."""
    return [
        Incoming(offset=offset, time_ms=NOON_MS, value=value)
        for offset, value in enumerate(values)
    ]


def facts(changes: Iterable[Change]) -> Counter[tuple[Any, ...]]:
    """What is active after `changes`; nothing may be retracted that is not there."""
    active: Counter[tuple[Any, ...]] = Counter()
    for change in changes:
        active[change.fact] += change.sign
        assert active[change.fact] in (0, 1)
    return +active


def expected(world: World, rows: Iterable[tuple[str, Row]]) -> Counter[tuple[Any, ...]]:
    """What the audit's way says is active after these rows."""
    tables: dict[str, list[tuple[int, int, Row]]] = {}
    for place, (flow, row) in enumerate(rows):
        tables.setdefault(flow, []).append((place, 0, row))
    frames = {flow: world.frame(flow, some) for flow, some in tables.items()}
    found = active_facts(frames, EVERY, RULES)
    return Counter(
        (flow, *line) for flow, frame in found.items() for line in frame.rows()
    )
