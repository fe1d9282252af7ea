"""What the exchange says of itself: completeness of delivery, depth of tables.

Rules (docs/catalogue.md, "A rate"):

- Completeness is declared ÷ due, over the dataflows a member provides at the table's
  frequency.
- Disaggregation is the share of a dataflow's published tables that show sex and age. A
  rate belongs to the dataflows of its numerators. It is read from the catalogue: what
  cannot be asked for cannot be published.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from hub.core.catalogue.model import Catalogue, Table
from hub.core.disclosure.figures import ABSENT, Figure, Place
from hub.core.indicators.plan import AREA_TOTAL, TOTAL
from hub.core.release.components import ZERO_FIGURE, Figures


def completeness(
    catalogue: Catalogue, table: Table, done: Figures, periods: Sequence[str]
) -> dict[Place, Figure]:
    """Declared in time ÷ due, by member, and of all members."""
    if table.numerator is None:
        raise ValueError(f"{table.id} lacks a numerator")
    declared = done[table.numerator.table]
    due = {
        member.id: [
            flow
            for flow in member.provides
            if catalogue.dataflows[flow].declare == table.frequency
        ]
        for member in catalogue.members.values()
    }
    found = {}
    for period in periods:
        every, met = 0, 0
        for member, flows in due.items():
            places = [_at(period, member, flow) for flow in flows]
            held = sum(
                1 for p in places if (declared.get(p, ZERO_FIGURE).value or 0) > 0
            )
            every, met = every + len(flows), met + held
            if flows:
                share = Fraction(held, len(flows))
                found[_at(period, member, TOTAL)] = Figure(value=share)
        whole = Figure(value=Fraction(met, every)) if every else ABSENT
        found[_at(period, TOTAL, TOTAL)] = whole
    return found


def disaggregation(catalogue: Catalogue, periods: Sequence[str]) -> dict[Place, Figure]:
    """Tables with sex and age ÷ tables, by dataflow, and of all dataflows."""
    tables = [one for one in catalogue.tables.values() if not one.internal]
    deep = {one.id for one in tables if shows_sex_and_age(catalogue, one)}
    by_flow: dict[str, set[str]] = {}
    for table in tables:
        for flow in dataflows_of(catalogue, table):
            by_flow.setdefault(flow, set()).add(table.id)
    found = {}
    for period in periods:
        for flow, names in by_flow.items():
            share = Fraction(len(names & deep), len(names))
            found[_at(period, flow, TOTAL)] = Figure(value=share)
        every = set().union(*by_flow.values())
        whole = (
            Figure(value=Fraction(len(every & deep), len(every))) if every else ABSENT
        )
        found[_at(period, TOTAL, TOTAL)] = whole
    return found


def shows_sex_and_age(catalogue: Catalogue, table: Table) -> bool:
    """Whether a table has SEX and a dimension of age bands."""
    lists = [catalogue.codelists[one.codelist] for one in table.dimensions]
    return table.sex and any(one.bands for one in lists)


def dataflows_of(catalogue: Catalogue, table: Table) -> Iterator[str]:
    """The dataflows that a table counts, reserved ones left out."""
    if table.dataflow is not None:
        if not catalogue.dataflows[table.dataflow].reserved:
            yield table.dataflow
        return
    counted = [table.numerator, *(pair.numerator for pair in table.parts)]
    named = dict.fromkeys(one.table for one in counted if one is not None)
    for name in named:
        yield from dataflows_of(catalogue, catalogue.tables[name])


def _at(period: str, d1: str, d2: str) -> Place:
    return Place(period=period, area=AREA_TOTAL, sex=TOTAL, d1=d1, d2=d2)
