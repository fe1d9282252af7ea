"""Topics in a broker: made from the catalogue, and begun with a genesis record.

Rules (design: delivery, rules 7 and 10; embedded default):

- Applying the same catalogue again changes nothing.
- The first record of every partition is its genesis; in ministry topics a config
  record follows. The uuid of a log is the broker's own topic id, so a run that broke
  off half-way goes on with the same uuid, and a topic made again has another.
- Control writes and cannot read: whether a partition is begun is seen from its offsets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from hub.core.catalogue.model import Catalogue, Domain
from hub.core.errors import EnvelopeError, InvalidError, LogError, RetriableError
from hub.core.keys import KeyRegistry
from hub.core.log import Send
from hub.core.messages import Config, Genesis, decode, encode, sign, verify
from hub.core.topics import INDICATORS, Topic, sources, topics
from hub.edge import acls, kafka, layout, passes
from hub.edge.keyring import SigningKey
from hub.edge.settings import Settings

GENESIS_HEADER = "genesis"
"""Header that carries the genesis of an indicator topic, whose value is null."""

_FETCH_BYTES = 65_536
_POLLS_MAX = 30
_MINISTRY = "ministry."


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who begins the logs, and with what.

    Attributes:
        key: Control's signing key.
        bundle: Digest of the signed config bundle that is in force from the start.
        generation: Grows when partition counts change and logs are begun anew.
    """

    key: SigningKey
    bundle: bytes
    now_ms: int
    generation: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What had to be done; all empty where nothing was missing.

    Attributes:
        topics: Made.
        changed: Given other settings, e.g. another retention.
        permitted: Permissions added.
        withdrawn: Permissions removed.
        begun: Records written.
    """

    topics: tuple[str, ...]
    changed: tuple[str, ...]
    permitted: tuple[str, ...]
    withdrawn: tuple[str, ...]
    begun: int


def apply(
    settings: Settings, catalogue: Catalogue, author: Author, *, replication: int = -1
) -> Changes:
    """Bring the broker to what the catalogue says, and begin every log.

    Args:
        settings: Where the broker is; the home holds ``admin`` and ``control``.
        catalogue: What there has to be.
        author: Signs genesis and config records.
        replication: Copies of every topic; -1 leaves it to the broker.

    Raises:
        LogError: a topic exists with another number of partitions.
        RetriableError: the broker did not do what was asked.
    """
    with kafka.admin(settings) as client:
        names = [topic.name for topic in topics(catalogue)]
        made, changed = layout.create(client, catalogue, replication=replication)
        ids = layout.identities(client, names)
        # Nobody may write into a new log before it has begun.
        begun = _begin_early(settings, catalogue, author, ids, new=len(made))
        revoked = passes.revoked(settings.home).members
        permitted, withdrawn = acls.apply(client, catalogue, revoked)
        if begun is None:
            begun = begin(settings, catalogue, author, ids)
    return Changes(
        topics=made,
        changed=changed,
        permitted=permitted,
        withdrawn=withdrawn,
        begun=begun,
    )


def _begin_early(
    settings: Settings,
    catalogue: Catalogue,
    author: Author,
    ids: Mapping[str, bytes],
    *,
    new: int,
) -> int | None:
    """Begin the logs, or None where control itself has had no permission so far."""
    if new == len(ids):
        return None
    try:
        return begin(settings, catalogue, author, ids)
    except InvalidError:
        return None


def used(settings: Settings, catalogue: Catalogue) -> bool:
    """Whether any ministry's log has more than its genesis already."""
    with kafka.admin(settings) as client:
        present = {topic["name"] for topic in client.describe_topics()}
    places = [one for one in sources(catalogue, Domain.NONE) if one[0] in present]
    if not places:
        return False
    with kafka.consumer(settings, "admin") as reader:
        return any(one.end > 1 for one in kafka.extents(reader, places).values())


def begin(
    settings: Settings, catalogue: Catalogue, author: Author, ids: Mapping[str, bytes]
) -> int:
    """Write the genesis, and in ministry topics the config, where they are missing.

    Returns:
        The number of records written; 0 where every log had begun.
    """
    wanted = {
        (topic.name, partition): topic
        for topic in topics(catalogue)
        for partition in range(topic.partitions)
    }
    with kafka.consumer(settings, "control") as reader:
        ends = {
            place: extent.end for place, extent in kafka.extents(reader, wanted).items()
        }
    sends = []
    for (name, partition), topic in wanted.items():
        end = ends[name, partition]
        if end == 0:
            sends.append(_genesis(topic, partition, catalogue, author, ids[name]))
        if end <= 1 and name.startswith(_MINISTRY):
            sends.append(_config(name, partition, author))
    return _write(settings, sends)


def configure(settings: Settings, catalogue: Catalogue, author: Author) -> int:
    """Put `author.bundle` in force in every ministry partition; how many."""
    return _write(
        settings,
        [
            _config(topic, partition, author)
            for topic, partition in sources(catalogue, Domain.NONE)
        ],
    )


def _write(settings: Settings, sends: list[Send]) -> int:
    if sends:
        with kafka.producer(settings, "control") as producer:
            kafka.send_all(producer, sends)
    return len(sends)


def _config(topic: str, partition: int, author: Author) -> Send:
    message = Config(
        bundle=author.bundle, created_ms=author.now_ms, key_id=author.key.key_id
    )
    return Send(
        topic=topic,
        partition=partition,
        key=None,
        value=encode(sign(message, author.key.private)),
    )


def _genesis(
    topic: Topic, partition: int, catalogue: Catalogue, author: Author, log: bytes
) -> Send:
    message = Genesis(
        log=log,
        topic=topic.name,
        partition=partition,
        partitions=topic.partitions,
        catalogue=catalogue.digest,
        generation=author.generation,
        created_ms=author.now_ms,
        key_id=author.key.key_id,
    )
    value = encode(sign(message, author.key.private))
    if topic.name.startswith(INDICATORS):
        # Its readers speak Confluent's format; a null value is none of theirs.
        # It has a key because the client sends no record without key and value.
        return Send(
            topic=topic.name,
            partition=partition,
            key=GENESIS_HEADER.encode(),
            value=None,
            headers=((GENESIS_HEADER, value),),
        )
    return Send(topic=topic.name, partition=partition, key=None, value=value)


def logs(
    settings: Settings,
    principal: str,
    names: Iterable[str],
    registry: KeyRegistry,
) -> dict[str, bytes]:
    """The uuid of each log, from its genesis; 16 bytes.

    A log whose genesis went with its retention is known by the broker's topic id,
    which is what its genesis said.

    Args:
        settings: Where the broker is.
        principal: Whose certificate; it must be allowed to read the topics.
        names: Topics.
        registry: Knows control's public key.

    Raises:
        LogError: a topic is missing, was never begun, or its genesis is not its own.
    """
    wanted = list(names)
    with kafka.admin(settings, principal) as client:
        ids = layout.identities(client, wanted)
    with kafka.consumer(settings, principal, fetch_bytes=_FETCH_BYTES) as reader:
        extents = kafka.extents(reader, [(name, 0) for name in wanted])
        kept = [name for name in wanted if extents[name, 0].start == 0]
        firsts = _first_records(reader, kept)
    found = {}
    for name in wanted:
        if name in firsts:
            found[name] = _log(name, firsts[name], registry)
        elif name in kept:
            raise LogError(f"topic {name} has no genesis: run `kerwen topics`")
        else:
            found[name] = ids[name]
    return found


def _first_records(reader: KafkaConsumer, names: Iterable[str]) -> dict[str, Any]:
    partitions = {TopicPartition(name, 0) for name in names}
    if not partitions:
        return {}
    reader.assign(list(partitions))
    for partition in partitions:
        reader.seek(partition, 0)
    found: dict[str, Any] = {}
    for _ in range(_POLLS_MAX):
        try:
            polled = reader.poll(timeout_ms=500)
        except KafkaError as error:
            raise RetriableError(f"genesis cannot be read: {error}") from error
        for partition, batch in polled.items():
            found.setdefault(partition.topic, batch[0])
            reader.pause(partition)
        if len(found) == len(partitions):
            break
    return found


def _log(name: str, record: Any, registry: KeyRegistry) -> bytes:
    """The uuid in a genesis record, which must be this topic's and signed."""
    value = dict(record.headers).get(GENESIS_HEADER, record.value)
    try:
        message = decode(value or b"")
        if not isinstance(message, Genesis) or message.topic != name:
            raise LogError(f"topic {name}: its first record is not its genesis")
        verify(message, registry.authority(message.key_id, "control"))
    except EnvelopeError as error:
        raise LogError(f"topic {name}: genesis unusable, {error}") from error
    return message.log
