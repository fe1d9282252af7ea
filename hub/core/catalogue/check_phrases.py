"""Cross checks of a table's terms: each where it means something, and nowhere else.

Rules (docs/catalogue.md, "A table"):

- Columns are of rows without a person, flags are truth values, pools and delays are of
  what happens and not of what stands.
- Joins, closings and residence need whole persons: dataflows of one linkage domain.
- A control total says what a stock was when the period of the total began.
"""

from __future__ import annotations

from hub.core.catalogue.check_flows import check_conditions
from hub.core.catalogue.model import (
    Catalogue,
    Condition,
    Dataflow,
    Domain,
    Field,
    Kind,
    Measure,
    Residence,
    Table,
)
from hub.core.catalogue.reading import complain, near
from hub.core.catalogue.schemas import attributes
from hub.core.period import PER_YEAR

POOL_MAX = 10
DELAY_DAYS_MAX = 3_660
_NUMBERS = frozenset({Kind.INT, Kind.LONG, Kind.MONEY})
_HAPPENING = frozenset({Measure.EVENTS, Measure.PERSONS, Measure.SUM})
_FOLLOWED = frozenset({Measure.EVENTS, Measure.PERSONS})
_LASTING = ("visit", "stay")
Fields = dict[str, Field]


def check_phrases(
    catalogue: Catalogue, table: Table, dataflow: Dataflow, fields: Fields, file: str
) -> None:
    """Raises CatalogueError at the first breach, for a table with a dataflow."""
    _columns(catalogue, table, dataflow, fields, file)
    for index, dimension in enumerate(table.dimensions):
        if dimension.flags:
            _flags(catalogue, table, index, fields, file)
    _timing(table, fields, file)
    if table.joined is not None:
        joined = table.joined
        if table.measure not in _FOLLOWED:
            _misplaced(file, "joined", "events and persons", table.measure)
        if joined.within_days < 0:
            complain(file, "joined.within_days", "0 or more", joined.within_days, "…")
        given = (joined.dataflow, joined.time, joined.where)
        _other(catalogue, dataflow, given, file, "joined")
    for index, closing in enumerate(table.closes):
        if table.measure is not Measure.STOCK:
            _misplaced(file, "closes", "a stock", table.measure)
        given = (closing.dataflow, closing.time, closing.where)
        _other(catalogue, dataflow, given, file, f"closes[{index}]")
    _residence(catalogue, table, dataflow, fields, file)
    if table.control is not None:
        _control(catalogue, table, table.control, file)


def named_fields(table: Table) -> list[str]:
    """Fields of the table's own dataflow that its terms read."""
    found = [name for _, name in table.columns]
    for dimension in table.dimensions:
        found += [name for _, name in dimension.flags]
    return found


def _misplaced(file: str, key: str, fit: str, measure: Measure) -> None:
    complain(file, key, f"it with {fit} only", str(measure), f"remove {key}")


def _columns(
    catalogue: Catalogue, table: Table, dataflow: Dataflow, fields: Fields, file: str
) -> None:
    if not table.columns:
        return
    if table.measure is not Measure.SUM:
        _misplaced(file, "columns", "a sum", table.measure)
    if dataflow.domain is not Domain.NONE:
        expected = "rows without a person: they say how many of each sex"
        complain(file, "columns", expected, dataflow.id, "use sex_field")
    if not table.sex or table.count is not None or table.largest is not None:
        expected = "neither sex = false nor count nor largest beside columns"
        complain(file, "columns", expected, table.id, "remove them")
    codes = [code for code in catalogue.codelists["CL_SEX"].codes if code != "_T"]
    for code, name in table.columns:
        if code not in codes:
            expected = "a SEX code other than _T, which is their sum"
            complain(file, f"columns.{code}", expected, code, near(code, codes))
        _number(fields, name, file, f"columns.{code}")


def _number(fields: Fields, name: str, file: str, key: str) -> None:
    if name not in fields or fields[name].kind not in _NUMBERS:
        numbers = [one.name for one in fields.values() if one.kind in _NUMBERS]
        complain(file, key, "a field with numbers", name, near(name, numbers))


def _flags(
    catalogue: Catalogue, table: Table, index: int, fields: Fields, file: str
) -> None:
    dimension, key = table.dimensions[index], f"dimensions[{index}]"
    several = table.measure is Measure.PERSONS and table.assign == "multi"
    if table.measure is not Measure.EVENTS and not several:
        fit = 'events, or persons with assign = "multi"'
        _misplaced(file, f"{key}.flags", fit, table.measure)
    if dimension.field is not None or dimension.mapping is not None:
        mend = "remove field and mapping"
        complain(file, f"{key}.flags", "flags instead of a field", dimension.id, mend)
    codes = catalogue.codelists[dimension.codelist].codes
    truths = [one.name for one in fields.values() if one.kind is Kind.BOOLEAN]
    for code, name in dimension.flags:
        place = f"{key}.flags.{code}"
        if code not in codes:
            expected = f"a code of {dimension.codelist}"
            complain(file, place, expected, code, near(code, codes))
        if name not in truths:
            complain(file, place, "a boolean field", name, near(name, truths))


def _timing(table: Table, fields: Fields, file: str) -> None:
    if not 1 <= table.pool <= POOL_MAX:
        complain(file, "pool", f"1 to {POOL_MAX} periods", table.pool, "change it")
    if table.pool > 1 and table.measure not in _HAPPENING:
        _misplaced(file, "pool", "events, persons and sums", table.measure)
    if not 0 <= table.delay_days <= DELAY_DAYS_MAX:
        expected = f"0 to {DELAY_DAYS_MAX} days"
        complain(file, "delay_days", expected, table.delay_days, "change it")
    if table.delay_days and table.measure is Measure.STOCK:
        _misplaced(file, "delay_days", "what happens, not with", table.measure)
    follows = table.delay_days or table.joined or table.residence or table.closes
    if follows and fields[str(table.time)].kind is not Kind.DATE:
        expected = "a date field beside delay_days, joined, closes or residence"
        complain(file, "time", expected, table.time, "use a date")


def _other(
    catalogue: Catalogue,
    dataflow: Dataflow,
    other: tuple[str, str, tuple[Condition, ...]],
    file: str,
    key: str,
) -> None:
    """Another dataflow of the same persons, its date and its conditions."""
    name, time, where = other
    if name not in catalogue.dataflows:
        mend = near(name, catalogue.dataflows)
        complain(file, f"{key}.dataflow", "a dataflow of the catalogue", name, mend)
    found = catalogue.dataflows[name]
    if found.domain is not dataflow.domain or found.domain is Domain.NONE:
        expected = f"a dataflow of domain {dataflow.domain}, where persons are linked"
        complain(file, f"{key}.dataflow", expected, name, "use one of that domain")
    fields = {field.name: field for field in attributes(found)}
    if time not in fields or fields[time].kind is not Kind.DATE:
        dates = [one.name for one in fields.values() if one.kind is Kind.DATE]
        complain(file, f"{key}.time", "a date field", time, near(time, dates))
    check_conditions(catalogue, fields, where, file, f"{key}.where")


def _residence(
    catalogue: Catalogue, table: Table, dataflow: Dataflow, fields: Fields, file: str
) -> None:
    found = table.residence
    if found is None:
        if table.residence_rule is not None:
            expected = "residence beside residence_rule"
            complain(file, "residence", expected, None, "add [residence]")
        return
    if table.residence_rule is None:
        expected = "the rule by which residence is judged"
        complain(file, "residence_rule", expected, None, "write R12 or R6P1")
    if table.measure not in _FOLLOWED:
        _misplaced(file, "residence", "events and persons", table.measure)
    if dataflow.domain is Domain.NONE or table.joined is not None or table.pool > 1:
        expected = "crossings of persons, without joined and pool"
        complain(file, "residence", expected, dataflow.id, "remove one of them")
    if table.frequency != "A":
        expected = "A: what is intended is read at the end of a year"
        complain(file, "frequency", expected, table.frequency, "use A")
    _crossing(catalogue, found, fields, file)
    lasting = found.event in _LASTING
    if not lasting and (found.least_days or found.below_days is not None):
        expected = "least_days and below_days with a visit or a stay only"
        complain(file, "residence.least_days", expected, found.event, "remove them")
    below = found.below_days
    if found.least_days < 0 or (below is not None and below <= found.least_days):
        expected = "0 or more, and below_days above it"
        complain(file, "residence.least_days", expected, found.least_days, "change it")
    if not 0 <= found.away_days <= 182:
        expected = "0 to 182 days: less than half of a year"
        complain(file, "residence.away_days", expected, found.away_days, "change it")


def _crossing(
    catalogue: Catalogue, found: Residence, fields: Fields, file: str
) -> None:
    field = fields.get(found.direction)
    if field is None or field.kind is not Kind.CODE:
        mend = near(found.direction, fields)
        complain(file, "residence.direction", "a code field", found.direction, mend)
    codes = catalogue.codelists[str(field.codelist)].codes
    if found.inward not in codes:
        expected = f"a code of {field.codelist}"
        complain(
            file, "residence.inward", expected, found.inward, near(found.inward, codes)
        )
    if found.declared is not None:
        _number(fields, found.declared, file, "residence.declared")
    if not found.home:
        expected = "conditions that say who belongs here"
        complain(file, "residence.home", expected, [], "add home = [{ … }]")
    check_conditions(catalogue, fields, found.home, file, "residence.home")
    check_conditions(catalogue, fields, found.settled, file, "residence.settled")


def _control(catalogue: Catalogue, table: Table, name: str, file: str) -> None:
    if table.measure is not Measure.STOCK:
        _misplaced(file, "control", "a stock", table.measure)
    if name not in catalogue.tables:
        complain(file, "control", "a table", name, near(name, catalogue.tables))
    other = catalogue.tables[name]
    finer = PER_YEAR[other.frequency] > PER_YEAR[table.frequency]
    if other.measure is not Measure.SUM or finer:
        expected = f"a sum by the same clock ({table.frequency}) or a coarser one"
        complain(file, "control", expected, name, "name its control totals")
    own = [one.id for one in table.dimensions]
    for one in other.dimensions:
        if one.id not in own:
            expected = f"dimensions of {table.id} only"
            complain(file, "control", expected, one.id, near(one.id, own))
