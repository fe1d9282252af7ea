"""What a table needs of a fact, worked out once.

Rules (docs/data-path.md, "Aggregate"):

- A cell's place is (period, area, sex, d1, d2); what a table lacks has its one code
  (area ``TM``, dimension ``_T``, SEX ``_T`` where it is fixed).
- SEX keeps the exact code of the source; nothing is imputed or folded here.
- Age is year of the period's end minus year of birth; the bands bound the table: an
  age outside all of them is outside the table, an unknown or impossible one has the
  dimension's `other` code.
- Persons and stocks are keyed by resolved person, all else by record; in domain NONE
  the person *is* the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from hub.core.catalogue.model import (
    Catalogue,
    Dimension,
    Domain,
    Field,
    Kind,
    Measure,
    Role,
    Table,
)
from hub.core.catalogue.schemas import attributes
from hub.core.indicators import conditions, timeline

AREA_TOTAL = "TM"
TOTAL = "_T"
UNKNOWN = "_U"
PLACE = ("period", "area", "sex", "d1", "d2")
MEMBER = "member"

BY_PERSON = frozenset({Measure.PERSONS, Measure.STOCK})
BY_RECORD = frozenset({Measure.EVENTS, Measure.SUM, Measure.MEAN})
CONTRIBUTING = frozenset({"E", "S"})
"""Policies whose tables keep who contributed how much to a cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One table with a dataflow, ready to run.

    Attributes:
        fields: Fields of the dataflow by name, after intake.
        holds: The table's `where`, time present, value present.
        codes: Expressions for area, sex, d1, d2; ages are null until a year is known.
        ages: Age dimensions by column (d1, d2).
        lists: Text fields that hold several codes (``multi`` only).
        needs: Fields that a stored fact must keep for this table.
    """

    table: Table
    dataflow: str
    domain: Domain
    fields: Mapping[str, Field] = field(repr=False)
    holds: pl.Expr = field(repr=False)
    codes: tuple[pl.Expr, ...] = field(repr=False)
    ages: Mapping[str, Dimension]
    lists: tuple[str, ...]
    needs: frozenset[str]

    @property
    def by_person(self) -> bool:
        """Whether the table is made from whole persons."""
        return self.table.measure in BY_PERSON

    @property
    def contributes(self) -> bool:
        """Whether contributions are kept beside the cells."""
        return self.table.policy in CONTRIBUTING and not self.by_person

    @property
    def grouped(self) -> bool:
        """Whether a row stands for several persons (count or largest given)."""
        return self.table.count is not None or self.table.largest is not None


def plan(catalogue: Catalogue, table: Table) -> Plan:
    """The plan of a table with a dataflow; components have none."""
    if table.dataflow is None:
        raise ValueError(f"{table.id} has no dataflow")
    dataflow = catalogue.dataflows[table.dataflow]
    fields = {one.name: one for one in attributes(dataflow)}
    fields[MEMBER] = Field(
        name=MEMBER, kind=Kind.STRING, role=Role.ATTRIBUTE, required=True
    )
    ages = {
        f"d{at}": dimension
        for at, dimension in enumerate(table.dimensions, 1)
        if dimension.field is None
    }
    return Plan(
        table=table,
        dataflow=dataflow.id,
        domain=dataflow.domain,
        fields=fields,
        holds=_holds(table, fields),
        codes=_codes(catalogue, table, fields),
        ages=ages,
        lists=_lists(table, fields),
        needs=_needs(table),
    )


def plans(catalogue: Catalogue, domain: Domain | None = None) -> list[Plan]:
    """Plans of every table that reads facts, in catalogue order."""
    found = [
        plan(catalogue, table)
        for table in catalogue.tables.values()
        if table.dataflow is not None
    ]
    return [one for one in found if domain in (None, one.domain)]


def value_of(table: Table) -> pl.Expr:
    """What is summed, null where a part is missing; 0 for counts."""
    if table.value_parts:
        parts = [pl.col(n).cast(pl.Int64) * w for n, w in table.value_parts]
        return sum(parts[1:], parts[0])
    if table.value is not None and table.measure in {Measure.SUM, Measure.MEAN}:
        return pl.col(table.value).cast(pl.Int64)
    return pl.lit(0, dtype=pl.Int64)


def age_code(dimension: Dimension, year: pl.Expr) -> pl.Expr:
    """The band of the age reached in `year`; null outside all bands."""
    age = year - pl.col("birth_year")
    none = age.is_null() | (age < 0)
    codes = [pl.when(none).then(pl.lit(dimension.other))]
    for band, low, high in dimension.bands:
        inside = age >= low if high is None else age.is_between(low, high)
        codes.append(pl.when(inside).then(pl.lit(band)))
    return pl.coalesce(codes)


def _holds(table: Table, fields: Mapping[str, Field]) -> pl.Expr:
    holds = conditions.where(table.where, fields)
    if table.time is None:
        raise ValueError(f"{table.id} has no time field")
    time = timeline.index(pl.col(table.time), fields[table.time].kind, table.frequency)
    return holds & time.is_not_null() & value_of(table).is_not_null()


def _codes(
    catalogue: Catalogue, table: Table, fields: Mapping[str, Field]
) -> tuple[pl.Expr, ...]:
    area = pl.lit(AREA_TOTAL)
    if table.area is not None:
        area = pl.col(table.area).fill_null(UNKNOWN)
    sex = pl.col(table.sex_field).fill_null(UNKNOWN) if table.sex else pl.lit(TOTAL)
    out = [area.alias("area"), sex.alias("sex")]
    for at, name in enumerate(("d1", "d2")):
        code = pl.lit(TOTAL)
        if at < len(table.dimensions):
            code = _code(catalogue, table.dimensions[at], fields)
        out.append(code.alias(name))
    return tuple(out)


def _code(
    catalogue: Catalogue, dimension: Dimension, fields: Mapping[str, Field]
) -> pl.Expr:
    if dimension.field is None:
        return pl.lit(None, dtype=pl.String)
    column = pl.col(dimension.field)
    if fields[dimension.field].kind in {Kind.BOOLEAN, Kind.INT, Kind.LONG}:
        column = column.cast(pl.String)
    mapping = dimension.mapping
    if mapping is None and dimension.grouping is not None:
        codelist = catalogue.codelists[str(fields[dimension.field].codelist)]
        mapping = codelist.groups[dimension.grouping]
    if mapping is not None:
        names, codes = list(mapping), list(mapping.values())
        column = column.replace_strict(
            names, codes, default=dimension.other, return_dtype=pl.String
        )
    return column.fill_null(dimension.other)


def _lists(table: Table, fields: Mapping[str, Field]) -> tuple[str, ...]:
    named = [one.field for one in table.dimensions if one.field is not None]
    several = table.assign == "multi"
    return tuple(n for n in named if several and fields[n].kind is Kind.STRING)


def _needs(table: Table) -> frozenset[str]:
    found = conditions.named(table.where)
    found |= {table.time or "", table.until or "", table.area or ""}
    found |= {table.value or "", table.count or ""} | set(table.largest or ())
    found |= {name for name, _ in table.value_parts}
    found |= {one.field or "birth_year" for one in table.dimensions}
    if table.sex:
        found.add(table.sex_field)
    return frozenset(found - {""})
