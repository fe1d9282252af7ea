"""State of one agent partition on disk: one RocksDB, one writer, one fence.

Rules (design: delivery, rules 1, 2 and 4):

- One :class:`State` per (partition, assignment). Revocation calls :meth:`State.kill`
  and then :meth:`State.close`; a dead state raises
  :class:`~hub.core.errors.FencedError` on every read and write.
- A write is one atomic batch. Between the check of the fence and the batch stands no
  await and no other thread: both happen under one lock, which `close` takes as well.
- Two processes never hold one folder: RocksDB's own lock file sees to it. A new owner
  tries until the old one has closed, was killed, or woke up and was fenced.

Durability: the write-ahead log is written and, by default, not fsynced. A process that
dies (kill -9) leaves its log in the page cache, so nothing is lost. A machine that
loses power may lose the last writes; because a batch holds changes, input position and
output coverage together, that is a step back in time and not damage: the log is read
again from the older position and consumers drop what they have already covered.
``sync=True`` closes this window for the price of one fsync a chunk.

Memory is bounded for the whole process, not per partition: see
:mod:`hub.edge.tables`.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from pathlib import Path

from rocksdict import Checkpoint, WriteOptions

from hub.core.errors import FencedError, MachineError, RetriableError
from hub.edge.tables import FIRST_HASHED, PAST_HASHED, Budget, Database, is_hashed

__all__ = ["Budget", "State", "folder_name", "open_state"]

_FULL = re.compile(
    "|".join(os.strerror(one) for one in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
)
"""How a full disk, a quota and a file size limit are called."""

PIECE_KEYS = 2_000
"""Keys asked for at once; between two pieces other threads and `close` get in."""

PAGE_ENTRIES = 2_000
"""Entries a scan reads before it lets go of its iterator, which holds the database."""


class State:
    """The entries of one partition; a :class:`hub.core.state.Reader` with a fence."""

    def __init__(self, database: Database, folder: Path, budget: Budget) -> None:
        self._database: Database | None = database
        self._budget = budget
        self._lock = threading.Lock()
        self._dead = False
        self.folder = folder

    @property
    def dead(self) -> bool:
        """Whether the partition was taken away."""
        return self._dead

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of `keys`, in order, None where there is none.

        RocksDB is asked in key order: neighbours share a block, which makes a look-up
        of many keys two to three times as fast. Who asks in that order saves a detour.
        """
        ordered = sorted(keys)
        low, high = (
            bisect_left(ordered, FIRST_HASHED),
            bisect_left(ordered, PAST_HASHED),
        )
        values = self._ask(ordered[:low], hashed=False)
        values += self._ask(ordered[low:high], hashed=True)
        values += self._ask(ordered[high:], hashed=False)
        if ordered == keys:
            return values
        found = dict(zip(ordered, values, strict=True))
        return [found[key] for key in keys]

    def _ask(self, keys: list[bytes], *, hashed: bool) -> list[bytes | None]:
        """The values of `keys`, which are sorted and of one family."""
        values: list[bytes | None] = []
        for start in range(0, len(keys), PIECE_KEYS):
            piece = keys[start : start + PIECE_KEYS]
            with self._lock:
                values += self._open().family(hashed).get(piece)  # type: ignore[arg-type]  # a list of any keys, says rocksdict; ours are bytes
        return values

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries whose key starts with `prefix`, in key order."""
        if prefix:
            return self._scan(prefix, hashed=is_hashed(prefix))
        return merge(self._scan(b"", hashed=False), self._scan(b"", hashed=True))

    def _scan(self, prefix: bytes, *, hashed: bool) -> Iterator[tuple[bytes, bytes]]:
        start = prefix
        while True:
            page = self._page(prefix, start, hashed)
            yield from page
            if len(page) < PAGE_ENTRIES:
                return
            start = page[-1][0] + b"\x00"

    def write(self, pending: Mapping[bytes, bytes | None], sync: bool = False) -> None:
        """Write `pending` as one atomic batch; None deletes.

        Raises:
            FencedError: If the partition was taken away; nothing is written then.
        """
        batch = self._open().batch(pending)
        options = WriteOptions()
        options.sync = sync
        with self._lock:
            self._open().whole.write(batch, options)

    def checkpoint(self, folder: Path) -> None:
        """Write a consistent copy of the state into a new `folder`."""
        with self._lock:
            Checkpoint(self._open().whole).create_checkpoint(str(folder))

    def measure(self) -> dict[str, int]:
        """Bytes on disk, bytes in write buffers, and the estimated count of keys."""
        names = {
            "disk_bytes": "rocksdb.total-sst-files-size",
            "buffer_bytes": "rocksdb.cur-size-all-mem-tables",
            "keys": "rocksdb.estimate-num-keys",
        }
        with self._lock:
            database = self._open()
            return {
                name: sum(one.property_int_value(key) or 0 for one in database.families)
                for name, key in names.items()
            }

    def kill(self) -> None:
        """Raise the fence: from now on nothing is read or written. Never waits."""
        self._dead = True

    def close(self) -> None:
        """Raise the fence, wait for a write under way, give up the folder."""
        self._dead = True
        with self._lock:
            database, self._database = self._database, None
            if database is not None:
                database.close()

    def _open(self) -> Database:
        if self._dead or self._database is None:
            raise FencedError(f"{self.folder.name}: the partition was taken away")
        return self._database

    def _page(
        self, prefix: bytes, start: bytes, hashed: bool
    ) -> list[tuple[bytes, bytes]]:
        page: list[tuple[bytes, bytes]] = []
        with self._lock:
            cursor = self._open().family(hashed).iter()
            cursor.seek(start)
            while len(page) < PAGE_ENTRIES and cursor.valid():
                key = cursor.key()
                if not key.startswith(prefix):
                    break
                page.append((key, cursor.value()))
                cursor.next()
            # An iterator keeps the database open: it must not outlive the lock.
            del cursor
        return page


def folder_name(topic: str, partition: int) -> str:
    """The folder of a partition's state below the stage's folder."""
    return f"{topic}-{partition}"


def open_state(folder: Path, budget: Budget) -> State | None:
    """Open or create the state in `folder`; None while another owner holds it.

    Raises:
        RetriableError: If the disk does not let it be opened now: it is full.
        MachineError: If the folder cannot be opened.
    """
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return State(Database(folder, budget), folder, budget)
    except Exception as error:
        # rocksdict knows one exception only; what it means is recognised by its text.
        if "/LOCK:" in str(error):
            return None
        if _FULL.search(str(error)):
            raise RetriableError(
                f"state {folder}: the disk is full; it opens as soon as there is room"
            ) from error
        raise MachineError(
            f"state {folder}: {error}; restore a checkpoint or move it away"
        ) from error
