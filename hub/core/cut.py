"""What a cut needs: tables, their components, and where their cells come from.

Rules (docs/data-path.md, "Release"):

- A marker that names no table means every table that is published.
- A rate needs its components, also when they are not published themselves; every cut
  needs the period declarations, which gate it.
- A table's cells come from all partitions of its dataflow's domain; declarations from
  those of domain NONE.
"""

from __future__ import annotations

from hub.core.catalogue.model import Catalogue, Domain
from hub.core.log import PARTITIONS_FACTS
from hub.core.messages import Close

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
        for part in (table.numerator, table.denominator):
            if part is not None and part.table in catalogue.tables:
                take(part.table)
        found[name] = None

    for name in (*DECLARED.values(), *published(catalogue, close)):
        take(name)
    return tuple(found)


def sources(catalogue: Catalogue, close: Close) -> frozenset[tuple[Domain, int]]:
    """The (domain, partition) pairs whose snapshots make the cut complete."""
    flows = {catalogue.tables[name].dataflow for name in needed(catalogue, close)}
    domains = {catalogue.dataflows[flow].domain for flow in flows if flow is not None}
    return frozenset(
        (domain, partition)
        for domain in (*domains, Domain.NONE)
        for partition in range(PARTITIONS_FACTS)
    )
