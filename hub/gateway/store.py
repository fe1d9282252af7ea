"""The gateway's store: every verified release, in one SQLite file.

Rules (docs/gateway.md, "The store"):

- Figures wait until the manifest of their release is here; then count, digest and
  signature are checked, and they go in all together or not at all.
- Every release is kept, for any past moment; one that was taken back is kept without
  its figures being given out ever again.
- Positions, waiting figures and releases change in one transaction: a crash repeats
  messages, never loses or doubles one. The file is a cache of the log: when it is of
  another log or another form, it is begun anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hub.core import observation
from hub.core.catalogue.model import Catalogue
from hub.core.errors import EnvelopeError
from hub.core.keys import KeyRegistry
from hub.core.log import Incoming
from hub.core.observation import Vintage
from hub.gateway import releases
from hub.gateway.file import change, opened

RELEASE, WITHDRAW = "release", "withdraw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened to a table, for whoever listens.

    Attributes:
        action: ``release`` or ``withdraw``.
        refused: Why a release is not given out; empty where it is.
    """

    table: str
    action: str
    marker: str
    vintage: str
    period: str
    released_ms: int
    seen_ms: int
    observations: int
    refused: str = ""


class Store:
    """The one writer of the file; see :mod:`hub.gateway.lookup` for reading."""

    def __init__(
        self, path: Path, catalogue: Catalogue, keys: Callable[[], KeyRegistry]
    ) -> None:
        self.path = path
        self._keys = keys
        self._registry = keys()
        self._codecs = {
            one.id: observation.Codec(one)
            for one in catalogue.tables.values()
            if not one.internal
        }
        self._file = opened(path)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def positions(self, logs: Mapping[str, bytes]) -> dict[str, int]:
        """Where to read on, by topic; the store is emptied if it is of other logs."""
        rows = self._file.execute("SELECT topic, log, next FROM position").fetchall()
        known = {topic: (log, offset) for topic, log, offset in rows}
        if any(known[topic][0] != log for topic, log in logs.items() if topic in known):
            self.clear()
            known = {}
        return {topic: known.get(topic, (b"", 0))[1] for topic in logs}

    def clear(self) -> None:
        """Begin anew."""
        with change(self._file):
            self._file.execute("DELETE FROM position")
            self._file.execute("DELETE FROM pending")
            self._file.execute("DELETE FROM waiting")
            self._file.execute("DELETE FROM latest")
            self._file.execute("DELETE FROM observation")
            self._file.execute("DELETE FROM series")
            self._file.execute("DELETE FROM release")

    @contextmanager
    def batch(self, ends: Mapping[str, tuple[bytes, int]]) -> Iterator[None]:
        """What is added inside counts together with positions, or not at all.

        Args:
            ends: Topic → its log and the position behind what is added.
        """
        with change(self._file):
            yield
            self._file.executemany(
                "INSERT OR REPLACE INTO position VALUES (?, ?, ?)",
                [(topic, log, offset) for topic, (log, offset) in ends.items()],
            )

    def add_figures(self, table: str, messages: Iterable[Incoming]) -> int:
        """Let figures wait for their manifest; how many could not be read."""
        codec = self._codecs[table]
        rows, bad = [], 0
        for message in messages:
            try:
                one = codec.decode(message.value)
            except EnvelopeError:
                bad += 1  # its release will not add up, and is refused as a whole
                continue
            line = observation.line(one)
            rows.append((table, one.release, observation.leaf(one), line))
        self._file.executemany(
            "INSERT OR IGNORE INTO pending SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS "
            '(SELECT 1 FROM release WHERE "table" = ?1 AND marker = ?2)',
            rows,
        )
        return bad

    def add_manifest(self, message: Incoming) -> Vintage:
        """Let a manifest wait for its figures.

        Raises:
            EnvelopeError: It is damaged or the hub's release key did not sign it.
        """
        vintage = observation.decode(message.value)
        try:
            key = self._registry.authority(vintage.key_id, observation.use_of(vintage))
        except EnvelopeError:  # keys change while we run
            self._registry = self._keys()
            key = self._registry.authority(vintage.key_id, observation.use_of(vintage))
        observation.verify(vintage, key)
        place = (vintage.table, vintage.marker.hex(), vintage.action)
        self._file.execute(
            "INSERT OR IGNORE INTO waiting VALUES (?, ?, ?, ?, ?)",
            (*place, message.value, message.time_ms),
        )
        return vintage

    @property
    def waits(self) -> bool:
        """Whether a manifest waits for its figures."""
        return (
            self._file.execute("SELECT 1 FROM waiting LIMIT 1").fetchone() is not None
        )

    def settle(
        self, caught_up: Iterable[str], old_ms: int | None = None
    ) -> list[Change]:
        """Take in what is whole; call it inside :meth:`batch`.

        Args:
            caught_up: Tables of which everything in the log was read. A release of
                theirs that lacks figures will never be whole.
            old_ms: But for those whose manifest was published after this moment.
        """
        every = frozenset(caught_up)
        changes = []
        for manifest, seen_ms in self._file.execute(
            "SELECT manifest, seen_ms FROM waiting ORDER BY seen_ms, action"
        ).fetchall():
            vintage = observation.decode(manifest)
            ready = every if old_ms is None or seen_ms < old_ms else frozenset()
            if vintage.action == RELEASE:
                found = self._release(vintage, manifest, seen_ms, ready)
            else:
                found = self._withdraw(vintage, seen_ms, ready)
            if found is not None:
                changes.append(found)
        return changes

    def _release(
        self, vintage: Vintage, manifest: bytes, seen_ms: int, ready: frozenset[str]
    ) -> Change | None:
        if releases.known(self._file, vintage):
            self._done(vintage)  # it stands in the log twice, after a crash
            return None
        refused = ""
        try:
            releases.check(self._file, vintage)
        except EnvelopeError as error:
            if vintage.table not in ready:
                return None  # the rest of its figures may still be on its way
            refused = str(error)
        releases.take(self._file, vintage, manifest, seen_ms, refused)
        self._done(vintage)
        return _said(vintage, seen_ms, refused)

    def _withdraw(
        self, vintage: Vintage, seen_ms: int, ready: frozenset[str]
    ) -> Change | None:
        if not releases.known(self._file, vintage) and vintage.table not in ready:
            return None
        stood = releases.withdraw(self._file, vintage, seen_ms)
        self._done(vintage)
        return _said(vintage, seen_ms, "") if stood else None

    def _done(self, vintage: Vintage) -> None:
        place = (vintage.table, vintage.marker.hex())
        self._file.execute(
            'DELETE FROM waiting WHERE "table" = ? AND marker = ? AND action = ?',
            (*place, vintage.action),
        )
        if vintage.action == RELEASE:
            self._file.execute(
                'DELETE FROM pending WHERE "table" = ? AND marker = ?', place
            )


def _said(vintage: Vintage, seen_ms: int, refused: str) -> Change:
    return Change(
        table=vintage.table,
        action=vintage.action,
        marker=vintage.marker.hex(),
        vintage=vintage.vintage,
        period=vintage.period,
        released_ms=vintage.released_ms,
        seen_ms=seen_ms,
        observations=vintage.observations,
        refused=refused,
    )
