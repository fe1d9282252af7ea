"""One cell under one policy: what may be shown of it, and with which noise.

Rules (docs/disclosure.md, "Policies"):

- The answer depends on policy, secret and the cell's own sums; not on table, place,
  period or vintage. So the same set has the same figure wherever it stands.
- A negative cell is a fault and never shown. Zero stays zero, and is hidden only where
  small numbers must look like it (T) or where there is nothing to average.
- C: count + noise. T: the same, shown if true and published count reach `least`.
- E: at least `least` distinct persons, the others at least p % of the largest; noise in
  units of the largest, from the row of the count in that unit. A count of at most D
  such units could be swallowed by its noise: one person has too much of it.
- S: at least `least` contributors, all but the two largest at least p % of the largest;
  noise v/D × the largest, rounded to the power of ten at or below a tenth of it. The
  weight of a mean is the disturbed count.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from hub.core.catalogue.model import Measure, Table
from hub.core.cells import Cell
from hub.core.disclosure.figures import DOMINANCE, FREE, INTERNAL, SMALL
from hub.core.disclosure.ptable import draw
from hub.core.disclosure.rules import OPEN, Rule


class Part(NamedTuple):
    """What a cell gives to a figure; parts of one group add.

    Attributes:
        value: The disturbed number or sum; nothing where it is hidden.
        weight: The disturbed count below a mean, else 0.
        conf: ``F``, or why it is hidden.
    """

    value: Fraction
    weight: Fraction
    conf: str

    @property
    def seen(self) -> bool:
        """Whether it may be shown."""
        return self.conf == FREE


def judge(rule: Rule, table: Table, cell: Cell, secret: bytes) -> Part:
    """What may be shown of a cell."""
    amount = raw(table, cell)
    if cell.n < 0 or contributors(cell) < 0:
        return _hidden(INTERNAL)
    if rule.id == "N":
        return _seen(amount)
    if amount < 0:
        return _hidden(INTERNAL)
    if rule.id in OPEN:
        return _seen(amount)
    if cell.n == 0:
        nothing = table.measure is Measure.MEAN or rule.sensitive
        return _hidden(SMALL) if nothing else _seen(0)
    return _disturbed(rule, table, cell, secret)


def raw(table: Table, cell: Cell) -> Fraction:
    """What a cell adds to a figure: a number, or a sum."""
    summed = table.measure in {Measure.SUM, Measure.MEAN}
    return Fraction(cell.total if summed else cell.n)


def contributors(cell: Cell) -> int:
    """Distinct persons where they are kept, else ids."""
    return cell.n if cell.persons is None else cell.persons


def unit(largest: int) -> int:
    """The power of ten at or below a tenth of the largest contribution, at least 1."""
    found = 1
    while found * 100 <= largest:
        found *= 10
    return found


def _disturbed(rule: Rule, table: Table, cell: Cell, secret: bytes) -> Part:
    match rule.id:
        case "S":
            return _money(rule, table, cell, secret)
        case "E":
            return _events(rule, int(raw(table, cell)), cell, secret)
        case _:
            return _count(rule, int(raw(table, cell)), cell, secret)


def _count(rule: Rule, count: int, cell: Cell, secret: bytes) -> Part:
    published = count + _step(rule, count, draw(secret, cell.key))
    if min(count, published) < rule.least:
        return _hidden(SMALL)
    return _seen(published)


def _events(rule: Rule, count: int, cell: Cell, secret: bytes) -> Part:
    if contributors(cell) < rule.least:
        return _hidden(SMALL)
    largest = 1 if cell.top1 is None else cell.top1
    # The units below are stricter for any p up to 100; this is the rule as approved.
    if largest <= 0 or count - largest < rule.p * largest:
        return _hidden(DOMINANCE)
    units = count // largest
    if units <= rule.d:
        return _hidden(DOMINANCE)
    step = _step(rule, units, draw(secret, cell.key))
    return _seen(count + step * largest)


def _money(rule: Rule, table: Table, cell: Cell, secret: bytes) -> Part:
    number = contributors(cell)
    if number < rule.least:
        return _hidden(SMALL)
    # Nobody says who gave most: the careful reading is that one gave all.
    largest = cell.total if cell.top1 is None else cell.top1
    second = 0 if cell.top2 is None else cell.top2
    if largest <= 0 or cell.total - largest - second < rule.p * largest:
        return _hidden(DOMINANCE)
    weight = 0
    if table.measure is Measure.MEAN:
        weight = cell.n + _step(rule, cell.n, draw(secret, cell.key))
        if weight <= 0:
            return _hidden(SMALL)
    step = _step(rule, number, draw(secret, cell.key, magnitude=True))
    value = cell.total + Fraction(step * largest, rule.d)
    coarse = unit(largest)
    rounded = (2 * value + coarse) // (2 * coarse) * coarse
    return Part(Fraction(rounded), Fraction(weight), FREE)


def _step(rule: Rule, count: int, drawn: int) -> int:
    assert rule.noise is not None  # noqa: S101 - policies C, E, T and S have a table
    return rule.noise.at(count, drawn)


def _seen(value: Fraction | int) -> Part:
    return Part(Fraction(value), Fraction(0), FREE)


def _hidden(conf: str) -> Part:
    return Part(Fraction(0), Fraction(0), conf)
