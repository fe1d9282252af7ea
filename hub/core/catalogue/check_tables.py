"""Cross checks of tables: measures, dimensions, disclosure, components.

Rules (what a table may ask for):

- At most two dimensions beside SEX and area; every code they give has a label.
- Sensitive fields only under a policy for them; person counts never without noise.
- Rates divide published figures: a component is no rate itself, and two components from
  different linkage domains must both be tables that are published.
- A table is not finer than the declarations that gate it.
"""

from __future__ import annotations

import re

from hub.core.catalogue.check_flows import check_conditions
from hub.core.catalogue.model import (
    Catalogue,
    Component,
    Dataflow,
    Dimension,
    Domain,
    Field,
    Kind,
    Measure,
    Role,
    Table,
)
from hub.core.catalogue.reading import complain, near
from hub.core.catalogue.schemas import attributes
from hub.core.catalogue.tables import DERIVED_MEASURES, MEMBER_FIELD

_ID = re.compile(r"[A-Z][A-Z0-9_]{1,30}")
_TAKEN = frozenset({"SEX", "REF_AREA", "TIME_PERIOD", "FREQ", "OBS_VALUE", "VELAYAT"})
_PER_YEAR = {"A": 1, "Q": 4, "M": 12}
_DATED = frozenset({Kind.DATE, Kind.PERIOD})
_NUMBERS = frozenset({Kind.INT, Kind.LONG, Kind.MONEY})
_VALUED = frozenset({Measure.SUM, Measure.MEAN})
_ASSIGNED = frozenset({Measure.PERSONS, Measure.STOCK})
_SENSITIVE = frozenset({"T", "S"})
_SEX_LISTS = frozenset({"CL_SEX", "CL_SEX_EXACT"})


def check_table(catalogue: Catalogue, table: Table) -> None:
    """Raises CatalogueError at the first breach."""
    file = f"tables/{table.id}.toml"
    if not _ID.fullmatch(table.id):
        complain(file, "id", "upper case letters, digits and _", table.id, "rename it")
    _references(catalogue, table, file)
    _shape(table, file)
    _parts(table, file)
    if table.dataflow is None:
        _components(catalogue, table, file)
        return
    dataflow = catalogue.dataflows[table.dataflow]
    fields = {field.name: field for field in attributes(dataflow)}
    _measure(table, fields, file)
    _time(table, dataflow, fields, file)
    _persons(table, fields, file)
    check_conditions(catalogue, fields, table.where, file, "where")
    for index, dimension in enumerate(table.dimensions):
        _dimension(catalogue, fields, dimension, file, f"dimensions[{index}]")
    _protection(table, dataflow, fields, file)


def _references(catalogue: Catalogue, table: Table, file: str) -> None:
    units = catalogue.codelists["CL_UNIT"].codes
    for key, name, known in (
        ("policy", table.policy, catalogue.policies),
        ("custodian", table.custodian, catalogue.members),
        ("unit", table.unit, units),
    ):
        if name not in known:
            complain(file, key, f"a known {key}", name, near(name, known))


def _shape(table: Table, file: str) -> None:
    """Dimensions, scale, and what a policy asks of the clock."""
    if len(table.dimensions) > 2:
        mend = "split the table"
        complain(file, "dimensions", "at most two", len(table.dimensions), mend)
    names = [dimension.id for dimension in table.dimensions]
    for index, name in enumerate(names):
        if not _ID.fullmatch(name) or name in _TAKEN or name in names[:index]:
            expected = "a concept of its own in upper case (SEX and area are there)"
            complain(file, f"dimensions[{index}].id", expected, name, "rename it")
    for key, number in (("scale", table.scale), ("divisor", table.divisor)):
        if number < 1:
            complain(file, key, "1 or more", number, "raise it")
    if table.policy == "T" and table.frequency != "A":
        mend = "T is annual or coarser"
        complain(file, "frequency", "A under policy T", table.frequency, mend)


def _parts(table: Table, file: str) -> None:
    """A figure is made of rows or of components, never of both."""
    derived = table.measure in DERIVED_MEASURES
    if derived and (table.where or table.value or table.time or table.until):
        expected = f"no where, time, until or value in a {table.measure}"
        complain(file, "measure", expected, table.measure, "put them in components")
    if derived != (table.numerator is not None):
        expected = "a component" if derived else f"none for measure {table.measure}"
        found = table.numerator.table if table.numerator else None
        complain(file, "numerator", expected, found, "see docs/catalogue.md")
    if derived and table.policy in {"C", "E"}:
        expected = "policy R, T, S, W or N: noise is in the components"
        complain(file, "policy", expected, table.policy, "use one of these")
    divided = table.measure in {Measure.RATE, Measure.RATIO}
    if divided != (table.denominator is not None):
        expected = "a component" if divided else f"none for measure {table.measure}"
        found = table.denominator.table if table.denominator else None
        complain(file, "denominator", expected, found, "see docs/catalogue.md")


def _measure(table: Table, fields: dict[str, Field], file: str) -> None:
    given = (table.value is not None) + bool(table.value_parts)
    allowed = {1} if table.measure in _VALUED else {0}
    if table.assign == "main":
        allowed = {0, 1}
    if given not in allowed:
        expected = f"{max(allowed)} of value, value_parts for {table.measure}"
        complain(file, "value", expected, given, "name what is summed, once")
    numbers = [table.value, table.count, *(table.largest or ())]
    numbers += [name for name, _ in table.value_parts]
    for name in numbers:
        if name is not None and fields[name].kind not in _NUMBERS:
            complain(file, "value", "fields with numbers", name, "use a number")
    if (table.measure in _ASSIGNED) != bool(table.assign):
        expected = "assign for persons and stock, and only there"
        complain(file, "assign", expected, table.assign or None, "first, last or main")
    if table.measure is Measure.STOCK and table.assign != "last":
        mend = "a stock takes the latest start"
        complain(file, "assign", "last for a stock", table.assign, mend)


def _time(
    table: Table, dataflow: Dataflow, fields: dict[str, Field], file: str
) -> None:
    for key, name in (("time", table.time), ("until", table.until)):
        if name is not None and fields[name].kind not in _DATED:
            complain(file, key, "a date or period field", name, "use a date")
    if table.time is None:
        complain(file, "time", "the field that dates the row", None, "add time = …")
    if (table.until is not None) and table.measure is not Measure.STOCK:
        complain(file, "until", "a stock", table.measure, "remove until")
    if table.until is not None and fields[table.until].kind is not Kind.DATE:
        complain(file, "until", "a date field", table.until, "use a date")
    finest = dataflow.declare
    field = fields[table.time]
    if field.frequency and _PER_YEAR[field.frequency] < _PER_YEAR[finest]:
        finest = field.frequency
    gated = not dataflow.reserved
    if gated and _PER_YEAR[table.frequency] > _PER_YEAR[finest]:
        expected = f"{finest} or coarser: {dataflow.id} is declared so"
        complain(file, "frequency", expected, table.frequency, "use a coarser one")


def _persons(table: Table, fields: dict[str, Field], file: str) -> None:
    if table.sex:
        field = fields.get(table.sex_field)
        if field is None or field.codelist not in _SEX_LISTS:
            expected = "a field with a sex code, or sex = false"
            mend = near(table.sex_field, fields)
            complain(file, "sex_field", expected, table.sex_field, mend)
    if table.area is not None and fields[table.area].kind is not Kind.CODE:
        complain(file, "area", "a field with an area code", table.area, "use a code")


def _dimension(
    catalogue: Catalogue,
    fields: dict[str, Field],
    dimension: Dimension,
    file: str,
    key: str,
) -> None:
    known = set(catalogue.codelists[dimension.codelist].codes)
    if dimension.field is None:
        if not dimension.bands or "birth_year" not in fields:
            expected = "a field, or age bands and persons with a birth year"
            complain(file, f"{key}.field", expected, None, "add field = …")
        given: dict[str, str] = {}
    elif dimension.field == MEMBER_FIELD:
        return
    else:
        given = _given(catalogue, fields[dimension.field], dimension, file, key)
    margins = catalogue.codelists["CL_MARGIN"].codes
    if dimension.other not in known and dimension.other not in margins:
        expected = f"a code of {dimension.codelist} or CL_MARGIN"
        mend = near(dimension.other, known)
        complain(file, f"{key}.other", expected, dimension.other, mend)
    for code, group in given.items():
        if group not in known and group not in margins:
            expected = f"a code of {dimension.codelist} for {code}"
            complain(file, f"{key}.codelist", expected, group, near(group, known))


def _given(
    catalogue: Catalogue, field: Field, dimension: Dimension, file: str, key: str
) -> dict[str, str]:
    """What a field's codes become."""
    if dimension.mapping is not None:
        codes = catalogue.codelists[field.codelist].codes if field.codelist else None
        for code in dimension.mapping:
            if codes is not None and code not in codes:
                expected = f"a code of {field.codelist}"
                complain(
                    file, f"{key}.mapping.{code}", expected, code, near(code, codes)
                )
        return dict(dimension.mapping)
    if field.codelist is None:
        expected = "a field with a codelist, or a mapping"
        complain(file, f"{key}.field", expected, field.name, "add a mapping")
    codelist = catalogue.codelists[field.codelist]
    if dimension.grouping is None:
        if dimension.codelist == field.codelist:
            return {}
        return {code: code for code in codelist.codes if code != "_T"}
    if dimension.grouping not in codelist.groups:
        expected = f"a grouping of {field.codelist}"
        mend = near(dimension.grouping, codelist.groups)
        complain(file, f"{key}.grouping", expected, dimension.grouping, mend)
    return dict(codelist.groups[dimension.grouping])


def _protection(
    table: Table, dataflow: Dataflow, fields: dict[str, Field], file: str
) -> None:
    """The disclosure policy fits what the table shows."""
    named = [table.value, *(table.largest or ()), *(n for n, _ in table.value_parts)]
    named += [dimension.field for dimension in table.dimensions]
    named += [condition.field for condition in table.where]
    for name in named:
        sensitive = name in fields and fields[name].role is Role.SENSITIVE
        if sensitive and table.policy not in _SENSITIVE:
            expected = f"policy T or S: {name} is sensitive"
            complain(file, "policy", expected, table.policy, "use one of these")
    if dataflow.domain is not Domain.NONE and table.policy in {"N", "R", "W"}:
        expected = f"a policy with noise: {dataflow.id} has persons"
        complain(file, "policy", expected, table.policy, "use C, E, T or S")
    if dataflow.quiet and table.policy != "T":
        expected = f"policy T: {dataflow.id} is quiet"
        complain(file, "policy", expected, table.policy, "use T")


def _components(catalogue: Catalogue, table: Table, file: str) -> None:
    domains: dict[Domain, list[Table]] = {}
    for key, component in (
        ("numerator", table.numerator),
        ("denominator", table.denominator),
    ):
        if component is None:
            continue
        part = _component(catalogue, table, component, file, key)
        if part.dataflow is not None:
            domain = catalogue.dataflows[part.dataflow].domain
            if domain is not Domain.NONE:
                domains.setdefault(domain, []).append(part)
    parts = [part for found in domains.values() for part in found]
    if len(domains) > 1 and any(part.internal for part in parts):
        expected = "published components: they come from two linkage domains"
        names = ", ".join(part.id for part in parts)
        complain(file, "numerator", expected, names, "publish both, or use one domain")


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
    lists |= {"SEX": "CL_SEX", "REF_AREA": "CL_AREA"}
    for id_, codes in component.where.items():
        place = f"{key}.where.{id_}"
        if id_ not in lists:
            complain(file, place, f"a dimension of {part.id}", id_, near(id_, lists))
        known = catalogue.codelists[lists[id_]].codes
        for code in codes:
            if code not in known:
                expected = f"a code of {lists[id_]}"
                complain(file, place, expected, code, near(code, known))
