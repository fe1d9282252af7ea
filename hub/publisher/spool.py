"""Store and forward: what a ministry publishes is on its own disk first.

Rules (design: envelope, lane machine and receipts):

- One SQLite file a ministry, WAL, ``synchronous=FULL``. A batch, its place in the
  lane, the revisions it uses and how far its file was read are one transaction: killed
  at any moment, the spool holds all of it or nothing, and the same file goes on where
  it stopped.
- A lane is this installation × dataflow: a random id, a dense sequence, each envelope
  naming the digest of the one before.
- A batch is kept, sealed, until a valid final receipt for its digest is here. Then
  its content goes and the receipt stays. The broker may be away for as long as the
  disk lasts; a full disk refuses before it accepts.
- One process writes; reading needs no lock.

Invariant: sequences of a lane are 1, 2, 3 … without a gap, and no row of a file stands
in two batches of one publication.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Self

from hub.core.errors import InvalidError, MachineError
from hub.core.lanes import partition_of
from hub.core.messages import DIGEST_NONE
from hub.edge import locks
from hub.publisher.entries import VERSIONS, Item, Parcel, Place, Publication, State

VERSION = len(VERSIONS)
RESERVE_BYTES = 64 << 20
"""Free space that stays free: SQLite needs room to commit what it has."""
CACHE_BYTES = 32 << 20
LANE_SIZE = 16

Entropy = Callable[[int], bytes]


class Spool:
    """The spool of one ministry on one machine."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        self._lock: IO[bytes] | None = None

    @classmethod
    def open(cls, path: Path, *, write: bool = True) -> Self:
        """The spool at `path`; made if it is not there and is to be written.

        Raises:
            MachineError: Another process writes, or the folder cannot be used.
            InvalidError: The file is not a spool of this version, or is not there.
        """
        if not write and not path.exists():
            raise InvalidError(f"{path}: nothing was published from here yet")
        with ExitStack() as undo:
            lock = undo.enter_context(_lock(path)) if write else None
            try:
                connection = sqlite3.connect(
                    f"{path.absolute().as_uri()}?mode={_mode(path, write=write)}",
                    uri=True,
                    isolation_level=None,
                )
                undo.callback(connection.close)
                spool = cls(path, connection)
                spool._lock = lock
                spool._prepare(write=write)
            except sqlite3.Error as error:
                raise InvalidError(f"{path}: not a usable spool ({error})") from error
            undo.pop_all()
        return spool

    def _prepare(self, *, write: bool) -> None:
        if write:
            self.connection.execute("PRAGMA journal_mode=WAL")
            self.connection.execute("PRAGMA synchronous=FULL")
            self.connection.execute(f"PRAGMA cache_size=-{CACHE_BYTES >> 10}")
        version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise InvalidError(f"{self.path}: spool version {version}, not {VERSION}")
        if version < VERSION and not write:
            raise InvalidError(
                f"{self.path}: spool version {version}; `kerwen publish` brings it to "
                f"{VERSION}"
            )
        for number, script in enumerate(VERSIONS[version:], version + 1):
            with self.change() as connection:
                for statement in script.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={number}")

    def close(self) -> None:
        """Give the file and the lock back."""
        self.connection.close()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it, or nothing.

        Raises:
            MachineError: The disk is full; nothing of the transaction was kept.
        """
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            yield self.connection
            self.connection.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                self.connection.execute("ROLLBACK")
            if _no_room(error):
                raise self._full() from error
            raise

    def room(self, wanted_bytes: int) -> None:
        """Refuse before accepting what would not fit.

        Raises:
            MachineError: Fewer bytes are free than `wanted_bytes` and the reserve.
        """
        free = shutil.disk_usage(self.path.parent).free
        if free < wanted_bytes + RESERVE_BYTES:
            raise self._full()

    def _full(self) -> MachineError:
        free = shutil.disk_usage(self.path.parent).free
        return MachineError(
            f"no room for the spool {self.path}: {free >> 20} MB are free and "
            f"{RESERVE_BYTES >> 20} MB stay free, or a quota is used up; nothing of "
            "this batch was kept; make room and publish the same file again, it goes "
            "on where it stopped"
        )

    def begin(
        self, dataflow: str, key: bytes, name: str, now_ms: int, *, again: bool
    ) -> Publication:
        """The publication of a file: a new one, or the one that was interrupted.

        Args:
            dataflow: Its id.
            key: Digest of what is published: content, mapping, dialect.
            name: File name, to be shown.
            now_ms: Time, to be shown.
            again: Start another publication of a file that was published before.
        """
        with self.change() as connection:
            found = self._publication(key)
            if found is not None and not (again and found.finished_ms is not None):
                return found
            number = 1 if found is None else found.round + 1
            connection.execute(
                "INSERT INTO files (key, round, dataflow, name, started_ms) "
                "VALUES (?, ?, ?, ?, ?)",
                (key, number, dataflow, name, now_ms),
            )
            begun = self._publication(key)
        assert begun is not None, "the row was inserted above"  # noqa: S101
        return begun

    def _publication(self, key: bytes) -> Publication | None:
        row = self.connection.execute(
            "SELECT id, key, round, dataflow, name, last_row, started_ms, finished_ms "
            "FROM files WHERE key = ? ORDER BY round DESC LIMIT 1",
            (key,),
        ).fetchone()
        return None if row is None else Publication(*row)

    def finish(self, publication: Publication, now_ms: int) -> None:
        """The whole file is in the spool."""
        with self.change() as connection:
            connection.execute(
                "UPDATE files SET finished_ms = ? WHERE id = ?",
                (now_ms, publication.id),
            )

    def put(
        self,
        dataflow: str,
        entropy: Entropy,
        make: Callable[[Place], Parcel],
    ) -> None:
        """Add the next batch of a lane, in one transaction.

        Args:
            dataflow: Whose lane; it is opened with its first batch.
            entropy: Source of a new lane's id.
            make: Seals the batch for its place; it may read and write revisions.
        """
        self.room(0)
        with self.change() as connection:
            place = self._place(dataflow, entropy)
            self._insert(connection, dataflow, place, make(place))

    def _insert(
        self, connection: sqlite3.Connection, dataflow: str, place: Place, one: Parcel
    ) -> None:
        connection.execute(
            "INSERT INTO batches (dataflow, lane, sequence, previous, digest, batch, "
            "kind, file, rows, envelope, copy, listing) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(dataflow, place.lane, place.sequence, place.previous),
                *(one.digest, one.batch, one.kind, one.file, one.rows),
                *(one.value, one.copy, one.listing),
            ),
        )
        connection.execute(
            "UPDATE lanes SET sequence = ?, digest = ? WHERE lane = ?",
            (place.sequence, one.digest, place.lane),
        )
        if one.file is not None and one.last_row is not None:
            connection.execute(
                "UPDATE files SET last_row = max(last_row, ?) WHERE id = ?",
                (one.last_row, one.file),
            )

    def _place(
        self, dataflow: str, entropy: Entropy, instead: bytes | None = None
    ) -> Place:
        """The next place of the dataflow's lane; a new one may be `instead` of one."""
        row = self.connection.execute(
            "SELECT lane, sequence, digest FROM lanes WHERE dataflow = ? AND open = 1",
            (dataflow,),
        ).fetchone()
        if row is None:
            row = (_lane(entropy, instead), 0, DIGEST_NONE)
            self.connection.execute(
                "INSERT INTO lanes (dataflow, lane, sequence, digest) "
                "VALUES (?, ?, ?, ?)",
                (dataflow, *row),
            )
        lane, sequence, digest = row
        return Place(lane=lane, sequence=sequence + 1, previous=digest)

    def reopen(
        self,
        items: Sequence[Item],
        entropy: Entropy,
        make: Callable[[Item, Place], Parcel],
        *,
        new_lane: bool,
    ) -> None:
        """Put the rows of batches that can never be taken under new sequences.

        Args:
            items: Batches of one dataflow, in order; each is marked replaced.
            entropy: Source of a new lane's id.
            make: Seals one batch's content for its new place.
            new_lane: The lane itself is lost: close it and open another.
        """
        if not items:
            return
        with self.change() as connection:
            if new_lane:
                connection.execute(
                    "UPDATE lanes SET open = 0 WHERE lane = ?", (items[0].lane,)
                )
            for item in items:
                place = self._place(item.dataflow, entropy, items[0].lane)
                self._insert(connection, item.dataflow, place, make(item, place))
                connection.execute(
                    "UPDATE batches SET state = ?, envelope = NULL, copy = NULL "
                    "WHERE id = ?",
                    (State.REPLACED, item.id),
                )


def _mode(path: Path, *, write: bool) -> str:
    """How SQLite opens the file; it writes beside it to read, unless told not to."""
    if write:
        return "rwc"
    beside = path.with_name(path.name + "-wal")
    # A copy on a medium that cannot be written: nobody changes it while it is read.
    fixed = not os.access(path.parent, os.W_OK) and not beside.exists()
    return "ro&immutable=1" if fixed else "ro"


def _lane(entropy: Entropy, instead: bytes | None) -> bytes:
    """A new lane; in the partition of the one it replaces, where the hub sees that."""
    made = entropy(LANE_SIZE)
    if instead is None:
        return made
    # Nothing is borrowed: what is taken away is the remainder itself.
    number = int.from_bytes(made, "big") - partition_of(made) + partition_of(instead)
    return number.to_bytes(LANE_SIZE, "big")


def _no_room(error: BaseException) -> bool:
    """Whether a write failed for want of room; to SQLite a quota is an I/O error."""
    text = str(error)
    return isinstance(error, sqlite3.OperationalError) and (
        "full" in text or "disk I/O" in text
    )


def _lock(path: Path) -> IO[bytes]:
    """The right to write; given back by the system when the process ends."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = locks.hold(path.with_suffix(".lock"))
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise MachineError(
            f"the spool {path} cannot be written: {error.strerror}; set KERWEN_HOME"
        ) from error
    if held is None:
        raise MachineError(
            f"another publication writes to {path}; wait until it is done"
        )
    return held
