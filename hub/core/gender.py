"""Female share, gender gap and parity, from what is published and nothing else.

Rules (docs/disclosure.md, "Derived figures"; catalogue: conventions):

- FEM_SHARE is F of F + M in per cent, GENDER_GAP is F − M of F + M in per cent, GPI is
  F ÷ M. The residual ``_OUN`` is in none of them, and none is a table of its own.
- Only where F and M are shown and both at least `EACH_MIN`.
- Low and high are the least and the greatest that the figure can be in truth. Under C
  and T each number is off by D at most. Under E and S noise grows with the largest
  contribution, which nobody is told; but what is shown keeps the policy's own rules,
  and they bound that contribution by the whole (:func:`reach`). "In truth" means of
  the set that the figure speaks of (:mod:`hub.core.disclosure.hold`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from hub.core.catalogue.model import Policy
from hub.core.observation import Observation
from hub.core.release.scale import half_up

EACH_MIN = 30
UNITS = {"FEM_SHARE": "PT", "GENDER_GAP": "PT", "GPI": "RO"}
DECIMALS = {"PT": 1, "RO": 2}


Reach = Callable[[Fraction], tuple[Fraction, Fraction]]
"""A printed number → the least and the greatest that it can be in truth."""

_ROUNDED = Fraction(1, 20)
"""Rounding of money, in largest contributions: half of a tenth of it at most."""
_CENT = Fraction(1, 100)
"""Where contributions are of a few minor units, rounding is to one of these."""


def reach(policy: Policy) -> Reach:
    """How far numbers printed under a policy can be from the truth.

    - E shows n events only if n ÷ largest exceeds D, so D × largest is at most
      D ÷ (D + 1) of n: n lies between p·(D + 1)/(2D + 1) and p·(D + 1).
    - S shows a total t only if the others make up p % of the largest x, so x is at most
      t ÷ (1 + p/100); noise is at most x, and rounding x ÷ 20.
    """
    d = Fraction(policy.params.get("D", 0))
    match policy.id:
        case "E":
            low, high = (d + 1) / (2 * d + 1), d + 1
            return lambda printed: (printed * low, printed * high)
        case "S":
            others = Fraction(str(policy.params["p"])) / 100
            share = (1 + _ROUNDED) / (1 + others)
            low, high = 1 / (1 + share), 1 / (1 - share)
            return lambda printed: ((printed - _CENT) * low, (printed + _CENT) * high)
        case _:
            return lambda printed: (printed - d, printed + d)


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """One derived figure of the place that `of` (the female figure) stands at."""

    measure: str
    unit: str
    value: float
    low: float
    high: float
    of: Observation


def derived(
    observations: Iterable[Observation], *, noise: int | Reach = 0
) -> list[Derived]:
    """The derived figures of a table's observations, in their order.

    Args:
        observations: Of one table of persons, stocks, events or sums.
        noise: Greatest disturbance of one figure, or its reach under a policy.
    """
    spread = noise if callable(noise) else _around(noise)
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
            found += [_figure(name, f, m, spread, one) for name in UNITS]
    return found


def _place(one: Observation) -> tuple[str, ...]:
    codes = (one.frequency, one.area, *one.dimensions)
    return (*codes, one.period, one.vintage, one.release)


def _around(noise: int) -> Reach:
    return lambda printed: (printed - noise, printed + noise)


def _figure(
    name: str, f: Fraction, m: Fraction, spread: Reach, of: Observation
) -> Derived:
    # Each measure rises with F and falls with M, so the ends are at the corners.
    places = DECIMALS[UNITS[name]]
    (f_low, f_high), (m_low, m_high) = spread(f), spread(m)
    value = half_up(_measure(name, f, m), places)
    low = half_up(_measure(name, f_low, m_high), places)
    high = half_up(_measure(name, f_high, m_low), places)
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
