"""One message of a ministry partition, and what must become of it."""

from __future__ import annotations

from dataclasses import dataclass

from faust.types import TP

Turn = tuple[TP | None, int]
"""One thing that happens: a partition and a number in it; no partition: a marker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One message of a ministry partition.

    Attributes:
        turn: What it belongs to.
        rows: Records in it; declarations are none.
        wrong: Which of them break a rule, by place.
        outcome: What the receipt must say; "" for control messages.
        final: Whether the receipt must be the last word.
        again: Whether the same envelope came before.
    """

    tp: TP
    value: bytes
    turn: Turn = (None, -1)
    time_ms: int = 0
    rows: int = 0
    wrong: frozenset[int] = frozenset()
    outcome: str = ""
    final: bool = True
    again: bool = False

    @property
    def bad(self) -> int:
        """How many rows break a rule."""
        return len(self.wrong)
