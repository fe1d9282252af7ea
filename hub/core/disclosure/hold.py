"""Hold: which set a figure speaks of, so that no two figures betray a small change.

Rules (docs/disclosure.md, "Hold"):

- A figure stays with the set it spoke of before while fewer than `hold` records differ:
  in a revised or final vintage with the set of the vintage before, in a stock also with
  that of the period before.
- What members hold they keep: a new set must also differ by `hold` records from every
  set that was ever published of the place (of a stock: of the series, whatever period).
  Where it does not, the figure of the nearest of those sets is published again.
- A place that stood nowhere in a published period said zero, so it is held at zero.
- A hidden figure is held like a shown one: a threshold crossed by one record shows
  that record.

Invariant: of any two figures of a place (of a stock: of a series) the sets are equal or
differ by at least `hold` records; and every figure speaks of a set that differs from
the true one by less than `hold`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from hub.core.cells import ZERO, Cell, changes
from hub.core.disclosure.figures import Place
from hub.core.period import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What was published of a table.

    Attributes:
        sets: Place → the sets its figures spoke of, the last published at the end.
        periods: The periods that were published, whole, at least once.
    """

    sets: Mapping[Place, tuple[Cell, ...]] = field(default_factory=dict, repr=False)
    periods: frozenset[str] = frozenset()

    def of(self, place: Place) -> tuple[Cell, ...]:
        """The sets of a place; it was zero if only its period was published."""
        found = self.sets.get(place, ())
        return found or ((ZERO,) if place.period in self.periods else ())


NOTHING = Past()


def held(cells: Mapping[Place, Cell], past: Past, hold: int) -> dict[Place, Cell]:
    """Place → the set that its figure speaks of now, each place for itself."""
    return {
        place: _settle(cell, past.of(place)[-1:], past.of(place), hold)
        for place, cell in cells.items()
    }


def held_stock(cells: Mapping[Place, Cell], past: Past, hold: int) -> dict[Place, Cell]:
    """Like :func:`held`, where all periods of a series bind one another."""
    earlier: dict[tuple[str, ...], dict[str, Sequence[Cell]]] = {}
    for place in past.sets:
        earlier.setdefault(place[1:], {})[place.period] = past.sets[place]
    found = {}
    ordered = sorted(cells, key=lambda place: (place[1:], place.period))
    for series, places in groupby(ordered, key=lambda place: place[1:]):
        by_period = earlier.get(series, {})
        said = sorted(past.periods | set(by_period))
        pool = [cell for at in said for cell in by_period.get(at, (ZERO,))]
        now: dict[str, Cell] = {}
        for place in places:
            before = str(parse(place.period).previous)
            last = past.of(place)[-1:]
            if not last:
                early = past.of(Place(before, *series))[-1:]
                last = (now[before],) if before in now else early
            settled = _settle(cells[place], last, pool, hold)
            now[place.period] = found[place] = settled
            pool.append(settled)
    return {place: found[place] for place in cells}


def _settle(cell: Cell, last: Sequence[Cell], pool: Sequence[Cell], hold: int) -> Cell:
    """The set to speak of: the last one, the nearest published one, or the new one."""
    if last and _distance(last[0], cell, hold) < hold:
        return last[0]
    best, least = cell, hold
    for one in reversed(pool):
        distance = _distance(one, cell, hold)
        if distance < least:
            best, least = one, distance
    return best


def _distance(a: Cell, b: Cell, hold: int) -> int:
    """Changes between two sets, `hold` or more where numbers alone tell."""
    return hold if abs(a.n - b.n) >= hold else changes(a, b)
