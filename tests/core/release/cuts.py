"""Logs of hub.cells for the tests of release."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core import observation
from hub.core.aggregate import Aggregate
from hub.core.bundle import Bundles, only
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.ending import Ending
from hub.core.keys import SigningKey
from hub.core.log import PARTITIONS_FACTS, Incoming, Send, Source
from hub.core.messages import DIGEST_NONE, Close, Notice
from hub.core.observation import Codec, Observation, Vintage
from hub.core.release import Release, drafts
from hub.core.stage import Result
from hub.core.state import Memory, Overlay
from hub.core.topics import VINTAGES, facts_topic, indicator_topic
from tests.core import example
from tests.core.facts_log import (
    CATALOGUE,
    CELLS_KEY,
    CLOSE,
    FACTS_KEY,
    STAGE,
    Message,
    log,
    run,
)

CELLS = Source(topic="hub.cells", partition=0, log=b"c" * 16)
MONTHS = [f"2025-{month:02}" for month in range(1, 13)]


SIGNER = SigningKey(
    key_id="release-1", private=Ed25519PrivateKey.from_private_bytes(b"k" * 32)
)


class Apart(NamedTuple):
    """One marker that ends differently in the two domains."""

    mobility: Ending
    none: Ending


def release(catalogue: Catalogue = CATALOGUE) -> Release:
    """The stage with fixed keys."""
    return Release(
        only(catalogue), cells_key=CELLS_KEY, secret=b"s" * 32, signer=SIGNER
    )


def close(marker: str = "m", **changes: Any) -> Close:
    """A marker for 2025."""
    return replace(CLOSE, marker=marker.encode() * 16, **changes)


def crossings(
    sex: str, count: int, *, month: int = 2, first: int = 0, **changes: Any
) -> list[dict[str, Any]]:
    """Entries of different persons, one each."""
    row = {"sex": sex, "citizenship": "KAZ", "direction": "ENTRY", "birth_year": 1990}
    row |= {"day": dt.date(2025, month, 3), "area": "TM-A", "sign": 1}
    return [
        {**row, "person": f"{sex}{at}", "record": f"{sex}{month}/{at}", **changes}
        for at in range(first, first + count)
    ]


def declarations(
    flows: str = "stay crossing transfer population", months: Sequence[str] = MONTHS
) -> list[dict[str, Any]]:
    """Every month of the flows declared complete, ten days after its end."""
    owners = {"stay": "sms", "crossing": "sms", "transfer": "mef", "population": "mef"}
    return [
        {
            "record": f"{flow}/{month}",
            "member": f"TM/GOV/{owners[flow]}",
            "dataflow": flow,
            "period": month,
            "complete": True,
            "nil": False,
            "late_days": 10,
            "sign": 1,
        }
        for flow in flows.split()
        for month in months
    ]


def spread(name: str, rows: Sequence[dict[str, Any]]) -> list[Message]:
    """One message a partition: rows by person, else by record."""
    parts: list[list[dict[str, Any]]] = [[] for _ in range(PARTITIONS_FACTS)]
    for row in rows:
        owner = example.ident(str(row.get("person", row["record"])))
        parts[int.from_bytes(owner[:4], "big") % PARTITIONS_FACTS].append(row)
    return [{name: part} if part else {} for part in parts]


def cells_log(
    steps: Sequence[Message | Apart], bundles: Bundles | None = None
) -> list[Send]:
    """What aggregate sends of all partitions of MOBILITY and NONE, in turn.

    Args:
        steps: Dataflow → signed facts, or a marker, or the marker of each domain.
        bundles: Those that the markers name; None: only the first.
    """
    stage = STAGE
    if bundles is not None:
        keys = {"facts_key": FACTS_KEY, "cells_key": CELLS_KEY}
        stage = Aggregate(bundles, **keys, entropy=bytes)
    sends: list[list[Send]] = []
    for domain in (Domain.MOBILITY, Domain.NONE):
        for partition in range(PARTITIONS_FACTS):
            content: list[Message] = []
            for step in steps:
                if isinstance(step, Close | Ending):
                    content.append(step)
                    continue
                if isinstance(step, Apart):
                    ending = step.none if domain is Domain.NONE else step.mobility
                    content.append(ending)
                    continue
                for name, rows in step.items():
                    if CATALOGUE.dataflows[name].domain is domain:
                        content.append(spread(name, rows)[partition])
            topic = facts_topic(domain)
            records = Source(topic=f"hub.records.{domain}", partition=0, log=b"r" * 16)
            source = Source(topic=topic, partition=partition, log=b"f" * 16)
            _, results = run(log(content, records), [2], source, stage)
            sends.append([send for result in results for send in result.sends])
    # One message of each partition in turn: cuts become whole at their last.
    longest = max(len(found) for found in sends)
    return [found[at] for at in range(longest) for found in sends if at < len(found)]


def step(
    stage: Release,
    sends: Sequence[Send],
    sizes: Sequence[int] = (),
    *,
    memory: Memory | None = None,
    first: int = 0,
) -> tuple[Memory, list[Result]]:
    """The cells partition in chunks of the given sizes, the rest in one."""
    incoming = [
        Incoming(offset=first + at, time_ms=0, value=send.value or b"")
        for at, send in enumerate(sends)
    ]
    memory = Memory() if memory is None else memory
    results = []
    for size in [*sizes, len(incoming)]:
        chunk, incoming = incoming[:size], incoming[size:]
        if chunk:
            overlay = Overlay(memory)
            results.append(stage.step(overlay, CELLS, chunk))
            memory.apply(overlay.pending)
    return memory, results


def sent(results: Sequence[Result]) -> list[Send]:
    """Everything that was sent."""
    return [send for result in results for send in result.sends]


def published(sends: Sequence[Send], name: str) -> dict[str, Observation]:
    """``series period vintage`` → observation of a table; the newest wins."""
    codec = Codec(CATALOGUE.tables[name])
    found = {}
    for send in sends:
        if send.topic == indicator_topic(name) and send.value is not None:
            one = codec.decode(send.value)
            found[f"{one.series} {one.period} {one.vintage}"] = one
    return found


def manifests(sends: Sequence[Send]) -> list[Vintage]:
    """The manifests, in order."""
    return [
        observation.decode(send.value)
        for send in sends
        if send.topic == VINTAGES and send.value is not None
    ]


def draft(marker: str, *tables: str, period: str = "2025") -> Notice:
    """A draft of these tables, as release tells of it."""
    mark = close(marker, period=period)
    told = Vintage(
        table="",
        vintage=mark.vintage,
        marker=mark.marker,
        period=period,
        catalogue=CATALOGUE.digest,
        observations=0,
        digest=DIGEST_NONE,
        released_ms=0,
        key_id=SIGNER.key_id,
    )
    named = tuple(drafts.bare(replace(told, table=table)) for table in tables)
    return Notice(
        marker=mark.marker,
        kind=drafts.DRAFT,
        vintage=mark.vintage,
        period=period,
        reason=b"",
        manifests=named,
        digest=drafts.digest(named),
        created_ms=mark.created_ms,
        key_id=SIGNER.key_id,
    )
