"""Statements: what dedupe decided about a ministry's rows, told to that ministry only.

Rules (design: envelope):

- A decision names the row by its coordinate in the ministry's own log, never a record
  or a person; what other ministries sent is in nobody else's statement.
- Decisions gather in state and leave when the local day of the inbound clock is over,
  when a close is complete, or when a statement is full.
- A row that was simply counted needs no decision.

State, by kind of entry: ``d`` → day and, per ministry, its pages; ``t`` ministry, page
→ decisions of one batch of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import ormsgpack
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core import period
from hub.core.dedupe.ledger import OUTCOMES, UNIQUE
from hub.core.log import Source
from hub.core.messages import (
    ROWS_MAX,
    SIGNATURE_NONE,
    Decision,
    Statement,
    signed_bytes,
)
from hub.core.state import Overlay

DIARY, PAGE = b"d", b"t"

Tell = Callable[[str, str, Iterator[Decision]], bool]
"""Called with ministry, day and decisions when a statement is due.

False says that the ministry cannot be told now; then the decisions are kept.
"""


class Diary:
    """Decisions not yet told; load, use, :meth:`save`."""

    def __init__(self, overlay: Overlay, tell: Tell) -> None:
        self._overlay = overlay
        self._tell = tell
        self._day = ""
        self._pages: dict[str, list[int]] = {}
        self._changed = False
        stored = overlay.get(DIARY)
        if stored is not None:
            self._day, self._pages = ormsgpack.unpackb(stored)

    def clock(self, clock_ms: int) -> None:
        """Note the inbound clock; a new day ends the old one."""
        day = period.day_of(clock_ms).isoformat()
        # Sources lag one behind the other: a day that is over does not come back.
        if day <= self._day:
            return
        self.tell_all()
        self._day = day
        self._changed = True

    def note(
        self,
        ministry: str,
        source: Source,
        outcomes: bytearray,
        places: tuple[np.ndarray, np.ndarray],
    ) -> None:
        """Keep the decisions about a batch of rows.

        Args:
            ministry: Whose rows they are.
            source: The ministry partition they came in.
            outcomes: One outcome number a row.
            places: Offsets and row numbers in that partition.
        """
        kinds = np.frombuffer(outcomes, np.uint8)
        told = np.flatnonzero(kinds != UNIQUE)
        if not told.size:
            return
        page = ormsgpack.packb(
            (
                source.topic,
                source.partition,
                places[0][told].astype("<i8").tobytes(),
                places[1][told].astype("<i4").tobytes(),
                kinds[told].tobytes(),
            )
        )
        pages = self._pages.setdefault(ministry, [0, 0])
        self._overlay.put(_key(ministry, pages[0]), page)
        pages[0] += 1
        pages[1] += told.size
        self._changed = True
        if pages[1] >= ROWS_MAX:
            self._tell_one(ministry)

    def tell_all(self) -> None:
        """Make every statement that has something to say."""
        for ministry in sorted(self._pages):
            self._tell_one(ministry)

    def save(self) -> None:
        """Write what changed."""
        if self._changed:
            packed = ormsgpack.packb((self._day, dict(sorted(self._pages.items()))))
            self._overlay.put(DIARY, packed)

    def _tell_one(self, ministry: str) -> None:
        keys = [_key(ministry, page) for page in range(self._pages[ministry][0])]
        decisions = (
            decision
            for key in keys
            for decision in _read(self._overlay.get(key) or b"")
        )
        if not self._tell(ministry, self._day, decisions):
            return
        for key in keys:
            self._overlay.delete(key)
        del self._pages[ministry]
        self._changed = True


def signed(statement: Statement, key: Ed25519PrivateKey) -> bytes:
    """The encoded statement with its signature.

    The signature is the last field, so it is put in the place of the zeros that were
    signed over, and fifty thousand decisions are encoded once instead of twice.
    """
    covered = signed_bytes(statement)
    body = covered[covered.index(b"\0") + 1 :]
    return body[: -len(SIGNATURE_NONE)] + key.sign(covered)


def _read(page: bytes) -> Iterator[Decision]:
    topic, partition, offsets, rows, kinds = ormsgpack.unpackb(page)
    places = zip(
        np.frombuffer(offsets, "<i8").tolist(),
        np.frombuffer(rows, "<i4").tolist(),
        kinds,
        strict=True,
    )
    for offset, row, kind in places:
        yield Decision(
            topic=topic,
            partition=partition,
            offset=offset,
            row=row,
            decision=OUTCOMES[kind],
        )


def _key(ministry: str, page: int) -> bytes:
    return b"".join((PAGE, ministry.encode(), b"\0", page.to_bytes(4, "big")))
