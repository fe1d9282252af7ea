"""Cross checks of dataflows: blocks, domains, codelists, rules.

Rules (what a provider schema may hold):

- Control fields come first. Block P (a person with documents and names) stands in every
  dataflow of MOBILITY and nowhere else; block U (a case number) in the unlinked
  domains; NONE has no identifier at all.
- Nothing outside the blocks may be an identifier.
- The unlinked domains are quiet: the count of a day is itself a secret there.
"""

from __future__ import annotations

import re

from hub.core.catalogue.model import (
    Catalogue,
    Condition,
    Dataflow,
    Domain,
    Field,
    Kind,
    Role,
)
from hub.core.catalogue.reading import complain, near
from hub.core.catalogue.schemas import CONTROL

BLOCK_P = (
    "personal_no",
    "doc_state",
    "doc_no",
    "family_name",
    "given_name",
    "patronymic",
    "birth_date",
    "sex",
    "sex_source",
    "citizenship",
    "birth_country",
)
BLOCK_U = ("case_ref", "birth_year", "sex", "sex_source", "citizenship_g")
BLOCKS = {"P": BLOCK_P, "U": BLOCK_U, "": ()}

_ID = re.compile(r"[a-z][a-z0-9_]{1,40}")
_ORDERED = frozenset(
    {Kind.INT, Kind.LONG, Kind.MONEY, Kind.DATE, Kind.PERIOD, Kind.STRING}
)
_NUMBERS = frozenset({Kind.INT, Kind.LONG, Kind.MONEY})


def check_dataflow(catalogue: Catalogue, dataflow: Dataflow) -> None:
    """Raises CatalogueError at the first breach."""
    file = f"dataflows/{dataflow.id}.toml"
    if not _ID.fullmatch(dataflow.id):
        complain(file, "id", "lower snake case", dataflow.id, "rename the file")
    _blocks(dataflow, file)
    _domain(dataflow, file)
    for field in dataflow.fields:
        _field(catalogue, field, file)
    _names(dataflow, file)
    _derived(catalogue, dataflow, file)
    fields = {field.name: field for field in dataflow.fields}
    for index, rule in enumerate(dataflow.rules):
        key = f"rules[{index}]"
        if rule.id in [earlier.id for earlier in dataflow.rules[:index]]:
            complain(file, f"{key}.id", "each id once", rule.id, "rename one")
        check_conditions(catalogue, fields, rule.when, file, f"{key}.when")
        check_conditions(catalogue, fields, rule.then, file, f"{key}.then")
    if dataflow.retention_days < 1:
        complain(
            file, "retention_days", "1 or more", dataflow.retention_days, "raise it"
        )


def _blocks(dataflow: Dataflow, file: str) -> None:
    """Control fields, then the block, exactly; identifiers nowhere else."""
    if dataflow.reserved:
        return
    names = tuple(field.name for field in dataflow.fields)
    if names[:3] != CONTROL:
        expected = ", ".join(CONTROL)
        complain(file, "schema", f"{expected} first", list(names[:3]), "reorder")
    block = BLOCKS[dataflow.person]
    if names[3 : 3 + len(block)] != block:
        expected = f"block {dataflow.person} after them: {', '.join(block)}"
        found = list(names[3 : 3 + len(block)])
        complain(file, "schema", expected, found, "use the block's fields in order")
    for field in dataflow.fields:
        if field.role is Role.IDENTIFIER and field.name not in block:
            expected = "no identifier outside block P or U"
            mend = "leave the field out, or give it another role"
            complain(file, f"schema.{field.name}.role", expected, field.role, mend)


def _domain(dataflow: Dataflow, file: str) -> None:
    domain = dataflow.domain
    person = {Domain.MOBILITY: "P", Domain.NONE: ""}.get(domain, "U")
    if dataflow.person != person:
        expected = f'person = "{person}" in domain {domain}'
        complain(file, "person", expected, dataflow.person, "change one of them")
    if (person == "U") != dataflow.quiet:
        expected = f"quiet = {str(person == 'U').lower()} in domain {domain}"
        complain(file, "quiet", expected, dataflow.quiet, "change it")


def _field(catalogue: Catalogue, field: Field, file: str) -> None:
    key = f"schema.{field.name}"
    if not _ID.fullmatch(field.name):
        complain(file, key, "lower snake case", field.name, "rename the field")
    listed = field.kind in {Kind.CODE, Kind.STRING}
    if field.codelist is None:
        if field.kind is Kind.CODE:
            complain(file, f"{key}.codelist", "a codelist for a code", None, "name it")
    elif not listed or field.codelist not in catalogue.codelists:
        expected = "a codelist of the catalogue, on a code or a text"
        mend = near(field.codelist, catalogue.codelists)
        complain(file, f"{key}.codelist", expected, field.codelist, mend)
    if field.low is not None and field.high is not None and field.low > field.high:
        complain(file, f"{key}.high", f"at least {field.low}", field.high, "swap them")
    if field.keep not in {"", "month"} or (field.keep and field.kind is not Kind.DATE):
        expected = '"month", on a date'
        complain(file, f"{key}.keep", expected, field.keep, "remove it")
    if field.frequency and (
        field.kind is not Kind.PERIOD or field.frequency not in {"M", "Q", "A"}
    ):
        expected = "M, Q or A, on a period"
        complain(file, f"{key}.frequency", expected, field.frequency, "remove it")


def _names(dataflow: Dataflow, file: str) -> None:
    fields = {field.name: field for field in dataflow.fields}
    for index, name in enumerate(dataflow.unique):
        if name not in fields or name in CONTROL:
            key = f"unique[{index}]"
            mend = near(name, set(fields) - set(CONTROL))
            complain(file, key, "a field that is not a control field", name, mend)
    name = dataflow.event_date
    if name not in fields or fields[name].kind not in {Kind.DATE, Kind.PERIOD}:
        dates = [n for n, f in fields.items() if f.kind in {Kind.DATE, Kind.PERIOD}]
        complain(file, "event_date", "a date or period field", name, near(name, dates))


def _derived(catalogue: Catalogue, dataflow: Dataflow, file: str) -> None:
    fields = {field.name: field for field in dataflow.fields}
    for index, derived in enumerate(dataflow.derived):
        key = f"derived[{index}]"
        if derived.field.name in fields:
            mend = "rename the derived one"
            complain(file, f"{key}.name", "a new name", derived.field.name, mend)
        fields[derived.field.name] = derived.field
        _field(catalogue, derived.field, file)
        kinds = _NUMBERS if derived.rule == "ratio" else {Kind.PERIOD}
        for at, name in enumerate(derived.of):
            if name not in fields or fields[name].kind not in kinds:
                expected = f"a field of kind {', '.join(sorted(kinds))}"
                complain(file, f"{key}.of[{at}]", expected, name, near(name, fields))
        if derived.rule in {"dataflow", "clock", "lag"} and not dataflow.reserved:
            expected = "ratio (the others are for reserved dataflows)"
            complain(file, f"{key}.rule", expected, derived.rule, "remove it")


def check_conditions(
    catalogue: Catalogue,
    fields: dict[str, Field],
    conditions: tuple[Condition, ...],
    file: str,
    key: str,
) -> None:
    """Conditions speak of fields that exist, in values of their kind."""
    for index, condition in enumerate(conditions):
        place = f"{key}[{index}]"
        if condition.field not in fields:
            mend = near(condition.field, fields)
            complain(file, f"{place}.field", "a known field", condition.field, mend)
        field = fields[condition.field]
        if condition.op in {"le", "ge", "lt", "gt"} and field.kind not in _ORDERED:
            expected = f"eq, ne, in or not_in for a {field.kind}"
            complain(file, f"{place}.op", expected, condition.op, "use one of these")
        value = condition.value
        if condition.of is not None:
            _within(fields, condition, file, place)
            continue
        if isinstance(value, str) and value.startswith("@"):
            other = fields.get(value[1:])
            if other is None or other.kind is not field.kind:
                expected = f"@ and a field of kind {field.kind}"
                complain(
                    file, f"{place}.value", expected, value, near(value[1:], fields)
                )
            continue
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None:
                _value(catalogue, field, one, file, f"{place}.value")


def _within(
    fields: dict[str, Field], condition: Condition, file: str, place: str
) -> None:
    """So many days from one date to another."""
    dates = [one.name for one in fields.values() if one.kind is Kind.DATE]
    for key, name in (("field", condition.field), ("of", condition.of)):
        if name not in dates:
            mend = near(str(name), dates)
            complain(file, f"{place}.{key}", "a date field", name, mend)
    value = condition.value
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        complain(file, f"{place}.value", "a number of days", value, "write 0 or more")


def _value(
    catalogue: Catalogue, field: Field, value: str | int, file: str, key: str
) -> None:
    wanted: type = str
    if field.kind is Kind.BOOLEAN:
        wanted = bool
    elif field.kind in _NUMBERS:
        wanted = int
    if type(value) is not wanted:
        expected = f"a {wanted.__name__} for {field.name} ({field.kind})"
        complain(file, key, expected, value, "write a value of that kind")
    if field.kind is Kind.DATE and not re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)):
        complain(file, key, "a date such as 2025-03-31", value, "write it so")
    if field.kind is Kind.CODE and field.codelist:
        codes = catalogue.codelists[field.codelist].codes
        if value not in codes:
            mend = near(str(value), codes)
            complain(file, key, f"a code of {field.codelist}", value, mend)
