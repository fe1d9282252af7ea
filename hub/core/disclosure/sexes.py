"""One group of places that differ in SEX alone: it adds up, and hides as a whole.

Rules (docs/disclosure.md, "SEX"):

- ``_T`` is the sum of the published F, M and ``_OUN``; of a mean, the sum of their
  published sums over the sum of their published counts.
- If only ``_OUN`` may not be shown, it is hidden and ``_T`` is made of F and M, from
  which nothing about it follows.
- If F or M may not be shown, no part is, or one could be had by subtraction; and all
  parts bear one code, for a code that tells which are small gives 10, 10, 10 away
  beside a total of 30. ``_T`` is then judged as a cell of its own, with its own noise.
- A negative cell is a fault and named as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from hub.core.catalogue.model import Measure, Table
from hub.core.cells import ZERO, Cell
from hub.core.disclosure.figures import (
    DOMINANCE,
    INTERNAL,
    SMALL,
    Figure,
    shown,
    suppressed,
)
from hub.core.disclosure.judge import Part, judge
from hub.core.disclosure.rules import Rule
from hub.core.indicators.margins import RESIDUAL, SEXES
from hub.core.indicators.plan import TOTAL


def single(rule: Rule, table: Table, cell: Cell, secret: bytes) -> Figure:
    """One figure by itself."""
    return _figure(table, [judge(rule, table, cell, secret)], cell)


def by_sex(
    rule: Rule, table: Table, cells: Mapping[str, Cell], secret: bytes
) -> dict[str, Figure]:
    """The figures of one group, SEX → figure.

    Args:
        rule: Of a policy that protects.
        table: Whose cells.
        cells: SEX (F, M, _OUN, _T) → cell; what is not there is empty.
        secret: The disclosure secret.
    """
    sets = {sex: cells.get(sex, ZERO) for sex in (*SEXES, TOTAL)}
    parts = {sex: judge(rule, table, sets[sex], secret) for sex in SEXES}
    whole = single(rule, table, sets[TOTAL], secret)
    if all(parts[sex].seen for sex in SEXES if sex != RESIDUAL):
        whole = _figure(table, [p for p in parts.values() if p.seen], sets[TOTAL])
    else:
        code = _one_code(parts)
        parts = {
            sex: part._replace(conf=INTERNAL if part.conf == INTERNAL else code)
            for sex, part in parts.items()
        }
    figures = {sex: _figure(table, [parts[sex]], sets[sex]) for sex in SEXES}
    return {**figures, TOTAL: whole}


def _figure(table: Table, parts: Iterable[Part], cell: Cell) -> Figure:
    """The sum of parts that are all shown, or the one that is not."""
    listed = list(parts)
    for part in listed:
        if not part.seen:
            return suppressed(part.conf, cell)
    value = sum((part.value for part in listed), Fraction(0))
    if table.measure is Measure.MEAN:
        value /= sum((part.weight for part in listed), Fraction(0))
    return shown(value, cell)


def _one_code(parts: Mapping[str, Part]) -> str:
    """Why a whole group is hidden: dominance only if nothing in it is small."""
    codes = {parts[sex].conf for sex in SEXES if sex != RESIDUAL}
    return DOMINANCE if DOMINANCE in codes and SMALL not in codes else SMALL
