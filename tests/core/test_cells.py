"""Cells are a group, and their power sums count changes exactly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from hub.core import cells
from hub.core.cells import PRIME, WORD, ZERO, Cell

SCHEMA = Path(__file__).parents[2] / "schemas" / "avro" / "internal" / "cells.v1.avsc"
IDS = st.binary(min_size=16, max_size=16)
RESIDUES = st.integers(0, PRIME - 1)
CELLS = st.builds(
    Cell,
    n=st.integers(-(2**40), 2**40),
    total=st.integers(-(2**50), 2**50),
    key=st.integers(0, WORD - 1),
    h1=RESIDUES,
    h2=RESIDUES,
    h3=RESIDUES,
)


def mix(z: int) -> int:
    """The finaliser of splitmix64 in plain integers."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    return z ^ (z >> 31)


def cell_of(ids: Iterable[bytes]) -> Cell:
    """The cell of a set of ids in plain integers."""
    out = ZERO
    for one in ids:
        a, b = (int.from_bytes(one[i : i + 8], "little") for i in (0, 8))
        h = mix(b ^ mix((a + 0x9E3779B97F4A7C15) % WORD)) % PRIME
        out = cells.add(
            out,
            Cell(
                n=1,
                key=mix(a ^ mix(b)),
                h1=h,
                h2=h * h % PRIME,
                h3=h**3 % PRIME,
            ),
        )
    return out


def framed(ids: list[bytes], signs: list[int]) -> pl.DataFrame:
    """Rows ready for `signed_sums`."""
    column = pl.Series("id", ids, dtype=pl.Binary)
    return cells.identity(column).with_columns(
        sign=pl.Series(signs, dtype=pl.Int32),
        total=pl.lit(0, dtype=pl.Int64),
    )


def cell_at(frame: pl.DataFrame) -> Cell:
    """The first row as a cell."""
    row = frame.select(cells.SUMS).row(0, named=True)
    return Cell(**{**row, "key": row["key"] % WORD})


@given(st.lists(RESIDUES, min_size=1), st.integers(1, PRIME - 1))
def test_mulmod_is_exact(left: list[int], right: int) -> None:
    """Products modulo 2^61−1 equal those of unbounded integers."""
    a = np.array([*left, PRIME - 1, 0, 1], dtype=np.uint64)
    b = np.full(a.size, right, dtype=np.uint64)

    assert cells.mulmod(a, b).tolist() == [int(x) * right % PRIME for x in a]
    assert cells.mulmod(a, a).tolist() == [int(x) ** 2 % PRIME for x in a]


@given(st.lists(st.integers(0, WORD - 1), min_size=1))
def test_reduce_is_exact(values: list[int]) -> None:
    """Every word is reduced to its residue."""
    assert cells.reduce61(np.array(values, dtype=np.uint64)).tolist() == [
        x % PRIME for x in values
    ]


@given(st.lists(st.tuples(IDS, st.sampled_from([1, -1])), min_size=1, max_size=60))
def test_frames_add_like_integers(rows: list[tuple[bytes, int]]) -> None:
    """The vectorised sums of signed ids are those of plain integers, no overflow."""
    ids, signs = [r[0] for r in rows], [r[1] for r in rows]
    expected = ZERO
    for one, sign in rows:
        cell = cell_of([one])
        expected = cells.add(expected, cell if sign > 0 else cells.negate(cell))

    summed = framed(ids, signs).select(cells.signed_sums())
    again = pl.concat([summed, summed]).select(cells.sums())

    assert cell_at(summed) == expected
    assert cell_at(again) == cells.add(expected, expected)


@given(CELLS, CELLS, CELLS)
def test_cells_are_a_commutative_group(a: Cell, b: Cell, c: Cell) -> None:
    """Adding commutes, associates, has zero and an inverse."""
    assert cells.add(a, b) == cells.add(b, a)
    assert cells.add(cells.add(a, b), c) == cells.add(a, cells.add(b, c))
    assert cells.add(a, ZERO) == a
    assert cells.add(a, cells.negate(a)) == ZERO


@given(st.lists(CELLS, min_size=1, max_size=5), st.lists(CELLS, min_size=5, max_size=5))
def test_codec_and_row_sums(left: list[Cell], right: list[Cell]) -> None:
    """Packing is one with `encode`, and row-wise sums are `add`."""
    right = right[: len(left)]
    a = cells.unpack([cells.encode(cell) for cell in left])
    b = cells.unpack([cells.encode(cell) for cell in right])

    both = cells.pack(cells.plus(a, b))

    assert cells.pack(a) == [cells.encode(cell) for cell in left]
    assert [cells.decode(value) for value in both] == [
        cells.add(x, y) for x, y in zip(left, right, strict=True)
    ]
    assert cells.pack(cells.unpack([None])) == [cells.encode(ZERO)]


@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(0, 4), st.integers(0, 4))
def test_changes_counts_the_symmetric_difference(
    seed: int, kept: int, gone: int, new: int
) -> None:
    """0, 1 and 2 differing ids are told exactly; three or more are 3."""
    names = [f"{seed}/{i}".encode() for i in range(kept + gone + new)]
    ids = [hashlib.blake2b(name, digest_size=16).digest() for name in names]
    before, after = ids[: kept + gone], ids[:kept] + ids[kept + gone :]

    assert cells.changes(cell_of(before), cell_of(after)) == min(3, gone + new)


def test_changes_needs_the_third_power_and_the_field() -> None:
    """Forged sums that fit the first two powers, or have no roots, are 3."""
    x, y = 5, 11
    fits = Cell(n=2, h1=x + y, h2=x * x + y * y, h3=x**3 + y**3)
    third = Cell(n=2, h1=x + y, h2=x * x + y * y, h3=x**3 + y**3 + 1)
    # t² + 1 has no root: p ≡ 3 mod 4, so −1 is no square; Newton's identity holds.
    rootless = Cell(n=2, h1=0, h2=PRIME - 2, h3=0)

    assert cells.changes(ZERO, fits) == 2
    assert cells.changes(fits, ZERO) == 2
    assert cells.changes(ZERO, third) == 3
    assert cells.changes(ZERO, rootless) == 3
    assert cells.changes(ZERO, Cell(h2=1)) == 3


def test_the_schema_file_is_the_constant() -> None:
    """What is published as a file is what core writes by."""
    assert json.loads(SCHEMA.read_text()) == json.loads(cells.SCHEMA)
