"""What a cut needs: tables, their components, and where their cells come from.

Rules (docs/data-path.md, "Release"):

- A marker that names no table means every table that is published.
- A rate needs its components, also when they are not published themselves; every cut
  needs the period declarations, which gate it.
- A table's cells come from all partitions of its dataflow's domain; declarations from
  those of domain NONE.
- A figure rests on days outside its period too: those of a pool before it, those a
  delay ago, and, once what happened is observed, the year after it. Declarations of all
  these days come along.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from hub.core.catalogue.model import Catalogue, Component, Domain, Table
from hub.core.indicators import timeline
from hub.core.indicators.plan import EARLY, two_readings
from hub.core.log import PARTITIONS_FACTS
from hub.core.messages import Close
from hub.core.period import Period, of_day, parse
from hub.core.residence import YEAR_DAYS

DECLARED = {"M": "DECLARED", "Q": "DECLARED_Q", "A": "DECLARED_A"}
"""Internal tables of declarations complete, by member and dataflow: they gate."""


def published(catalogue: Catalogue, close: Close) -> tuple[str, ...]:
    """The tables a marker publishes, in catalogue order."""
    named = set(close.tables)
    return tuple(
        table.id
        for table in catalogue.tables.values()
        if not table.internal and (not named or table.id in named)
    )


def needed(catalogue: Catalogue, close: Close) -> tuple[str, ...]:
    """Published tables and everything they are computed from, parts first."""
    found: dict[str, None] = {}

    def take(name: str) -> None:
        table = catalogue.tables[name]
        for part in components_of(table):
            if part.table in catalogue.tables:
                take(part.table)
        found[name] = None

    for name in (*DECLARED.values(), *published(catalogue, close)):
        take(name)
    return tuple(found)


def components_of(table: Table) -> list[Component]:
    """What a rate is computed from; nothing for other tables."""
    given = [table.numerator, table.minus, table.denominator]
    for pair in table.parts:
        given += [pair.numerator, pair.denominator]
    return [one for one in given if one is not None]


def periods(catalogue: Catalogue, table: Table, close: Close) -> list[str]:
    """The periods of a table whose cells a cut needs, in order."""
    if table.id not in DECLARED.values():
        return timeline.inside(close.period, table.frequency)
    whole = parse(close.period)
    days = [(whole.start, whole.end)]
    for name in needed(catalogue, close):
        one = catalogue.tables[name]
        if one.dataflow is not None and name not in DECLARED.values():
            labels = timeline.inside(close.period, one.frequency)
            days += [_days(one, parse(label), close.vintage) for label in labels]
    first, last = min(first for first, _ in days), max(last for _, last in days)
    return list(_labels(first, last, table.frequency))


def rests_on(table: Table, period: str, vintage: str) -> list[str]:
    """The periods that must be declared before a table's figure of one is whole."""
    return list(_labels(*_days(table, parse(period), vintage), table.frequency))


def _days(table: Table, period: Period, vintage: str) -> tuple[dt.date, dt.date]:
    """First and last day on which a table's figure of a period rests."""
    earliest = Period(frequency=period.frequency, index=period.index - (table.pool - 1))
    first = earliest.start - dt.timedelta(days=table.delay_days)
    last = period.end
    if two_readings(table) and vintage not in EARLY:
        last += dt.timedelta(days=YEAR_DAYS - 1)
    return first, last


def _labels(first: dt.date, last: dt.date, frequency: str) -> Iterator[str]:
    """The periods of a frequency from the one of a day to that of another."""
    at, end = of_day(first, frequency), of_day(last, frequency)
    while at.index <= end.index:
        yield str(at)
        at = at.next


def sources(catalogue: Catalogue, close: Close) -> frozenset[tuple[Domain, int]]:
    """The (domain, partition) pairs whose snapshots make the cut complete."""
    flows = {catalogue.tables[name].dataflow for name in needed(catalogue, close)}
    domains = {catalogue.dataflows[flow].domain for flow in flows if flow is not None}
    return frozenset(
        (domain, partition)
        for domain in (*domains, Domain.NONE)
        for partition in range(PARTITIONS_FACTS)
    )
