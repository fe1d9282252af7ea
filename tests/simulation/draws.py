"""Draws that can be made again: what is drawn depends on who asks, and on nothing else.

Rules:

- :func:`chance` is for what is made once: workloads, plans of faults.
- :class:`Draws` is for the schedule. At every tick it starts anew from (seed, tick), so
  a fault that is dropped leaves the choices of other ticks as they were; and it costs
  less than a microsecond, where Python's generator takes ten to seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TypeVar

T = TypeVar("T")
_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15  # splitmix64


def chance(*parts: object) -> Random:
    """A generator that is a function of `parts`."""
    return Random(repr(parts))  # noqa: S311 - a schedule, not a secret


class Draws:
    """Choices of one schedule."""

    __slots__ = ("_seed", "_state")

    def __init__(self, *parts: object) -> None:
        digest = blake2b(repr(parts).encode(), digest_size=8).digest()
        self._seed = self._state = int.from_bytes(digest, "big")

    def at(self, tick: int) -> None:
        """Start anew for a tick."""
        self._state = (self._seed + tick * 0xD1342543DE82EF95) & _MASK

    def bits(self) -> int:
        """Sixty-four bits."""
        self._state = state = (self._state + _STEP) & _MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
        return state ^ state >> 31

    def below(self, count: int) -> int:
        """A number from 0 to `count` - 1."""
        return self.bits() % count

    def choice(self, ways: Sequence[T]) -> T:
        """One of `ways`."""
        return ways[self.below(len(ways))]

    def once_in(self, count: int) -> bool:
        """True once in `count` times."""
        return not self.below(count)
