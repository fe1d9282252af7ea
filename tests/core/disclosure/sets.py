"""Sets of ids as cells, tables and rules for the tests of disclosure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import polars as pl

from hub.core import cells
from hub.core.catalogue.model import Table
from hub.core.cells import PRIME, WORD, Cell
from hub.core.disclosure import rules
from hub.core.disclosure.figures import Figure, Place
from hub.core.disclosure.hold import NOTHING, Past
from hub.core.disclosure.protect import protect
from hub.core.disclosure.ptable import draw
from hub.core.disclosure.rules import Rule
from tests.core import example

SECRET = b"s" * 32
TABLES = {table.id: table for table in example.TABLES}
POLICIES = {policy.id: policy for policy in example.POLICIES}
RULES = {name: rules.read(policy) for name, policy in POLICIES.items()}
SEXES = ("F", "M", "_OUN", "_T")
UNIVERSE = 160
COUNTS = replace(TABLES["STK"], id="COUNTS", dimensions=(), area=None)
MONEY = replace(TABLES["VOL"], id="MONEY", count=None, largest=None)


@cache
def identities() -> list[tuple[int, int, int, int]]:
    """Key, h1, h2, h3 of every id of the universe."""
    ids = pl.Series([example.ident(f"id{at}") for at in range(UNIVERSE)])
    return list(cells.identity(ids).iter_rows())


def cell(
    ids: Iterable[int], amounts: Sequence[int] = (), **contributions: int | None
) -> Cell:
    """The cell of a set; `amounts` by id where it is a sum."""
    key = h1 = h2 = h3 = n = total = 0
    for one in ids:
        a, b, c, d = identities()[one]
        key, h1, h2, h3 = key + a, h1 + b, h2 + c, h3 + d
        n, total = n + 1, total + (amounts[one] if amounts else 0)
    return Cell(
        n=n,
        total=total,
        key=key % WORD,
        h1=h1 % PRIME,
        h2=h2 % PRIME,
        h3=h3 % PRIME,
        **contributions,
    )


def money(ids: Iterable[int], amounts: Sequence[int]) -> Cell:
    """The cell of a sum in which each id is a person of its own."""
    listed = list(ids)
    most = [*sorted((amounts[one] for one in listed), reverse=True), 0, 0]
    return cell(
        listed, amounts, persons=len(listed), top1=most[0] or None, top2=most[1]
    )


def step(rule: Rule, count: int, of: Cell, *, magnitude: bool = False) -> int:
    """The v of a count, from the table and the key alone."""
    assert rule.noise is not None
    return rule.noise.at(count, draw(SECRET, of.key, magnitude=magnitude))


def place(sex: str = "_T", period: str = "2025", **codes: str) -> Place:
    """A place of the country."""
    return Place(
        **{"area": "TM", "d1": "_T", "d2": "_T", **codes}, period=period, sex=sex
    )


def group(
    table: Table,
    rule: Rule,
    parts: Sequence[Cell],
    whole: Cell,
    past: Past = NOTHING,
) -> dict[str, Figure]:
    """SEX → figure of one group."""
    given = dict(zip(SEXES, (*parts, whole), strict=True))
    asked = {place(sex): one for sex, one in given.items()}
    found = protect(table, rule, asked, past, SECRET)
    assert set(found) == set(asked)
    return {at.sex: figure for at, figure in found.items()}


def said(figure: Figure) -> Fraction | str:
    """The number, or status and why."""
    return figure.status + figure.conf if figure.value is None else figure.value


def policy(name: str, **numbers: Any) -> Rule:
    """The rule of a policy with other numbers."""
    given = POLICIES[name]
    return rules.read(replace(given, params={**given.params, **numbers}))
