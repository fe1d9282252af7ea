"""Topics follow from the catalogue."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from hub.core import topics
from hub.core.catalogue.model import Catalogue, Domain
from hub.core.errors import CatalogueError
from hub.edge.files import read_catalogue


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of the repository."""
    return read_catalogue()


def test_every_provided_dataflow_has_its_topic(catalogue: Catalogue) -> None:
    """A provider has one topic a dataflow, of two partitions, and three answers."""
    made = {topic.name: topic.partitions for topic in topics.topics(catalogue)}

    for member in catalogue.members.values():
        for flow in member.provides:
            assert made.pop(topics.ministry_topic(member.id, flow)) == 2
        for name in (
            topics.receipts_topic(member.id),
            topics.quarantine_topic(member.id),
            topics.statements_topic(member.id),
        ):
            assert made.pop(name, 0) == (1 if member.provides else 0)
    assert not [name for name in made if not name.startswith(("hub.", "indicators."))]


def test_every_domain_has_its_arrows(catalogue: Catalogue) -> None:
    """Records stay in one log a domain, facts in four partitions, cells in one."""
    made = {topic.name: topic.partitions for topic in topics.topics(catalogue)}
    internal = {name: made[name] for name in made if name.startswith("hub.")}

    assert internal == {
        **{f"hub.records.{domain}": 1 for domain in Domain},
        **{f"hub.facts.{domain}": 4 for domain in Domain},
        "hub.cells": 1,
        "hub.trail": 1,
        "hub.notices": 1,
    }


def test_internal_tables_are_not_published(catalogue: Catalogue) -> None:
    """There is an indicator topic for every published table and for no other."""
    published = {table.id for table in catalogue.tables.values() if not table.internal}
    made = {topic.name for topic in topics.topics(catalogue)}

    assert {name for name in made if name.startswith("indicators.")} == {
        *(f"indicators.{table}" for table in published),
        "indicators.vintages",
    }


def test_names_are_kafkas_and_unique(catalogue: Catalogue) -> None:
    """Names are legal in Kafka, unique, and in our namespaces."""
    names = [topic.name for topic in topics.topics(catalogue)]

    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,249}", name)
        assert name.startswith(topics.NAMESPACES)


def test_time_is_the_brokers_and_size_is_bounded(catalogue: Catalogue) -> None:
    """All topics are stamped by the broker and take nine mebibytes at most."""
    configs = [topic.config for topic in topics.topics(catalogue)]

    assert {one["message.timestamp.type"] for one in configs} == {"LogAppendTime"}
    assert {one["max.message.bytes"] for one in configs} == {"9437184"}
    assert {one["cleanup.policy"] for one in configs} == {"delete"}


def test_rows_do_not_outlive_their_batches(catalogue: Catalogue) -> None:
    """A sealed log is kept as its dataflow says; internal rows as long at most."""
    kept = {topic.name: topic.retention_ms for topic in topics.topics(catalogue)}
    day = 86_400_000

    for member in catalogue.members.values():
        for flow in member.provides:
            days = catalogue.dataflows[flow].retention_days
            assert kept[topics.ministry_topic(member.id, flow)] == days * day
    for domain in Domain:
        longest = [
            flow.retention_days
            for flow in catalogue.dataflows.values()
            if flow.domain == domain
        ]
        if longest:
            assert kept[topics.records_topic(domain)] == max(longest) * day
            assert kept[topics.facts_topic(domain)] == max(longest) * day
    assert kept["indicators.vintages"] == -1


def test_sources_of_none_are_all_lanes(catalogue: Catalogue) -> None:
    """A domain is fed by its dataflows; NONE by every one, for declarations."""
    everything = topics.sources(catalogue, Domain.NONE)
    by_domain = {
        domain: topics.sources(catalogue, domain)
        for domain in Domain
        if domain != Domain.NONE
    }

    assert len(everything) == 2 * sum(
        len(member.provides) for member in catalogue.members.values()
    )
    for domain, sources in by_domain.items():
        assert set(sources) <= set(everything)
        for topic, _ in sources:
            flow = topics.parse_ministry(topic)[1]
            assert catalogue.dataflows[flow].domain == domain


def test_ministry_topic_is_parsed_back() -> None:
    """Member and dataflow are read from a topic's name, associations included."""
    topic = topics.ministry_topic("cso-keik", "nap_activity")

    assert topics.parse_ministry(topic) == ("cso-keik", "nap_activity")
    for foreign in ("receipts.sms", "hub.records.NONE", "ministry.sms"):
        with pytest.raises(ValueError, match=r"."):
            topics.parse_ministry(foreign)


def test_a_table_cannot_take_the_name_of_the_manifests(catalogue: Catalogue) -> None:
    """A table called `vintages` is refused."""
    table = next(iter(catalogue.tables.values()))
    taken = replace(table, id="vintages", internal=False)

    with pytest.raises(CatalogueError, match="vintages"):
        topics.topics(replace(catalogue, tables={"vintages": taken}))
