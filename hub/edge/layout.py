"""Topics as the catalogue lays them out: made, compared, their settings kept.

Rules (design: delivery, rule 7):

- A partition count in the broker that is not the frozen one stops everything, before
  anything is made.
- Settings that differ from ours are set to ours, so a retention changed in the
  catalogue takes effect; settings we do not speak of are left alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from hub.core.catalogue.model import Catalogue
from hub.core.errors import LogError, RetriableError
from hub.core.topics import Topic, topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the brokers' topics differ from the catalogue's.

    Attributes:
        missing: Topics that are not there.
        changed: Topics with other settings.
        counts: Topics with another number of partitions.
    """

    missing: tuple[str, ...]
    changed: tuple[str, ...]
    counts: tuple[str, ...]


def look(client: KafkaAdminClient, catalogue: Catalogue) -> Layout:
    """What :func:`create` would find; changes nothing.

    Raises:
        RetriableError: the broker did not answer.
    """
    wanted = topics(catalogue)
    try:
        present = _present(client)
        here = [topic for topic in wanted if topic.name in present]
        differing = _differing(client, here)
    except KafkaError as error:
        raise RetriableError(f"topics cannot be described: {error}") from error
    return Layout(
        missing=tuple(one.name for one in wanted if one.name not in present),
        changed=tuple(topic.name for topic in differing),
        counts=tuple(one.name for one in here if present[one.name] != one.partitions),
    )


def create(
    client: KafkaAdminClient, catalogue: Catalogue, *, replication: int = -1
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make the topics that are missing; names made, and names whose settings changed.

    Raises:
        LogError: a topic exists with another number of partitions.
        RetriableError: the broker did not do what was asked.
    """
    wanted = topics(catalogue)
    try:
        present = _present(client)
        _compare(wanted, present)
        missing = [topic for topic in wanted if topic.name not in present]
        changed = _settle(client, [one for one in wanted if one.name in present])
        if missing:
            client.create_topics(
                {topic.name: _request(topic, replication) for topic in missing},
                wait_for_metadata=True,
            )
    except KafkaError as error:
        raise RetriableError(f"topics cannot be made: {error}") from error
    return tuple(topic.name for topic in missing), changed


def _present(client: KafkaAdminClient) -> dict[str, int]:
    """Topics that are there, and how many partitions each has."""
    return {
        topic["name"]: len(topic["partitions"]) for topic in client.describe_topics()
    }


def _request(topic: Topic, replication: int) -> dict[str, Any]:
    return {
        "num_partitions": topic.partitions,
        "replication_factor": replication,
        "configs": topic.config,
    }


def _compare(wanted: Iterable[Topic], present: Mapping[str, int]) -> None:
    for topic in wanted:
        found = present.get(topic.name, topic.partitions)
        if found != topic.partitions:
            raise LogError(
                f"topic {topic.name} has {found} partitions, the catalogue's count is "
                f"{topic.partitions} and frozen: growth is a new generation, begun "
                "beside the old with `kerwen topics`"
            )


def _settle(client: KafkaAdminClient, present: list[Topic]) -> tuple[str, ...]:
    """Set what is set otherwise; which topics that were."""
    differing = _differing(client, present)
    if differing:
        client.alter_configs(
            [
                ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.config)
                for topic in differing
            ]
        )
    return tuple(topic.name for topic in differing)


def _differing(client: KafkaAdminClient, present: list[Topic]) -> list[Topic]:
    """Topics that are set otherwise."""
    if not present:
        return []
    said = client.describe_configs(
        [
            ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.config)
            for topic in present
        ],
        config_filter="all",
    )["topic"]
    for topic in present:
        if not set(topic.config) <= set(said.get(topic.name, ())):
            # Listed by one answer, unknown to the next: it is on its way out.
            raise RetriableError(
                f"topic {topic.name} is being deleted; run the same command again"
            )
    return [
        topic
        for topic in present
        if any(
            said[topic.name][key]["value"] != value
            for key, value in topic.config.items()
        )
    ]


def identities(client: KafkaAdminClient, names: Iterable[str]) -> dict[str, bytes]:
    """The broker's ids of topics, 16 bytes each: what their logs are called.

    Raises:
        LogError: a topic is not there, or this principal may not see it.
    """
    try:
        described = client.describe_topics(list(names))
    except KafkaError as error:
        raise RetriableError(f"topics cannot be described: {error}") from error
    for topic in described:
        if topic["error_code"]:
            raise LogError(f"topic {topic['name']} is missing or closed to us")
    return {one["name"]: uuid.UUID(str(one["topic_id"])).bytes for one in described}
