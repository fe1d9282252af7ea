"""The member side, on logs in memory: what is given out, and what raises."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub import client
from hub.core import observation
from hub.core.catalogue.model import Catalogue, Table
from hub.core.errors import EnvelopeError, InvalidError, RetriableError
from hub.core.observation import Observation
from hub.core.reasons import Reason
from hub.core.topics import VINTAGES, indicator_topic
from tests.client.logs import (
    FIRST,
    OTHER,
    SECOND,
    SETTINGS,
    Logs,
    figures,
    manifest,
    release,
    withdraw,
)


def read(catalogue: Catalogue, *tables: str) -> list[Observation]:
    """Everything that is given out now."""
    return list(client.observations(SETTINGS, "iom", tables, catalogue=catalogue))


def test_figures_of_a_release_are_given_with_their_manifest(
    logs: Logs, table: Table, catalogue: Catalogue
) -> None:
    """Signed figures come out as they went in."""
    found = release(logs, table, FIRST, 1.0, None, 3.0)
    assert read(catalogue, table.id) == found


def test_figures_without_a_manifest_are_held_back(
    logs: Logs, table: Table, catalogue: Catalogue
) -> None:
    """Until the signed end of a release is there, nothing of it is."""
    codec = observation.Codec(table)
    for one in figures(table, FIRST, 1.0, 2.0):
        logs.add(indicator_topic(table.id), codec.encode(one))
    assert read(catalogue, table.id) == []


def test_a_release_that_stands_twice_is_given_once(
    logs: Logs, table: Table, catalogue: Catalogue
) -> None:
    """A crash of the hub between sending and storing shows nowhere."""
    found = release(logs, table, FIRST, 1.0, 2.0)
    release(logs, table, FIRST, 1.0, 2.0)
    assert read(catalogue, table.id) == found
    assert len(list(client.vintages(SETTINGS, "iom"))) == 1


def test_a_changed_figure_raises(
    logs: Logs, table: Table, catalogue: Catalogue
) -> None:
    """One figure that is not the manifest's, and nothing is given out."""
    found = figures(table, FIRST, 1.0, 2.0)
    codec = observation.Codec(table)
    forged = [found[0], replace(found[1], value=9.0)]
    logs.add(indicator_topic(table.id), *(codec.encode(one) for one in forged))
    logs.add(VINTAGES, observation.encode(manifest(found, FIRST)))
    with pytest.raises(EnvelopeError, match="not those of the manifest") as caught:
        read(catalogue, table.id)
    assert caught.value.reason == Reason.CONTENT


@pytest.mark.parametrize("kept", [0, 1])
def test_a_missing_figure_raises(
    logs: Logs, table: Table, catalogue: Catalogue, kept: int
) -> None:
    """Fewer figures than signed are an error, not a smaller release."""
    found = figures(table, FIRST, 1.0, 2.0)
    codec = observation.Codec(table)
    logs.add(indicator_topic(table.id), *(codec.encode(one) for one in found[:kept]))
    logs.add(VINTAGES, observation.encode(manifest(found, FIRST)))
    with pytest.raises(EnvelopeError, match="where the manifest says 2"):
        read(catalogue, table.id)


def test_a_manifest_of_another_key_raises(
    logs: Logs, table: Table, catalogue: Catalogue
) -> None:
    """Only the hub's release key signs releases."""
    found = figures(table, FIRST, 1.0)
    logs.add(indicator_topic(table.id), observation.Codec(table).encode(found[0]))
    logs.add(VINTAGES, observation.encode(manifest(found, FIRST, OTHER)))
    with pytest.raises(EnvelopeError) as caught:
        read(catalogue, table.id)
    assert caught.value.reason == Reason.SIGNATURE
    with pytest.raises(EnvelopeError):
        list(client.vintages(SETTINGS, "iom"))


def test_a_release_that_was_taken_back_is_not_given(
    logs: Logs, table: Table, catalogue: Catalogue
) -> None:
    """A withdrawal ends one release of one table."""
    found = release(logs, table, FIRST, 1.0)
    kept = release(logs, table, SECOND, 2.0)
    withdraw(logs, found, FIRST, "wrong input")
    assert read(catalogue, table.id) == kept


def test_following_gives_a_later_release(
    logs: Logs, table: Table, catalogue: Catalogue
) -> None:
    """A reader that follows gets what is released after it has begun."""
    first = release(logs, table, FIRST, 1.0)
    stream = client.observations(
        SETTINGS, "iom", [table.id], catalogue=catalogue, follow=True
    )
    assert next(stream) == first[0]
    second = release(logs, table, SECOND, 2.0)
    assert next(stream) == second[0]


def test_latest_takes_the_newest_release_of_each_figure(table: Table) -> None:
    """A later release replaces the figures it has, and no others."""
    old = figures(table, FIRST, 1.0, 2.0)
    new = figures(table, SECOND, 5.0)
    assert client.latest([*new, *old]) == [new[0], old[1]]
    assert client.latest([*old, *new]) == [new[0], old[1]]


def test_unknown_and_internal_tables_are_refused(
    logs: Logs, catalogue: Catalogue
) -> None:
    """A table that is not published cannot be read."""
    del logs
    internal = next(one.id for one in catalogue.tables.values() if one.internal)
    for name in ("NOPE", internal):
        with pytest.raises(InvalidError, match="not published"):
            read(catalogue, name)


def test_wait_for_returns_the_manifests_of_its_marker(logs: Logs, table: Table) -> None:
    """Other releases do not count."""
    release(logs, table, FIRST, 1.0)
    release(logs, table, SECOND, 2.0)
    [found] = client.wait_for(SETTINGS, "iom", SECOND, [table.id], 1.0)
    assert (found.marker, found.table) == (SECOND, table.id)


def test_wait_for_says_what_is_missing_in_time(logs: Logs, table: Table) -> None:
    """Waiting has an end, and says how far it came."""
    release(logs, table, FIRST, 1.0)
    with pytest.raises(RetriableError, match="0 of 1 tables"):
        client.wait_for(SETTINGS, "iom", SECOND, [table.id], 0.0)


def test_wait_for_ends_where_something_else_was_said(logs: Logs, table: Table) -> None:
    """With what is there, and no error."""
    release(logs, table, FIRST, 1.0)
    tables = [table.id, "OTHER"]

    assert (
        client.wait_for(SETTINGS, "iom", SECOND, tables, 60, until=lambda: True) == []
    )
