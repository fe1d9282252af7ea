"""Cells: a commutative group of integers, so that order never matters.

Rules (docs/disclosure.md, "What a cell keeps"):

- A cell is (n, Σ value, Σ key mod 2^64, Σh, Σh², Σh³ mod 2^61−1) over the persons or
  records in it; *key* and *h* are two independent mixes of the 16-byte id.
- Adding and negating cells is exact and order-free: corrections, late rows, merges and
  partitioning leave no trace.
- The three power sums decide whether two vintages of a cell differ by fewer than three
  ids (:func:`changes`); an error has probability 2^-61 a decision, since ids are keyed
  hashes that no publisher can choose.
- In frames the key is stored as a signed long (two's complement), h1 to h3 as
  residues 0 ≤ h < 2^61−1.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

U64 = npt.NDArray[np.uint64]

PRIME = 2**61 - 1
WORD = 2**64
SUMS = ("n", "total", "key", "h1", "h2", "h3")
CODEC = struct.Struct("<qqQQQQ")
PACKED = np.dtype(
    [(name, "<i8" if name in {"n", "total"} else "<u8") for name in SUMS],
)

_PRIME = np.uint64(PRIME)
_HALF = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell's integers; `key` is in 0 … 2^64−1.

    Attributes:
        persons: Distinct contributors, None where the table keeps none.
        top1: Largest contribution, None where the table keeps none.
        top2: Second largest.
    """

    n: int = 0
    total: int = 0
    key: int = 0
    h1: int = 0
    h2: int = 0
    h3: int = 0
    persons: int | None = None
    top1: int | None = None
    top2: int | None = None


ZERO = Cell()


def add(a: Cell, b: Cell) -> Cell:
    """The cell of both; contributions are not additive and are dropped."""
    return Cell(
        n=a.n + b.n,
        total=a.total + b.total,
        key=(a.key + b.key) % WORD,
        h1=(a.h1 + b.h1) % PRIME,
        h2=(a.h2 + b.h2) % PRIME,
        h3=(a.h3 + b.h3) % PRIME,
    )


def negate(a: Cell) -> Cell:
    """The cell that takes `a` away again."""
    return Cell(
        n=-a.n,
        total=-a.total,
        key=-a.key % WORD,
        h1=-a.h1 % PRIME,
        h2=-a.h2 % PRIME,
        h3=-a.h3 % PRIME,
    )


def encode(cell: Cell) -> bytes:
    """The six sums as 48 bytes."""
    return CODEC.pack(cell.n, cell.total, cell.key, cell.h1, cell.h2, cell.h3)


def decode(value: bytes) -> Cell:
    """The inverse of :func:`encode`."""
    n, total, key, h1, h2, h3 = CODEC.unpack(value)
    return Cell(n=n, total=total, key=key, h1=h1, h2=h2, h3=h3)


def changes(a: Cell, b: Cell) -> int:
    """How many ids were added to or removed from `a` to give `b`; 3 means 3 or more.

    Only the sets are compared: an amended value of the same record shows in `total`.
    """
    n = b.n - a.n
    d1 = (b.h1 - a.h1) % PRIME
    d2 = (b.h2 - a.h2) % PRIME
    d3 = (b.h3 - a.h3) % PRIME
    if n < 0:
        n, d1, d2, d3 = -n, -d1 % PRIME, -d2 % PRIME, -d3 % PRIME
    match n:
        case 0:
            if not (d1 or d2 or d3):
                return 0
            return 2 if _one_for_one(d1, d2, d3) else 3
        case 1:
            return 1 if (d2, d3) == (d1 * d1 % PRIME, d1 * d1 * d1 % PRIME) else 3
        case 2:
            return 2 if _two_more(d1, d2, d3) else 3
        case _:
            return 3


def _one_for_one(d1: int, d2: int, d3: int) -> bool:
    """Whether some x − y = d1, x² − y² = d2 and x³ − y³ = d3."""
    if d1 == 0:
        return False
    half = pow(2, -1, PRIME)
    together = d2 * pow(d1, -1, PRIME) % PRIME
    x = (together + d1) * half % PRIME
    y = (together - d1) * half % PRIME
    return d3 == (x**3 - y**3) % PRIME


def _two_more(d1: int, d2: int, d3: int) -> bool:
    """Whether some x + y = d1, x² + y² = d2 and x³ + y³ = d3."""
    product = (d1 * d1 - d2) * pow(2, -1, PRIME) % PRIME
    if d3 != d1 * (d1 * d1 - 3 * product) % PRIME:
        return False
    # Newton's identity holds in every extension; the two roots must lie in the field.
    square = (d1 * d1 - 4 * product) % PRIME
    return square == 0 or pow(square, (PRIME - 1) // 2, PRIME) == 1


def mix64(z: U64) -> U64:
    """The finaliser of splitmix64: a bijection that spreads every bit."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def reduce61(x: U64) -> U64:
    """Any word modulo 2^61−1."""
    x = (x & _PRIME) + (x >> np.uint64(61))
    return np.where(x >= _PRIME, x - _PRIME, x)


def mulmod(a: U64, b: U64) -> U64:
    """a·b mod 2^61−1 for residues, exactly, by halves of 30 and 31 bits.

    With a = a1·2^31 + a0 the product is 2·a1·b1 + mid·2^31 + a0·b0 since 2^62 ≡ 2;
    every term stays below 2^62 and their sum below 2^64.
    """
    low, shift = np.uint64(_HALF), np.uint64(31)
    a1, a0, b1, b0 = a >> shift, a & low, b >> shift, b & low
    mid = a1 * b0 + a0 * b1
    mid = (mid >> np.uint64(30)) + ((mid & np.uint64(2**30 - 1)) << shift)
    return reduce61(reduce61(np.uint64(2) * a1 * b1 + mid) + a0 * b0)


def words(ids: pl.Series) -> tuple[U64, U64]:
    """The two little-endian words of each 16-byte id."""
    flat = np.frombuffer(b"".join(ids.to_list()), dtype="<u8")
    if flat.size != 2 * len(ids):
        raise ValueError("an id is not 16 bytes")
    pair = flat.reshape(-1, 2)
    return pair[:, 0].copy(), pair[:, 1].copy()


def identity(ids: pl.Series) -> pl.DataFrame:
    """Columns key, h1, h2, h3 of a column of ids, as signed longs."""
    a, b = words(ids)
    key = mix64(a ^ mix64(b))
    h1 = reduce61(mix64(b ^ mix64(a + np.uint64(0x9E3779B97F4A7C15))))
    h2 = mulmod(h1, h1)
    h3 = mulmod(h2, h1)
    return pl.DataFrame(
        {
            "key": key.view(np.int64),
            "h1": h1.view(np.int64),
            "h2": h2.view(np.int64),
            "h3": h3.view(np.int64),
        },
    )


def sums() -> list[pl.Expr]:
    """Aggregations that add rows of (n, total, key, h1, h2, h3) exactly.

    128-bit sums never overflow (fewer than 2^63 rows), then are reduced.
    """
    wide = pl.Int128
    key = (pl.col("key").cast(wide).sum() % WORD).cast(pl.UInt64)
    return [
        pl.col("n", "total").sum(),
        key.reinterpret(dtype=pl.Int64),
        *((pl.col(h).cast(wide).sum() % PRIME).cast(pl.Int64) for h in SUMS[3:]),
    ]


def signed_sums() -> list[pl.Expr]:
    """Like :func:`sums` over single ids: rows of (sign, total, key, h1, h2, h3)."""
    wide = pl.Int128
    sign = pl.col("sign")
    key = ((pl.col("key").cast(wide) * sign).sum() % WORD).cast(pl.UInt64)
    return [
        sign.cast(pl.Int64).sum().alias("n"),
        (pl.col("total") * sign).sum(),
        key.reinterpret(dtype=pl.Int64),
        *(
            ((pl.col(h).cast(wide) * sign).sum() % PRIME).cast(pl.Int64)
            for h in SUMS[3:]
        ),
    ]


def pack(frame: pl.DataFrame) -> list[bytes]:
    """The six sums of each row as bytes, see :func:`encode`."""
    rows = np.empty(frame.height, dtype=PACKED)
    for name in SUMS:
        rows[name] = frame[name].to_numpy().view(PACKED[name])
    flat, size = rows.tobytes(), PACKED.itemsize
    return [flat[at : at + size] for at in range(0, len(flat), size)]


def unpack(values: Sequence[bytes | None]) -> pl.DataFrame:
    """The inverse of :func:`pack`; None is the empty cell."""
    zero = bytes(PACKED.itemsize)
    rows = np.frombuffer(b"".join(v or zero for v in values), dtype=PACKED)
    return pl.DataFrame({name: rows[name].astype(np.int64) for name in SUMS})


def plus(a: pl.DataFrame, b: pl.DataFrame) -> pl.DataFrame:
    """Row-wise sum of the six sums of two frames of equal height."""
    out = {name: a[name].to_numpy() + b[name].to_numpy() for name in SUMS}
    for name in SUMS[3:]:
        out[name] = out[name] % PRIME
    return pl.DataFrame(out)


def _rows_schema() -> str:
    """Rows of ``hub.cells``: a place, the sums, and contributions where kept."""
    places = ("table", "period", "area", "sex", "d1", "d2")
    numbers = (*SUMS, "persons", "top1", "top2")
    fields = [
        ("origin_offset", "long"),
        ("origin_row", "int"),
        *((name, "string") for name in places),
        *((name, "long") for name in numbers),
    ]
    return json.dumps(
        {
            "type": "record",
            "name": "cells",
            "namespace": "kerwen",
            "fields": [
                {"name": name, "type": ["null", kind], "default": None}
                for name, kind in fields
            ],
        },
        separators=(",", ":"),
    )


SCHEMA = _rows_schema()
