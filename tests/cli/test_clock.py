"""The release clock under a virtual date: at its hour, never before, and once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from hub.cli import clock, up, vintages
from hub.cli.clock import Clock, Cut
from hub.core.catalogue import calendar
from hub.core.catalogue.calendar import Due, Released
from hub.core.errors import InvalidError, RetriableError
from hub.core.period import OFFSET_MS
from hub.edge.files import read_catalogue
from tests.core.release import cuts

CATALOGUE = read_catalogue()
HOUR_MS = 3_600_000
TABLES = {"M": ["XNG_EVT"], "Q": ["STK_CIT"], "A": ["PRM_REF"]}


def at(day: dt.date, hour: float) -> int:
    """A moment of a day in Asia/Ashgabat."""
    days = (day - dt.date(1970, 1, 1)).days
    return days * 24 * HOUR_MS - OFFSET_MS + round(hour * HOUR_MS)


class World:
    """What stands released, a date, and brokers that may be away."""

    def __init__(self, first: dt.date, begun: dt.date) -> None:
        self.now_ms = at(first, 0)
        self.released: set[Released] = set()
        self.closed: list[tuple[int, Cut]] = []
        self.trouble: Callable[[Cut], None] = lambda _: None
        self.clock = Clock(
            since=begun,
            hour=CATALOGUE.calendar.hour,
            due=self.due,
            close=self.close,
            now_ms=lambda: self.now_ms,
        )

    def due(self, day: dt.date) -> Iterable[Due]:
        """The real calendar against what stands."""
        return calendar.plan(CATALOGUE.calendar, TABLES, self.released, day, years=1)

    def close(self, cut: Cut) -> None:
        """A release that stands at once."""
        self.trouble(cut)
        self.closed.append((self.now_ms, cut))
        self.released |= {Released(table, cut[0], cut[1]) for table in cut[2]}

    def pass_days(self, days: int) -> None:
        """Every half hour of so many days."""
        for _ in range(days * 48):
            self.now_ms += HOUR_MS // 2
            self.clock.tick()


def test_everything_is_closed_at_its_hour_and_once() -> None:
    """Five months: each cut on its day, at ten, in no case before."""
    begun = dt.date(2026, 1, 5)
    world = World(begun, begun)
    world.pass_days(150)

    expected = [
        one
        for one in calendar.plan(
            CATALOGUE.calendar, TABLES, (), dt.date(2026, 6, 4), years=1
        )
        if one.state == "due" and one.day > begun
    ]
    assert [cut for _, cut in world.closed] == [
        (one.period, one.vintage, one.tables) for one in expected
    ]
    assert len(expected) > 10
    for (closed_ms, _), one in zip(world.closed, expected, strict=True):
        assert closed_ms == at(one.day, CATALOGUE.calendar.hour)


def test_before_its_hour_a_day_has_not_come() -> None:
    """Also for a person who asks what is due: access is equal in time."""
    day = dt.date(2026, 2, 20)

    assert calendar.released_day(at(day, 9.99), 10) == day - dt.timedelta(days=1)
    assert calendar.released_day(at(day, 10), 10) == day


def test_what_was_due_before_it_first_ran_is_left_to_a_person(tmp_path: Path) -> None:
    """A hub that is new does not publish years of nothing."""
    path = tmp_path / "calendar.since"
    first = clock.since(path, dt.date(2026, 5, 1))
    world = World(dt.date(2026, 5, 1), first)
    world.pass_days(1)

    assert world.closed == []
    assert clock.since(path, dt.date(2026, 9, 9)) == first


def test_trouble_is_tried_again_and_a_refusal_is_not() -> None:
    """Brokers away for three hours; a cut that release refuses stops no other."""
    world = World(dt.date(2026, 2, 19), dt.date(2026, 2, 18))
    back = at(dt.date(2026, 2, 20), 13)
    tried = []

    def trouble(cut: Cut) -> None:
        tried.append(cut)
        if world.now_ms < back:
            raise RetriableError("brokers are away")
        raise InvalidError("it stands")

    world.trouble = trouble
    world.pass_days(2)

    assert world.closed == []
    assert 2 <= len(tried) <= 8
    world.trouble = lambda _: None
    world.pass_days(1)
    assert [cut for _, cut in world.closed] == [("2026-01", "P", ("XNG_EVT",))]


def test_a_new_day_begins_anew_whatever_came_before() -> None:
    """After a day of trouble: no pause is left, and what was refused is tried again."""
    first = dt.date(2026, 2, 20)
    world = World(first, first - dt.timedelta(days=1))
    world.now_ms = at(first, 10)
    monthly = ("2026-01", "P", ("XNG_EVT",))
    other = Due(period="2025", vintage="P", day=first, state="due", tables=("PRM_REF",))
    world.clock.due = lambda day: (
        *calendar.plan(CATALOGUE.calendar, TABLES, world.released, day, years=1),
        other,
    )

    def trouble(cut: Cut) -> None:
        if cut == monthly:
            raise InvalidError("it stands")
        raise RetriableError("brokers are away")

    world.trouble = trouble
    world.clock.tick()
    world.now_ms = at(first + dt.timedelta(days=1), 9.5)
    world.clock.tick()
    world.trouble = lambda _: None
    world.now_ms = at(first + dt.timedelta(days=1), 10)
    world.clock.tick()

    assert {cut for _, cut in world.closed} >= {monthly, ("2025", "P", ("PRM_REF",))}


def test_a_draft_of_one_table_hides_no_other() -> None:
    """What waits for a word is not closed every day; the rest of its day is."""
    day = dt.date(2026, 2, 20)
    found = vintages.due(CATALOGUE, (), years=1, today=day)
    told = [cuts.draft("d", "XNG_EVT", period="2026-01")]
    left = vintages.due(CATALOGUE, (), years=1, today=day, drafts=told)

    def january(listed: Iterable[Due]) -> set[str]:
        return {
            table
            for one in listed
            if (one.period, one.vintage, one.state) == ("2026-01", "P", "due")
            for table in one.tables
        }

    assert january(found) - january(left) == {"XNG_EVT"}
    assert january(left)


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the command, and by the environment."""
    names = [
        {one.name for one in up.plan_of(1, 0, calendar=wanted).services}
        for wanted in (True, False)
    ]
    assert names[0] - names[1] == {"calendar"}
    monkeypatch.setenv(clock.VARIABLE, "off")
    assert clock.off()
