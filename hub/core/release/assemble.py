"""Whole tables from the snapshots of all partitions.

Rules (docs/data-path.md, "Release"):

- Cells of partitions add; distinct persons add too, because a person is in one
  partition; the largest two are the largest two of all.
- Margins are sums of cells; stocks are the sums of all postings up to a period.
- What is published has a place in the codelists: a velayat that is not known counts in
  the country and stands nowhere else.
- A sensitive table shows every place there can be, so that an empty one and a hidden
  one look alike. Any other shows the country's total of every period, what it showed
  before, and each group that is published as more than zeros: a place that stood there
  with a zero would tell that one or two are in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import product

import polars as pl

from hub.core import cells
from hub.core.catalogue.model import Catalogue, Measure, Table
from hub.core.cells import SUMS, WORD, ZERO, Cell
from hub.core.disclosure.figures import SUPPRESSED, Figure, Place
from hub.core.disclosure.rules import SENSITIVE
from hub.core.indicators.margins import SEXES, expand
from hub.core.indicators.plan import (
    AREA_TOTAL,
    BY_PERSON,
    CONTRIBUTING,
    PLACE,
    TOTAL,
    UNKNOWN,
)

EXTREMES = ("persons", "top1", "top2")


def assemble(
    catalogue: Catalogue,
    table: Table,
    rows: pl.DataFrame,
    periods: Sequence[str],
    before: Iterable[Place],
) -> dict[Place, Cell]:
    """Every place of a table with its cell, zero cells included.

    Args:
        catalogue: For the codelists.
        table: A table with a dataflow.
        rows: Its snapshot rows of all partitions.
        periods: The periods to be published, in order.
        before: Places judged earlier.
    """
    whole = add(table, rows)
    if table.measure is Measure.STOCK:
        whole = _cumulate(whole, periods)
    found = dict.fromkeys(_grid(catalogue, table, periods), ZERO)
    found |= {place: ZERO for place in before if place.period in periods}
    for place, cell in _by_place(whole).items():
        if place.area != UNKNOWN and place.period in periods:
            found[place] = cell
    return _complete(table, found)


def visible(
    catalogue: Catalogue,
    table: Table,
    figures: Mapping[Place, Figure],
    seen: Collection[Place],
) -> dict[Place, Figure]:
    """The figures that are shown: whole groups, the others stand nowhere.

    Args:
        catalogue: For the codelists.
        table: Whose figures.
        figures: Every place that was judged, or is missing.
        seen: Places shown earlier.
    """
    periods = sorted({place.period for place in figures})
    always = {place.group for place in _grid(catalogue, table, periods)}
    always |= {place.group for place in seen}
    always |= {place.group for place, one in figures.items() if _says(one)}
    return {
        place: one
        for place, one in figures.items()
        if place.group in always and not _unpublished(table, place)
    }


def _unpublished(table: Table, place: Place) -> bool:
    """Whether a place is a total over one dimension that the table does not publish."""
    if table.margins is None or (place.d1 == TOTAL) == (place.d2 == TOTAL):
        return False
    alone = table.dimensions[0 if place.d2 == TOTAL else 1]
    return alone.id not in table.margins


def totals(table: Table, rows: pl.DataFrame) -> dict[Place, Cell]:
    """The cells and margins that there are, of any period."""
    return _by_place(add(table, rows))


def sexes(table: Table) -> tuple[str, ...]:
    """The SEX codes a table publishes."""
    return (*SEXES, TOTAL) if table.sex else (TOTAL,)


def add(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Snapshot rows of all partitions of a table, with its margins."""
    if table.policy in CONTRIBUTING and table.measure not in BY_PERSON:
        top = pl.col("top1").append(pl.col("top2")).drop_nulls()
        top = top.top_k(2).sort(descending=True)
        return rows.group_by(PLACE).agg(
            *cells.sums(),
            pl.col("persons").sum(),
            top.get(0, null_on_oob=True).alias("top1"),
            top.get(1, null_on_oob=True).alias("top2"),
        )
    none = [pl.lit(None, dtype=pl.Int64).alias(name) for name in EXTREMES]
    return expand(table, rows, cells.sums()).with_columns(none)


def _cumulate(postings: pl.DataFrame, periods: Sequence[str]) -> pl.DataFrame:
    # A month's marker may name a table of quarters: it publishes no period of it.
    found = [postings.clear()]
    for period in periods:
        so_far = postings.filter(pl.col("period") <= period)
        stock = so_far.group_by(PLACE[1:]).agg(*cells.sums(), pl.col(*EXTREMES).first())
        stock = stock.with_columns(pl.lit(period).alias("period"))
        found.append(stock.select(postings.columns))
    return pl.concat(found)


def _by_place(rows: pl.DataFrame) -> dict[Place, Cell]:
    return {
        Place(**{name: row[name] for name in PLACE}): _cell(row)
        for row in rows.iter_rows(named=True)
    }


def _cell(row: dict[str, int]) -> Cell:
    sums = {name: row[name] for name in SUMS}
    most = {name: row[name] for name in EXTREMES}
    return Cell(**{**sums, "key": row["key"] % WORD}, **most)


def _grid(
    catalogue: Catalogue, table: Table, periods: Sequence[str]
) -> Iterable[Place]:
    """The places a table always has."""
    areas, codes = [AREA_TOTAL], [[TOTAL], [TOTAL]]
    if table.policy in SENSITIVE:
        for at, dimension in enumerate(table.dimensions):
            codelist = catalogue.codelists[dimension.codelist]
            codes[at] = [*(code for code in codelist.codes if code != TOTAL), TOTAL]
        if table.area is not None:
            field = _codelist_of(catalogue, table, table.area)
            known = catalogue.codelists[field].codes
            areas += [code for code in known if code not in {AREA_TOTAL, UNKNOWN}]
    for period, area, sex, d1, d2 in product(periods, areas, sexes(table), *codes):
        yield Place(period=period, area=area, sex=sex, d1=d1, d2=d2)


def _says(figure: Figure) -> bool:
    """Whether a figure says more than that there is nothing."""
    if figure.status == SUPPRESSED:
        return figure.cell.n != 0
    return figure.status == "" and figure.value != 0


def _codelist_of(catalogue: Catalogue, table: Table, name: str) -> str:
    flow = catalogue.dataflows[str(table.dataflow)]
    return next(str(f.codelist) for f in flow.fields if f.name == name)


def _complete(table: Table, found: dict[Place, Cell]) -> dict[Place, Cell]:
    """All SEX codes of every group."""
    if not table.sex:
        return found
    groups = {place.group for place in found}
    for period, area, d1, d2 in groups:
        for sex in sexes(table):
            place = Place(period=period, area=area, sex=sex, d1=d1, d2=d2)
            found.setdefault(place, ZERO)
    return found
