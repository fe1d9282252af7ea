"""What was published of each table and period, for as long as members can hold it.

State (keys are the letter and what follows):

- ``p`` table|period → the epoch it was last drawn under, and for each place whether it
  was ever seen and the sets its figures spoke of, the last published at the end.

Rules (docs/disclosure.md, "Hold"):

- The next figure of a place is judged against what was published of it before; true
  sums never leave this state.
- A place that is zero everywhere is published nowhere, yet its sets are kept: members
  saw that it was not there.
- A period that is missing leaves what is kept as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import ormsgpack

from hub.core import cells
from hub.core.cells import Cell
from hub.core.disclosure.figures import MISSING, Figure, Place
from hub.core.disclosure.hold import Past
from hub.core.period import parse
from hub.core.state import Overlay

KIND = b"p"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The ledger of one table.

    Attributes:
        past: The sets that were published.
        seen: Places that members were shown.
        epochs: Period → epoch of its newest vintage.
    """

    past: Past
    seen: frozenset[Place]
    epochs: Mapping[str, bytes] = field(default_factory=dict)


def read(overlay: Overlay, table: str, periods: Iterable[str] | None) -> Record:
    """What was published of a table in the periods, or ever."""
    prefix = KIND + f"{table}|".encode()
    if periods is None:
        stored = dict(overlay.scan(prefix))
    else:
        keys = [prefix + period.encode() for period in periods]
        values = zip(keys, overlay.get_many(keys), strict=True)
        stored = {key: value for key, value in values if value is not None}
    sets: dict[Place, tuple[Cell, ...]] = {}
    seen: set[Place] = set()
    epochs: dict[str, bytes] = {}
    for key, value in stored.items():
        period = key[len(prefix) :].decode()
        epochs[period], rows = ormsgpack.unpackb(value)
        for area, sex, d1, d2, shown, found in rows:
            place = Place(period, area, sex, d1, d2)
            sets[place] = tuple(_cell(row) for row in found)
            if shown:
                seen.add(place)
    past = Past(sets=sets, periods=frozenset(epochs))
    return Record(past=past, seen=frozenset(seen), epochs=epochs)


def epochs_at(record: Record, period: str) -> list[bytes]:
    """The epochs a figure of a period stands beside: its own last, the one before."""
    near = (period, str(parse(period).previous))
    return [record.epochs[one] for one in near if one in record.epochs]


def write(
    overlay: Overlay,
    table: str,
    figures: Mapping[Place, Figure],
    record: Record,
    *,
    seen: Iterable[Place],
    epoch: bytes,
) -> None:
    """Keep what is published now.

    Args:
        overlay: State.
        table: Its id.
        figures: Every figure, also of places that are not shown.
        record: What :func:`read` gave.
        seen: Places that are shown now.
        epoch: Under which they were drawn; without one no sets are kept.
    """
    visible = record.seen | set(seen)
    rows: dict[str, list[list[object]]] = {}
    for place, figure in sorted(figures.items()):
        if figure.status != MISSING:
            sets = [one for one in record.past.of(place) if one != figure.cell]
            packed = [_row(one) for one in (*sets, figure.cell)] if epoch else []
            row = [*place[1:], place in visible, packed]
            rows.setdefault(place.period, []).append(row)
    for period, found in rows.items():
        key = KIND + f"{table}|{period}".encode()
        overlay.put(key, ormsgpack.packb([epoch, found]))


def _row(cell: Cell) -> list[object]:
    return [cells.encode(cell), cell.persons, cell.top1, cell.top2]


def _cell(row: list[object]) -> Cell:
    sums, persons, top1, top2 = row
    assert isinstance(sums, bytes)  # noqa: S101 - written by _row
    found = cells.decode(sums)
    return Cell(
        **{name: getattr(found, name) for name in cells.SUMS},
        persons=_number(persons),
        top1=_number(top1),
        top2=_number(top2),
    )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
