"""The member side, on logs in memory: what is given out, and what raises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub import client
from hub.client import figures as given
from hub.client import manifests
from hub.core import observation
from hub.core.catalogue.model import Catalogue, Table
from hub.core.errors import EnvelopeError, InvalidError, RetriableError
from hub.core.keys import HUB, Key, KeyRegistry
from hub.core.log import Incoming
from hub.core.observation import Observation, Vintage
from hub.core.reasons import Reason
from hub.core.topics import VINTAGES, indicator_topic
from hub.edge import keyring
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings

KEY = Ed25519PrivateKey.from_private_bytes(b"r" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
SETTINGS = Settings(home=Home(root=Path("/nowhere")))
FIRST, SECOND = b"1" * 16, b"2" * 16


class Logs:
    """Topics in memory; stands in for the reader of a broker."""

    def __init__(self) -> None:
        self.topics: dict[str, list[bytes]] = {}

    def add(self, topic: str, *values: bytes) -> None:
        """Append."""
        self.topics.setdefault(topic, []).extend(values)

    def feed(self, *_: object) -> Feed:
        """A reader at the beginning."""
        return Feed(self)


class Feed:
    """What :class:`hub.client.feed.Feed` does, without a broker."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._positions: dict[str, int] = {}

    def news(self, topic: str) -> Iterator[Incoming]:
        """Messages since the last look."""
        values = self._logs.topics.get(topic, [])
        start = self._positions.get(topic, 0)
        self._positions[topic] = len(values)
        for offset in range(start, len(values)):
            yield Incoming(offset=offset, time_ms=0, value=values[offset])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of the repository."""
    return read_catalogue()


@pytest.fixture
def table(catalogue: Catalogue) -> Table:
    """A table with two dimensions."""
    return catalogue.tables["PRM_NEW"]


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Logs:
    """Empty logs that the client reads instead of a broker's."""
    made = Logs()
    key = Key(
        key_id="hub-release-2025-01",
        use="release",
        member=HUB,
        public=KEY.public_key().public_bytes_raw(),
    )
    registry = KeyRegistry(keys={key.key_id: key})
    for module in (given, manifests):
        monkeypatch.setattr(module, "Feed", made.feed)
        monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(keyring, "registry", lambda _: registry)
    return made


def figures(table: Table, marker: bytes, *values: float | None) -> list[Observation]:
    """One observation a value, of successive quarters."""
    return [
        Observation(
            table=table.id,
            frequency="Q",
            area="TM",
            sex="F",
            dimensions=("WORK", "AF"),
            period=f"2025-Q{number}",
            value=value,
            status="P" if value is not None else "Q",
            conf="F" if value is not None else "A",
            unit=table.unit,
            vintage="P",
            release=marker.hex(),
            released_ms=1_000 * int(marker[:1]),
        )
        for number, value in enumerate(values, 1)
    ]


def manifest(
    found: list[Observation], marker: bytes, key: Ed25519PrivateKey = KEY
) -> Vintage:
    """The signed manifest of these figures."""
    made = Vintage(
        table=found[0].table,
        vintage="P",
        marker=marker,
        period="2025",
        catalogue=bytes(32),
        observations=len(found),
        digest=observation.digest(found),
        released_ms=found[0].released_ms,
        key_id="hub-release-2025-01",
    )
    return observation.sign(made, key)


def release(
    logs: Logs, table: Table, marker: bytes, *values: float | None
) -> list[Observation]:
    """Put a whole release into the logs."""
    found = figures(table, marker, *values)
    codec = observation.Codec(table)
    logs.add(indicator_topic(table.id), *(codec.encode(one) for one in found))
    logs.add(VINTAGES, observation.encode(manifest(found, marker)))
    return found


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
    gone = replace(manifest(found, FIRST), action="withdraw", reason="wrong input")
    logs.add(VINTAGES, observation.encode(observation.sign(gone, KEY)))
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
