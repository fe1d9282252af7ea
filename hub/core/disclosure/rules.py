"""The numbers of a disclosure policy, checked and ready to use.

Rules (docs/disclosure.md, "Policies"):

- What a policy does is fixed by its id; how much is in its file, and every number must
  be there: a default would be a decision nobody took.
- A number with which the policy cannot keep its promise is refused with the reason.
- `hold` is at most 3: three power sums tell one and two changes from more, not further.
- An epoch names the secret and the numbers of the noise together, without telling
  either; where it changes, a series breaks.
"""

from __future__ import annotations

import hmac
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from hub.core.catalogue.model import Measure, Policy, Table
from hub.core.disclosure.ptable import Noise, noise
from hub.core.errors import InvalidError

SENSITIVE = frozenset({"T"})
"""Policies under which an empty cell looks like a small one."""

OPEN = frozenset({"N", "W"})
"""Policies whose cells are not disturbed: no persons, or parts of a survey's shares."""

DERIVED = frozenset({Measure.RATE, Measure.RATIO, Measure.COMPLETENESS})
COUNTED = frozenset({Measure.EVENTS, Measure.PERSONS, Measure.STOCK, Measure.SUM})
HOLD_MAX = 3
D_MAX = 50
EPOCH_SIZE = 8
_EPOCH = b"kerwen v1 disclosure epoch"
_DRAWN = ("D", "V", "js")
_NOISE = (*_DRAWN, "hold")
_PARAMS = {
    "C": _NOISE,
    "E": (*_NOISE, "persons_min", "p"),
    "T": (*_NOISE, "threshold"),
    "S": (*_NOISE, "contributors_min", "p"),
    "R": ("component_min", "decimals"),
    "W": ("n_min", "decimals"),
    "N": ("decimals",),
}
_LEAST = {"E": "persons_min", "S": "contributors_min", "T": "threshold"}
_MEASURES = {
    "C": COUNTED,
    "E": COUNTED,
    "T": COUNTED | {Measure.RATE, Measure.RATIO},
    "S": frozenset({Measure.SUM, Measure.MEAN, Measure.RATE, Measure.RATIO}),
    "R": frozenset({Measure.RATE, Measure.RATIO}),
    "W": COUNTED | {Measure.RATE, Measure.RATIO},
    "N": frozenset(Measure),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One policy, ready to use.

    Attributes:
        noise: The perturbation table; None where nothing is disturbed.
        d: Greatest disturbance, in counts or in largest contributions.
        js: Nothing is published in 1 … js.
        hold: Record changes needed before a figure may move; 1 holds nothing.
        least: Contributors needed (E, S), or the least figure shown (T).
        p: What the others must at least make up, as a share of the largest.
    """

    id: str
    noise: Noise | None = field(default=None, repr=False)
    d: int = 0
    js: int = 0
    hold: int = 1
    least: int = 0
    p: Fraction = Fraction(0)

    @property
    def sensitive(self) -> bool:
        """Whether zero is hidden like a small number."""
        return self.id in SENSITIVE


def read(policy: Policy) -> Rule:
    """The rule of a policy.

    Raises:
        InvalidError: Unknown policy, a number missing or too many, or one with which
            the policy cannot do what it says.
    """
    names = _PARAMS.get(policy.id)
    if names is None:
        known = ", ".join(_PARAMS)
        raise InvalidError(f"policy {policy.id}: no such rule; use one of {known}")
    if set(policy.params) != set(names):
        found = ", ".join(sorted(policy.params)) or "none"
        text = f"parameters {found}; it needs exactly {', '.join(names)}"
        raise InvalidError(f"policy {policy.id}: {text}")
    for name in names:
        _checked(policy, name)
    if "D" not in names:
        return Rule(id=policy.id)
    numbers = policy.params
    d, js = int(numbers["D"]), int(numbers["js"])
    try:
        found_noise = noise(d, float(numbers["V"]), js)
    except InvalidError as error:
        raise InvalidError(f"policy {policy.id}: {error}") from error
    return Rule(
        id=policy.id,
        noise=found_noise,
        d=d,
        js=js,
        hold=int(numbers["hold"]),
        least=int(numbers.get(_LEAST.get(policy.id, ""), 0)),
        p=Fraction(str(numbers.get("p", 0))) / 100,
    )


def check(table: Table, rule: Rule) -> None:
    """Refuse a table that its policy cannot protect.

    Raises:
        InvalidError: With the reason.
    """
    if table.measure not in _MEASURES[rule.id]:
        fits = ", ".join(sorted(_MEASURES[rule.id]))
        text = f"policy {rule.id} does not protect a {table.measure}; it is for {fits}"
        raise InvalidError(f"table {table.id}: {text}")
    if rule.id == "W" and table.measure not in DERIVED and not table.internal:
        text = "answers under policy W are shown as shares only: make it internal"
        raise InvalidError(f"table {table.id}: {text}")


def epoch(policy: Policy, secret: bytes) -> bytes:
    """A name for the secret and the numbers of the noise; empty without noise."""
    if "D" not in policy.params:
        return b""
    numbers = json.dumps([policy.id, *(float(policy.params[n]) for n in _DRAWN)])
    return hmac.digest(secret, _EPOCH + numbers.encode(), "sha256")[:EPOCH_SIZE]


def _checked(policy: Policy, name: str) -> None:
    value = policy.params[name]
    low, high, why = _bounds(policy.params)[name]
    whole = name in {"V", "p"} or float(value).is_integer()
    if not (math.isfinite(value) and whole and low <= value <= high):
        raise InvalidError(f"policy {policy.id}: {name} = {value}: {why}")


def _bounds(params: Mapping[str, int | float]) -> dict[str, tuple[float, float, str]]:
    """Parameter → least, greatest, and why."""
    above = params.get("js", 0) + 1
    endless = float(10**9)
    return {
        "D": (1, D_MAX, f"a whole number of 1 to {D_MAX}"),
        "V": (1e-6, endless, "a variance above 0"),
        "js": (0, D_MAX, f"a whole number of 0 to {D_MAX}"),
        "hold": (
            1,
            HOLD_MAX,
            f"1 to {HOLD_MAX}: the sums of a cell tell no more than {HOLD_MAX} changes",
        ),
        "persons_min": (3, endless, "at least 3: of two, each knows the other"),
        "contributors_min": (3, endless, "at least 3: of two, each knows the other"),
        "p": (1, 100, "1 to 100 per cent of the largest contribution"),
        "threshold": (above, endless, "above js, or a blocked number could be shown"),
        "component_min": (1, endless, "at least 1: nothing is divided by zero"),
        "n_min": (1, endless, "at least 1: nothing is divided by zero"),
        "decimals": (0, 6, "a whole number of 0 to 6"),
    }
