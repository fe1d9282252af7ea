"""A ministry's home and a hub in memory: the real intake behind a dict of logs."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest

from hub.core import bundle
from hub.core.catalogue.model import Catalogue
from hub.core.errors import RetriableError
from hub.core.intake import Intake
from hub.core.log import Incoming, Send, Source
from hub.core.stage import Series
from hub.core.state import Memory, Overlay
from hub.edge import keyring
from hub.edge.files import read_catalogue
from hub.edge.kafka import Ack
from hub.edge.settings import Home, Settings
from hub.publisher.publish import Session

NOW_MS = 1_770_000_000_000


class Hub:
    """A broker with intake inside; `away` and `mute` make trouble."""

    def __init__(self, catalogue: Catalogue, home: Path) -> None:
        bundles = bundle.only(catalogue, keyring.registry(home))
        self.intake = Intake(
            bundles=bundles, keys=keyring.intake(home), entropy=os.urandom
        )
        self.logs: dict[tuple[str, int], list[bytes]] = defaultdict(list)
        self.states: dict[tuple[str, int], Memory] = defaultdict(Memory)
        self.away = False
        self.drop: set[int] = set()
        self.sent = 0
        self.shown: dict[Series, float] = {}
        """What intake shows to Prometheus; counters summed, gauges as they are now."""

    def send(self, sends: Sequence[Send]) -> list[Ack]:
        """Append, unless told to be away or to lose the n-th message ever sent."""
        if self.away:
            raise RetriableError("brokers do not answer")
        return [self._append(send) for send in sends]

    def _append(self, send: Send) -> Ack:
        self.sent += 1
        place = (send.topic, send.partition)
        if self.sent in self.drop:
            return self._ack(place, -1)
        log = self.logs[place]
        log.append(send.value or b"")
        offset = len(log) - 1
        self._step(place, offset)
        return self._ack(place, offset)

    def _ack(self, place: tuple[str, int], offset: int) -> Ack:
        """Acknowledged now: the ministries' clocks are compared with it."""
        now_ms = time.time_ns() // 1_000_000
        return Ack(topic=place[0], partition=place[1], offset=offset, time_ms=now_ms)

    def _step(self, place: tuple[str, int], offset: int) -> None:
        source = Source(topic=place[0], partition=place[1], log=bytes(16))
        overlay = Overlay(self.states[place])
        message = Incoming(
            offset=offset, time_ms=NOW_MS, value=self.logs[place][offset]
        )
        result = self.intake.step(overlay, source, [message])
        self.states[place].apply(overlay.pending)
        for series, value in result.counts.items():
            self.shown[series] = self.shown.get(series, 0) + value
        self.shown |= result.gauges
        for send in result.sends:
            if not send.topic.startswith("hub."):
                self.logs[send.topic, send.partition].append(send.value or b"")

    def read(self, topic: str, start: int) -> Iterator[Incoming]:
        """What the topic holds."""
        if self.away:
            raise RetriableError("brokers do not answer")
        log = self.logs[topic, 0]
        for offset in range(0 if start > len(log) else start, len(log)):
            yield Incoming(offset=offset, time_ms=NOW_MS, value=log[offset])

    def close(self) -> None:
        """Nothing to give back."""


class Desk:
    """Opens sessions of one home against one hub."""

    def __init__(self, home: Path, catalogue: Catalogue) -> None:
        self.settings = Settings(home=Home(root=home))
        self.catalogue = catalogue
        keyring.create(home, catalogue, now_ms=NOW_MS)
        self.hub = Hub(catalogue, home)

    def session(self, member: str = "sms", *, batch_rows: int = 10) -> Session:
        """A session that waits for nothing."""
        session = Session.open(
            self.settings,
            self.catalogue,
            member,
            batch_rows=batch_rows,
            broker=self.hub,
        )
        session.pause = lambda _: None
        return session


def _crossings(rows: int, first: int = 0) -> pl.DataFrame:
    number = pl.int_range(first, first + rows, eager=True)
    text = number.cast(pl.String)
    return pl.DataFrame(
        {
            "record_id": "R-" + text,
            "doc_state": "UZB",
            "doc_no": "P" + text.str.zfill(8),
            "family_name": "KARIMOVA",
            "given_name": "LOLA",
            "birth_date": "1990-02-01",
            "sex": "F",
            "sex_source": "DOC",
            "citizenship": "UZB",
            "event_date": "2025-03-04",
            "direction": "ENTRY",
            "checkpoint": "ROAD_FARAP",
            "velayat": "TM-L",
            "transport": "ROAD",
            "purpose": "FAMILY",
            "prev_or_next_country": "UZB",
            "residence_right": "NONE",
        }
    )


@pytest.fixture(scope="session")
def crossings() -> Callable[..., pl.DataFrame]:
    """Makes valid border crossings: how many, and the number of the first."""
    return _crossings


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The catalogue of the checkout."""
    return read_catalogue()


@pytest.fixture(scope="session")
def make_desk() -> type[Desk]:
    """Makes homes with hubs, for tests that compare two."""
    return Desk


@pytest.fixture
def desk(tmp_path: Path, catalogue: Catalogue) -> Desk:
    """A fresh home and hub."""
    return Desk(tmp_path / "home", catalogue)
