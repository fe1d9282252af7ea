"""What depends on a key: topics and offsets, states, members; before it is touched.

Rules:

- Counted from the logs themselves, from what is readable without opening anything:
  stanzas and signers of envelopes, key ids of blocks, of sealed answers, of manifests.
- What cannot be counted (receipts are sealed to their ministry) is named, not guessed.
- Each topic is read as a principal that may read it; nothing new is permitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from kafka import KafkaConsumer

from hub.core import observation
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.errors import EnvelopeError, InvalidError, MachineError
from hub.core.keys import HUB, Key, KeyRegistry
from hub.core.messages import (
    Block,
    BlockHeader,
    Envelope,
    EnvelopeHeader,
    Sealed,
    decode,
    decode_as,
)
from hub.core.topics import (
    CELLS,
    VINTAGES,
    facts_topic,
    providers,
    quarantine_topic,
    receipts_topic,
    records_topic,
    sources,
    statements_topic,
)
from hub.edge import kafka
from hub.edge.keyfiles import Folder
from hub.edge.keymaking import ARROWS
from hub.edge.keystock import kind_of
from hub.edge.settings import Settings

Ids = Callable[[bytes], set[str]]
"""Key ids that a value names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Messages of one partition that name a key.

    Attributes:
        first: Offset of the first of them; `last` of the last.
    """

    topic: str
    partition: int
    messages: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Everything known to depend on a key.

    Attributes:
        status: active or revoked; "held" for one that no registry lists.
        without: What ends without it, in sentences.
        stages: Whose states were made with it.
    """

    key_id: str
    use: str
    holder: str
    status: str
    stages: tuple[str, ...]
    members: tuple[str, ...]
    without: tuple[str, ...]
    places: tuple[Place, ...] = field(default=())


_WITHOUT = {
    "hub": (
        "batches sealed to it cannot be opened again: no audit, no rebuild of them",
    ),
    "internal": ("blocks sealed with it cannot be read again: no rebuild from them",),
    "sign": ("batches that it signed and that have no receipt yet are not believed",),
    "seal": ("receipts, statements and refused rows sealed to it cannot be opened",),
    "receipt": ("receipts that it signed cannot be verified by their ministries",),
    "statement": ("statements that it signed cannot be verified",),
    "release": ("vintages that it signed cannot be verified by members",),
    "control": ("config records, markers and acts of the trail that it signed",),
}


def of(
    settings: Settings, catalogue: Catalogue, key_id: str, registry: KeyRegistry
) -> Impact:
    """What depends on a key.

    Args:
        settings: Where the logs are.
        catalogue: Names the topics.
        key_id: As `kerwen keys list` shows it.
        registry: The public keys.

    Raises:
        InvalidError: Nobody knows such a key.
    """
    arrow = _arrow(settings, key_id)
    key = registry.keys.get(key_id)
    if arrow is None and key is None:
        raise InvalidError(f"{key_id} is no key of this hub: `kerwen keys list`")
    kind = "internal" if key is None else kind_of(key)
    return Impact(
        key_id=key_id,
        use=kind,
        holder=HUB if key is None else key.member,
        status="held" if key is None else key.status,
        stages=_stages(kind, arrow),
        members=tuple(_members(catalogue, kind, key)),
        without=_WITHOUT[kind],
        places=tuple(_places(settings, _where(catalogue, kind, key, arrow), key_id)),
    )


def _arrow(settings: Settings, key_id: str) -> str | None:
    """The arrow of an internal key that is held here."""
    for arrow, ends in ARROWS.items():
        for end in ends:
            try:
                folder = Folder.read(settings.home.root, end)
            except MachineError:
                continue
            if key_id in folder.secrets.get("internal", {}).get(arrow, {}):
                return arrow
    return None


def _stages(kind: str, arrow: str | None) -> tuple[str, ...]:
    if arrow is not None:
        return ARROWS[arrow]
    return {
        "hub": ("intake", "dedupe", "aggregate", "release"),
        "receipt": ("intake",),
        "statement": ("dedupe",),
        "release": ("release",),
    }.get(kind, ())


def _members(catalogue: Catalogue, kind: str, key: Key | None) -> Iterator[str]:
    for member in catalogue.members.values():
        mine = key is not None and key.member == member.member
        provides = bool(member.provides)
        reads = kind == "release" and member.reads
        if mine or reads or (provides and kind in {"hub", "receipt", "statement"}):
            yield member.id


_Where = Iterable[tuple[str, str, int, Ids]]


def _where(
    catalogue: Catalogue, kind: str, key: Key | None, arrow: str | None
) -> _Where:
    """Principal, topic, partition and reader of everything that may name a key."""
    if kind in {"hub", "sign"}:
        for topic, partition in sources(catalogue, Domain.NONE):
            yield "audit", topic, partition, _of_envelope
    elif arrow is not None:
        topics = {
            "records": [records_topic(domain) for domain in Domain],
            "facts": [facts_topic(domain) for domain in Domain],
            "cells": [CELLS],
        }[arrow]
        for topic in topics:
            yield ARROWS[arrow][1], topic, ALL, _of_block
    elif kind == "seal" and key is not None:
        for member in providers(catalogue):
            if member.member == key.member:
                for named in (receipts_topic, quarantine_topic, statements_topic):
                    yield member.id, named(member.id), ALL, _of_answer
    elif kind in {"release", "control"}:
        yield "release", VINTAGES, ALL, _of_manifest


ALL = -1
"""Every partition of a topic."""


def _places(settings: Settings, where: _Where, key_id: str) -> Iterator[Place]:
    clients: dict[str, KafkaConsumer] = {}
    try:
        for principal, topic, asked, ids in where:
            if principal not in clients:
                clients[principal] = kafka.consumer(settings, principal)
            client = clients[principal]
            found = client.partitions_for_topic(topic) if asked == ALL else {asked}
            for partition in sorted(found or ()):
                offsets = _offsets(client, topic, partition, ids, key_id)
                if offsets:
                    yield Place(
                        topic=topic,
                        partition=partition,
                        messages=len(offsets),
                        first=offsets[0],
                        last=offsets[-1],
                    )
    finally:
        for client in clients.values():
            client.close()


def _offsets(
    client: KafkaConsumer, topic: str, partition: int, ids: Ids, key_id: str
) -> list[int]:
    extent = kafka.extents(client, [(topic, partition)])[topic, partition]
    found = []
    for message in kafka.read(client, topic, partition, extent.start, extent.end):
        try:
            if message.value and key_id in ids(message.value):
                found.append(message.offset)
        except EnvelopeError:
            continue  # whatever it is, it was not made with a key
    return found


def _of_envelope(value: bytes) -> set[str]:
    found = decode(value)
    if not isinstance(found, Envelope):
        return set()
    signer = decode_as(EnvelopeHeader, found.header).signer
    return {signer, *(stanza.key_id for stanza in found.recipients)}


def _of_block(value: bytes) -> set[str]:
    found = decode(value)
    if not isinstance(found, Block):
        return set()
    return {decode_as(BlockHeader, found.header).key_id}


def _of_answer(value: bytes) -> set[str]:
    found = decode(value)
    return {found.key_id} if isinstance(found, Sealed) else set()


def _of_manifest(value: bytes) -> set[str]:
    return {observation.decode(value).key_id}
