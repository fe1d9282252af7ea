"""A table with a past: a population, three vintages of it, protected and plain.

Rules:

- Cells, margins, hold, noise, suppression and visibility are the core's own; only the
  population is made up, and everything in it follows from a seed.
- Vintages differ by what corrections are like: most places by nothing, many by one or
  two records, some by more.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from hub.core import cells
from hub.core.catalogue.model import Catalogue, Measure, Table
from hub.core.cells import Cell
from hub.core.disclosure import rules
from hub.core.disclosure.figures import Figure, Place, shown
from hub.core.disclosure.protect import protect
from hub.core.disclosure.rules import Rule
from hub.core.indicators.plan import AREA_TOTAL, PLACE, TOTAL, UNKNOWN
from hub.core.release import assemble, ledger
from hub.core.state import Memory, Overlay

SECRET = b"attacks on a secret of the suite"
PERIOD = {"A": "2025", "Q": "2025-Q4", "M": "2025-12"}
PERSONS = 4_000
VINTAGES = 3

Truth = Mapping[Place, Cell]
View = Mapping[Place, Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One of the population; its number makes its key."""

    number: int
    sex: str
    d1: str
    d2: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vintage:
    """One release: what is true, what is seen, what would be without protection."""

    truth: Truth = field(repr=False)
    seen: View = field(repr=False)
    plain: View = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A table with its vintages, the oldest first."""

    table: Table
    rule: Rule
    vintages: tuple[Vintage, ...]


def scene(catalogue: Catalogue, policy: str, seed: int) -> Scene:
    """A scene of the table of a policy with the most places; counted by person."""
    table = _widest(catalogue, policy)
    source = random.Random(seed)  # noqa: S311 - a population, no secret
    people = _people(catalogue, table, source)
    overlay = Overlay(Memory())
    rule = rules.read(catalogue.policies[policy])
    found = []
    for at in range(VINTAGES):
        if at:
            people = _corrected(people, source, at)
        found.append(release(catalogue, table, people, overlay, SECRET))
    return Scene(table=table, rule=rule, vintages=tuple(found))


def release(
    catalogue: Catalogue,
    table: Table,
    people: Iterable[Person],
    overlay: Overlay,
    secret: bytes,
) -> Vintage:
    """One vintage after those in `overlay`, by the core's own steps."""
    rule = rules.read(catalogue.policies[table.policy])
    period = PERIOD[table.frequency]
    record = ledger.read(overlay, table.id, None)
    truth = assemble.assemble(
        catalogue, table, rows(table, people), [period], record.past.sets
    )
    figures = protect(table, rule, truth, record.past, secret)
    seen = assemble.visible(catalogue, table, figures, record.seen)
    epoch = rules.epoch(catalogue.policies[table.policy], secret)
    ledger.write(overlay, table.id, figures, record, seen=seen, epoch=epoch)
    plain = {place: shown(cell.n, cell) for place, cell in truth.items()}
    return Vintage(truth=truth, seen=seen, plain=plain)


def rows(table: Table, people: Iterable[Person]) -> pl.DataFrame:
    """Snapshot rows of the population, as aggregate sends them."""
    listed = list(people)
    ids = pl.Series([one.number.to_bytes(16, "little") for one in listed])
    identity = cells.identity(ids) if listed else cells.identity(pl.Series([bytes(16)]))
    frame = pl.DataFrame(
        {
            "table": [table.id] * len(listed),
            "period": [PERIOD[table.frequency]] * len(listed),
            "area": [AREA_TOTAL] * len(listed),
            "sex": [one.sex for one in listed],
            "d1": [one.d1 for one in listed],
            "d2": [one.d2 for one in listed],
        },
        schema=dict.fromkeys(("table", *PLACE), pl.String),
    ).with_columns(n=pl.lit(1, pl.Int64), total=pl.lit(1, pl.Int64))
    return pl.concat([frame, identity[: len(listed)]], how="horizontal")


def population(catalogue: Catalogue, table: Table, seed: int) -> list[Person]:
    """The people of a scene before any correction."""
    return _people(catalogue, table, random.Random(seed))  # noqa: S311 - no secret


def _widest(catalogue: Catalogue, policy: str) -> Table:
    """The published table of persons with the most places under a policy."""
    counted = {Measure.PERSONS, Measure.STOCK, Measure.EVENTS}
    found = [
        one
        for one in catalogue.tables.values()
        if one.policy == policy
        and one.measure in counted
        and one.sex
        and not one.internal
        and len(one.dimensions) == 2
        and one.assign != "multi"
        and not any(dimension.flags for dimension in one.dimensions)
    ]
    widest = max(found, key=lambda one: (len(_codes(catalogue, one, 0)), one.id))
    # A country's figures of one moment: periods and velayats only multiply them.
    return replace(widest, measure=Measure.PERSONS, assign="first", area=None)


def _codes(catalogue: Catalogue, table: Table, at: int) -> list[str]:
    codes = catalogue.codelists[table.dimensions[at].codelist].codes
    return [code for code in codes if code not in {TOTAL, UNKNOWN}]


def _people(catalogue: Catalogue, table: Table, source: random.Random) -> list[Person]:
    """Skewed over the codes: some places are crowded, many hold one or two."""
    first, second = _codes(catalogue, table, 0), _codes(catalogue, table, 1)
    return [
        Person(
            number=source.getrandbits(120) << 4,
            sex=source.choices(("F", "M", "_U"), (40, 58, 2))[0],
            d1=_skewed(first, source),
            d2=_skewed(second, source),
        )
        for _ in range(PERSONS)
    ]


def _skewed(codes: Sequence[str], source: random.Random) -> str:
    return codes[min(int(source.expovariate(0.55)), len(codes) - 1)]


def _corrected(
    people: Sequence[Person], source: random.Random, at: int
) -> list[Person]:
    """A tenth of the places lose or gain one or two, a few gain many."""
    places = sorted({(one.sex, one.d1, one.d2) for one in people})
    kept = list(people)
    for sex, d1, d2 in places:
        drawn = source.random()
        if drawn < 0.10:
            mine = [one for one in kept if (one.sex, one.d1, one.d2) == (sex, d1, d2)]
            kept.remove(source.choice(mine))
        more = 0 if drawn < 0.10 or drawn > 0.35 else source.choice((1, 2, 2, 7))
        for number in range(more):
            unique = (at << 100) | source.getrandbits(96) | number
            kept.append(Person(number=unique << 4, sex=sex, d1=d1, d2=d2))
    return kept
