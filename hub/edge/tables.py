"""RocksDB as the states want it: two families, one budget of memory, no stalls.

Rules:

- Kinds of entries in capital letters hold hashes and nothing else. They have a family
  of their own, not compressed: hashes do not shrink, and a look-up that finds one would
  spend its time on inflating the others of its block. All other kinds are compressed.
- Memory is bounded for the whole process, not per partition: one block cache and one
  write-buffer budget are shared by all states (:class:`Budget`). Index and filters
  count against the cache: one of each a file, and files so small that they fit into a
  shard of it. Cut into pieces, a look-up that finds nothing would cost twice as much.
- Write stalls are switched off because rocksdict keeps the interpreter lock during a
  write, and a stalled write would silence the heartbeats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteBufferManager,
)

CACHE_BYTES = 56 << 20
BUFFERS_BYTES = 32 << 20
BUFFER_BYTES = 8 << 20
"""Of one family; its filter and its first block are taken when the state is opened."""
BLOCK_BYTES = 8 << 10
HASHED_BLOCK_BYTES = 4 << 10
FILE_BYTES = 16 << 20
NEW_FILES = 8
"""So many are merged into the rest at once: half the work of RocksDB's four, and a
filter for each of them keeps look-ups nearly as fast (benchmarks/README.md)."""
FILES_OPEN_MAX = 512
BLOOM_BITS = 10
BUFFER_BLOOM_SHARE = 0.05

HASHED = "hashed"
FIRST_HASHED, PAST_HASHED = b"A", b"["
"""Keys of hashed kinds stand between these two."""


def is_hashed(key: bytes) -> bool:
    """Whether an entry, or all with this prefix, is of a hashed kind."""
    return FIRST_HASHED[0] <= key[0] < PAST_HASHED[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What all states of a process share; keep it as long as any of them lives.

    Attributes:
        cache: Of blocks.
        buffers: Counts what write buffers hold.
        buffer_bytes: Of one write buffer; a worker with many small states wants them
            small.
    """

    cache: Cache
    buffers: WriteBufferManager
    buffer_bytes: int = BUFFER_BYTES

    @classmethod
    def of(
        cls,
        *,
        cache_bytes: int = CACHE_BYTES,
        buffers_bytes: int = BUFFERS_BYTES,
        buffer_bytes: int = BUFFER_BYTES,
    ) -> Budget:
        """Make a budget; write buffers never stall writers, they flush earlier."""
        return cls(
            cache=Cache(cache_bytes),
            buffers=WriteBufferManager(buffers_bytes, allow_stall=False),
            buffer_bytes=buffer_bytes,
        )


class Database:
    """An open RocksDB with its two families."""

    def __init__(self, folder: Path, budget: Budget) -> None:
        """Open or create; raises whatever rocksdict raises."""
        own = {HASHED: hashed_options(budget)}
        self.whole = Rdict(str(folder), options(budget), column_families=own)
        self._hashed = self.whole.get_column_family(HASHED)
        self._handle = self.whole.get_column_family_handle(HASHED)

    @property
    def families(self) -> tuple[Rdict, Rdict]:
        """Both families."""
        return self.whole, self._hashed

    def family(self, hashed: bool) -> Rdict:
        """The family of hashed kinds, or that of all others."""
        return self._hashed if hashed else self.whole

    def batch(self, pending: Mapping[bytes, bytes | None]) -> WriteBatch:
        """`pending` as one batch, every entry for its family."""
        batch, handle = WriteBatch(raw_mode=True), self._handle
        put, delete = batch.put, batch.delete
        first, past = FIRST_HASHED[0], PAST_HASHED[0]
        # A million times a minute: `is_hashed` is written out here.
        for key, value in pending.items():
            if value is None:
                delete(key, handle if first <= key[0] < past else None)
            elif first <= key[0] < past:
                put(key, value, handle)
            else:
                put(key, value)
        return batch

    def close(self) -> None:
        """Give the folder up; every reference counts."""
        self._hashed.close()
        del self._handle
        self.whole.close()


def options(budget: Budget) -> Options:
    """Of a state and its family of all kinds that shrink."""
    chosen = _options(budget, BLOCK_BYTES)
    chosen.set_compression_type(DBCompressionType.lz4())
    chosen.set_bottommost_compression_type(DBCompressionType.zstd())
    return chosen


def hashed_options(budget: Budget) -> Options:
    """Of the family of hashed kinds."""
    chosen = _options(budget, HASHED_BLOCK_BYTES)
    chosen.set_compression_type(DBCompressionType.none())
    return chosen


def _options(budget: Budget, block_bytes: int) -> Options:
    chosen = Options(raw_mode=True)
    chosen.create_if_missing(create_if_missing=True)
    chosen.create_missing_column_families(create_missing_cfs=True)
    chosen.set_write_buffer_manager(budget.buffers)
    chosen.set_write_buffer_size(budget.buffer_bytes)
    chosen.set_max_write_buffer_number(4)
    # Most look-ups find nothing: a filter spares them the walk through the buffers.
    chosen.set_memtable_prefix_bloom_ratio(BUFFER_BLOOM_SHARE)
    chosen.set_memtable_whole_key_filtering(True)
    chosen.set_max_background_jobs(2)
    chosen.set_max_open_files(FILES_OPEN_MAX)
    chosen.set_keep_log_file_num(2)
    chosen.set_max_log_file_size(1 << 20)
    chosen.set_stats_dump_period_sec(0)
    chosen.set_max_total_wal_size(64 << 20)
    chosen.set_level_compaction_dynamic_level_bytes(True)
    chosen.set_target_file_size_base(FILE_BYTES)
    chosen.set_max_bytes_for_level_base(64 << 20)
    chosen.set_level_zero_file_num_compaction_trigger(NEW_FILES)
    chosen.set_level_zero_slowdown_writes_trigger(1 << 20)
    chosen.set_level_zero_stop_writes_trigger(1 << 20)
    chosen.set_soft_pending_compaction_bytes_limit(0)
    chosen.set_hard_pending_compaction_bytes_limit(0)
    table = BlockBasedOptions()
    table.set_block_cache(budget.cache)
    table.set_block_size(block_bytes)
    table.set_format_version(5)
    table.set_bloom_filter(BLOOM_BITS, block_based=False)
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    chosen.set_block_based_table_factory(table)
    return chosen
