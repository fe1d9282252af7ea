"""What differs between the figures of two moments.

Rules (docs/dashboard.md, "Revisions"):

- Two moments of one view are compared figure by figure; a figure that appeared, went,
  was suppressed or became final differs, too.
- Moments offered are those of the table's releases that stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hub.core.sdmx.times import iso
from hub.gateway.lookup import State
from hub.gateway.pages.grid import Cell, Row

SHOWN_MAX = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure that differs; a side is None where it was not there."""

    place: tuple[str, ...]
    period: str
    sex: str
    before: Cell | None
    after: Cell | None

    @property
    def difference(self) -> float | None:
        """After minus before, where both are shown."""
        if self.before is None or self.after is None:
            return None
        if self.before.value is None or self.after.value is None:
            return None
        return self.after.value - self.before.value


def differing(before: Iterable[Row], after: Iterable[Row]) -> list[Change]:
    """Figures that differ, in the order of the later moment, then those that went."""
    old = {
        (row.place, row.period, sex): cell
        for row in before
        for sex, cell in row.cells.items()
    }
    new = {
        (row.place, row.period, sex): cell
        for row in after
        for sex, cell in row.cells.items()
    }
    return [
        Change(
            place=place,
            period=period,
            sex=sex,
            before=old.get((place, period, sex)),
            after=new.get((place, period, sex)),
        )
        for place, period, sex in {**new, **old}
        if old.get((place, period, sex)) != new.get((place, period, sex))
    ]


def moments(state: State) -> list[tuple[str, int, str]]:
    """Moments at which figures came: in the URL, in milliseconds, what came.

    Releases that were taken back count at no moment, so they are not among them. The
    newest one is last.
    """
    found: dict[int, str] = {}
    for one in state.releases:
        if one.stands:
            found.setdefault(one.seen_ms, f"{one.vintage} {one.period}")
    return [(iso(at), at, said) for at, said in sorted(found.items())]
