"""Joins, closings and residence agree with oracles that walk person by person."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import residence
from hub.core.indicators.plan import EARLY, LATER, plan, plans
from hub.core.indicators.whole import Whole
from hub.core.period import PER_YEAR
from tests.core import example
from tests.core.indicators import worlds
from tests.core.indicators.worlds import CATALOGUE, CIVIL, CROSSING, STAY
from tests.core.test_residence import One, oracle

Place = tuple[str, ...]


def periods(frequency: str) -> list[tuple[str, dt.date]]:
    """Labels and last days of the periods of 2021 to 2028."""
    per = PER_YEAR[frequency]
    found = []
    for index in range(2021 * per, 2029 * per):
        year, part = divmod(index, per)
        after, month = divmod(index + 1, per)
        end = dt.date(after, 12 // per * month + 1, 1) - dt.timedelta(days=1)
        label = {1: f"{year}", 4: f"{year}-Q{part + 1}", 12: f"{year}-{part + 1:02}"}
        found.append((label[per], end))
    return found


def ended(civil: list[dict[str, Any]], stay: dict[str, Any], day: dt.date) -> bool:
    """Whether the person of a stay is no longer counted on a day."""
    for one in civil:
        if one["person"] == stay["person"] and one["on"] and one["on"] <= day:
            if one["kind"] == "DEATH":
                return True
            if one["kind"] == "CITIZEN" and stay["since"] <= one["on"]:
                return True
    return False


def stock_oracle(
    stays: list[dict[str, Any]], civil: list[dict[str, Any]], end: dt.date
) -> Counter[Place]:
    """The stock of a day, person by person."""
    found: Counter[Place] = Counter()
    for person in {row["person"] for row in stays}:
        valid = [
            row
            for row in stays
            if row["person"] == person
            and row["since"] is not None
            and row["since"] <= end
            and (row["until"] is None or end <= row["until"])
            and not ended(civil, row, end)
        ]
        if valid:
            valid.sort(key=lambda row: example.ident(row["record"]))
            row = max(valid, key=lambda row: row["since"])
            codes = (worlds.group(row), worlds.band(row["birth_year"], end.year))
            found[row["area"] or "_U", row["sex"] or "_U", *codes] += 1
    return found


@given(
    stays=st.lists(STAY, max_size=8).map(lambda r: worlds.numbered("stay", r)),
    civil=st.lists(CIVIL, max_size=4).map(lambda r: worlds.numbered("civil", r)),
)
def test_stays_end_with_death_and_citizenship(
    stays: list[dict[str, Any]], civil: list[dict[str, Any]]
) -> None:
    """Cumulated postings equal a walk through every quarter."""
    made = plan(CATALOGUE, CATALOGUE.tables["CLOSED"])
    posted = worlds.cells(made, worlds.whole(stay=stays, civil=civil))

    running: Counter[Place] = Counter()
    for label, end in periods("Q"):
        for place, n in posted.items():
            if place[0] == label:
                running[place[1:]] += n
        expected = stock_oracle(stays, civil, end)
        assert {place: n for place, n in running.items() if n} == expected, label


def test_a_renewal_after_death_counts_nobody_after_citizenship_somebody() -> None:
    """Death is final; whoever takes a permit again is counted again."""
    stay = {"person": "p", "sex": "F", "birth_year": 1990, "citizenship": "UZB"}
    stay |= {"since": dt.date(2024, 1, 1), "until": dt.date(2024, 12, 31), "area": None}
    later = stay | {"since": dt.date(2024, 8, 1), "until": None}
    made = plan(CATALOGUE, CATALOGUE.tables["CLOSED"])
    for kind, expected in (("DEATH", 0), ("CITIZEN", 1)):
        fact = {"person": "p", "kind": kind, "on": dt.date(2024, 5, 9)}
        people = worlds.whole(
            stay=worlds.numbered("stay", [stay, later]),
            civil=worlds.numbered("civil", [fact]),
        )

        left = Counter(
            {place[1:]: n for place, n in worlds.cells(made, people).items()}
        )
        total = sum(n for n in worlds.cells(made, people).values())

        assert total == expected
        assert left or not expected


@given(
    stays=st.lists(STAY, max_size=6).map(lambda r: worlds.numbered("stay", r)),
    crossings=st.lists(CROSSING, max_size=8).map(
        lambda r: worlds.numbered("crossing", r)
    ),
)
def test_a_joined_fact_follows_in_time(
    stays: list[dict[str, Any]], crossings: list[dict[str, Any]]
) -> None:
    """Counted where an entry follows within 90 days, in the year these end."""
    expected: dict[tuple[str, int], tuple[Any, ...]] = {}
    for stay in stays:
        entries = [
            row["day"]
            for row in crossings
            if row["person"] == stay["person"] and row["direction"] == "ENTRY"
        ]
        end = stay["until"]
        if end and any(0 <= (day - end).days <= 90 for day in entries):
            year = (end + dt.timedelta(days=90)).year
            rank = (end, example.ident(stay["record"]))
            place = (str(year), "TM", stay["sex"] or "_U", worlds.group(stay), "_T")
            known = expected.get((stay["person"], year))
            if known is None or rank > known[0]:
                expected[stay["person"], year] = (rank, place)

    made = plan(CATALOGUE, CATALOGUE.tables["BACK"])
    found = worlds.cells(made, worlds.whole(stay=stays, crossing=crossings))

    assert found == Counter(place for _, place in expected.values())


def lived(
    crossings: list[dict[str, Any]], rule: residence.Rule, *, intended: bool
) -> list[tuple[dict[str, Any], Any]]:
    """Changes of side of every person with the crossing they come with."""
    out = []
    for person in "pqr":
        rows = {
            int.from_bytes(example.ident(row["record"])[:8], "big") // 2: row
            for row in crossings
            if row["person"] == person and row["direction"] is not None
        }
        history = [
            One(
                day=(row["day"] - dt.date(1970, 1, 1)).days,
                tie=tie,
                inward=row["direction"] == "ENTRY",
                declared=row["days"],
                home=row["citizenship"] == "KAZ",
                settled=row["area"] == "TM-A",
            )
            for tie, row in rows.items()
        ]
        told = oracle(history, rule, intended=intended)
        out += [(rows[one.tie], one) for one in told]
    return out


@given(
    crossings=st.lists(CROSSING, max_size=12).map(
        lambda r: worlds.numbered("crossing", r)
    ),
    intended=st.booleans(),
)
def test_flows_are_the_moves_of_a_walk(
    crossings: list[dict[str, Any]], intended: bool
) -> None:
    """Immigrants by the first move of a year, visits by most days, in both readings."""
    people = worlds.whole(crossing=crossings)
    told = lived(crossings, residence.Rule(), intended=intended)
    first: dict[tuple[str, int], dict[str, Any]] = {}
    days: dict[tuple[str, int], Counter[Place]] = {}
    events: Counter[tuple[Any, ...]] = Counter()
    for row, one in told:
        key = (row["person"], row["day"].year)
        entry = row["direction"] == "ENTRY"
        if one.moved and entry:
            rank = (row["day"], example.ident(row["record"]))
            known = first.get(key)
            if known is None or rank < (known["day"], example.ident(known["record"])):
                first[key] = row
        if entry and not one.resident and 90 <= one.length < 365:
            place = ("TM", row["sex"] or "_U", worlds.group(row), "_T")
            days.setdefault(key, Counter())[place] += one.length
            events[(*key, *place)] += 1
    came = Counter(
        (
            str(year),
            "TM",
            row["sex"] or "_U",
            worlds.group(row),
            worlds.band(row["birth_year"], year),
        )
        for (_, year), row in first.items()
    )
    stayed: Counter[Place] = Counter()
    for key, found in days.items():
        best = min(found, key=lambda p: (-found[p], -events[(*key, *p)], p))
        stayed[str(key[1]), *best] += 1

    def counted(name: str) -> Counter[Place]:
        table = CATALOGUE.tables[name]
        return worlds.cells(plan(CATALOGUE, table, intended=intended), people)

    assert counted("IMM") == came
    assert counted("VISIT") == stayed


def test_two_readings_are_two_plans_for_two_vintages() -> None:
    """What is intended serves P; what waits a year by itself serves all."""
    by_key = {one.key: one.vintages for one in plans(CATALOGUE)}

    assert (by_key["IMM~"], by_key["IMM"]) == (EARLY, LATER)
    assert by_key["OPEN"] == EARLY | LATER
    assert "OPEN~" not in by_key


@pytest.mark.parametrize("flow", ["crossing", "civil"])
def test_a_dataflow_without_facts_is_an_empty_one(flow: str) -> None:
    """A table whose other dataflow never came counts as if nothing had happened."""
    stay = {"person": "p", "sex": "F", "birth_year": 1990, "citizenship": "UZB"}
    stay |= {"since": dt.date(2024, 1, 1), "until": dt.date(2024, 12, 31), "area": None}
    people = worlds.whole(stay=worlds.numbered("stay", [stay]))
    name, expected = {"crossing": ("BACK", 0), "civil": ("CLOSED", 2)}[flow]

    found = worlds.cells(plan(CATALOGUE, CATALOGUE.tables[name]), people)

    assert len(found) == expected


def test_rows_of_one_side_do_not_meet_those_of_the_other() -> None:
    """What a person was is judged by what she was."""
    before = example.facts("crossing", [_entry("2024-02-01"), _exit("2024-03-01")])
    after = example.facts("crossing", [_entry("2024-02-01")])
    both = pl.concat([before.with_columns(sign=-pl.col("sign")), after])
    both = both.with_columns(pl.col("sign").cast(pl.Int64), seq=pl.lit(0))

    found = worlds.cells(
        plan(CATALOGUE, CATALOGUE.tables["IMM"]), Whole({"crossing": both})
    )

    assert list(found.values()) == [1]


def _entry(day: str) -> dict[str, Any]:
    row = {"person": "p", "record": "in", "sex": "F", "citizenship": "UZB"}
    return row | {"direction": "ENTRY", "day": dt.date.fromisoformat(day)}


def _exit(day: str) -> dict[str, Any]:
    return {**_entry(day), "record": "out", "direction": "EXIT"}
