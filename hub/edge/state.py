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

Memory is bounded for the whole process, not per partition: one block cache and one
write-buffer budget are shared by all states (:class:`Budget`). Write stalls are
switched off because rocksdict keeps the interpreter lock during a write, and a stalled
write would silence the heartbeats.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    Checkpoint,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteBufferManager,
    WriteOptions,
)

from hub.core.errors import FencedError, MachineError, RetriableError

CACHE_BYTES = 64 << 20
BUFFERS_BYTES = 32 << 20
BUFFER_BYTES = 4 << 20
BLOCK_BYTES = 8 << 10
BLOOM_BITS = 10

_FULL = re.compile(
    "|".join(os.strerror(one) for one in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
)
"""How a full disk, a quota and a file size limit are called."""

PIECE_KEYS = 2_000
"""Keys asked for at once; between two pieces other threads and `close` get in."""

PAGE_ENTRIES = 2_000
"""Entries a scan reads before it lets go of its iterator, which holds the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What all states of a process share; keep it as long as any of them lives."""

    cache: Cache
    buffers: WriteBufferManager

    @classmethod
    def of(
        cls, *, cache_bytes: int = CACHE_BYTES, buffers_bytes: int = BUFFERS_BYTES
    ) -> Budget:
        """Make a budget; write buffers never stall writers, they flush earlier."""
        return cls(
            cache=Cache(cache_bytes),
            buffers=WriteBufferManager(buffers_bytes, allow_stall=False),
        )


class State:
    """The entries of one partition; a :class:`hub.core.state.Reader` with a fence."""

    def __init__(self, database: Rdict, folder: Path, budget: Budget) -> None:
        self._database: Rdict | None = database
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
        of many keys two to three times as fast.
        """
        ordered = sorted(set(keys))
        found: dict[bytes, bytes | None] = {}
        for start in range(0, len(ordered), PIECE_KEYS):
            piece: list[str | int | float | bytes | bool] = []
            piece.extend(ordered[start : start + PIECE_KEYS])
            with self._lock:
                values = self._open().get(piece) or ()
            found.update(zip(piece, values, strict=True))  # type: ignore[arg-type]  # rocksdict takes a list of any keys; ours are bytes
        return [found[key] for key in keys]

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries whose key starts with `prefix`, in key order."""
        start = prefix
        while True:
            page = self._page(prefix, start)
            yield from page
            if len(page) < PAGE_ENTRIES:
                return
            start = page[-1][0] + b"\x00"

    def write(self, pending: Mapping[bytes, bytes | None], sync: bool = False) -> None:
        """Write `pending` as one atomic batch; None deletes.

        Raises:
            FencedError: If the partition was taken away; nothing is written then.
        """
        batch = WriteBatch(raw_mode=True)
        for key, value in pending.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        options = WriteOptions()
        options.sync = sync
        with self._lock:
            self._open().write(batch, options)

    def checkpoint(self, folder: Path) -> None:
        """Write a consistent copy of the state into a new `folder`."""
        with self._lock:
            Checkpoint(self._open()).create_checkpoint(str(folder))

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
                name: database.property_int_value(key) or 0
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

    def _open(self) -> Rdict:
        if self._dead or self._database is None:
            raise FencedError(f"{self.folder.name}: the partition was taken away")
        return self._database

    def _page(self, prefix: bytes, start: bytes) -> list[tuple[bytes, bytes]]:
        page: list[tuple[bytes, bytes]] = []
        with self._lock:
            cursor = self._open().iter()
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
        return State(Rdict(str(folder), options(budget)), folder, budget)
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


def options(budget: Budget) -> Options:
    """RocksDB's options for a state: small memory, no stalls, keys never hashed."""
    chosen = Options(raw_mode=True)
    chosen.create_if_missing(create_if_missing=True)
    chosen.set_write_buffer_manager(budget.buffers)
    chosen.set_write_buffer_size(BUFFER_BYTES)
    chosen.set_max_write_buffer_number(4)
    chosen.set_max_background_jobs(2)
    chosen.set_max_open_files(128)
    chosen.set_keep_log_file_num(2)
    chosen.set_max_log_file_size(1 << 20)
    chosen.set_stats_dump_period_sec(0)
    chosen.set_max_total_wal_size(64 << 20)
    chosen.set_level_compaction_dynamic_level_bytes(True)
    chosen.set_target_file_size_base(16 << 20)
    chosen.set_max_bytes_for_level_base(64 << 20)
    chosen.set_level_zero_slowdown_writes_trigger(1 << 20)
    chosen.set_level_zero_stop_writes_trigger(1 << 20)
    chosen.set_soft_pending_compaction_bytes_limit(0)
    chosen.set_hard_pending_compaction_bytes_limit(0)
    chosen.set_compression_type(DBCompressionType.lz4())
    chosen.set_bottommost_compression_type(DBCompressionType.zstd())
    table = BlockBasedOptions()
    table.set_block_cache(budget.cache)
    table.set_block_size(BLOCK_BYTES)
    table.set_format_version(5)
    table.set_bloom_filter(BLOOM_BITS, block_based=False)
    # Index and filters count against the cache too, in pieces that can be dropped.
    table.set_index_type(BlockBasedIndexType.two_level_index_search())
    table.set_partition_filters(True)
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_top_level_index_and_filter(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    chosen.set_block_based_table_factory(table)
    return chosen
