"""The desk: what one step reads and writes, with lists that can be asked.

Rules:

- A list is a prefix and its members; an entry ``prefix + member`` with an empty value
  says that the member is in. Entering and leaving need no look-up.
- A step may write a hundred thousand entries; asking for one list must not walk over
  them. So lists are kept apart from the other pending entries until :meth:`flush`.
"""

from __future__ import annotations

from collections.abc import Iterator

from hub.core.state import Overlay


class Desk(Overlay):
    """An overlay on the overlay of a step; `flush` hands everything down."""

    def __init__(self, below: Overlay) -> None:
        super().__init__(below)
        self._overlay = below
        self._lists: dict[bytes, dict[bytes, bool]] = {}

    def enter(self, prefix: bytes, member: bytes) -> None:
        """Put `member` on the list."""
        self._lists.setdefault(prefix, {})[member] = True

    def leave(self, prefix: bytes, member: bytes) -> None:
        """Take `member` off the list."""
        self._lists.setdefault(prefix, {})[member] = False

    def members(self, prefix: bytes) -> list[bytes]:
        """Who is on the list, in order."""
        changed = self._lists.get(prefix, {})
        kept = [member for member in self._stored(prefix) if member not in changed]
        return sorted(kept + [member for member, there in changed.items() if there])

    def occupied(self, prefix: bytes) -> bool:
        """Whether anyone is on the list."""
        changed = self._lists.get(prefix, {})
        if any(changed.values()):
            return True
        return any(member not in changed for member in self._stored(prefix))

    def flush(self) -> None:
        """Write everything into the overlay below; the desk is then used up."""
        self._overlay.pending.update(self.pending)
        for prefix, changed in self._lists.items():
            for member, there in changed.items():
                self._overlay.pending[prefix + member] = b"" if there else None

    def _stored(self, prefix: bytes) -> Iterator[bytes]:
        size = len(prefix)
        return (key[size:] for key, _ in self._overlay.scan(prefix))
