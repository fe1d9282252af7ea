"""Reading the store: what there is of each table, and series of any moment.

Rules (docs/gateway.md, "The past"):

- Moments are those at which the hub published a manifest: what a reader asked then and
  what it asks now "as of" then are the same.
- Of several releases of a figure the newest counts, by its release time. Releases that
  were taken back count at no moment.
- Every thread has its own connection, which only reads; nothing is held in memory but
  one short summary a table.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from hub.core.errors import HubError
from hub.core.sdmx.cube import Observation, Series
from hub.core.sdmx.refusal import Fault, RefusalError
from hub.core.sdmx.select import Codes
from hub.gateway.file import connect

OBSERVATIONS_MAX = 200_000
"""Of one answer; more are refused, and pages or filters named."""

Row = tuple[str, str, str | None, str, float | None, str, str, int]
"""Key, unit, rule, period, value, status, conf, release."""

_ROWS = (
    "SELECT s.key, s.unit, s.rule, l.period, l.value, l.status, l.conf, l.release "
    "FROM series s JOIN"
)
_IN_ORDER = "ORDER BY s.key, l.period"


class StaleError(HubError):
    """The store went on while it was read; read its state again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release of one table, as the store has it."""

    number: int
    marker: str
    vintage: str
    period: str
    released_ms: int
    seen_ms: int
    observations: int
    withdrawn_ms: int | None
    reason: str | None
    refused: str | None

    @property
    def stands(self) -> bool:
        """Whether its figures are given out."""
        return self.withdrawn_ms is None and self.refused is None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One table in short.

    Attributes:
        version: Changes with every release and withdrawal, and with nothing else.
        periods: Those of the newest figures.
        ever: Those of any release.
        codes: For each dimension the codes that occur in the newest figures.
        changed_ms: When it last changed; 0: never.
    """

    table: str
    version: str
    releases: tuple[Release, ...]
    periods: tuple[str, ...] = ()
    ever: tuple[str, ...] = ()
    codes: tuple[tuple[str, ...], ...] = ()
    series: int = 0
    observations: int = 0
    changed_ms: int = 0


class Lookup:
    """Reads the store's file; safe to use from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    def state(self, table: str) -> State:
        """What there is of a table now."""
        releases = tuple(self._releases(table))
        state = State(
            table=table,
            version=_version(releases),
            releases=releases,
            ever=tuple(self._ever(table)),
            changed_ms=_changed(releases),
        )
        if not any(one.stands for one in releases):
            return state
        mine = 'FROM series s JOIN latest l ON l.series = s.id WHERE s."table" = ?'
        file = self._file()
        [(series, count)] = file.execute(
            f"SELECT count(DISTINCT s.id), count(*) {mine}", (table,)
        ).fetchall()
        periods = file.execute(
            f"SELECT DISTINCT l.period {mine} ORDER BY 1", (table,)
        ).fetchall()
        codes = [
            file.execute(f"SELECT DISTINCT s.d{at} {mine} ORDER BY 1", (table,))
            for at in range(5)
        ]
        return replace(
            state,
            periods=tuple(one for (one,) in periods),
            codes=tuple(
                tuple(code for (code,) in one if code) for one in map(list, codes)
            ),
            series=series,
            observations=count,
        )

    def rows(
        self,
        state: State,
        codes: Sequence[Codes],
        periods: Sequence[str] | None,
        as_of_ms: int | None,
    ) -> Iterator[Row]:
        """The newest figures of a moment, in the order of key and period.

        Args:
            state: Of the table.
            codes: For each dimension those wanted.
            periods: Those wanted; None: all.
            as_of_ms: None: now.
        """
        if as_of_ms is None or as_of_ms >= state.changed_ms:
            yield from self._found(state.table, "latest", codes, periods)
            return
        order = {
            one.number: (one.released_ms, one.number)
            for one in state.releases
            if one.stands and one.seen_ms <= as_of_ms
        }
        every = self._found(state.table, "observation", codes, periods)
        for _, same in groupby(every, key=itemgetter(0, 3)):
            known = [row for row in same if row[7] in order]
            if known:
                yield max(known, key=lambda row: order[row[7]])

    def every(
        self, state: State, codes: Sequence[Codes], periods: Sequence[str] | None
    ) -> Iterator[Row]:
        """All figures of all releases, those taken back included."""
        return self._found(state.table, "observation", codes, periods)

    def manifest(self, number: int) -> bytes:
        """The signed manifest of a release, as it came."""
        [(text,)] = (
            self._file()
            .execute("SELECT manifest FROM release WHERE id = ?", (number,))
            .fetchall()
        )
        return bytes(text)

    def _found(
        self,
        table: str,
        source: str,
        codes: Sequence[Codes],
        periods: Sequence[str] | None,
    ) -> Iterator[Row]:
        words = ['s."table" = ?']
        values: list[str] = [table]
        for at, wanted in enumerate(codes):
            if wanted is not None:
                words.append(f"s.d{at} IN ({','.join('?' * len(wanted))})")
                values += sorted(wanted)
        if periods is not None:
            words.append(f"l.period IN ({','.join('?' * len(periods))})")
            values += periods
        # Every value is bound; the words are ours.
        where = " AND ".join(words)
        statement = [_ROWS, source, "l ON l.series = s.id WHERE", where, _IN_ORDER]
        yield from self._file().execute(" ".join(statement), values)

    def _ever(self, table: str) -> Iterator[str]:
        rows = self._file().execute(
            "SELECT DISTINCT o.period FROM series s JOIN observation o "
            'ON o.series = s.id WHERE s."table" = ? ORDER BY 1',
            (table,),
        )
        return (period for (period,) in rows)

    def _releases(self, table: str) -> Iterable[Release]:
        rows = self._file().execute(
            "SELECT id, marker, vintage, period, released_ms, seen_ms, observations, "
            'withdrawn_ms, reason, refused FROM release WHERE "table" = ? ORDER BY id',
            (table,),
        )
        names = Release.__slots__
        return [Release(**dict(zip(names, row, strict=True))) for row in rows]

    def _file(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "file", None)
        if found is None:
            found = self._local.file = connect(self._path, read_only=True)
        return found


def series_of(
    rows: Iterable[Row], releases: Mapping[int, Release], dimensions: int
) -> Iterator[Series]:
    """Rows in the order of their keys as series.

    Raises:
        RefusalError: TOO_MUCH; there are more than one answer may hold.
        StaleError: A release came after `releases` were read.
    """
    said = {
        number: (one.vintage, one.marker, str(one.released_ms))
        for number, one in releases.items()
    }
    count = 0
    for key, same in groupby(rows, key=itemgetter(0)):
        mine = list(same)
        count += len(mine)
        if count > OBSERVATIONS_MAX:
            raise RefusalError(
                Fault.TOO_MUCH,
                f"more than {OBSERVATIONS_MAX:,} observations; ask for fewer codes or "
                "periods, or in pages with limit and offset",
            )
        codes = tuple(key.split("."))
        if len(codes) != dimensions:
            continue  # of another catalogue; growth does not allow it
        if any(row[7] not in said for row in mine):
            raise StaleError(key)
        yield Series(
            codes,
            (mine[0][1], mine[0][2]),
            [
                Observation(period, value, (status, conf, *said[number]))
                for _, _, _, period, value, status, conf, number in mine
            ],
        )


def _version(releases: Iterable[Release]) -> str:
    digest = hashlib.sha256()
    for one in releases:
        digest.update(f"{one.marker} {one.seen_ms} {one.withdrawn_ms}\n".encode())
    return digest.hexdigest()[:16]


def _changed(releases: Iterable[Release]) -> int:
    moments = (max(one.seen_ms, one.withdrawn_ms or 0) for one in releases)
    return max(moments, default=0)
