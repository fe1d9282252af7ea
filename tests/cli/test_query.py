"""Tables for people: order, marks, notes; rows for machines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.cli import query
from hub.cli.declare import periods
from hub.cli.query import Labels
from hub.core.catalogue.model import Catalogue
from hub.core.errors import UsageError
from hub.core.flat import row_of
from hub.core.observation import Observation
from hub.edge.files import read_catalogue

ONE = Observation(
    table="PRM_NEW",
    frequency="Q",
    area="TM",
    sex="F",
    dimensions=("WORK", "AF"),
    period="2025-Q1",
    value=1234.0,
    status="P",
    conf="F",
    unit="NUMBER",
    vintage="P",
    release="00",
    released_ms=1_767_225_600_000,
)
HIDDEN = replace(ONE, sex="M", value=None, status="Q", conf="C")
TOTAL = replace(ONE, dimensions=("_T", "_T"), period="2025-Q2")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue of the repository."""
    return read_catalogue()


@pytest.fixture(scope="module")
def labels(catalogue: Catalogue) -> Labels:
    """English labels of PRM_NEW."""
    return Labels.of(catalogue, catalogue.tables["PRM_NEW"], "en")


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (None, ""),
        (ONE, "1,234"),
        (replace(ONE, value=0.0), "0"),
        (replace(ONE, value=2.5), "2.5"),
        (replace(ONE, value=1_234_567_890.0), "1,234,567,890"),
        (replace(ONE, status="B"), "1,234 b"),
        (HIDDEN, "c"),
        (replace(HIDDEN, status="O"), ":"),
    ],
)
def test_a_figure_or_its_mark(one: Observation | None, text: str) -> None:
    """What is suppressed or missing is never a zero and never empty."""
    assert text == query.mark(one)


def test_rows_hold_all_sexes_and_totals_come_first(labels: Labels) -> None:
    """One row a place; its sexes side by side."""
    rows = query.grid([ONE, HIDDEN, TOTAL], labels)
    assert list(rows) == [
        ("TM", ("_T", "_T"), "2025-Q2"),
        ("TM", ("WORK", "AF"), "2025-Q1"),
    ]
    assert set(rows["TM", ("WORK", "AF"), "2025-Q1"]) == {"F", "M"}


def test_labels_are_words(labels: Labels, catalogue: Catalogue) -> None:
    """Codes become texts in the language asked for; unknown ones stay."""
    place = ("TM", ("WORK", "AF"), "2025-Q1")
    assert labels.row(place) == ("Turkmenistan", "Work", "Afghanistan", "2025-Q1")
    russian = Labels.of(catalogue, catalogue.tables["PRM_NEW"], "ru")
    assert russian.row(place)[0] == "Туркменистан"
    assert labels.say({}, "XX") == "XX"


def test_only_rows_with_a_figure_are_worth_showing() -> None:
    """Zeros and marks alone tell nothing."""
    assert query.worth_showing({"F": ONE})
    assert not query.worth_showing({"F": replace(ONE, value=0.0), "M": HIDDEN})


def test_notes_count_marks_and_name_vintages() -> None:
    """The line below a table says what it is and what it leaves out."""
    said = query.notes([ONE, HIDDEN])
    assert "P (provisional)" in said
    assert "2026-01-01 00:00 UTC" in said
    assert "1 suppressed (c), 0 missing (:)" in said


def test_a_row_for_machines_has_the_words_of_its_structure(
    catalogue: Catalogue,
) -> None:
    """Dimensions stand under their own ids, in catalogue order."""
    row = row_of(catalogue.tables["PRM_NEW"], ONE)
    assert list(row)[:7] == [
        *("TABLE", "FREQ", "REF_AREA", "SEX", "REASON", "CITIZENSHIP_G"),
        "TIME_PERIOD",
    ]
    assert (row["CITIZENSHIP_G"], row["OBS_VALUE"]) == ("AF", 1234.0)


def test_a_year_declares_every_period_inside(catalogue: Catalogue) -> None:
    """By the dataflow's own frequency."""
    for flow in catalogue.dataflows.values():
        if not flow.reserved:
            number = {"M": 12, "Q": 4, "A": 1}[flow.declare]
            assert len(periods(flow, "2025")) == number


def test_a_month_declares_no_year(catalogue: Catalogue) -> None:
    """A part cannot stand for the whole."""
    flow = next(one for one in catalogue.dataflows.values() if one.declare == "A")
    with pytest.raises(UsageError, match="periods such as 2025"):
        periods(flow, "2025-03")
