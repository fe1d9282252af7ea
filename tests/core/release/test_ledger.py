"""The ledger of what was published, and which places are listed."""

from __future__ import annotations

from fractions import Fraction

from hub.core.cells import Cell
from hub.core.disclosure.figures import ABSENT, Figure, Place, shown, suppressed
from hub.core.release import ledger
from hub.core.release.assemble import visible
from hub.core.state import Memory, Overlay
from tests.core import example

CATALOGUE = example.catalogue()
AT = Place("2025", "TM", "F", "KZ", "_T")
OTHER = AT._replace(d1="UZ")
NATIONAL = AT._replace(d1="_T")
CELL = Cell(n=3, total=9, key=2**64 - 1, h1=1, h2=2, h3=3, persons=2, top1=5, top2=4)


def write(memory: Memory, figures: dict[Place, Figure], *seen: Place) -> ledger.Record:
    """One release of the year; what the ledger then holds."""
    overlay = Overlay(memory)
    record = ledger.read(overlay, "X", ["2025"])
    ledger.write(overlay, "X", figures, record, seen=seen, epoch=b"e")
    memory.apply(overlay.pending)
    return ledger.read(Overlay(memory), "X", ["2025"])


def test_sets_come_back_whole_and_the_last_stands_last() -> None:
    """Contributions too; a set that is published again moves to the end."""
    memory, newer = Memory(), Cell(n=9, h1=4)
    for cell in (CELL, newer, CELL):
        record = write(memory, {AT: shown(3, cell)}, AT)

    assert record.past.sets == {AT: (newer, CELL)}
    assert record.seen == {AT}
    assert record.epochs == {"2025": b"e"}


def test_hidden_figures_and_unseen_places_are_kept() -> None:
    """A suppressed figure binds; a place that is not listed is known all the same."""
    record = write(
        Memory(), {AT: suppressed("A", CELL), OTHER: shown(0, Cell(n=1))}, AT
    )

    assert set(record.past.sets) == {AT, OTHER}
    assert record.seen == {AT}


def test_a_missing_period_was_not_published() -> None:
    """It neither counts as zero nor replaces what is kept."""
    memory = Memory()
    nothing = write(memory, {AT: ABSENT}, AT)
    assert (nothing.past.sets, nothing.past.periods) == ({}, frozenset())

    write(memory, {AT: shown(3, CELL)}, AT)
    assert write(memory, {AT: ABSENT}).past.sets == {AT: (CELL,)}


def test_a_late_place_of_a_published_period_began_at_zero() -> None:
    """Its zero is the first of its sets."""
    memory = Memory()
    write(memory, {AT: shown(3, CELL)}, AT)
    record = write(memory, {AT: shown(3, CELL), OTHER: shown(5, Cell(n=5))}, AT)

    assert record.past.sets[OTHER] == (Cell(), Cell(n=5))


def test_listed_places() -> None:
    """Totals, what was listed before, and whatever says more than nothing."""
    table = CATALOGUE.tables["FIRST"]
    codes = ("zero", "more", "old", "small", "none", "gone")
    at = {code: AT._replace(d1=code) for code in codes}
    figures = {
        NATIONAL: shown(0, Cell()),
        at["zero"]: shown(0, Cell(n=1)),
        at["more"]: Figure(value=Fraction(4)),
        at["old"]: shown(0, Cell()),
        at["small"]: suppressed("A", Cell(n=2)),
        at["none"]: suppressed("A", Cell()),
        at["gone"]: ABSENT,
    }

    found = visible(CATALOGUE, table, figures, {at["old"]})

    assert set(found) == {NATIONAL, at["more"], at["old"], at["small"]}
