"""What protection costs: how far the figures of a release are from the truth.

Rules (docs/disclosure.md, "Utility"):

- A report is about a whole table, is rounded, and stands in the signed manifest: every
  reader learns how good the figures are, and nobody learns a figure.
- Errors are told only over at least `FIGURES_MIN` figures. There the rounding hides
  more than any one figure can add: a count's noise is at most 5 and its mean is rounded
  to 0.1; a share's error is below 10 points, rounded to 0.1; where noise grows with the
  largest contribution it is below 100 per cent, rounded to whole ones, as is the share
  changed. So two reports that differ by one figure do not tell its noise.
- Nothing that needs the truth is told of a sensitive table: how many figures there are
  to be wrong is part of the secret. What is suppressed anybody can count.
- Women first: errors of the female share, and what is suppressed by sex, so that a
  protection that hides women is seen at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from hub.core.catalogue.model import Measure, Table
from hub.core.cells import Cell
from hub.core.disclosure.figures import SUPPRESSED, Figure, Place
from hub.core.disclosure.judge import raw
from hub.core.disclosure.rules import Rule
from hub.core.indicators.plan import TOTAL
from hub.core.release.scale import half_up

FIGURES_MIN = 200
"""Figures that a mean error is told over, at least."""

WOMEN, MEN = "F", "M"
EACH_MIN = 30
"""As of every derived figure (catalogue: conventions)."""
COUNTS = "C"
"""The policy whose noise is the same for every count."""


class Utility(NamedTuple):
    """The report of one table's release; None: not told, or there is nothing to tell.

    Attributes:
        mean_error: Mean absolute error: of policy C in counts, else in per cent.
        changed: Share of the figures that are not the truth, in per cent.
        female_share_error: Mean absolute error of F of F + M, in percentage points.
        suppressed_f: Share of women's figures that are suppressed, in per cent.
        suppressed_m: The same of men's.
        additivity_gap: Mean distance of a margin from the sum of its parts, in per
            cent of the margin; from published figures.
    """

    mean_error: float | None = None
    changed: float | None = None
    female_share_error: float | None = None
    suppressed_f: float | None = None
    suppressed_m: float | None = None
    additivity_gap: float | None = None


NOTHING = Utility()


def report(
    table: Table,
    rule: Rule,
    figures: Mapping[Place, Figure],
    truth: Mapping[Place, Cell],
) -> Utility:
    """The report of a table.

    Args:
        table: Which table.
        rule: Its policy.
        figures: What is shown of it.
        truth: The cells as they are now; places that are missing have none.
    """
    seen = {
        place: (one.value, _true(table, truth[place]))
        for place, one in figures.items()
        if one.value is not None and place in truth
    }
    relative = rule.id != COUNTS
    errors = [
        _error(value, true, relative=relative)
        for value, true in seen.values()
        if true is not None and (value or true)
    ]
    told = not rule.sensitive and len(errors) >= FIGURES_MIN
    shares = _shares(table, seen)
    return Utility(
        mean_error=_mean(errors, 0 if relative else 1) if told else None,
        changed=_mean([Fraction(100 * bool(e)) for e in errors], 0) if told else None,
        female_share_error=_mean(shares)
        if told and len(shares) >= FIGURES_MIN
        else None,
        suppressed_f=_suppressed(figures, WOMEN),
        suppressed_m=_suppressed(figures, MEN),
        additivity_gap=None if rule.sensitive else _gap(figures),
    )


def _true(table: Table, cell: Cell) -> Fraction | None:
    amount = raw(table, cell)
    if table.measure is not Measure.MEAN:
        return amount
    return amount / cell.n if cell.n else None


def _error(value: Fraction, true: Fraction, *, relative: bool) -> Fraction:
    far = abs(value - true)
    if relative:
        return 100 * far / abs(true) if true else Fraction(100)
    return far


def _shares(
    table: Table, seen: Mapping[Place, tuple[Fraction, Fraction | None]]
) -> list[Fraction]:
    """Errors of the female share, where both sexes are shown and large enough."""
    if table.measure is Measure.MEAN:
        return []
    found = []
    for place, (women, true_women) in seen.items():
        other = seen.get(place._replace(sex=MEN))
        if place.sex != WOMEN or other is None:
            continue
        men, true_men = other
        if min(women, men) >= EACH_MIN and true_women is not None and true_men:
            share = women / (women + men)
            found.append(abs(share - true_women / (true_women + true_men)) * 100)
    return found


def _suppressed(figures: Mapping[Place, Figure], sex: str) -> float | None:
    mine = [one for place, one in figures.items() if place.sex == sex]
    hidden = [Fraction(100 * (one.status == SUPPRESSED)) for one in mine]
    return _mean(hidden)


def _gap(figures: Mapping[Place, Figure]) -> float | None:
    """Margins of the first dimension against the sums of their parts."""
    totals = {
        place: one.value
        for place, one in figures.items()
        if place.d1 == place.d2 == TOTAL and one.value
    }
    gaps = []
    for whole, parts in groupby(sorted(_parts(figures)), key=lambda one: one[0]):
        values = [value for _, value in parts]
        total = totals.get(whole)
        if total:
            gaps.append(100 * abs(sum(values) - total) / total)
    return _mean(gaps)


def _parts(figures: Mapping[Place, Figure]) -> Iterable[tuple[Place, Fraction]]:
    """Whole and value of each shown part; a hidden part is nothing in the sum."""
    for place, one in figures.items():
        if place.d1 != TOTAL and place.d2 == TOTAL and one.value is not None:
            yield place._replace(d1=TOTAL), one.value


def _mean(values: list[Fraction], places: int = 1) -> float | None:
    """Rounded to decimals, halves up; None of nothing."""
    if not values:
        return None
    return float(half_up(sum(values, Fraction(0)) / len(values), places))
