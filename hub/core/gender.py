"""Female share, gender gap and parity, from what is published and nothing else.

Rules (docs/disclosure.md, "Derived figures"; catalogue: conventions):

- FEM_SHARE is F of F + M in per cent, GENDER_GAP is F − M of F + M in per cent, GPI is
  F ÷ M. The residual ``_OUN`` is in none of them, and none is a table of its own.
- Only where F and M are shown and both at least `EACH_MIN`.
- Low and high say how far noise of up to ± `noise` in both can move the figure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from hub.core.observation import Observation
from hub.core.release.scale import half_up

EACH_MIN = 30
UNITS = {"FEM_SHARE": "PT", "GENDER_GAP": "PT", "GPI": "RO"}
DECIMALS = {"PT": 1, "RO": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """One derived figure of the place that `of` (the female figure) stands at."""

    measure: str
    unit: str
    value: float
    low: float
    high: float
    of: Observation


def derived(observations: Iterable[Observation], *, noise: int = 0) -> list[Derived]:
    """The derived figures of a table's observations, in their order.

    Args:
        observations: Of one table of persons, stocks, events or sums.
        noise: Greatest disturbance of one figure: D of its policy, 0 without noise.
    """
    listed = list(observations)
    men = {_place(one): one for one in listed if one.sex == "M"}
    found = []
    for one in listed:
        other = men.get(_place(one))
        if one.sex != "F" or other is None:
            continue
        if one.value is None or other.value is None:
            continue
        if min(one.value, other.value) >= EACH_MIN:
            f, m = Fraction(one.value), Fraction(other.value)
            found += [_figure(name, f, m, noise, one) for name in UNITS]
    return found


def _place(one: Observation) -> tuple[str, ...]:
    codes = (one.frequency, one.area, *one.dimensions)
    return (*codes, one.period, one.vintage, one.release)


def _figure(
    name: str, f: Fraction, m: Fraction, noise: int, of: Observation
) -> Derived:
    # Each measure rises with F and falls with M, so the ends are at the corners.
    places = DECIMALS[UNITS[name]]
    value = half_up(_measure(name, f, m), places)
    low = half_up(_measure(name, f - noise, m + noise), places)
    high = half_up(_measure(name, f + noise, m - noise), places)
    return Derived(
        measure=name,
        unit=UNITS[name],
        value=float(value),
        low=float(low),
        high=float(high),
        of=of,
    )


def _measure(name: str, f: Fraction, m: Fraction) -> Fraction:
    match name:
        case "FEM_SHARE":
            return 100 * f / (f + m)
        case "GENDER_GAP":
            return 100 * (f - m) / (f + m)
        case _:
            return f / m
