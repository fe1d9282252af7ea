"""From a figure to the number that is printed: scale, divisor, decimals.

Rules (docs/disclosure.md, "Figures"):

- Printed = figure × scale ÷ divisor, rounded half up; counts are whole.
- Decimals are the table's, then the policy's, else one for rates and ratios, two for
  money and means.
- What is computed from published figures starts from the printed numbers.
"""

from __future__ import annotations

from fractions import Fraction

from hub.core.catalogue.model import Measure, Policy, Table
from hub.core.disclosure.figures import Figure

DERIVED = frozenset(
    {Measure.RATE, Measure.RATIO, Measure.COMPLETENESS, Measure.DISAGGREGATION}
)


def decimals(table: Table, policy: Policy) -> int:
    """How many decimals a table prints."""
    if table.decimals is not None:
        return table.decimals
    if table.measure in DERIVED:
        return int(policy.params.get("decimals", 1))
    if table.measure is Measure.MEAN:
        return int(policy.params.get("decimals", 2))
    if table.measure is Measure.SUM and table.divisor != 1:
        return 2
    return 0


def printed(table: Table, policy: Policy, figure: Figure) -> Fraction | None:
    """The number, exact; None where there is none."""
    if figure.value is None:
        return None
    scaled = figure.value * table.scale / table.divisor
    return half_up(scaled, decimals(table, policy))


def half_up(value: Fraction, places: int) -> Fraction:
    """Rounded to decimals, halves away from zero."""
    unit = 10**places
    magnitude = (abs(value) * unit * 2 + 1) // 2
    return Fraction(magnitude if value >= 0 else -magnitude, unit)
