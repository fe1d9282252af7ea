"""The one door between cells and figures: what may be published, and why not.

Rules (docs/disclosure.md):

- Policy N publishes as it is; all others pass the threshold of
  :mod:`hub.core.disclosure.threshold`.
- The answer depends on the cells, on what was published of the same places before, and
  on the secret; on nothing else, so the same set has the same figure everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from hub.core.catalogue.model import Measure, Policy, Table
from hub.core.cells import Cell
from hub.core.disclosure import threshold
from hub.core.disclosure.figures import ABSENT, Figure, Place, shown

OPEN = frozenset({"N"})
"""Policies of what is no person: institutions, prices, policy, completeness."""


def protect(
    table: Table,
    policy: Policy,
    cells: Mapping[Place, Cell],
    previous: Mapping[Place, Figure],
    secret: bytes,
) -> dict[Place, Figure]:
    """The figures of a table.

    Args:
        table: Which table; SEX is F, M, _OUN and _T, or _T alone where it is fixed.
        policy: Its disclosure policy.
        cells: Every place to be published, margins too, with distinct persons and the
            two largest contributions where the table keeps them; zero cells included.
        previous: What was last published of these places, and for stocks of the period
            before the first.
        secret: The disclosure secret.

    Returns:
        A figure for every place of `cells`.
    """
    del previous, secret
    if policy.id in OPEN:
        return {place: _open(table, cell) for place, cell in cells.items()}
    if not table.sex:
        return {p: threshold.single(table, cell) for p, cell in cells.items()}
    found: dict[Place, Figure] = {}
    for (period, area, d1, d2), by_sex in threshold.group(cells).items():
        for sex, figure in threshold.by_sex(table, by_sex).items():
            place = Place(period=period, area=area, sex=sex, d1=d1, d2=d2)
            found[place] = figure
    return found


def _open(table: Table, cell: Cell) -> Figure:
    if table.measure is Measure.MEAN and cell.n == 0:
        return ABSENT
    return shown(threshold.raw(table, cell), cell)
