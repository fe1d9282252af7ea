"""The hubs that are simulated: the same stages on a small and on a whole catalogue.

Rules:

- Both catalogues are cut out of the repository's: rules, codelists and policies are the
  real ones, and every step is a step of ``hub.core``.
- SMALL is one ministry, one dataflow, one table of persons, and two facts
  partitions: thousands of schedules in a minute.
- BRIEF is the same with half as much to do: for the longest runs. BURSTS is BRIEF
  with ministries that publish several messages at once.
- WHOLE is two ministries, three dataflows, seven tables: dozens of schedules.
- Nonces are zeros: the same step gives the same bytes, so it can be remembered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from faust.types import TP

from hub.core import admission, cut, topics
from hub.core.aggregate import Aggregate
from hub.core.blocks import InternalKey
from hub.core.bundle import Held, only
from hub.core.catalogue.model import Catalogue, Domain, Measure, Table
from hub.core.dedupe import Dedupe, changes
from hub.core.envelope.recipients import PrivateKey
from hub.core.intake import Intake
from hub.core.keys import HUB, Key, KeyRegistry, SigningKey, Use
from hub.core.log import PARTITIONS_MINISTRY, Source
from hub.core.messages import Genesis, encode, sign
from hub.core.release import Release
from hub.core.stage import Stage
from tests.core import ministry

STAGES = ("intake", "dedupe", "aggregate", "release")
DOMAINS = (Domain.MOBILITY, Domain.NONE)
INTERNAL = {"M": "DECLARED", "Q": "DECLARED_Q", "A": "DECLARED_A"}
ARROWS = {"records": ("intake", "dedupe"), "facts": ("dedupe", "aggregate")} | {
    "cells": ("aggregate", "release")
}
"""Who seals and who opens what is on an arrow."""

MEF = "TM/GOV/MEF/HUB"
MEMBERS = {"sms": ministry.SMS, "mef": MEF}
NEXT_SIGN = Ed25519PrivateKey.from_private_bytes(b"n" * 32)
MEF_SIGN = Ed25519PrivateKey.from_private_bytes(b"M" * 32)
STATEMENT = Ed25519PrivateKey.from_private_bytes(b"t" * 32)
RELEASE = Ed25519PrivateKey.from_private_bytes(b"R" * 32)
MEF_SEAL = PrivateKey(suite=2, seed=b"S" * 32)
NEXT_HUB_SEAL = PrivateKey(suite=2, seed=b"H" * 32)
HUB_KEYS = {"hub-1": ministry.HUB_SEAL, "hub-2": NEXT_HUB_SEAL}
OPENS = {"sms-1": ministry.SMS_SEAL, "mef-1": MEF_SEAL}
SIGNS = {
    "sms": (("sms-sign", ministry.SIGN), ("sms-sign-2", NEXT_SIGN)),
    "mef": (("mef-sign", MEF_SIGN), ("mef-sign", MEF_SIGN)),
}
"""A ministry's signing keys, the one in use and the next one."""


def arrow_key(arrow: str, epoch: int) -> InternalKey:
    """The key of an arrow in an epoch; a newer one opens what an older one sealed."""
    older = tuple(arrow_key(arrow, one) for one in range(1, epoch))
    secret = f"{arrow}-{epoch}".encode().ljust(32, b".")
    return InternalKey(key_id=f"{arrow}-{epoch}", secret=secret, older=older)


Epochs = tuple[int, int]
"""Epoch of the arrow a stage reads, and of the arrow it writes."""


@dataclass(frozen=True, eq=False, kw_only=True)
class World:
    """One hub.

    Attributes:
        provides: Dataflows by ministry.
        tables: Ids of the catalogue's tables that are published.
        declared: Frequencies of declarations.
        periods: What a marker may close; the last one closes the first of them.
        partitions: Facts partitions of a domain.
        people: How many persons there are.
        records: How many record ids a lane draws from.
        rows_max: Rows of the greatest batch; 0: as in production.
        turns: What a ministry partition does between two markers, at most.
        bursts: How many messages ministries publish at once; one of these numbers.
    """

    name: str
    provides: dict[str, tuple[str, ...]]
    tables: tuple[str, ...]
    declared: str
    periods: tuple[str, ...]
    partitions: int
    people: int
    records: int
    rows_max: int
    turns: int
    bursts: tuple[int, ...] = (1,)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The catalogue of the repository, cut down."""
        whole = ministry.catalogue()
        flows = {flow for provided in self.provides.values() for flow in provided}
        known = {**whole.tables, **_small_tables(whole)}
        return replace(
            whole,
            dataflows={
                name: flow
                for name, flow in whole.dataflows.items()
                if name in {*flows, "declaration"}
            },
            members={
                name: replace(whole.members[name], provides=provided)
                for name, provided in self.provides.items()
            },
            tables={
                name: _closed_by(known[name], flows)
                for name in (*self.internal, *self.tables)
            },
        )

    @property
    def internal(self) -> list[str]:
        """Tables of declarations."""
        return [INTERNAL[frequency] for frequency in self.declared]

    @cached_property
    def bundles(self) -> Held:
        """The bundle in force."""
        return only(self.catalogue, registry())

    def stage(self, name: str, epochs: Epochs = (1, 1)) -> Stage:
        """A real stage, with the keys above."""
        made = self._made
        if (name, epochs) not in made:
            made[name, epochs] = self._stage(name, *epochs)
        return made[name, epochs]

    @cached_property
    def _made(self) -> dict[tuple[str, Epochs], Stage]:
        return {}

    def _stage(self, name: str, reads: int, writes: int) -> Stage:
        match name:
            case "intake":
                keys = ministry.Keys(hub=HUB_KEYS, records=arrow_key("records", writes))
                return Intake(bundles=self.bundles, keys=keys, entropy=bytes)
            case "dedupe":
                return Dedupe(
                    self.bundles,
                    records=arrow_key("records", reads),
                    facts=arrow_key("facts", writes),
                    statement=SigningKey(key_id="statement-1", private=STATEMENT),
                    entropy=bytes,
                )
            case "aggregate":
                return Aggregate(
                    self.bundles,
                    facts_key=arrow_key("facts", reads),
                    cells_key=arrow_key("cells", writes),
                    entropy=bytes,
                )
            case _:
                return Release(
                    self.bundles,
                    cells_key=arrow_key("cells", reads),
                    secret=b"d" * 32,
                    signer=SigningKey(key_id="release-1", private=RELEASE),
                )

    @cached_property
    def inputs(self) -> dict[str, tuple[TP, ...]]:
        """The partitions each stage reads."""
        facts = range(self.partitions)
        return {
            "intake": tuple(
                TP(topics.ministry_topic(member, flow), partition)
                for member, provided in self.provides.items()
                for flow in provided
                for partition in range(PARTITIONS_MINISTRY)
            ),
            "dedupe": tuple(TP(topics.records_topic(one), 0) for one in DOMAINS),
            "aggregate": tuple(
                TP(topics.facts_topic(one), place) for one in DOMAINS for place in facts
            ),
            "release": (TP(topics.CELLS, 0),),
        }

    def births(self) -> Iterator[tuple[TP, bytes, bytes]]:
        """Every partition that is read, its log's uuid and its first message."""
        for stage in STAGES:
            for tp in self.inputs[stage]:
                yield tp, log_of(tp.topic), self.genesis(tp, log_of(tp.topic))

    def genesis(self, tp: TP, log: bytes) -> bytes:
        """The first message of a partition."""
        genesis = Genesis(
            log=log,
            topic=tp.topic,
            partition=tp.partition,
            partitions=2,
            catalogue=self.catalogue.digest,
            generation=1,
            created_ms=ministry.CLOCK_MS,
            key_id="control-1",
        )
        return encode(sign(genesis, ministry.CONTROL))

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Numbers that are constants in production are those of this world."""
        with ExitStack() as stack:
            for module in (cut, changes):
                stack.enter_context(
                    patch.object(module, "PARTITIONS_FACTS", self.partitions)
                )
            declared = dict(zip(self.declared, self.internal, strict=True))
            stack.enter_context(patch.dict(cut.DECLARED, declared, clear=True))
            if self.rows_max:
                stack.enter_context(patch.object(admission, "ROWS_MAX", self.rows_max))
            yield


def _closed_by(table: Table, flows: Collection[str]) -> Table:
    """A table without the closings that come from dataflows which are left out."""
    closes = tuple(one for one in table.closes if one.dataflow in flows)
    return replace(table, closes=closes)


def _small_tables(whole: Catalogue) -> dict[str, Table]:
    """A table as cheap as one can be that shows a person counted twice."""
    permits = whole.tables["PRM_NEW"]
    persons = replace(
        permits,
        id="PERSONS",
        measure=Measure.PERSONS,
        assign="last",
        frequency="M",
        policy="C",
        where=(),
        dimensions=permits.dimensions[:1],
    )
    return {"PERSONS": persons}


SMALL = World(
    name="small",
    provides={"sms": ("residence_permit",)},
    tables=("PERSONS",),
    declared="M",
    periods=("2025-Q3", "2025-08"),
    partitions=2,
    people=3,
    records=4,
    rows_max=4,
    turns=2,
)
BRIEF = replace(SMALL, name="brief", records=3, rows_max=3, turns=1)
BURSTS = replace(BRIEF, name="bursts", bursts=(1, 1, 2, 4, 8))
WHOLE = World(
    name="whole",
    provides={"sms": ("border_crossing", "residence_permit"), "mef": ("remittance",)},
    tables=("XNG_EVT", "PRM_NEW", "STK_CIT", "REM_VOL"),
    declared="MQA",
    periods=("2025", "2025-Q3", "2025-08"),
    partitions=4,
    people=6,
    records=14,
    rows_max=0,
    turns=3,
)
WORLDS = {one.name: one for one in (BRIEF, BURSTS, SMALL, WHOLE)}


def registry() -> KeyRegistry:
    """Everyone's public keys."""
    known = dict(ministry.registry().keys)
    more: list[tuple[str, Use, str, Ed25519PrivateKey]] = [
        ("sms-sign-2", "sign", ministry.SMS, NEXT_SIGN),
        ("mef-sign", "sign", MEF, MEF_SIGN),
        ("statement-1", "statement", HUB, STATEMENT),
        ("release-1", "release", HUB, RELEASE),
    ]
    for key_id, use, member, private in more:
        public = private.public_key().public_bytes_raw()
        known[key_id] = Key(key_id=key_id, use=use, member=member, public=public)
    raw = MEF_SEAL.public().raw
    known["mef-1"] = Key(key_id="mef-1", use="seal", member=MEF, suite=2, public=raw)
    return KeyRegistry(keys=known)


def log_of(topic: str) -> bytes:
    """The genesis uuid of a topic."""
    return topic.encode()[-16:].rjust(16, b".")


def source_of(tp: TP) -> Source:
    """The source a partition is."""
    return Source(topic=tp.topic, partition=tp.partition, log=log_of(tp.topic))
