"""Perturbation tables of the cell key method, by maximum entropy.

Rules (docs/disclosure.md, "Noise"):

- A count i becomes j = i + v with |v| ≤ D, never negative, never in 1 … js; 0 stays 0.
- Each row has mean 0 and variance at most V, and of all such rows the greatest entropy,
  so nothing else is said: p(v) ∝ exp(b·v + c·v²), two unknowns found by Newton's
  method; c is 0 where the variance is below V by itself.
- Row D (js = 0) or D + js + 1 is symmetric and serves every greater count.
- `mono` asks p not to fall from the left towards v = 0; neighbours that break it share
  their mean (pooling), which keeps the closed form.
- The draw is a keyed hash of the cell's key sum and of nothing else: not of table,
  period or vintage, or averaging would undo it. Counts and money have a draw each.

Invariant: same set of records, same noise, wherever and whenever it is shown.
"""

from __future__ import annotations

import hmac
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from hub.core.errors import InvalidError

_LABEL = b"kerwen v1 cell noise"
_MAGNITUDE = b"kerwen v1 magnitude noise"
_STEPS_MAX = 200
_EXACT = 1e-13
_WORD = 2**64

Block = tuple[int, float, float]
"""How many v share a probability, and the means of v and v² over them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One entry: the chance that count `i` is published as `j`."""

    i: int
    j: int
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """A table ready for look-up.

    Attributes:
        values: Row by row, the possible v in order.
        bounds: Row by row, cumulated chances as 64-bit integers; the last is 2^64.
    """

    values: tuple[tuple[int, ...], ...] = field(repr=False)
    bounds: tuple[tuple[int, ...], ...] = field(repr=False)

    def at(self, n: int, draw: int) -> int:
        """The v of a count for a draw of 64 bits; 0 for 0."""
        if n == 0:
            return 0
        row = min(n, len(self.values) - 1)
        return self.values[row][bisect_right(self.bounds[row], draw)]


def last_row(d: int, js: int) -> int:
    """The row that serves all greater counts."""
    return d if js == 0 else d + js + 1


def ptable(d: int, v: float, js: int, *, mono: bool = False) -> tuple[Row, ...]:
    """All rows in order of i and j, i = 0 included.

    Raises:
        InvalidError: No row has mean 0 and variance up to `v`.
    """
    if d < 1 or js < 0 or v <= 0:
        raise InvalidError(f"ptable(D={d}, V={v}, js={js}): D ≥ 1, V > 0, js ≥ 0")
    rows = [Row(i=0, j=0, p=1.0)]
    for i in range(1, last_row(d, js) + 1):
        support = [j - i for j in range(max(i - d, 0), i + d + 1) if j == 0 or j > js]
        chances = _row(support, v, mono=mono)
        rows += [
            Row(i=i, j=i + step, p=p) for step, p in zip(support, chances, strict=True)
        ]
    return tuple(rows)


@lru_cache(maxsize=64)
def noise(d: int, v: float, js: int) -> Noise:
    """The table ready for look-up."""
    values: list[list[int]] = [[] for _ in range(last_row(d, js) + 1)]
    bounds: list[list[int]] = [[] for _ in values]
    sums = [0.0] * len(values)
    for row in ptable(d, v, js):
        sums[row.i] += row.p
        values[row.i].append(row.j - row.i)
        bounds[row.i].append(min(_WORD, round(sums[row.i] * _WORD)))
    for found in bounds:
        found[-1] = _WORD
    return Noise(values=tuple(map(tuple, values)), bounds=tuple(map(tuple, bounds)))


def draw(secret: bytes, key: int, *, magnitude: bool = False) -> int:
    """64 bits from the disclosure secret and a cell's key sum.

    Args:
        secret: The disclosure secret.
        key: Σ key mod 2^64.
        magnitude: Whether money is disturbed and not a count. The two draws differ, or
            the noise of a sum and of its count would cancel in the mean.
    """
    message = (_MAGNITUDE if magnitude else _LABEL) + key.to_bytes(8, "little")
    return int.from_bytes(hmac.digest(secret, message, "sha256")[:8], "little")


def _row(support: Sequence[int], v: float, *, mono: bool) -> list[float]:
    """Chances of the offsets in `support`."""
    blocks = [[step] for step in support]
    while True:
        chances = _solve([_block(steps) for steps in blocks], v)
        broken = _broken(blocks, chances) if mono else None
        if broken is None:
            return [p for steps, p in zip(blocks, chances, strict=True) for _ in steps]
        blocks[broken : broken + 2] = [blocks[broken] + blocks[broken + 1]]


def _block(steps: Sequence[int]) -> Block:
    count = len(steps)
    return count, sum(steps) / count, sum(s * s for s in steps) / count


def _broken(blocks: Sequence[Sequence[int]], chances: Sequence[float]) -> int | None:
    """The first block left of 0 that is more likely than its neighbour."""
    for at in range(len(blocks) - 1):
        if blocks[at][-1] < 0 and chances[at] > chances[at + 1] * (1 + 1e-12):
            return at
    return None


def _solve(blocks: Sequence[Block], v: float) -> list[float]:
    """Greatest entropy with mean 0 and variance at most v; a chance per offset."""
    free = _newton(blocks, v, squares=False)
    variance = sum(n * p * m2 for (n, _, m2), p in zip(blocks, free, strict=True))
    return free if variance <= v + _EXACT else _newton(blocks, v, squares=True)


def _newton(blocks: Sequence[Block], v: float, *, squares: bool) -> list[float]:
    """Minimise log Σ exp(b·v + c·v²) − c·V: convex, so damped steps always arrive."""
    b = c = 0.0
    for _ in range(_STEPS_MAX):
        chances, potential = _chances(blocks, b, c, v)
        g, h = _slope(blocks, chances, v)
        if abs(g[0]) < _EXACT and (not squares or abs(g[1]) < _EXACT):
            return chances
        determinant = h[0] * h[2] - h[1] * h[1] if squares else h[0]
        if determinant <= 0:
            break
        if squares:
            db = (h[1] * g[1] - h[2] * g[0]) / determinant
            dc = (h[1] * g[0] - h[0] * g[1]) / determinant
        else:
            db, dc = -g[0] / determinant, 0.0
        size, slope = 1.0, g[0] * db + g[1] * dc
        while size > _EXACT:
            _, tried = _chances(blocks, b + size * db, c + size * dc, v)
            if tried <= potential + 1e-4 * size * slope + 1e-15:
                break
            size /= 2
        b, c = b + size * db, c + size * dc
    raise InvalidError(f"ptable: no row has mean 0 and a variance up to {v}")


def _chances(
    blocks: Sequence[Block], b: float, c: float, v: float
) -> tuple[list[float], float]:
    powers = [b * m1 + c * m2 for _, m1, m2 in blocks]
    top = max(powers)
    weights = [math.exp(power - top) for power in powers]
    total = sum(n * w for (n, *_), w in zip(blocks, weights, strict=True))
    potential = top + math.log(total) - c * v
    return [w / total for w in weights], potential


def _slope(
    blocks: Sequence[Block], chances: Sequence[float], v: float
) -> tuple[tuple[float, float], tuple[float, float, float]]:
    """Gradient, and the covariances of v and v²."""
    sums = [0.0] * 5
    for (n, m1, m2), p in zip(blocks, chances, strict=True):
        parts = (m1, m2, m1 * m1, m1 * m2, m2 * m2)
        sums = [so_far + n * p * part for so_far, part in zip(sums, parts, strict=True)]
    e1, e2, e11, e12, e22 = sums
    return (e1, e2 - v), (e11 - e1 * e1, e12 - e1 * e2, e22 - e2 * e2)
