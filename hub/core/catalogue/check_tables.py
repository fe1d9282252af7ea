"""Cross checks of tables: measures, dimensions, disclosure, components.

Rules (what a table may ask for):

- At most two dimensions beside SEX and area; every code they give has a label.
- Sensitive fields only under a policy for them; person counts never without noise.
- A table is not finer than the declarations that gate it.
"""

from __future__ import annotations

import re

from hub.core.catalogue.check_flows import check_conditions
from hub.core.catalogue.check_parts import check_parts
from hub.core.catalogue.check_phrases import check_phrases, named_fields
from hub.core.catalogue.check_sdg import check_sdg
from hub.core.catalogue.model import (
    Catalogue,
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
from hub.core.catalogue.tables import MEMBER_FIELD
from hub.core.errors import InvalidError
from hub.core.period import parse

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
    check_sdg(catalogue, table)
    _shape(table, file)
    _breaks(table, file)
    check_parts(catalogue, table, file)
    if table.dataflow is None:
        return
    dataflow = catalogue.dataflows[table.dataflow]
    fields = {field.name: field for field in attributes(dataflow)}
    _measure(table, fields, file)
    _time(table, dataflow, fields, file)
    _persons(table, fields, file)
    check_conditions(catalogue, fields, table.where, file, "where")
    for index, dimension in enumerate(table.dimensions):
        _dimension(catalogue, fields, dimension, file, f"dimensions[{index}]")
    _margins(table, file)
    check_phrases(catalogue, table, dataflow, fields, file)
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


def _breaks(table: Table, file: str) -> None:
    """A break is at a period of the table's own clock."""
    for period in table.breaks:
        try:
            found = parse(period).frequency
        except InvalidError:
            found = ""
        if found != table.frequency:
            expected = f"periods of frequency {table.frequency}"
            complain(file, "breaks", expected, period, "write 2025, 2025-Q1 or 2025-03")


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


def _measure(table: Table, fields: dict[str, Field], file: str) -> None:
    given = (table.value is not None) + bool(table.value_parts)
    given += bool(table.columns)
    allowed = {1} if table.measure in _VALUED else {0}
    if table.assign == "main":
        allowed = {0, 1}
    if given not in allowed:
        expected = f"{max(allowed)} of value, value_parts, columns for {table.measure}"
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


def _margins(table: Table, file: str) -> None:
    known = [dimension.id for dimension in table.dimensions]
    if table.margins is not None and len(known) < 2:
        expected = "no margins: fewer than two dimensions have none to leave out"
        complain(file, "margins", expected, table.margins, "remove it")
    for index, name in enumerate(table.margins or ()):
        if name not in known:
            expected = "a dimension of this table"
            complain(file, f"margins[{index}]", expected, name, near(name, known))


def _persons(table: Table, fields: dict[str, Field], file: str) -> None:
    if table.sex and not table.columns:
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
    if dimension.flags:
        return
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
    named += named_fields(table)
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
