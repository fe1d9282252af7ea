"""The gender framework: what each indicator says of women and men, what is missing.

Rules (docs/catalogue.md, "Gender framework"):

- One row a published table: by which sexes, ages and places, from whom, how often.
- What a table does not show is *missing*, with whether its dataflow collects it: the
  first can be mended by a statistician, the second only with a ministry.
- Of tables that count no person nothing is missing; they are there to be complete.
- A rate belongs to the dataflows of all its components.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.core.catalogue.model import Catalogue, Component, Measure, Table
from hub.core.catalogue.schemas import attributes

_NOTE = "Made from the catalogue by `make docs`; do not edit.\n"
_DERIVING = frozenset(
    {Measure.EVENTS, Measure.PERSONS, Measure.SUM, Measure.STOCK},
)
_OFTEN = {"M": "monthly", "Q": "quarterly", "A": "yearly"}
AREA = "REF_AREA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One indicator.

    Attributes:
        sex: It is published for women and men.
        inside: The figure compares the sexes, or is of one of them.
        derived: Female share, gap and parity are derived from it.
        age: Its dimension of age, or None.
        area: It is published by velayat.
        others: Its other dimensions.
        dataflows: Where it comes from.
        providers: Members that provide them.
        missing: Breakdown → whether it is collected.
    """

    table: Table = field(repr=False)
    sex: bool
    inside: bool
    derived: bool
    age: str | None
    area: bool
    others: tuple[str, ...]
    dataflows: tuple[str, ...]
    providers: tuple[str, ...]
    missing: Mapping[str, bool]

    def as_json(self) -> dict[str, object]:
        """As one object."""
        return {
            "id": self.table.id,
            "title": self.table.title.en,
            "sex": self.sex,
            "sex_inside": self.inside,
            "derived": self.derived,
            "age": self.age,
            "area": self.area,
            "dimensions": list(self.others),
            "frequency": self.table.frequency,
            "policy": self.table.policy,
            "custodian": self.table.custodian,
            "dataflows": list(self.dataflows),
            "providers": list(self.providers),
            "references": list(self.table.references),
            "missing": {
                name: "collected" if there else "not collected"
                for name, there in self.missing.items()
            },
        }


def entries(catalogue: Catalogue) -> list[Entry]:
    """Every published table, in catalogue order."""
    shown = [table for table in catalogue.tables.values() if not table.internal]
    return [_entry(catalogue, table) for table in shown]


def summary(found: list[Entry]) -> dict[str, int]:
    """How many tables show what."""
    return {
        "tables": len(found),
        "by_sex": sum(one.sex for one in found),
        "by_sex_and_age": sum(one.sex and one.age is not None for one in found),
        "by_sex_and_area": sum(one.sex and one.area for one in found),
        "sex_missing": sum("SEX" in one.missing for one in found),
        "age_missing": sum("AGE" in one.missing for one in found),
        "area_missing": sum(AREA in one.missing for one in found),
    }


def page(catalogue: Catalogue) -> str:
    """The matrix as a page."""
    found = entries(catalogue)
    counts = summary(found)
    said = (
        f"Of {counts['tables']} published tables {counts['by_sex']} show women and men,"
        f" {counts['by_sex_and_age']} of them by age and {counts['by_sex_and_area']} by"
        " velayat. *Derived* are female share, gender gap and parity. A breakdown that"
        " is missing is *collected* or *not collected* by the dataflow; a dash: no"
        " person is counted, so nothing is missing. `kerwen catalogue gender` says how"
        " fresh each is."
    )
    columns = (
        *("table", "indicator", "sex", "age", "velayat", "further", "from"),
        *("how often", "missing"),
    )
    lines = [
        "# Gender framework",
        "",
        _NOTE,
        said,
        "",
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
        *(_row(one) for one in found),
        "",
    ]
    return "\n".join(lines)


def _row(one: Entry) -> str:
    sex = "F, M, rest" + (", derived" if one.derived else "") if one.sex else "total"
    if not one.sex and one.inside:
        sex = "in the figure itself"
    missing = ", ".join(
        f"{name} ({'collected' if there else 'not collected'})"
        for name, there in one.missing.items()
    )
    cells = (
        one.table.id,
        one.table.title.en,
        sex,
        one.age or "",
        "yes" if one.area else "",
        ", ".join(one.others),
        ", ".join(one.providers),
        _OFTEN[one.table.frequency],
        missing or ("none" if one.sex else "–"),
    )
    return f"| {' | '.join(cells)} |"


def _entry(catalogue: Catalogue, table: Table) -> Entry:
    flows = _dataflows(catalogue, table)
    ages = [
        one.id for one in table.dimensions if catalogue.codelists[one.codelist].bands
    ]
    area = _by_area(catalogue, table)
    members = catalogue.members.values()
    return Entry(
        table=table,
        sex=table.sex,
        inside=_sex_inside(catalogue, table),
        derived=table.sex and table.measure in _DERIVING,
        age=ages[0] if ages else None,
        area=area,
        others=tuple(one.id for one in table.dimensions if one.id not in ages),
        dataflows=flows,
        providers=tuple(
            member.id for member in members if set(member.provides) & set(flows)
        ),
        missing=_missing(catalogue, table, flows, age=bool(ages), area=area),
    )


def _dataflows(catalogue: Catalogue, table: Table) -> tuple[str, ...]:
    """Of the table, of what it looks at, and of its components."""
    named = [*table.flows]
    for part in _components(table):
        named += _dataflows(catalogue, catalogue.tables[part.table])
    return tuple(n for n in dict.fromkeys(named) if not catalogue.dataflows[n].reserved)


def _components(table: Table) -> list[Component]:
    given = [table.numerator, table.minus, table.denominator]
    for pair in table.parts:
        given += [pair.numerator, pair.denominator]
    return [one for one in given if one is not None]


def _by_area(catalogue: Catalogue, table: Table) -> bool:
    parts = [
        part
        for part in (table.numerator, table.denominator)
        if part is not None and table.dataflow is None
    ]
    if not parts:
        return table.area is not None
    return all(catalogue.tables[part.table].area is not None for part in parts)


def _missing(
    catalogue: Catalogue,
    table: Table,
    flows: tuple[str, ...],
    *,
    age: bool,
    area: bool,
) -> dict[str, bool]:
    """What is not shown, and whether the first dataflow collects it.

    Policy N is for what is no person: institutions, prices, policies, deliveries.
    """
    if table.policy == "N" or not flows:
        return {}
    fields = {one.name: one for one in attributes(catalogue.dataflows[flows[0]])}
    places = any(one.codelist in {"CL_VELAYAT", "CL_AREA"} for one in fields.values())
    found = {}
    if not table.sex and not _sex_inside(catalogue, table):
        found["SEX"] = True
    if not age:
        found["AGE"] = bool({"birth_year", "age"} & fields.keys())
    if not area:
        found[AREA] = places
    return found


def _sex_inside(catalogue: Catalogue, table: Table) -> bool:
    """Whether the figure itself compares the sexes, or is of one of them."""
    parts = _components(table)
    counted = [table, *(catalogue.tables[part.table] for part in parts)]
    chosen = any(
        condition.field == one.sex_field for one in counted for condition in one.where
    )
    return chosen or any("SEX" in part.where for part in parts)
