"""Logs in memory, which the client reads instead of a broker's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core import observation
from hub.core.catalogue.model import Table
from hub.core.log import Incoming
from hub.core.observation import Observation, Vintage
from hub.core.topics import VINTAGES, indicator_topic
from hub.edge.settings import Home, Settings

KEY = Ed25519PrivateKey.from_private_bytes(b"r" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
SETTINGS = Settings(home=Home(root=Path("/nowhere")))
FIRST, SECOND = b"1" * 16, b"2" * 16


class Logs:
    """Topics in memory; stands in for the reader of a broker."""

    def __init__(self) -> None:
        self.topics: dict[str, list[bytes]] = {}
        self.times: dict[tuple[str, int], int] = {}

    def add(self, topic: str, *values: bytes) -> None:
        """Append."""
        self.topics.setdefault(topic, []).extend(values)

    def feed(
        self, _settings: object, _member: str, positions: dict[str, int] | None = None
    ) -> Feed:
        """A reader at its positions."""
        return Feed(self, positions or {})


class Feed:
    """What :class:`hub.client.feed.Feed` does, without a broker."""

    def __init__(self, logs: Logs, positions: dict[str, int]) -> None:
        self._logs = logs
        self._positions = dict(positions)

    def look(self, topics: Iterable[str]) -> None:
        """Nothing has to be asked for."""

    def position(self, topic: str) -> int:
        """The offset behind what was read."""
        return self._positions.get(topic, 0)

    def news(self, topic: str) -> Iterator[Incoming]:
        """Messages since the last look."""
        values = self._logs.topics.get(topic, [])
        start = self._positions.get(topic, 0)
        self._positions[topic] = len(values)
        for offset in range(start, len(values)):
            time_ms = self._logs.times.get((topic, offset), 0)
            yield Incoming(offset=offset, time_ms=time_ms, value=values[offset])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


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
    logs: Logs, table: Table, marker: bytes, *values: float | None, time_ms: int = 0
) -> list[Observation]:
    """Put a whole release into the logs; its manifest is taken at `time_ms`."""
    found = figures(table, marker, *values)
    codec = observation.Codec(table)
    logs.add(indicator_topic(table.id), *(codec.encode(one) for one in found))
    logs.add(VINTAGES, observation.encode(manifest(found, marker)))
    logs.times[VINTAGES, len(logs.topics[VINTAGES]) - 1] = time_ms
    return found


def withdraw(logs: Logs, found: list[Observation], marker: bytes, reason: str) -> None:
    """Take a release back."""
    gone = replace(
        manifest(found, marker),
        action="withdraw",
        reason=reason,
        key_id="hub-control-2025-01",
    )
    logs.add(VINTAGES, observation.encode(observation.sign(gone, KEY)))
