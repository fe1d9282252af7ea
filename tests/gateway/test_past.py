"""Any past moment: what the gateway said then it says now, as of then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.sdmx.cube import DataSet, Series
from hub.core.sdmx.query import Query
from hub.core.sdmx.select import Selection, parse_filter
from hub.core.sdmx.shelf import flow_ref
from hub.gateway.figures import data_sets
from tests.core.sdmx.releases import (
    DAY,
    MOMENT,
    Log,
    catalogue,
    close,
    release,
    released,
    withdraw,
)
from tests.gateway.house import House, house

NAME = "REM_COST"
Said = Mapping[tuple[str, str], tuple[float | None, str | None]]
"""Key and period → value and release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that happens on a day: a release, or one that is taken back."""

    number: int
    period: str = "2025"
    back: bool = False


ACTS = st.lists(
    st.builds(
        Act,
        number=st.integers(1, 4),
        period=st.sampled_from(["2025", "2025-Q1", "2025-Q2"]),
        back=st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


def plain(house_: House) -> Query:
    """A query of everything of the table."""
    flow = house_.gateway.shelf.flow(flow_ref(NAME))
    assert flow is not None
    return Query(flow=flow, structure=house_.gateway.shelf.structure(flow))


def asked(house_: House, **changes: object) -> list[DataSet]:
    """Data sets of a query."""
    query = replace(plain(house_), **changes)  # type: ignore[arg-type] # its fields
    return data_sets(house_.gateway.lookup, house_.gateway.states[NAME], query)


def said(series: list[Series] | tuple[Series, ...]) -> dict[tuple[str, str], object]:
    """Key and period → value and release."""
    return {
        (".".join(one.key), o.period): (o.value, o.attributes[3])
        for one in series
        for o in one.observations
    }


def of(sets: list[DataSet], action: str) -> dict[tuple[str, str], object]:
    """What the sets of an action say."""
    found: dict[tuple[str, str], object] = {}
    for one in sets:
        if one.action == action:
            found |= said(list(one.series))
    return found


class World:
    """What was published and taken back, day by day, kept the plain way."""

    def __init__(self, acts: list[Act]) -> None:
        self.log = Log()
        self.releases: dict[int, tuple[int, Said]] = {}
        self.gone: dict[int, int] = {}
        self.days = len(acts)
        for day, act in enumerate(acts, 1):
            moment = MOMENT + day * DAY
            mark = close(act.number, act.period)
            if act.back and act.number in self.releases:
                if act.number not in self.gone:
                    self.gone[act.number] = moment
                    withdraw(self.log, NAME, mark, moment, "wrong")
            elif not act.back and act.number not in self.releases:
                one = replace(mark, created_ms=moment - 3_600_000)
                release(self.log, [NAME], one)
                found, _ = released(catalogue().tables[NAME], one)
                self.releases[act.number] = (
                    moment,
                    {(o.series, o.period): (o.value, o.release) for o in found},
                )

    def at(self, moment: int, *, now: bool) -> dict[tuple[str, str], object]:
        """What stands at a moment; `now`: without what was taken back since."""
        held: dict[tuple[str, str], object] = {}
        for number, (seen, figures) in sorted(
            self.releases.items(), key=lambda one: one[1][0]
        ):
            gone = self.gone.get(number)
            if seen <= moment and (gone is None or (not now and gone > moment)):
                held |= figures
        return held


@given(ACTS)
@settings(max_examples=20)
def test_as_of_is_what_stood_then_and_still_stands(
    tmp_path_factory: pytest.TempPathFactory, acts: list[Act]
) -> None:
    """At every moment, between acts and at them."""
    world = World(acts)
    one = house(tmp_path_factory.mktemp("past"))
    one.take(world.log)
    for half_days in range(2 * world.days + 3):
        moment = MOMENT + half_days * DAY // 2
        sets = asked(one, as_of_ms=moment)
        assert of(sets, "Information") == world.at(moment, now=True)
    assert of(asked(one), "Information") == world.at(2**62, now=True)


@given(ACTS)
@settings(max_examples=20)
def test_updates_turn_what_was_into_what_is(
    tmp_path_factory: pytest.TempPathFactory, acts: list[Act]
) -> None:
    """A reader that applies them holds what a new reader gets, and no more."""
    world = World(acts)
    one = house(tmp_path_factory.mktemp("past"))
    one.take(world.log)
    now = world.at(2**62, now=True)
    for day in range(world.days + 2):
        moment = MOMENT + day * DAY
        mine = world.at(moment, now=False)
        sets = asked(one, after_ms=moment)
        news, gone = of(sets, "Replace"), of(sets, "Delete")

        assert all(mine.get(place) != value for place, value in news.items())
        assert set(gone) <= set(mine)
        assert {p: v for p, v in mine.items() if p not in gone} | news == now


@given(ACTS)
@settings(max_examples=15)
def test_history_is_every_release_that_stands(
    tmp_path_factory: pytest.TempPathFactory, acts: list[Act]
) -> None:
    """Each by itself from its moment; what was taken back is named, not shown."""
    world = World(acts)
    one = house(tmp_path_factory.mktemp("past"))
    one.take(world.log)
    sets = asked(one, history=True)
    shown = {
        dataset.since_ms: said(list(dataset.series))
        for dataset in sets
        if dataset.action == "Replace"
    }

    assert shown == {
        seen: dict(figures)
        for number, (seen, figures) in world.releases.items()
        if number not in world.gone
    }
    for dataset in sets:
        if dataset.action == "Delete":
            values = [o.value for s in dataset.series for o in s.observations]
            assert set(values) == {None}
            assert not set(said(list(dataset.series))) & set(world.at(2**62, now=True))


def test_filters_on_time_know_periods_of_every_release(tmp_path: Path) -> None:
    """Also of one that was taken back, so that its deletion is told."""
    one = house(tmp_path)
    log = Log()
    release(log, [NAME], close(1, "2025-Q1"))
    release(log, [NAME], close(2, "2025-Q2"))
    withdraw(log, NAME, close(2, "2025-Q2"), MOMENT + 3 * DAY, "wrong")
    one.take(log)
    query = plain(one)
    quarter = parse_filter(query.structure.time, "2025-Q2")
    selection = Selection(filters={"TIME_PERIOD": quarter})
    sets = asked(one, selection=selection, after_ms=MOMENT + 2 * DAY)

    assert [dataset.action for dataset in sets] == ["Delete"]
    assert {o.period for s in sets[0].series for o in s.observations} == {"2025-Q2"}
