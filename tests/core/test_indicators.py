"""Batch functions agree with oracles that walk period by period."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core import cells
from hub.core.catalogue.model import Condition, Domain, Kind, Table
from hub.core.indicators import audit, batch, conditions, timeline
from hub.core.indicators.plan import PLACE, Plan, plan
from hub.core.indicators.whole import Whole
from hub.core.period import PER_YEAR
from tests.core import example

CATALOGUE = example.catalogue()
DAYS = st.dates(dt.date(2019, 1, 1), dt.date(2026, 12, 31))
SEXES = st.sampled_from(["F", "M", "_O", None])
COUNTRIES = st.sampled_from(["KAZ", "UZB", "RUS", None])
STAY = st.fixed_dictionaries(
    {
        "person": st.sampled_from("pqrs"),
        "sex": SEXES,
        "birth_year": st.sampled_from([1990, 2006, 2007, 2015, 2021, 2030, None]),
        "citizenship": COUNTRIES,
        "since": st.one_of(st.none(), DAYS),
        "until": st.one_of(st.none(), DAYS),
        "area": st.sampled_from(["TM-A", "TM-M", None]),
    }
)
CROSSING = st.fixed_dictionaries(
    {
        "person": st.sampled_from("pqrs"),
        "sex": SEXES,
        "birth_year": st.sampled_from([1990, 2007, None]),
        "citizenship": COUNTRIES,
        "day": st.dates(dt.date(2024, 11, 1), dt.date(2025, 3, 1)),
        "direction": st.sampled_from(["ENTRY", "EXIT"]),
        "days": st.sampled_from([1, 3, None]),
        "area": st.sampled_from(["TM-A", "TM-M"]),
        "means": st.sampled_from(["a", "a;b", "b, a", "c"]),
        "wage": st.sampled_from([100, 250, None]),
    }
)
Place = tuple[str, ...]


def person_cells(made: Plan, frame: pl.DataFrame) -> pl.DataFrame:
    """Cells of one table from whole persons of its dataflow."""
    frame = frame.with_columns(pl.col("sign").cast(pl.Int64), seq=pl.lit(0))
    return batch.whole_cells(made, Whole({made.dataflow: frame}))


def numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with a record id each."""
    return [{**row, "record": f"r{at}"} for at, row in enumerate(rows)]


def counted(frame: pl.DataFrame) -> Counter[Place]:
    """N by place, zeros dropped."""
    found: Counter[Place] = Counter()
    for row in batch.live(frame).iter_rows(named=True):
        found[tuple(row[name] for name in PLACE)] += row["n"]
    return Counter({place: n for place, n in found.items() if n})


def group(row: Mapping[str, Any]) -> str:
    """Citizenship group, by hand."""
    return example.GROUPS.get(row["citizenship"], "_U")


def band(table: Table, at: int, row: Mapping[str, Any], year: int) -> str | None:
    """Age band, by hand."""
    if row["birth_year"] is None or row["birth_year"] > year:
        return "_U"
    age = year - row["birth_year"]
    for code, low, high in table.dimensions[at].bands:
        if low <= age and (high is None or age <= high):
            return code
    return None


def ends(frequency: str) -> list[tuple[str, dt.date]]:
    """Labels and last days of the periods of 2018 to 2050."""
    per = PER_YEAR[frequency]
    found = []
    for index in range(2018 * per, 2050 * per):
        after, month = divmod(index + 1, per)
        first = dt.date(after, 12 // per * month + 1, 1)
        label = timeline.label(index, frequency)
        found.append((label, first - dt.timedelta(days=1)))
    return found


def stock_oracle(table: Table, rows: list[dict[str, Any]]) -> dict[str, Counter[Place]]:
    """The stock of every period, walked person by person."""
    found: dict[str, Counter[Place]] = {}
    for label, end in ends(table.frequency):
        cell: Counter[Place] = Counter()
        for person in {row["person"] for row in rows}:
            valid = [
                row
                for row in rows
                if row["person"] == person
                and row["since"] is not None
                and row["since"] <= end
                and (row["until"] is None or end <= row["until"])
            ]
            if not valid:
                continue
            valid.sort(key=lambda row: example.ident(row["record"]))
            row = max(valid, key=lambda row: row["since"])
            codes = [
                band(table, at, row, end.year) if one.field is None else group(row)
                for at, one in enumerate(table.dimensions)
            ]
            if None not in codes:
                area = (row["area"] or "_U") if table.area else "TM"
                padded = [*(str(code) for code in codes), "_T", "_T"][:2]
                cell[area, row["sex"] or "_U", *padded] += 1
        found[label] = cell
    return found


@pytest.mark.parametrize("name", ["STK", "AGED", "CHILDREN"])
@settings(deadline=None, max_examples=60)
@given(rows=st.lists(STAY, max_size=9).map(numbered))
def test_stock_postings_sum_to_the_stock_of_every_period(
    name: str, rows: list[dict[str, Any]]
) -> None:
    """Cumulated postings equal a person-by-person walk, far beyond the data."""
    table = CATALOGUE.tables[name]
    frame = person_cells(plan(CATALOGUE, table), example.facts("stay", rows))
    posted = counted(frame)

    running: Counter[Place] = Counter()
    for label, expected in stock_oracle(table, rows).items():
        for place, n in posted.items():
            if place[0] == label:
                running[place[1:]] += n
        assert {place: n for place, n in running.items() if n} == expected, label


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(CROSSING, max_size=12).map(numbered), name=st.sampled_from("FL"))
def test_first_and_last_choose_one_fact(rows: list[dict[str, Any]], name: str) -> None:
    """Least or greatest (date, record key) of a person's year gives the place."""
    table = CATALOGUE.tables["FIRST" if name == "F" else "LAST"]
    pick = min if name == "F" else max
    expected: Counter[Place] = Counter()
    held = [row for row in rows if name == "L" or row["direction"] == "ENTRY"]
    for person, year in {(row["person"], row["day"].year) for row in held}:
        mine = [r for r in held if (r["person"], r["day"].year) == (person, year)]
        row = pick(mine, key=lambda r: (r["day"], example.ident(r["record"])))
        area = row["area"] if table.area else "TM"
        age = str(band(table, 1, row, year)) if name == "F" else "_T"
        expected[str(year), area, row["sex"] or "_U", group(row), age] += 1

    frame = person_cells(plan(CATALOGUE, table), example.facts("crossing", rows))

    assert counted(frame) == expected


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(CROSSING, max_size=12).map(numbered))
def test_main_takes_most_days_then_events_then_least_code(
    rows: list[dict[str, Any]],
) -> None:
    """One place per person and year, by weight and then by code."""
    weights: dict[tuple[str, str], Counter[Place]] = {}
    events: Counter[Place] = Counter()
    for row in rows:
        place = ("TM", row["sex"] or "_U", row["direction"], "_T")
        owner = row["person"], str(row["day"].year)
        weights.setdefault(owner, Counter())[place] += row["days"] or 0
        events[(*owner, *place)] += 1
    expected: Counter[Place] = Counter()
    for owner, found in weights.items():
        best = min(found, key=lambda p: (-found[p], -events[(*owner, *p)], p))
        expected[(owner[1], *best)] += 1

    made = plan(CATALOGUE, CATALOGUE.tables["MAIN"])
    frame = person_cells(made, example.facts("crossing", rows))

    assert counted(frame) == expected


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(CROSSING, max_size=12).map(numbered))
def test_multi_counts_a_person_once_in_each_place_and_margin(
    rows: list[dict[str, Any]],
) -> None:
    """Every named means counts once a person, and the margin once too."""
    sets: set[tuple[str, ...]] = set()
    for row in rows:
        for word in "abc":
            if word in row["means"]:
                code = {"a": "A", "b": "B"}.get(word, "_U")
                for d1 in (code, "_T"):
                    year, sex = str(row["day"].year), row["sex"] or "_U"
                    sets.add((row["person"], year, "TM", sex, d1, "_T"))
    expected = Counter(entry[1:] for entry in sets)

    made = plan(CATALOGUE, CATALOGUE.tables["MULTI"])
    frame = person_cells(made, example.facts("crossing", rows))

    assert counted(frame) == expected


@settings(deadline=None)
@given(rows=st.lists(CROSSING, min_size=1, max_size=12).map(numbered))
def test_events_count_records_and_means_only_those_with_a_value(
    rows: list[dict[str, Any]],
) -> None:
    """Each record is one event; an empty value is no contribution."""
    facts = example.facts("crossing", rows)
    events = Counter(
        (
            f"{row['day']:%Y-%m}",
            row["area"],
            row["sex"] or "_U",
            row["direction"],
            group(row),
        )
        for row in rows
    )

    evt = batch.cells_of(plan(CATALOGUE, CATALOGUE.tables["EVT"]), facts)
    wage = batch.cells_of(plan(CATALOGUE, CATALOGUE.tables["WAGE"]), facts)

    assert counted(evt) == events
    assert wage["n"].sum() == sum(1 for row in rows if row["wage"])
    assert wage["total"].sum() == sum(row["wage"] or 0 for row in rows)


@settings(deadline=None, max_examples=40)
@given(
    rows=st.lists(CROSSING, min_size=2, max_size=14).map(numbered), cut=st.integers(1)
)
def test_cells_add_over_any_division(rows: list[dict[str, Any]], cut: int) -> None:
    """Parts by record, and by person, add to the whole; retraction gives nothing."""
    facts = example.facts("crossing", rows)
    at = cut % len(rows)
    halves = [facts.head(at), facts.tail(len(rows) - at)]
    owners = [facts.filter(pl.col("person") == example.ident(p)) for p in "pqrs"]
    back = facts.with_columns(sign=-pl.col("sign"))

    for name, make, parts in (
        ("EVT", batch.cells_of, halves),
        ("WAGE", batch.cells_of, halves),
        ("FIRST", person_cells, owners),
        ("MULTI", person_cells, owners),
    ):
        made = plan(CATALOGUE, CATALOGUE.tables[name])
        whole = make(made, facts)
        added = pl.concat([make(made, part) for part in parts])
        gone = make(made, pl.concat([facts, back]))

        assert summed(added).equals(summed(whole))
        assert not batch.live(gone).height


def summed(frame: pl.DataFrame) -> pl.DataFrame:
    """Cells added by place."""
    keys = ["table", *PLACE]
    return batch.live(frame.group_by(keys).agg(cells.sums())).sort(keys)


def test_shares_of_grouped_rows_read_unknowns_carefully() -> None:
    """An unknown count is none, an unknown largest is everything there is."""
    rows: list[dict[str, Any]] = [
        {"amount": 100, "persons": 12, "largest1": 30, "largest2": 20},
        {"amount": 100, "persons": None, "largest1": None, "largest2": None},
        {"amount": 100, "persons": 3, "largest1": 80, "largest2": None},
    ]
    facts = example.facts(
        "transfer",
        [
            {**row, "record": f"t{at}", "person_sex": "F", "month": "2025-02"}
            for at, row in enumerate(rows)
        ],
    )

    shares = batch.shares_of(plan(CATALOGUE, CATALOGUE.tables["VOL"]), facts)

    assert sorted(shares.select("n", "a", "b").rows()) == [
        (0, 100, 0),
        (3, 80, 20),
        (12, 30, 20),
    ]
    assert shares["period"].unique().to_list() == ["2025-Q1"]


def test_all_cells_is_every_table_of_the_domain() -> None:
    """The audit's one call covers persons, stocks and events together."""
    stay: dict[str, Any] = {
        "person": "p",
        "record": "a",
        "since": dt.date(2025, 5, 1),
        "sex": "F",
    }
    crossing: dict[str, Any] = {
        "person": "p",
        "record": "b",
        "day": dt.date(2025, 5, 1),
    }
    active = {
        "stay": example.facts("stay", [stay]),
        "crossing": example.facts("crossing", [{**crossing, "direction": "ENTRY"}]),
    }

    found = audit.all_cells(CATALOGUE, active, Domain.MOBILITY)

    assert set(found["table"]) == {
        "EVT", "FIRST", "LAST", "MAIN", "MULTI", "STK", "AGED", "CHILDREN",
    }  # fmt: skip
    assert not audit.all_cells(CATALOGUE, active, Domain.NONE).height


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("eq", "a", [True, False, False]),
        ("ne", "a", [False, True, True]),
        ("in", ("a", "b"), [True, True, False]),
        ("not_in", ("a",), [False, True, True]),
        ("null", None, [False, False, True]),
        ("not_null", None, [True, True, False]),
        ("le", "a", [True, False, False]),
        ("gt", "a", [False, True, False]),
        ("eq", "@y", [True, False, False]),
    ],
)
def test_conditions(op: str, value: Any, expected: list[bool]) -> None:
    """An empty field fails every comparison but the negative ones."""
    rows = pl.DataFrame({"x": ["a", "b", None], "y": ["a", "a", "a"]})
    fields = {"x": example._field("x:code"), "y": example._field("y:code")}
    condition = Condition(field="x", op=op, value=value)

    holds = rows.select(h=conditions.where((condition,), fields))["h"].to_list()

    assert holds == expected


def test_dates_compare_with_written_days() -> None:
    """A literal beside a date field is a day."""
    rows = pl.DataFrame({"x": [dt.date(2025, 1, 1), dt.date(2025, 1, 2), None]})
    condition = Condition(field="x", op="ge", value="2025-01-02")
    holds = conditions.where((condition,), {"x": example._field("x:date")})

    assert rows.select(h=holds)["h"].to_list() == [False, True, False]


@pytest.mark.parametrize(
    ("text", "frequency", "expected"),
    [
        ("2025-03", "M", "2025-03"),
        ("2025-03", "Q", "2025-Q1"),
        ("2025-Q4", "Q", "2025-Q4"),
        ("2025-Q4", "A", "2025"),
        ("2025", "A", "2025"),
        ("2025", "M", None),
        ("2025-Q4", "M", None),
    ],
)
def test_periods_lie_in_coarser_ones(
    text: str, frequency: str, expected: str | None
) -> None:
    """A period has an index in its own and every coarser frequency."""
    found = pl.DataFrame({"p": [text]}).select(
        at=timeline.index(pl.col("p"), Kind.PERIOD, frequency)
    )["at"][0]

    assert (None if found is None else timeline.label(found, frequency)) == expected


@pytest.mark.parametrize(
    ("period", "frequency", "first", "count"),
    [
        ("2025", "M", "2025-01", 12),
        ("2025", "A", "2025", 1),
        ("2025-Q3", "M", "2025-07", 3),
        ("2025-Q3", "A", None, 0),
        ("2025-03", "Q", None, 0),
    ],
)
def test_inside_is_the_periods_of_a_marker(
    period: str, frequency: str, first: str | None, count: int
) -> None:
    """A marker's period covers exactly the periods inside it."""
    found = timeline.inside(period, frequency)

    assert (len(found), found[0] if found else None) == (count, first)
