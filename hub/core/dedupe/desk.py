"""The desk: what one step reads and writes, with lists that can be asked.

Rules:

- A list is a prefix and its members; an entry ``prefix + member`` with an empty value
  says that the member is in. Entering and leaving need no look-up.
- A step may write a hundred thousand entries; asking for one list must not walk over
  them. So lists are kept apart from the other pending entries until :meth:`flush`.
- Most members enter by the thousand and are never asked about: they are laid aside as
  they come, and sorted into lists only when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat

from hub.core.state import Overlay


class Desk(Overlay):
    """An overlay on the overlay of a step; `flush` hands everything down."""

    def __init__(self, below: Overlay) -> None:
        super().__init__(below)
        self._overlay = below
        self._lists: dict[bytes, dict[bytes, bool]] = {}
        self._aside: list[tuple[Sequence[bytes], Sequence[bytes]]] = []

    def enter_all(self, prefixes: Sequence[bytes], members: Sequence[bytes]) -> None:
        """Put every member on the list beside it."""
        self._aside.append((prefixes, members))

    def enter(self, prefix: bytes, member: bytes) -> None:
        """Put `member` on the list."""
        self._lists.setdefault(prefix, {})[member] = True

    def leave(self, prefix: bytes, member: bytes) -> None:
        """Take `member` off the list."""
        self._sort_in()
        self._lists.setdefault(prefix, {})[member] = False

    def members(self, prefix: bytes) -> list[bytes]:
        """Who is on the list, in order."""
        self._sort_in()
        changed = self._lists.get(prefix, {})
        kept = [member for member in self._stored(prefix) if member not in changed]
        return sorted(kept + [member for member, there in changed.items() if there])

    def occupied(self, prefix: bytes) -> bool:
        """Whether anyone is on the list."""
        self._sort_in()
        changed = self._lists.get(prefix, {})
        if any(changed.values()):
            return True
        return any(member not in changed for member in self._stored(prefix))

    def flush(self) -> None:
        """Write everything into the overlay below; the desk is then used up."""
        if self._overlay.pending:
            self._overlay.pending.update(self.pending)
        else:
            self._overlay.pending = self.pending
        self._overlay.single |= self.single
        put = self._overlay.pending
        for prefix, changed in self._lists.items():
            for member, there in changed.items():
                put[prefix + member] = b"" if there else None
        # What still lies aside entered after all that is in the lists.
        for prefixes, members in self._aside:
            keys = map(bytes.__add__, prefixes, members)
            put.update(zip(keys, repeat(b"")))

    def _sort_in(self) -> None:
        lists = self._lists
        for prefixes, members in self._aside:
            for prefix, member in zip(prefixes, members, strict=True):
                lists.setdefault(prefix, {})[member] = True
        self._aside.clear()

    def _stored(self, prefix: bytes) -> Iterator[bytes]:
        size = len(prefix)
        return (key[size:] for key, _ in self._overlay.scan(prefix))
