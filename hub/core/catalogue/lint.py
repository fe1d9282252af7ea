"""What a catalogue gives away by what it publishes together.

Rules (docs/disclosure.md, "Redundancy"):

- *Redundancy*. A count may be read more than once: as its own figure, and as the sum of
  any published partition of it. Each figure has noise of its own of one variance V, so
  a partition into k parts is a reading with variance k·V, and all readings together,
  each weighted by its precision, have variance V ÷ (1 + Σ 1/k). That may not fall below
  half of the figure's own V: Σ 1/k ≤ 1. The same set in two tables is one figure, not
  two, because noise depends on the set alone.
- *Usability*. A table whose women's and men's cells are mostly too small says little
  and protects badly: at least 80 per cent of the cells that are not empty hold 10 or
  more. Only national data can tell, so it is told of any data and refused on those.

Partitions are counted at their worst: every code of a codelist that the conditions let
through holds somebody.

Sources: Asghar and Kaafar, "Averaging attacks on bounded noise-based disclosure control
algorithms", PETS 2020; inverse-variance weighting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, combinations
from typing import Any, NamedTuple

from hub.core.catalogue.model import Catalogue, Measure, Table
from hub.core.catalogue.reading import complain
from hub.core.catalogue.terms import Dimension

BUDGET = Fraction(1)
"""Σ 1/k over all other readings of one count."""

CELL_MIN = 10
SHARE_MIN = Fraction(8, 10)
NOISY = frozenset({"C", "T", "E"})
ADDITIVE = frozenset({Measure.EVENTS, Measure.SUM})
_PER_YEAR = {"A": 1, "Q": 4, "M": 12}


class Cut(NamedTuple):
    """One way to divide a set: by what, and into how many parts at most."""

    by: str
    parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """A count that can be read too often.

    Attributes:
        tables: Whose figures give the readings.
        fixed: What the count is held to, e.g. one citizenship; empty: the total.
        readings: Σ 1/k of the other readings.
    """

    tables: tuple[str, ...]
    fixed: tuple[str, ...]
    readings: Fraction


def check(catalogue: Catalogue) -> None:
    """Refuse a catalogue in which a count can be read too often.

    Raises:
        CatalogueError: The colliding tables are named.
    """
    for over in overruns(catalogue):
        held = f" for one {' and '.join(over.fixed)}" if over.fixed else ""
        complain(
            f"tables/{over.tables[0]}.toml",
            "margins",
            f"other readings of a count worth at most {BUDGET}",
            f"{float(over.readings):.2f}{held} in {', '.join(over.tables)} together",
            "name fewer margins, or join the tables",
        )


def overruns(catalogue: Catalogue) -> list[Overrun]:
    """Every count with more readings than the budget, the worst first."""
    found = [
        over
        for tables in _families(catalogue)
        for over in _of_family(catalogue, tables)
        if over.readings > BUDGET
    ]
    return sorted(found, key=lambda over: (-over.readings, over.tables, over.fixed))


def usability(cells: Iterable[Mapping[str, Any]]) -> dict[str, Fraction]:
    """Table → share of its women's and men's cells that are large enough.

    Args:
        cells: True cells as ``kerwen audit --cells`` writes them: table, sex, n.
    """
    large: dict[str, int] = {}
    all_: dict[str, int] = {}
    for cell in cells:
        if cell["sex"] in {"F", "M"} and cell["n"] > 0:
            name = str(cell["table"])
            all_[name] = all_.get(name, 0) + 1
            large[name] = large.get(name, 0) + (cell["n"] >= CELL_MIN)
    return {name: Fraction(large[name], all_[name]) for name in sorted(all_)}


def _families(catalogue: Catalogue) -> Iterator[list[Table]]:
    """Published noisy tables that count one set of records or persons."""
    found: dict[tuple[object, ...], list[Table]] = {}
    for table in catalogue.tables.values():
        if table.internal or table.dataflow is None or table.policy not in NOISY:
            continue
        same = (
            table.dataflow,
            table.measure,
            table.assign if table.measure is Measure.PERSONS else "",
            table.time,
            table.until,
            frozenset(map(repr, table.where)),
            table.value,
            table.columns,
            table.pool,
            table.delay_days,
            table.residence,
            table.joined,
            table.closes,
            frozenset(_narrow(catalogue, table)),
        )
        found.setdefault(same, []).append(table)
    yield from found.values()


def _of_family(catalogue: Catalogue, tables: list[Table]) -> Iterator[Overrun]:
    """Every published margin of a family with all its finer cuts."""
    cuts: dict[frozenset[Cut], set[str]] = {}
    for table in tables:
        for cut in _published(catalogue, table, tables):
            cuts.setdefault(cut, set()).add(table.id)
    for fixed, own in cuts.items():
        finer = {cut: names for cut, names in cuts.items() if fixed < cut}
        readings = sum((Fraction(1, _parts(cut - fixed)) for cut in finer), Fraction(0))
        names = sorted(set(chain(own, *finer.values())))
        by = tuple(sorted(one.by for one in fixed))
        yield Overrun(tables=tuple(names), fixed=by, readings=readings)


def _published(
    catalogue: Catalogue, table: Table, family: list[Table]
) -> Iterator[frozenset[Cut]]:
    """The cuts a table shows: every subset of area and dimensions that is a margin."""
    divides = [
        one for one in table.dimensions if not one.flags and table.assign != "multi"
    ]
    held = [_cut(catalogue, table, one) for one in divides]
    shown = table.margins
    alone = {
        cut
        for one, cut in zip(divides, held, strict=True)
        if shown is not None and one.id not in shown
    }
    if table.area is not None:
        held.append(Cut(f"area {table.area}", _codes(catalogue, table, table.area)))
    coarsest = min(_PER_YEAR[one.frequency] for one in family)
    times = _PER_YEAR[table.frequency] // coarsest
    period = frozenset({Cut("period", times)})
    finer = times > 1 and table.measure in ADDITIVE
    for size in range(len(held) + 1):
        for some in combinations(held, size):
            if not alone & {*some} or len(some) > 1:
                yield frozenset(some) | period if finer else frozenset(some)


def _cut(catalogue: Catalogue, table: Table, dimension: Dimension) -> Cut:
    """How a dimension divides; conditions on its field leave fewer codes."""
    by = f"{dimension.field or 'age'} by {dimension.codelist}"
    codes = set(catalogue.codelists[dimension.codelist].codes)
    for condition in table.where:
        if condition.field == dimension.field and condition.op in {"in", "eq"}:
            value = condition.value
            given = value if isinstance(value, tuple) else (value,)
            groups: Mapping[str, str] = {}
            if dimension.grouping and dimension.field:
                flow = catalogue.dataflows[str(table.dataflow)]
                [field] = [one for one in flow.fields if one.name == dimension.field]
                listed = catalogue.codelists[str(field.codelist)]
                groups = listed.groups.get(dimension.grouping, {})
            codes &= {groups.get(str(code), str(code)) for code in given}
    return Cut(by, max(1, len(codes)))


def _codes(catalogue: Catalogue, table: Table, name: str) -> int:
    flow = catalogue.dataflows[str(table.dataflow)]
    [field] = [one for one in flow.fields if one.name == name]
    return len(catalogue.codelists[str(field.codelist)].codes)


def _narrow(catalogue: Catalogue, table: Table) -> Iterator[str]:
    """Dimensions that leave somebody out: age bands without an open end."""
    for dimension in table.dimensions:
        bands = catalogue.codelists[dimension.codelist].bands
        if bands and all(high is not None for _, high in bands.values()):
            yield dimension.codelist


def _parts(cut: frozenset[Cut]) -> int:
    found = 1
    for one in cut:
        found *= one.parts
    return found


def nested(catalogue: Catalogue) -> Catalogue:
    """A catalogue with the mistake this lint is for: each table once more, coarser.

    For proofs that the lint finds it; never published.
    """
    tables = dict(catalogue.tables)
    for table in catalogue.tables.values():
        if table.policy in NOISY and not table.internal and table.dimensions:
            for at, dimension in enumerate(table.dimensions):
                name = f"{table.id}_{at}"
                tables[name] = replace(
                    table, id=name, dimensions=(dimension,), margins=None
                )
            year = f"{table.id}_A"
            tables[year] = replace(table, id=year, frequency="A", margins=None)
    return replace(catalogue, tables=tables)
