"""Cross checks of rates: what they are divided from, and on which clock.

Rules (docs/catalogue.md, "A rate"):

- A figure is made of rows or of components, never of both.
- Rates divide published figures: a component is no rate itself, and two components from
  different linkage domains must both be tables that are published.
- A component is of the same clock, or of a finer one that can be brought to it: events
  and sums are added, a stock is taken at the end.
- Several codes are added, so they are named only where adding makes sense.
"""

from __future__ import annotations

from collections.abc import Iterator

from hub.core.catalogue.model import (
    Catalogue,
    Component,
    Domain,
    Measure,
    Table,
)
from hub.core.catalogue.reading import complain, near
from hub.core.catalogue.tables import DERIVED_MEASURES

DECIMALS_MAX = 6
_DIVIDED = frozenset({Measure.RATE, Measure.RATIO})
_ADDED = frozenset({Measure.EVENTS, Measure.SUM})
_PER_YEAR = {"A": 1, "Q": 4, "M": 12}
Side = tuple[str, Component]


def check_parts(catalogue: Catalogue, table: Table, file: str) -> None:
    """Raises CatalogueError at the first breach."""
    _shape(table, file)
    if table.measure is Measure.DISAGGREGATION:
        _disaggregation(catalogue, table, file)
    if table.parts:
        _stacked(catalogue, table, file)
    for sides in _groups(table):
        _domains(catalogue, table, sides, file)
    rules = {
        catalogue.tables[part.table].residence_rule
        for sides in _groups(table)
        for _, part in sides
    }
    if table.dataflow is None and table.residence_rule not in rules | {None}:
        expected = "the residence_rule of a component"
        complain(file, "residence_rule", expected, table.residence_rule, "remove it")


def _shape(table: Table, file: str) -> None:
    """Components where they belong, and no rows beside them."""
    derived = table.measure in DERIVED_MEASURES
    if derived and (table.where or table.value or table.time or table.until):
        expected = f"no where, time, until or value in a {table.measure}"
        complain(file, "measure", expected, table.measure, "put them in components")
    rows = table.columns or table.closes or table.joined or table.residence
    if derived and (rows or table.delay_days or table.pool > 1 or table.control):
        expected = f"no terms of rows in a {table.measure}"
        complain(file, "measure", expected, table.measure, "put them in components")
    divided = table.measure in _DIVIDED
    if table.parts and table.measure is not Measure.RATIO:
        complain(file, "parts", "a ratio", table.measure, "remove parts")
    above = (divided or table.measure is Measure.COMPLETENESS) and not table.parts
    if above != (table.numerator is not None):
        expected = "a component" if above else f"none for measure {table.measure}"
        found = table.numerator.table if table.numerator else None
        complain(file, "numerator", expected, found, "see docs/catalogue.md")
    below = divided and not table.parts
    if below != (table.denominator is not None):
        expected = "a component" if below else f"none for measure {table.measure}"
        found = table.denominator.table if table.denominator else None
        complain(file, "denominator", expected, found, "see docs/catalogue.md")
    for key, given in (("minus", table.minus), ("complement", table.complement)):
        if given and not below:
            expected = "it with a numerator and a denominator only"
            complain(file, key, expected, str(table.measure), f"remove {key}")
    if table.decimals is not None:
        _decimals(table, file)
    if derived and table.policy in {"C", "E"}:
        expected = "policy R, T, S, W or N: noise is in the components"
        complain(file, "policy", expected, table.policy, "use one of these")


def _decimals(table: Table, file: str) -> None:
    if table.measure not in DERIVED_MEASURES or table.policy != "N":
        expected = "it for shares under policy N only: others are rounded to protect"
        complain(file, "decimals", expected, table.policy, "remove decimals")
    if not 0 <= int(table.decimals or 0) <= DECIMALS_MAX:
        complain(file, "decimals", f"0 to {DECIMALS_MAX}", table.decimals, "change it")


def _disaggregation(catalogue: Catalogue, table: Table, file: str) -> None:
    lists = [one.codelist for one in table.dimensions]
    if lists != ["CL_DATAFLOW"] or table.sex:
        expected = "one dimension with CL_DATAFLOW and sex = false"
        complain(file, "dimensions", expected, lists, "see docs/catalogue.md")
    if catalogue.policies[table.policy].params.get("component_min"):
        expected = "a policy without a least component: tables are counted, not persons"
        complain(file, "policy", expected, table.policy, "use N")


def _stacked(catalogue: Catalogue, table: Table, file: str) -> None:
    if len(table.dimensions) != 1:
        expected = "one dimension, whose codes the parts are"
        complain(file, "dimensions", expected, len(table.dimensions), "name one")
    codelist = table.dimensions[0].codelist
    codes = catalogue.codelists[codelist].codes
    named = [one.code for one in table.parts]
    for index, code in enumerate(named):
        key = f"parts[{index}].code"
        if code not in codes:
            complain(file, key, f"a code of {codelist}", code, near(code, codes))
        if code in named[:index]:
            complain(file, key, "each code once", code, "remove one")


def _groups(table: Table) -> Iterator[list[Side]]:
    """Components that are divided by each other, with their keys."""
    given = (
        ("numerator", table.numerator),
        ("minus", table.minus),
        ("denominator", table.denominator),
    )
    whole = [(key, one) for key, one in given if one is not None]
    if whole:
        yield whole
    for index, pair in enumerate(table.parts):
        yield [
            (f"parts[{index}].numerator", pair.numerator),
            (f"parts[{index}].denominator", pair.denominator),
        ]


def _domains(catalogue: Catalogue, table: Table, sides: list[Side], file: str) -> None:
    domains: dict[Domain, list[Table]] = {}
    for key, component in sides:
        part = _component(catalogue, table, component, file, key)
        if part.dataflow is not None:
            domain = catalogue.dataflows[part.dataflow].domain
            if domain is not Domain.NONE:
                domains.setdefault(domain, []).append(part)
    parts = [part for found in domains.values() for part in found]
    if len(domains) > 1 and any(part.internal for part in parts):
        expected = "published components: they come from two linkage domains"
        names = ", ".join(part.id for part in parts)
        complain(file, sides[0][0], expected, names, "publish both, or use one domain")


def _component(
    catalogue: Catalogue, table: Table, component: Component, file: str, key: str
) -> Table:
    if component.table not in catalogue.tables:
        mend = near(component.table, catalogue.tables)
        complain(file, f"{key}.table", "a table", component.table, mend)
    part = catalogue.tables[component.table]
    if part.measure in DERIVED_MEASURES:
        expected = "a table that counts, no rate of rates"
        complain(file, f"{key}.table", expected, component.table, "name its parts")
    if part.frequency != table.frequency:
        finer = _PER_YEAR[part.frequency] > _PER_YEAR[table.frequency]
        if not finer or part.measure not in _ADDED | {Measure.STOCK}:
            expected = f"frequency {part.frequency}, that of {part.id}"
            complain(file, "frequency", expected, table.frequency, "use the same clock")
    _kept(catalogue, part, component, file, key)
    own = [dimension.id for dimension in part.dimensions]
    for index, dimension in enumerate(table.dimensions):
        if key == "numerator" and dimension.id not in own:
            place = f"dimensions[{index}].id"
            expected = f"a dimension of {part.id}"
            complain(file, place, expected, dimension.id, near(dimension.id, own))
    return part


def _kept(
    catalogue: Catalogue, part: Table, component: Component, file: str, key: str
) -> None:
    """A component's `where` names dimensions and codes of its table."""
    lists = {dimension.id: dimension.codelist for dimension in part.dimensions}
    if part.sex:
        lists["SEX"] = "CL_SEX"
    if part.area is not None:
        lists["REF_AREA"] = "CL_AREA"
    for id_, codes in component.where.items():
        place = f"{key}.where.{id_}"
        if id_ not in lists:
            complain(file, place, f"a dimension of {part.id}", id_, near(id_, lists))
        known = catalogue.codelists[lists[id_]].codes
        for code in codes:
            if code not in known:
                expected = f"a code of {lists[id_]}"
                complain(file, place, expected, code, near(code, known))
        if len(codes) > 1 and not _adds(part, id_):
            expected = f"one code: those of {part.id} do not add up"
            complain(file, place, expected, list(codes), "name one")


def _adds(part: Table, id_: str) -> bool:
    """Whether figures of several codes of a dimension make one figure together."""
    if part.measure is Measure.MEAN:
        return False
    if part.assign == "multi":
        return id_ == "SEX"
    flagged = {one.id for one in part.dimensions if one.flags}
    return id_ not in flagged
