"""Declarations gate tables of any frequency."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.core import cut
from hub.core.catalogue.model import Domain
from hub.core.cells import Cell
from hub.core.disclosure.figures import Place
from hub.core.release.gates import delivered
from tests.core import example
from tests.core.release.cuts import close

CATALOGUE = example.catalogue()


def declared(
    table: str, period: str, member: str, n: int
) -> dict[str, dict[Place, Cell]]:
    """One cell of a DECLARED table for crossings."""
    place = Place(period, "TM", "_T", member, "crossing")
    return {table: {place: Cell(n=n)}}


@pytest.mark.parametrize(
    ("declare", "frequency", "period", "cell", "expected"),
    [
        ("M", "M", "2025-02", ("DECLARED", "2025-02", "sms", 1), True),
        ("M", "M", "2025-02", ("DECLARED", "2025-03", "sms", 1), False),
        ("M", "M", "2025-02", ("DECLARED", "2025-02", "mef", 1), False),
        ("M", "Q", "2025-Q1", ("DECLARED_Q", "2025-Q1", "sms", 3), True),
        ("M", "Q", "2025-Q1", ("DECLARED_Q", "2025-Q1", "sms", 2), False),
        ("M", "A", "2025", ("DECLARED_A", "2025", "sms", 12), True),
        ("Q", "A", "2025", ("DECLARED_A", "2025", "sms", 4), True),
        ("Q", "M", "2025-02", ("DECLARED_Q", "2025-Q1", "sms", 1), True),
        ("A", "M", "2025-02", ("DECLARED_A", "2025", "sms", 1), True),
        ("A", "M", "2025-02", ("DECLARED_A", "2024", "sms", 1), False),
    ],
)
def test_delivered(
    declare: str,
    frequency: str,
    period: str,
    cell: tuple[str, str, str, int],
    expected: bool,
) -> None:
    """Every period of the dataflow's own frequency inside, or the one around."""
    flows = dict(CATALOGUE.dataflows)
    flows["crossing"] = replace(flows["crossing"], declare=declare)
    catalogue = replace(CATALOGUE, dataflows=flows)
    table = example.table("X", frequency=frequency)

    assert delivered(catalogue, table, period, declared(*cell)) is expected


def test_every_provider_must_have_declared() -> None:
    """Two ministries, one of them silent: the period is missing."""
    members = {**CATALOGUE.members, "mfa": example.member("mfa", "crossing")}
    catalogue = replace(CATALOGUE, members=members)
    table = example.table("X", frequency="M")
    one = declared("DECLARED", "2025-02", "sms", 1)

    assert not delivered(catalogue, table, "2025-02", one)
    one["DECLARED"] |= declared("DECLARED", "2025-02", "mfa", 1)["DECLARED"]
    assert delivered(catalogue, table, "2025-02", one)


def test_a_cut_needs_components_declarations_and_their_domains() -> None:
    """A rate of persons and population waits for MOBILITY and NONE."""
    marker = close(tables=("RATE",))

    assert cut.published(CATALOGUE, marker) == ("RATE",)
    names = cut.needed(CATALOGUE, marker)
    assert set(names) == {*cut.DECLARED.values(), "FIRST", "POP", "RATE"}
    assert names[-1] == "RATE"
    assert cut.sources(CATALOGUE, marker) == {
        (domain, partition)
        for domain in (Domain.MOBILITY, Domain.NONE)
        for partition in range(4)
    }


def test_a_marker_without_tables_means_all_that_is_published() -> None:
    """Internal tables are never published, named or not."""
    named = close(tables=("EVT", "POP"))

    assert cut.published(CATALOGUE, named) == ("EVT",)
    assert set(cut.published(CATALOGUE, close())) == {
        table.id for table in example.TABLES if not table.internal
    }
