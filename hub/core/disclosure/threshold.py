"""Protection by a plain threshold on distinct contributors.

Rules (docs/disclosure.md, "Threshold"):

- A figure is shown if it has at least `CONTRIBUTORS_MIN` distinct contributors: persons
  where they are kept, else ids. No contributor at all is a shown zero; in a sensitive
  table it is hidden like a small one.
- SEX adds: ``_T`` is the sum of the shown F, M and ``_OUN``. If only ``_OUN`` fails it
  is hidden and ``_T`` is F + M, from which nothing about it follows.
- If F or M fails, no part is shown, or one could be had by subtraction; and all parts
  bear one code, for a code that tells which are small gives 10, 10, 10 away beside a
  total of 30. ``_T`` alone is then its own figure, if it passes.
- A negative cell is never shown: it is a fault, not a figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from hub.core.catalogue.model import Measure, Table
from hub.core.cells import ZERO, Cell
from hub.core.disclosure.figures import (
    INTERNAL,
    SMALL,
    Figure,
    Place,
    shown,
    suppressed,
)
from hub.core.indicators.margins import RESIDUAL, SEXES
from hub.core.indicators.plan import TOTAL

CONTRIBUTORS_MIN = 11
SENSITIVE = frozenset({"T"})


def raw(table: Table, cell: Cell) -> Fraction:
    """What a cell says of its table: a number, a sum or a mean."""
    match table.measure:
        case Measure.SUM:
            return Fraction(cell.total)
        case Measure.MEAN:
            return Fraction(cell.total, cell.n) if cell.n else Fraction(0)
        case _:
            return Fraction(cell.n)


def contributors(cell: Cell) -> int:
    """Distinct persons where they are kept, else ids."""
    return cell.n if cell.persons is None else cell.persons


def single(table: Table, cell: Cell) -> Figure:
    """One figure by itself."""
    if cell.n < 0 or contributors(cell) < 0:
        return suppressed(INTERNAL, cell)
    if cell.n == 0:
        hidden = table.measure is Measure.MEAN or table.policy in SENSITIVE
        return suppressed(SMALL, cell) if hidden else shown(0, cell)
    if contributors(cell) < CONTRIBUTORS_MIN:
        return suppressed(SMALL, cell)
    return shown(raw(table, cell), cell)


def by_sex(table: Table, cells: Mapping[str, Cell]) -> dict[str, Figure]:
    """The figures of one group, SEX → figure, adding up.

    Args:
        table: Whose cells.
        cells: SEX (F, M, _OUN, _T) → cell; what is not there is empty.
    """
    parts = {sex: single(table, cells.get(sex, ZERO)) for sex in SEXES}
    whole = cells.get(TOTAL, ZERO)
    if table.measure is Measure.MEAN:
        # A mean of all does not follow from the means of parts without their weights.
        return {**parts, TOTAL: single(table, whole)}
    if any(parts[sex].value is None for sex in SEXES if sex != RESIDUAL):
        hidden = {sex: _hidden(figure) for sex, figure in parts.items()}
        return {**hidden, TOTAL: single(table, whole)}
    total = sum((figure.value or Fraction(0) for figure in parts.values()), Fraction(0))
    return {**parts, TOTAL: shown(total, whole)}


def group(
    cells: Mapping[Place, Cell],
) -> dict[tuple[str, str, str, str], dict[str, Cell]]:
    """Cells by place without SEX, in order."""
    found: dict[tuple[str, str, str, str], dict[str, Cell]] = {}
    for place in sorted(cells):
        found.setdefault(place.group, {})[place.sex] = cells[place]
    return found


def _hidden(figure: Figure) -> Figure:
    return suppressed(SMALL, figure.cell) if figure.value is not None else figure
