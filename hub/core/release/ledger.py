"""What was last published of each table and period.

State (keys are the letter and what follows):

- ``p`` table|period → the figures of its newest vintage.

Rules (docs/disclosure.md, "Vintages"):

- The next vintage of a place is judged against what was published of it before, so the
  set behind every figure is kept with it; true sums never leave this state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

import ormsgpack

from hub.core import cells
from hub.core.disclosure.figures import Figure, Place
from hub.core.state import Overlay

KIND = b"p"


def read(overlay: Overlay, table: str, periods: Iterable[str]) -> dict[Place, Figure]:
    """The newest figures of the periods; empty where nothing was published."""
    asked = list(periods)
    found: dict[Place, Figure] = {}
    stored = overlay.get_many([_key(table, period) for period in asked])
    for period, value in zip(asked, stored, strict=True):
        for row in [] if value is None else ormsgpack.unpackb(value):
            place, figure = _figure(period, row)
            found[place] = figure
    return found


def write(overlay: Overlay, table: str, figures: Mapping[Place, Figure]) -> None:
    """Keep what is published now."""
    rows: dict[str, list[list[object]]] = {}
    for place, figure in sorted(figures.items()):
        rows.setdefault(place.period, []).append(_row(place, figure))
    for period, found in rows.items():
        overlay.put(_key(table, period), ormsgpack.packb(found))


def _key(table: str, period: str) -> bytes:
    return KIND + f"{table}|{period}".encode()


def _row(place: Place, figure: Figure) -> list[object]:
    value = figure.value
    parts = None if value is None else [str(value.numerator), str(value.denominator)]
    sums = cells.encode(figure.cell)
    return [*place[1:], parts, figure.status, figure.conf, sums]


def _figure(period: str, row: list[object]) -> tuple[Place, Figure]:
    area, sex, d1, d2, parts, status, conf, sums = row
    value = None
    if isinstance(parts, list):
        value = Fraction(int(parts[0]), int(parts[1]))
    place = Place(period, str(area), str(sex), str(d1), str(d2))
    cell = cells.decode(sums) if isinstance(sums, bytes) else cells.ZERO
    return place, Figure(value=value, status=str(status), conf=str(conf), cell=cell)
