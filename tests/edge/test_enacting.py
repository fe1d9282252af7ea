"""What may not come into force is refused before anything is written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.core.bundle import Bundle
from hub.core.catalogue.live import Change
from hub.core.errors import InvalidError
from hub.core.keys import KeyRegistry
from hub.edge.enacting import Plan, lost, refuse
from hub.edge.files import read_catalogue
from hub.edge.kafka import Extent


def plan(*, without: str = "", breaks: tuple[str, ...] = ()) -> Plan:
    """A first bundle of the catalogue, without one of its tables."""
    whole = read_catalogue()
    tables = {name: one for name, one in whole.tables.items() if name != without}
    bundle = Bundle(
        catalogue=replace(whole, tables=tables), registry=KeyRegistry(keys={})
    )
    change = Change(breaks=breaks, young=(), notes=())
    return Plan(bundle=bundle, before=None, change=change, notes=())


def test_the_catalogue_may_come_into_force() -> None:
    """Nothing about it is refused."""
    refuse(plan())


def test_a_catalogue_without_declarations_is_refused() -> None:
    """The first cut would have stopped every partition of aggregate."""
    with pytest.raises(InvalidError, match="lacks the tables DECLARED_Q"):
        refuse(plan(without="DECLARED_Q"))


def test_what_breaks_is_refused_with_its_reason() -> None:
    """And with how many more there are."""
    with pytest.raises(InvalidError, match=r"one \(and 1 more\)"):
        refuse(plan(breaks=("one", "two")))


def test_a_past_without_its_beginning_cannot_be_counted() -> None:
    """The log is named, with where it begins."""
    found = lost(
        {
            ("facts.mobility", 0): Extent(start=0, end=9),
            ("facts.mobility", 1): Extent(start=7, end=9),
        }
    )

    assert [line.split(",")[0] for line in found] == [
        "facts.mobility/1 begins at offset 7"
    ]
