"""How fast a state is rebuilt, and when it will be where the lost one was.

Rules (design: delivery, rule 11):

- A rebuild begins when a state stands behind its hint, and ends when it reaches it.
- Rates are means since it began, so a pause shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agents.partition import Partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """A rebuild under way.

    Attributes:
        messages: Still to be read.
        messages_per_second: Read since it began.
        rows_per_second: Of dataflows that may be counted.
        seconds: Left; 0 while nothing can be said.
    """

    messages: int
    messages_per_second: float
    rows_per_second: float
    seconds: float


class Meter:
    """Measures the rebuilds of one worker."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: dict[Partition, tuple[float, int, int]] = {}
        self.started = 0
        """Rebuilds that began, in all."""

    def read(self, partitions: Iterable[Partition]) -> dict[Partition, Rebuild]:
        """The rebuilds under way; called once a second."""
        now = self._clock()
        found = {}
        for one in partitions:
            if one.rebuild:
                self.started += one not in self._begun
                begun = self._begun.setdefault(one, (now, one.folded, one.rows))
                found[one] = _rebuild(one, now, *begun)
        self._begun = {one: self._begun[one] for one in found}
        return found


def _rebuild(
    one: Partition, now: float, since: float, folded: int, rows: int
) -> Rebuild:
    seconds = now - since
    if seconds <= 0 or one.folded <= folded:
        return Rebuild(
            messages=one.rebuild,
            messages_per_second=0.0,
            rows_per_second=0.0,
            seconds=0.0,
        )
    speed = (one.folded - folded) / seconds
    return Rebuild(
        messages=one.rebuild,
        messages_per_second=speed,
        rows_per_second=(one.rows - rows) / seconds,
        seconds=one.rebuild / speed,
    )
