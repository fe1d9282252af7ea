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
- What happened to a person afterwards (joins, closings, residence) is looked up among
  the facts of the same person; such tables are made from whole persons.
- A table of residence has two plans: what was intended serves vintage P, what was
  observed R and F. If it waits a year by itself, what was observed serves all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from hub.core.catalogue.model import (
    Catalogue,
    Condition,
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
from hub.core.residence import YEAR_DAYS

AREA_TOTAL = "TM"
TOTAL = "_T"
UNKNOWN = "_U"
PLACE = ("period", "area", "sex", "d1", "d2")
MEMBER = "member"

BY_PERSON = frozenset({Measure.PERSONS, Measure.STOCK})
CONTRIBUTING = frozenset({"E", "S"})
"""Policies whose tables keep who contributed how much to a cell."""

EARLY = frozenset({"P"})
LATER = frozenset({"R", "F"})
"""Vintages, by whether what follows a period is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Facts of one dataflow that a table looks at among those of a whole person.

    Attributes:
        holds: Which facts.
        names: Fields of them.
    """

    holds: pl.Expr = field(repr=False)
    names: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One table with a dataflow, ready to run.

    Attributes:
        fields: Fields of the dataflow by name, after intake.
        holds: The table's `where`, time present, value present.
        at: The ordinal of a fact's period.
        total: What is summed.
        codes: Expressions for area, sex, d1, d2; ages are null until a year is known,
            flags are not there.
        ages: Age dimensions by column (d1, d2).
        bands: Their codes at the end of the period `at`.
        flags: Dimensions made of flags by column.
        lists: Text fields that hold several codes (``multi`` only).
        needs: Whole persons: dataflow → what of their facts this table looks at.
        elsewhere: Fields of the other dataflows it looks at, by dataflow.
        vintages: For which it is.
        intended: It reads what was intended, not what was observed.
    """

    table: Table
    dataflow: str
    domain: Domain
    fields: Mapping[str, Field] = field(repr=False)
    holds: pl.Expr = field(repr=False)
    at: pl.Expr = field(repr=False)
    total: pl.Expr = field(repr=False)
    codes: tuple[pl.Expr, ...] = field(repr=False)
    ages: Mapping[str, Dimension]
    bands: Mapping[str, pl.Expr] = field(repr=False)
    flags: Mapping[str, Dimension]
    lists: tuple[str, ...]
    needs: Mapping[str, Needed]
    elsewhere: Mapping[str, Mapping[str, Field]] = field(repr=False)
    vintages: frozenset[str] = EARLY | LATER
    intended: bool = False

    @property
    def key(self) -> str:
        """Under what its cells stand: the table's id, once a reading."""
        return f"{self.table.id}~" if self.intended else self.table.id

    @property
    def counted(self) -> tuple[object, ...]:
        """What says which rows count: tables of one such value count the same rows."""
        table = self.table
        return (
            *(self.dataflow, table.where, table.time, table.delay_days),
            *(table.frequency, table.measure, table.columns, table.value),
            *(table.value_parts, table.joined, table.residence),
            *(table.residence_rule, self.intended),
        )

    @property
    def by_person(self) -> bool:
        """Whether a cell counts persons, each once."""
        return self.table.measure in BY_PERSON

    @property
    def whole(self) -> bool:
        """Whether the table is made from whole persons."""
        return bool(self.needs)

    @property
    def contributes(self) -> bool:
        """Whether contributions are kept beside the cells."""
        return self.table.policy in CONTRIBUTING and not self.by_person

    @property
    def grouped(self) -> bool:
        """Whether a row stands for several persons (count or largest given)."""
        return self.table.count is not None or self.table.largest is not None


def plan(catalogue: Catalogue, table: Table, *, intended: bool = False) -> Plan:
    """The plan of a table with a dataflow; components have none."""
    if table.dataflow is None:
        raise ValueError(f"{table.id} has no dataflow")
    dataflow = catalogue.dataflows[table.dataflow]
    fields = fields_of(catalogue, dataflow.id)
    listed = {f"d{at}": one for at, one in enumerate(table.dimensions, 1)}
    vintages = EARLY | LATER
    if two_readings(table):
        vintages = EARLY if intended else LATER
    needs = _needs(catalogue, table, fields)
    ages = {name: one for name, one in listed.items() if one.aged}
    year = timeline.year(pl.col("at"), table.frequency)
    return Plan(
        table=table,
        dataflow=dataflow.id,
        domain=dataflow.domain,
        fields=fields,
        holds=_holds(table, fields),
        at=_at(table, fields),
        total=value_of(table),
        codes=_codes(catalogue, table, fields),
        ages=ages,
        bands={name: age_code(one, year).alias(name) for name, one in ages.items()},
        flags={name: one for name, one in listed.items() if one.flags},
        lists=_lists(table, fields),
        needs=needs,
        elsewhere={name: fields_of(catalogue, name) for name in needs},
        vintages=vintages,
        intended=intended,
    )


def plans(catalogue: Catalogue, domain: Domain | None = None) -> list[Plan]:
    """Plans of every table that reads facts, in catalogue order."""
    found = []
    for table in catalogue.tables.values():
        if table.dataflow is not None:
            found.append(plan(catalogue, table))
            if two_readings(table):
                found.append(plan(catalogue, table, intended=True))
    return [one for one in found if domain in (None, one.domain)]


def two_readings(table: Table) -> bool:
    """Whether the first vintage rests on what was intended."""
    return table.residence is not None and table.delay_days < YEAR_DAYS


def fields_of(catalogue: Catalogue, dataflow: str) -> dict[str, Field]:
    """What a fact has: the attributes of its dataflow, and the member."""
    fields = {one.name: one for one in attributes(catalogue.dataflows[dataflow])}
    fields[MEMBER] = Field(
        name=MEMBER, kind=Kind.STRING, role=Role.ATTRIBUTE, required=True
    )
    return fields


def value_of(table: Table) -> pl.Expr:
    """What is summed, null where a part is missing; 0 for counts."""
    if table.columns:
        return pl.sum_horizontal(pl.col(n).cast(pl.Int64) for _, n in table.columns)
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
    return holds & _at(table, fields).is_not_null() & value_of(table).is_not_null()


def _at(table: Table, fields: Mapping[str, Field]) -> pl.Expr:
    if table.time is None:
        raise ValueError(f"{table.id} has no time field")
    time, kind = pl.col(table.time), fields[table.time].kind
    if table.delay_days:
        time = (time.cast(pl.Int32) + table.delay_days).cast(pl.Date)
    return timeline.index(time, kind, table.frequency)


def _codes(
    catalogue: Catalogue, table: Table, fields: Mapping[str, Field]
) -> tuple[pl.Expr, ...]:
    area = pl.lit(AREA_TOTAL)
    if table.area is not None:
        area = pl.col(table.area).fill_null(UNKNOWN)
    out = [area.alias("area")]
    if not table.columns:
        sex = pl.col(table.sex_field).fill_null(UNKNOWN) if table.sex else pl.lit(TOTAL)
        out.append(sex.alias("sex"))
    for at, name in enumerate(("d1", "d2")):
        code = pl.lit(TOTAL)
        if at < len(table.dimensions):
            if table.dimensions[at].flags:
                continue
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


def _needs(
    catalogue: Catalogue, table: Table, fields: Mapping[str, Field]
) -> dict[str, Needed]:
    """What a whole person must bring; nothing where single facts are enough."""
    closes = [(one.dataflow, one.time, one.where) for one in table.closes]
    joined = table.joined
    if joined is not None:
        closes.append((joined.dataflow, joined.time, joined.where))
    if table.measure not in BY_PERSON and not closes and table.residence is None:
        return {}
    holds, names = _holds(table, fields), _named(table)
    if table.residence is not None:
        crossing = table.residence
        listed = (crossing.direction, crossing.declared or "", str(table.time))
        names |= {*listed, *conditions.named((*crossing.home, *crossing.settled))}
        holds = pl.col(crossing.direction).is_not_null()
        holds &= pl.col(str(table.time)).is_not_null()
    own = str(table.dataflow)
    found = {own: Needed(holds=holds, names=names - {""})}
    for flow, time, where in closes:
        found[flow] = _also(catalogue, found.get(flow), flow, time, where)
    return found


def _also(
    catalogue: Catalogue,
    before: Needed | None,
    flow: str,
    time: str,
    where: tuple[Condition, ...],
) -> Needed:
    """What is needed of a dataflow, and these facts of it too."""
    holds = conditions.where(where, fields_of(catalogue, flow))
    holds &= pl.col(time).is_not_null()
    names = frozenset({time, *conditions.named(where)})
    if before is None:
        return Needed(holds=holds, names=names)
    return Needed(holds=before.holds | holds, names=before.names | names)


def _named(table: Table) -> frozenset[str]:
    """Fields that the table reads of a fact of its own dataflow."""
    found = conditions.named(table.where)
    found |= {table.time or "", table.until or "", table.area or ""}
    found |= {table.value or "", table.count or ""} | set(table.largest or ())
    found |= {name for name, _ in table.value_parts}
    for one in table.dimensions:
        found |= {name for _, name in one.flags}
        found.add("birth_year" if one.aged else one.field or "")
    if table.sex and not table.columns:
        found.add(table.sex_field)
    return frozenset(found - {""})
