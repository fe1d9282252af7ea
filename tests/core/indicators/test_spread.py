"""Facts in several cells: flags, columns, pools, delays; each margin once."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from itertools import product
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from hub.core import cells
from hub.core.indicators import batch
from hub.core.indicators.margins import brought, expand
from hub.core.indicators.plan import PLACE, plan
from tests.core import example
from tests.core.indicators import worlds
from tests.core.indicators.worlds import CATALOGUE, CROSSING, FLIGHT

FLIGHTS = st.lists(FLIGHT, max_size=12).map(lambda r: worlds.numbered("flight", r))
CROSSINGS = st.lists(CROSSING, max_size=10).map(
    lambda r: worlds.numbered("crossing", r)
)


def margins(name: str, frame: pl.DataFrame) -> dict[tuple[str, ...], tuple[int, int]]:
    """Number and total of every cell and margin."""
    whole = expand(CATALOGUE.tables[name], batch.live(frame), cells.sums())
    return {
        tuple(row[one] for one in PLACE): (row["n"], row["total"])
        for row in whole.iter_rows(named=True)
    }


@given(rows=FLIGHTS)
def test_columns_are_sexes_and_a_row_is_once_in_their_sum(
    rows: list[dict[str, Any]],
) -> None:
    """Numbers add per column; the total's set has each row once, not three times."""
    numbers: Counter[tuple[str, ...]] = Counter()
    sets: dict[tuple[str, ...], set[str]] = {}
    for row in rows:
        parts = {sex: row[name] or 0 for sex, name in worlds.COLUMNS}
        parts["_T"] = sum(parts.values())
        for (sex, number), area in product(parts.items(), (row["area"], "TM")):
            if number:
                place = (f"{row['day']:%Y-%m}", area, sex, "_T", "_T")
                numbers[place] += number
                sets.setdefault(place, set()).add(row["record"])

    made = plan(CATALOGUE, CATALOGUE.tables["PAX"])
    found = margins("PAX", batch.cells_of(made, example.facts("flight", rows)))

    assert found == {place: (len(sets[place]), numbers[place]) for place in numbers}


@given(rows=FLIGHTS)
def test_flags_count_a_row_under_each_and_once_in_the_margin(
    rows: list[dict[str, Any]],
) -> None:
    """A row without a flag is outside the table."""
    expected: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        codes = [code for code, name in worlds.REMARK.flags if row[name]]
        for code in [*codes, *(["_T"] if codes else [])]:
            expected[f"{row['day']:%Y-%m}", "TM", "_T", code, "_T"] += 1

    made = plan(CATALOGUE, CATALOGUE.tables["NOTED"])
    found = margins("NOTED", batch.cells_of(made, example.facts("flight", rows)))

    assert {place: n for place, (n, _) in found.items()} == dict(expected)


@given(rows=CROSSINGS)
def test_a_pool_counts_a_person_once_in_three_years(rows: list[dict[str, Any]]) -> None:
    """The first crossing of the pool that ends in a year gives the place."""
    expected: Counter[tuple[str, ...]] = Counter()
    for person, year in product("pqr", range(2020, 2030)):
        mine = [
            row
            for row in rows
            if row["person"] == person and year - 2 <= row["day"].year <= year
        ]
        if mine:
            row = min(mine, key=lambda r: (r["day"], example.ident(r["record"])))
            place = (str(year), "TM", row["sex"] or "_U", worlds.group(row), "_T")
            expected[place] += 1

    made = plan(CATALOGUE, CATALOGUE.tables["POOL"])

    assert worlds.cells(made, worlds.whole(crossing=rows)) == expected


@given(rows=CROSSINGS)
def test_a_delay_dates_what_happened_later(rows: list[dict[str, Any]]) -> None:
    """An event counts in the quarter that lies 120 days after it."""
    expected: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        day = row["day"] + dt.timedelta(days=120)
        label = f"{day.year}-Q{(day.month + 2) // 3}"
        expected[label, "TM", row["sex"] or "_U", "_T", "_T"] += 1

    made = plan(CATALOGUE, CATALOGUE.tables["PUT_OFF"])
    found = batch.cells_of(made, example.facts("crossing", rows))

    assert worlds.counted(found) == expected


def test_what_brings_its_own_margin_is_known() -> None:
    """Columns bring SEX, flags their dimension, multi all but SEX."""
    tables = CATALOGUE.tables

    assert brought(tables["PAX"]) == {"sex"}
    assert brought(tables["NOTED"]) == {"d1"}
    assert brought(tables["MULTI"]) == {"d1", "area"}
    assert brought(tables["EVT"]) == frozenset()
