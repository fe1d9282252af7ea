"""The one door between cells and figures: what may be published, and why not.

Rules (docs/disclosure.md):

- First it is settled which set each figure speaks of (:mod:`hub.core.disclosure.hold`),
  then each group is judged as if that were the truth
  (:mod:`hub.core.disclosure.sexes`).
- The answer depends on the cells, on the sets published before, and on the secret; on
  nothing else, so the same set has the same figure everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from hub.core.catalogue.model import Measure, Table
from hub.core.cells import Cell
from hub.core.disclosure import sexes
from hub.core.disclosure.figures import ABSENT, Figure, Place, shown, suppressed
from hub.core.disclosure.hold import Past, held, held_stock
from hub.core.disclosure.judge import judge
from hub.core.disclosure.rules import OPEN, Rule


def protect(
    table: Table,
    rule: Rule,
    cells: Mapping[Place, Cell],
    past: Past,
    secret: bytes,
) -> dict[Place, Figure]:
    """The figures of a table.

    Args:
        table: Which table; SEX is F, M, _OUN and _T, or _T alone where it is fixed.
        rule: Its disclosure policy.
        cells: Every place to be published, margins too, with distinct persons and the
            two largest contributions where the table keeps them; zero cells included.
        past: What was published of the table before.
        secret: The disclosure secret.

    Returns:
        A figure for every place of `cells`; its cell is the set it speaks of.
    """
    if rule.id in OPEN:
        return {p: _open(rule, table, cell, secret) for p, cell in cells.items()}
    settle = held_stock if table.measure is Measure.STOCK else held
    sets = settle(cells, past, rule.hold)
    if not table.sex:
        return {p: sexes.single(rule, table, cell, secret) for p, cell in sets.items()}
    found: dict[Place, Figure] = {}
    for (period, area, d1, d2), by_sex in _groups(sets).items():
        for sex, figure in sexes.by_sex(rule, table, by_sex, secret).items():
            place = Place(period=period, area=area, sex=sex, d1=d1, d2=d2)
            found[place] = figure
    return found


def _groups(
    cells: Mapping[Place, Cell],
) -> dict[tuple[str, str, str, str], dict[str, Cell]]:
    """Cells by place without SEX, in order."""
    found: dict[tuple[str, str, str, str], dict[str, Cell]] = {}
    for place in sorted(cells):
        found.setdefault(place.group, {})[place.sex] = cells[place]
    return found


def _open(rule: Rule, table: Table, cell: Cell, secret: bytes) -> Figure:
    if table.measure is not Measure.MEAN:
        return sexes.single(rule, table, cell, secret)
    part = judge(rule, table, cell, secret)
    if not part.seen:
        return suppressed(part.conf, cell)
    return shown(part.value / cell.n, cell) if cell.n else ABSENT
