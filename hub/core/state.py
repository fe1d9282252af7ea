"""State of one agent partition, as the pure steps see it.

Rules (design: delivery, rules 1 and 2):

- A step reads through an :class:`Overlay` and writes only into it.
- The runtime turns ``overlay.pending`` into one atomic batch, together with the input
  position, after every output is acknowledged.
- Keys are bytes; the first byte is the kind of the entry (one letter, listed in the
  module that owns it). Kind ``@`` belongs to the runtime, ``#`` to coverage; capital
  letters are for entries that are hashes and nothing else (:mod:`hub.edge.tables`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Protocol


class Reader(Protocol):
    """What a step may ask of stored state."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of `keys`, in order, None where there is none."""

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries whose key starts with `prefix`, in key order."""


class Memory:
    """A Reader over a dict: the simulator's and the tests' state."""

    def __init__(self, entries: dict[bytes, bytes] | None = None) -> None:
        self.entries: dict[bytes, bytes] = dict(entries or {})
        self._order: list[bytes] = []

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See :class:`Reader`."""
        return [self.entries.get(key) for key in keys]

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See :class:`Reader`."""
        if len(self._order) != len(self.entries):
            self._order = sorted(self.entries)
        order = self._order
        for at in range(bisect_left(order, prefix), len(order)):
            if not order[at].startswith(prefix):
                return
            yield order[at], self.entries[order[at]]

    def apply(self, pending: dict[bytes, bytes | None]) -> None:
        """Write an overlay's pending entries; None deletes."""
        for key, value in pending.items():
            if value is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = value
        self._order = []


class Overlay:
    """A Reader with pending writes on top; None in `pending` is a deletion.

    Attributes:
        pending: What is to be written. Who writes a key a row puts them in here.
        single: Keys that were put one by one, as those of a whole chunk are: so few
            that whoever looks for one of them need not look through `pending`.
    """

    def __init__(self, below: Reader) -> None:
        self._below = below
        self.pending: dict[bytes, bytes | None] = {}
        self.single: set[bytes] = set()

    def get(self, key: bytes) -> bytes | None:
        """The value of one key."""
        return self.get_many([key])[0]

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of `keys`, pending writes first; one look-up for the rest."""
        pending = self.pending
        if not pending:
            return self._below.get_many(keys)
        missing = [key for key in keys if key not in pending]
        if not missing:
            return [pending[key] for key in keys]
        found = self._below.get_many(missing)
        if len(missing) == len(keys):
            return found
        below = dict(zip(missing, found, strict=True))
        return [pending[key] if key in pending else below[key] for key in keys]

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries under `prefix`, pending writes included, in key order."""
        merged = dict(self._below.scan(prefix))
        for key, value in self.pending.items():
            if key.startswith(prefix):
                if value is None:
                    merged.pop(key, None)
                else:
                    merged[key] = value
        yield from sorted(merged.items())

    def put(self, key: bytes, value: bytes) -> None:
        """Write `value` under `key` when the chunk is committed."""
        self.pending[key] = value
        self.single.add(key)

    def delete(self, key: bytes) -> None:
        """Remove `key` when the chunk is committed."""
        self.pending[key] = None
