"""The worked tables of docs/policies are what the code computes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

from hub.core import cells
from hub.core.catalogue.model import Component, Measure, Table
from hub.core.cells import PRIME, WORD, Cell
from hub.core.disclosure import rules
from hub.core.disclosure.figures import Figure, Place, suppressed
from hub.core.disclosure.hold import Past
from hub.core.disclosure.judge import unit
from hub.core.disclosure.protect import protect
from hub.core.disclosure.ptable import draw
from hub.core.release.components import quotient
from hub.core.release.scale import printed
from hub.edge.files import read_catalogue
from tests.core import example

Row = dict[str, str]
PAGES = Path(__file__).parents[3] / "docs" / "policies"
SECRET = bytes(32)
CATALOGUE = read_catalogue(None)
COUNTS = example.table("COUNTS", measure=Measure.STOCK)
MONEY = example.table("MONEY", measure=Measure.SUM)
MEANS = example.table("MEANS", measure=Measure.MEAN)
SEXES = ("F", "M", "_OUN", "_T")


def at(sex: str = "_T", period: str = "2025") -> Place:
    """A place of the country."""
    return Place(period=period, area="TM", sex=sex, d1="_T", d2="_T")


def shown(figure: Figure) -> str:
    """The number, or OBS_STATUS and CONF_STATUS."""
    if figure.value is None:
        return f"{figure.status} {figure.conf}"
    return f"{float(round(figure.value, 2)):.15g}"


def alone(policy: str, table: Table, cell: Cell) -> str:
    """The figure of one cell by itself."""
    rule = rules.read(CATALOGUE.policies[policy])
    flat = replace(table, sex=False)
    return shown(protect(flat, rule, {at(): cell}, Past(), SECRET)[at()])


def step(policy: str, count: int, key: int, *, magnitude: bool = False) -> int:
    """The v of a count."""
    noise = rules.read(CATALOGUE.policies[policy]).noise
    assert noise is not None
    return noise.at(count, draw(SECRET, key, magnitude=magnitude))


def count(row: Row) -> Row:
    """C.md: one count."""
    n, key = int(row["true"]), int(row["Σ key"])
    return {
        "draw": f"{draw(SECRET, key) / WORD:.4f}",
        "row": str(min(n, 8)),
        "v": f"{step('C', n, key):+d}",
        "published": alone("C", COUNTS, Cell(n=n, key=key)),
    }


def group(policy: str) -> Callable[[Row], Row]:
    """C.md and T.md: true counts of a group; F, M, _OUN have the keys 1, 2, 3."""

    def computed(row: Row) -> Row:
        true = [int(row[f"true {sex}"]) for sex in SEXES[:3]]
        keys = [key if n else 0 for key, n in zip((1, 2, 3), true, strict=True)]
        made = [Cell(n=n, key=key) for n, key in zip(true, keys, strict=True)]
        made.append(Cell(n=sum(true), key=sum(keys)))
        rule = rules.read(CATALOGUE.policies[policy])
        asked = {at(sex): cell for sex, cell in zip(SEXES, made, strict=True)}
        found = protect(COUNTS, rule, asked, Past(), SECRET)
        return {sex: shown(found[at(sex)]) for sex in SEXES}

    return computed


def records(text: str) -> Cell:
    """The cell of records such as ``1–20, 25``; the id of record 7 is the number 7."""
    numbers: list[int] = []
    for part in text.split(", "):
        first, _, last = part.partition("–")
        numbers += range(int(first), int(last or first) + 1)
    ids = pl.Series([number.to_bytes(16, "big") for number in numbers])
    sums = cells.identity(ids).to_dict(as_series=False)
    return Cell(
        n=len(numbers),
        key=sum(sums["key"]) % WORD,
        h1=sum(sums["h1"]) % PRIME,
        h2=sum(sums["h2"]) % PRIME,
        h3=sum(sums["h3"]) % PRIME,
    )


class Vintages:
    """C.md: vintages of one place, each judged against those above it."""

    def __init__(self) -> None:
        self.sets: dict[Cell, str] = {}

    def __call__(self, row: Row) -> Row:
        """The set that is spoken of, and its figure."""
        rule = rules.read(CATALOGUE.policies["C"])
        now = records(row["records"])
        past = Past()
        if self.sets:
            past = Past(sets={at(): tuple(self.sets)}, periods=frozenset({"2025"}))
        flat = replace(COUNTS, sex=False)
        found = protect(flat, rule, {at(): now}, past, SECRET)[at()]
        text = self.sets.pop(found.cell, row["records"])
        self.sets[found.cell] = text
        return {
            "true": str(now.n),
            "figure speaks of": text,
            "published": shown(found),
        }


def events(row: Row) -> Row:
    """E.md: one cell of events."""
    n, largest, key = (int(row[name]) for name in ("events", "largest", "Σ key"))
    cell = Cell(n=n, key=key, persons=int(row["persons"]), top1=largest, top2=1)
    published = alone("E", COUNTS, cell)
    seen = n > 0 and not published.startswith("Q")
    return {
        "v": f"{step('E', n // largest, key):+d}" if seen else "",
        "published": published,
    }


def money(row: Row) -> Row:
    """S.md: one sum and the mean over it."""
    names = ("contributors", "sum", "largest", "second", "Σ key")
    n, total, largest, second, key = (int(row[name]) for name in names)
    cell = Cell(n=n, total=total, key=key, persons=n, top1=largest, top2=second)
    published = alone("S", MONEY, cell)
    seen = not published.startswith("Q")
    v = f"{step('S', n, key, magnitude=True):+d}"
    weight = n + step("S", n, key)
    return {
        "v": v if seen else "",
        "rounded to": str(unit(largest)) if seen else "",
        "published": published,
        "published count": str(weight) if seen else "",
        "mean": alone("S", MEANS, cell),
    }


def rate(policy: str) -> Callable[[Row], Row]:
    """R.md, T.md and W.md: published components to a printed share."""

    def computed(row: Row) -> Row:
        parts = {}
        for name in ("numerator", "denominator"):
            text = row[name]
            figure = Figure(value=None, status="O")
            if text[:2] == "Q ":
                figure = suppressed(text[2:], Cell())
            elif text != "O F":
                figure = Figure(value=Fraction(text))
            parts[name] = figure
        above, below = (
            example.table(name, sex=False, policy="C", frequency="A")
            for name in ("ABOVE", "BELOW")
        )
        share = example.table(
            "SHARE",
            measure=Measure.RATIO,
            dataflow=None,
            time=None,
            frequency="A",
            sex=False,
            numerator=Component(table="ABOVE", where={}),
            denominator=Component(table="BELOW", where={}),
            scale=100,
            policy=policy,
        )
        catalogue = replace(
            example.catalogue([above, below, share]), policies=CATALOGUE.policies
        )
        done = {
            "ABOVE": {at(): parts["numerator"]},
            "BELOW": {at(): parts["denominator"]},
        }
        found = quotient(catalogue, share, done, ["2025"])[at()]
        number = printed(share, CATALOGUE.policies[policy], found)
        if number is None:
            return {"published": f"{found.status} {found.conf}"}
        decimals = int(CATALOGUE.policies[policy].params.get("decimals", 1))
        return {"published": f"{float(number):.{decimals}f}"}

    return computed


def openly(row: Row) -> Row:
    """N.md: one mean of prices."""
    cell = Cell(n=int(row["prices"]), total=int(row["sum"]))
    flat = replace(MEANS, sex=False, policy="N")
    rule = rules.read(CATALOGUE.policies["N"])
    found = protect(flat, rule, {at(): cell}, Past(), SECRET)[at()]
    number = printed(flat, CATALOGUE.policies["N"], found)
    status = f"{found.status} {found.conf}"
    return {"published": status if number is None else f"{float(number):.1f}"}


WORKED: list[tuple[str, str, Callable[[], Callable[[Row], Row]]]] = [
    ("C", "One count", lambda: count),
    ("C", "A group", lambda: group("C")),
    ("C", "Vintages", Vintages),
    ("E", "Events", lambda: events),
    ("T", "A group", lambda: group("T")),
    ("T", "A share", lambda: rate("T")),
    ("S", "Sums and means", lambda: money),
    ("R", "Shares", lambda: rate("R")),
    ("W", "Shares", lambda: rate("W")),
    ("N", "A mean of prices", lambda: openly),
]


def table(page: str, heading: str) -> list[Row]:
    """The rows of the table under a heading of a page."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    found = re.search(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE
    )
    assert found is not None
    lines = [one for one in found[1].splitlines() if one.startswith("|")]
    split = [[part.strip() for part in one.strip("|").split("|")] for one in lines]
    names, _, *rows = split
    return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.mark.parametrize(("page", "heading", "make"), WORKED)
def test_worked_table(
    page: str, heading: str, make: Callable[[], Callable[[Row], Row]]
) -> None:
    """Every computed column of every row."""
    computed = make()
    rows = table(page, heading)

    assert len(rows) >= 3
    for row in rows:
        found = computed(row)
        assert {name: row[name] for name in found} == found


def test_every_policy_has_a_page() -> None:
    """One page a policy, named in the overview, with the numbers that are in force."""
    overview = (PAGES.parent / "disclosure.md").read_text(encoding="utf-8")
    assert {path.stem for path in PAGES.glob("*.md")} == set(CATALOGUE.policies)
    for name, policy in CATALOGUE.policies.items():
        page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
        assert f"policies/{name}.md" in overview
        for param, number in policy.params.items():
            assert f"`{param} = {number:g}`" in page
