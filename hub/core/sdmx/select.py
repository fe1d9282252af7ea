"""What a data query selects: keys, and filters on any component.

Rules (SDMX REST, "Data queries"):

- A key has one place a dimension; nothing or ``*`` there is any code, ``+`` joins
  several. A query may have several keys and gets what any of them selects.
- A filter is any of several, each all of several: ``ge:2025-01+le:2025-06,2024``.
- Times are compared as stretches of days, values as numbers, all else as text.
- A code that the dimension does not have is named in the answer, not passed over.
"""

from __future__ import annotations

import operator as op
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.core.sdmx.model import MEASURE, TIME, Component, Structure
from hub.core.sdmx.refusal import RefusalError, nothing, shown, syntax
from hub.core.sdmx.times import span

KEY_LENGTH_MAX = 4_000
CODES_MAX = 500
"""Codes that one query may name."""
KEYS_MAX = 100
TESTS_MAX = 100

_NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?", re.ASCII)

OPERATORS = ("eq", "ne", "lt", "le", "gt", "ge", "co", "nc", "sw", "ew")

Codes = frozenset[str] | None
"""Codes of one dimension; None: any."""

Key = tuple[Codes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One comparison."""

    operator: str
    value: str


Filter = tuple[tuple[Comparison, ...], ...]
"""Any of these, each of them all of those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is asked of one structure.

    Attributes:
        keys: Any of these; empty: every series.
        filters: Component id → filter; all of them must hold.
    """

    keys: tuple[Key, ...] = ()
    filters: Mapping[str, Filter] = field(default_factory=dict)

    def codes(self, structure: Structure) -> list[Codes]:
        """For each dimension the codes that can come out, to look no further."""
        found: list[Codes] = []
        for at, dimension in enumerate(structure.dimensions):
            named = [key[at] for key in self.keys]
            codes: Codes = None
            if named and all(one is not None for one in named):
                codes = frozenset().union(*(one for one in named if one is not None))
            wanted = self.filters.get(dimension.id)
            if wanted is not None:
                known = dimension.codes if codes is None else codes
                codes = frozenset(one for one in known if passes(wanted, text(one)))
            found.append(codes)
        return found

    def takes(self, key: Sequence[str]) -> bool:
        """Whether a series is selected by one of the keys."""
        return not self.keys or any(
            all(
                codes is None or code in codes
                for code, codes in zip(key, one, strict=True)
            )
            for one in self.keys
        )


def text(value: str | None) -> Callable[[Comparison], bool]:
    """How a code or an attribute answers a test; no value is equal to nothing."""

    def holds(test: Comparison) -> bool:
        if value is None:
            return test.operator in {"ne", "nc"}
        return _TEXT[test.operator](value, test.value)

    return holds


def number(value: float | None) -> Callable[[Comparison], bool]:
    """How a value answers a test."""

    def holds(test: Comparison) -> bool:
        if value is None:
            return test.operator == "ne"
        return _ORDER[test.operator](value, float(test.value))

    return holds


def time(period: str) -> Callable[[Comparison], bool]:
    """How a period answers a test."""
    mine = span(period)

    def holds(test: Comparison) -> bool:
        other = span(test.value)
        match test.operator:
            case "eq":
                return mine == other
            case "ne":
                return mine != other
            case "ge":
                return mine.start >= other.start
            case "le":
                return mine.end <= other.end
            case "gt":
                return mine.start > other.end
            case _:
                return mine.end < other.start

    return holds


def passes(wanted: Filter, holds: Callable[[Comparison], bool]) -> bool:
    """Whether a value passes a filter."""
    return any(all(map(holds, tests)) for tests in wanted)


_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": op.eq,
    "ne": op.ne,
    "lt": op.lt,
    "le": op.le,
    "gt": op.gt,
    "ge": op.ge,
}
_TEXT: Mapping[str, Callable[[str, str], bool]] = {
    **_ORDER,
    "co": lambda one, other: other in one,
    "nc": lambda one, other: other not in one,
    "sw": lambda one, other: one.startswith(other),
    "ew": lambda one, other: one.endswith(other),
}


def parse_key(key: str, structure: Structure, *, whole: bool) -> Key:
    """One key.

    Args:
        key: Places with dots between; ``all`` and ``*`` select everything.
        structure: Says how many places there are, and the codes.
        whole: Every place must be there (2.1); else what is missing at the end is any.

    Raises:
        RefusalError: SYNTAX, or NOTHING for a code that is not there.
    """
    dimensions = structure.dimensions
    if len(key) > KEY_LENGTH_MAX:
        raise syntax(
            f"the key is longer than {KEY_LENGTH_MAX} characters; ask in parts"
        )
    if key in {"", "all", "*"}:
        return (None,) * len(dimensions)
    places = key.split(".")
    short = whole and len(places) < len(dimensions)
    if short or len(places) > len(dimensions):
        names = ".".join(one.id for one in dimensions)
        raise syntax(
            f"key {shown(key)} has {len(places)} places, {structure.ref.id} has "
            f"{len(dimensions)}: {names}"
        )
    places += [""] * (len(dimensions) - len(places))
    found = tuple(map(_place, places, dimensions))
    if sum(len(codes) for codes in found if codes is not None) > CODES_MAX:
        raise syntax(f"the key names more than {CODES_MAX} codes; ask in parts")
    return found


def _place(place: str, dimension: Component) -> Codes:
    if place in {"", "*"}:
        return None
    codes = place.split("+")
    for code in codes:
        if code not in dimension.codes:
            raise unknown(code, dimension)
    return frozenset(codes)


def unknown(code: str, component: Component) -> RefusalError:
    """The refusal of a code that a component does not have."""
    known = list(component.codes)
    listed = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return nothing(f"{component.id} has no code {shown(code)}; it has {listed}")


def parse_filter(component: Component, expression: str) -> Filter:
    """The filter in ``c[<component>]=<expression>``.

    Raises:
        RefusalError: SYNTAX; an operator, a number or a time that is none.
    """
    if len(expression) > KEY_LENGTH_MAX:
        raise syntax(f"c[{component.id}] is longer than {KEY_LENGTH_MAX} characters")
    # A plus sign in a query is a space once it is decoded.
    parts = [
        tuple(_test(component, one) for one in part.replace(" ", "+").split("+"))
        for part in expression.split(",")
    ]
    if sum(map(len, parts)) > TESTS_MAX:
        raise syntax(f"c[{component.id}] has more than {TESTS_MAX} tests; ask in parts")
    return tuple(parts)


def _test(component: Component, written: str) -> Comparison:
    operator, colon, value = written.partition(":")
    if not colon or operator not in OPERATORS:
        operator, value = "eq", written
    if not value:
        raise syntax(f"c[{component.id}]: {shown(written)} names no value")
    if component.id in {TIME, MEASURE}:
        if operator not in _ORDER:
            raise syntax(f"c[{component.id}]: {operator} is for text only")
        check = span if component.id == TIME else _number
        check(value)
    elif component.codes and operator in {"eq", "ne"} and value not in component.codes:
        raise unknown(value, component)
    return Comparison(operator=operator, value=value)


def _number(value: str) -> float:
    if _NUMBER.fullmatch(value) is None:
        raise syntax(f"c[{MEASURE}]: {shown(value)} is no number")
    return float(value)


def between(start: str | None, end: str | None) -> Filter | None:
    """The filter on time of ``startPeriod`` and ``endPeriod``; None without both."""
    tests = []
    for name, operator, value in (
        ("startPeriod", "ge", start),
        ("endPeriod", "le", end),
    ):
        if value is not None:
            try:
                span(value)
            except RefusalError as error:
                raise syntax(f"{name}: {error}") from None
            tests.append(Comparison(operator=operator, value=value))
    if start is not None and end is not None and span(start).start > span(end).end:
        raise syntax(f"startPeriod {shown(start)} lies after endPeriod {shown(end)}")
    return (tuple(tests),) if tests else None
