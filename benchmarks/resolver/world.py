"""Rows of a country as intake sends them, made by number and never kept.

Rules:

- A person is a number; keys, signatures and records are hashes of numbers, so rows can
  be made anywhere again and no list of persons is needed.
- Three kinds of rows: of persons nobody has seen (`new`), of known persons as they were
  (`known`), and of known persons whose document is a new one (`renewed`): their key set
  is new, most of its keys are not.
- Which keys a row has follows the sample: every composite that needs no personal number
  or patronymic, and those two for the shares that the sample's offices give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from hub.core import avro, blocks
from hub.core.blocks import InternalKey, Part
from hub.core.dedupe import Flow
from hub.core.log import ROW_LAST, START, Coordinate, Source
from hub.core.persons import ENTRY_SIZE

Numbers = npt.NDArray[np.uint64]
KINDS = ("new", "known", "renewed")
SHARES = {0: 0.55, 3: 0.94}
"""Tier -> share of persons that have its key; the others have all."""

DOCUMENT = (1, 4, 5, 6, 8)
"""Tiers that a new document changes."""

CLOCK_MS = 1_760_000_000_000
_VELAYATS = np.array(["TM-A", "TM-B", "TM-D", "TM-L", "TM-M", "TM-S"])


def mixed(numbers: Numbers, salt: int) -> Numbers:
    """SplitMix64 of `numbers` under a salt."""
    with np.errstate(over="ignore"):
        z = numbers * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt + 1) * np.uint64(
            0xD1B54A32D192ED03
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def sixteen(numbers: Numbers, salt: int) -> npt.NDArray[np.uint8]:
    """16 bytes a number."""
    table = np.empty((len(numbers), 2), np.uint64)
    table[:, 0], table[:, 1] = mixed(numbers, 2 * salt), mixed(numbers, 2 * salt + 1)
    return table.view(np.uint8).reshape(len(numbers), 16)


def binary(table: npt.NDArray[np.uint8]) -> pl.Series:
    """Rows of bytes as a column."""
    text, size = table.tobytes(), table.shape[1]
    return pl.Series(
        [text[at : at + size] for at in range(0, len(text), size)], dtype=pl.Binary
    )


@dataclass(slots=True, kw_only=True)
class World:
    """A log of one ministry partition, block by block.

    Attributes:
        flow: The dataflow of all rows.
        tiers: Of the composites.
    """

    flow: Flow
    tiers: Sequence[int]
    source: Source
    key: InternalKey
    config: bytes
    offset: int = -1
    records: int = 0
    start: Coordinate = START

    def blocks(self, persons: Numbers, kind: str) -> list[bytes]:
        """Sealed blocks, a row of each person; more than one if they are large."""
        count = len(persons)
        keys, signatures = self._keys(persons, renewed=kind == "renewed")
        numbers = np.arange(self.records, self.records + count, dtype=np.uint64)
        self.records += count
        self.offset += 1
        frame = self._frame(persons, numbers).with_columns(
            pl.Series("keys", keys, dtype=pl.Binary),
            binary(signatures).alias("sig"),
        )
        to = Coordinate(offset=self.offset, row=ROW_LAST)
        table = (self.flow.id, self._filled(frame), self.flow.records)
        part = Part(kind="rows", to=to, clock_ms=CLOCK_MS, sections=(table,))
        values = blocks.seal(
            [part],
            stage="intake",
            source=self.source,
            start=self.start,
            config=self.config,
            generation=0,
            key=self.key,
            entropy=bytes,
        )
        self.start = to
        return values

    def _keys(
        self, persons: Numbers, *, renewed: bool
    ) -> tuple[list[bytes], npt.NDArray[np.uint8]]:
        """Packed keys and signatures."""
        count = len(persons)
        packed = np.empty((count, len(self.tiers), ENTRY_SIZE), np.uint8)
        there = np.ones((count, len(self.tiers)), bool)
        for place, tier in enumerate(self.tiers):
            salt = 100 + tier + (50 if renewed and tier in DOCUMENT else 0)
            packed[:, place, 0] = tier
            packed[:, place, 1:] = sixteen(persons, salt)[:, : ENTRY_SIZE - 1]
            share = SHARES.get(tier, 1.0)
            there[:, place] = (
                mixed(persons, 1_000 + tier) % np.uint64(100) < share * 100
            )
        rows = [packed[row][there[row]].tobytes() for row in range(count)]
        return rows, sixteen(persons, 90 if renewed else 91)

    def _frame(self, persons: Numbers, numbers: Numbers) -> pl.DataFrame:
        """Origin, record and the fields that cost something."""
        days = (mixed(numbers, 5) % np.uint64(365)).astype(np.int32)
        return pl.DataFrame(
            {
                "origin_offset": np.full(len(numbers), self.offset),
                "origin_row": np.arange(len(numbers), dtype=np.int32),
                "clock_ms": np.full(len(numbers), CLOCK_MS),
                "member": pl.Series(["TM/GOV/SMS/HUB"]).new_from_index(0, len(numbers)),
                "record": binary(sixteen(numbers, 1)),
                "revision": np.zeros(len(numbers), np.int32),
                "digest": binary(sixteen(numbers, 2)),
                "action": pl.Series(["NEW"]).new_from_index(0, len(numbers)),
                "nkey": binary(sixteen(numbers, 3)),
                "birth_year": (1940 + persons % np.uint64(80)).astype(np.int32),
                "sex": np.where(persons % np.uint64(2), "F", "M"),
                "sex_source": pl.Series(["DOC"]).new_from_index(0, len(numbers)),
                "citizenship": np.where(persons % np.uint64(3), "TKM", "UZB"),
                "event_date": pl.Series(20_000 + days).cast(pl.Date),
                "direction": np.where(numbers % np.uint64(2), "ENTRY", "EXIT"),
                "checkpoint": pl.Series(["ASB-AIR"]).new_from_index(0, len(numbers)),
                "velayat": _VELAYATS[(persons % np.uint64(6)).astype(np.int64)],
                "transport": np.where(numbers % np.uint64(5), "AIR", "ROAD"),
                "purpose": pl.Series(["PRIVATE"]).new_from_index(0, len(numbers)),
            }
        )

    def _filled(self, frame: pl.DataFrame) -> pl.DataFrame:
        """All columns of the records schema, those not named here empty."""
        columns = avro.polars_schema(self.flow.records)
        return frame.select(
            (pl.col(name) if name in frame.columns else pl.lit(None))
            .cast(kind)
            .alias(name)
            for name, kind in columns.items()
        )
