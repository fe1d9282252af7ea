"""The calendar: days, order, what is due and what stands."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.catalogue import calendar
from hub.core.catalogue.calendar import Calendar, Released, Term
from hub.core.catalogue.dates import FILE, read_calendar
from hub.core.catalogue.reading import Node
from hub.core.errors import CatalogueError, InvalidError
from hub.core.period import parse
from hub.edge.files import read_catalogue

CATALOGUE = read_catalogue()
CALENDAR = CATALOGUE.calendar
TABLES = {"M": ["XNG_EVT"], "Q": ["STK_CIT", "PRM_NEW"], "A": ["LAB_OUT"]}
DAYS = st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31))


@pytest.mark.parametrize(
    ("period", "vintage", "day"),
    [
        ("2025-03", "P", dt.date(2025, 4, 20)),
        ("2025-11", "R", dt.date(2026, 2, 28)),
        ("2025-Q1", "P", dt.date(2025, 5, 15)),
        ("2025", "P", dt.date(2026, 3, 31)),
        ("2025", "R", dt.date(2026, 12, 31)),
        ("2025", "F", dt.date(2027, 12, 31)),
    ],
)
def test_days(period: str, vintage: str, day: dt.date) -> None:
    """Months end where the month does; residence waits for its 12 and 24 months."""
    assert CALENDAR.day(parse(period), vintage) == day


@given(DAYS, st.integers(0, 60), st.integers(0, 400))
def test_terms_move_forward(day: dt.date, months: int, days: int) -> None:
    """A term ends no earlier than it begins, and more of it ends no earlier."""
    end = Term(days=days, months=months).after(day)

    assert end >= day
    assert Term(days=days + 1, months=months).after(day) > end
    assert Term(days=days, months=months + 1).after(day) >= end


@given(DAYS)
def test_vintages_follow_each_other(day: dt.date) -> None:
    """Whatever the day, each table and period has P before R before F."""
    listed = calendar.plan(CALENDAR, TABLES, [], day, years=2)
    for period in {one.period for one in listed}:
        days = [one.day for one in listed if one.period == period]
        letters = [one.vintage for one in listed if one.period == period]
        assert letters == ["P", "R", "F"]
        assert days == sorted(set(days))
    assert all((one.state == "due") == (one.day <= day) for one in listed)


def test_what_stands_is_not_due() -> None:
    """A marker for the year releases its quarters, of the tables it names."""
    done = [Released("STK_CIT", "2025", "P")]
    listed = calendar.plan(CALENDAR, TABLES, done, dt.date(2026, 4, 1), years=1)
    first = [one for one in listed if (one.period, one.vintage) == ("2025-Q1", "P")]

    assert {(one.state, one.tables) for one in first} == {
        ("released", ("STK_CIT",)),
        ("due", ("PRM_NEW",)),
    }


def test_a_vintage_stands_for_its_parts_and_its_whole() -> None:
    """The year contradicts the quarter, another letter does not."""
    done = [Released("STK_CIT", "2025-Q2", "P")]

    assert calendar.standing(["STK_CIT", "PRM_NEW"], "2025", "P", done) == ["STK_CIT"]
    assert calendar.standing(["STK_CIT"], "2025-Q2", "P", done) == ["STK_CIT"]
    assert calendar.standing(["STK_CIT"], "2025-Q3", "P", done) == []
    assert calendar.standing(["STK_CIT"], "2025", "R", done) == []


GOOD = {
    "hour": 10,
    **{
        name: {"P": {"days": 1}, "R": {"months": 1}, "F": {"months": 2}}
        for name in "MQA"
    },
}


def test_a_calendar_is_read() -> None:
    """Every term as it stands in the file."""
    assert read_calendar(Node(FILE, GOOD)).terms["Q"]["R"] == Term(months=1)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"hour": 24}, "an hour from 0 to 23"),
        ({"M": {**GOOD["M"], "P": {}}}, "a time after the period"),  # type: ignore[dict-item]
        ({"M": {**GOOD["M"], "R": {"days": -1}}}, "a time after the period"),  # type: ignore[dict-item]
        ({"Q": {**GOOD["Q"], "P": {"months": 9}}}, "P before R before F"),  # type: ignore[dict-item]
        ({"W": {}}, "W"),
    ],
)
def test_bad_calendars_are_refused(changed: dict[str, object], why: str) -> None:
    """With the file and what was expected."""
    with pytest.raises(CatalogueError, match=why) as caught:
        read_calendar(Node(FILE, {**GOOD, **changed}))
    assert FILE in str(caught.value)


def test_a_plan_is_bounded() -> None:
    """Nobody asks for the plan of a century."""
    with pytest.raises(InvalidError, match="1 to 10"):
        calendar.plan(Calendar(), {}, [], dt.date(2025, 1, 1), years=100)
