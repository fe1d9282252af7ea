"""Keys and filters: what they select, and what is no key."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.sdmx import select
from hub.core.sdmx.model import Structure
from hub.core.sdmx.refusal import Fault, RefusalError
from hub.core.sdmx.select import Selection, number, parse_filter, parse_key, passes
from hub.core.sdmx.shelf import structure_of
from tests.core.sdmx.releases import catalogue

PRM: Structure = structure_of(catalogue(), catalogue().tables["PRM_NEW"])
CODES = [list(one.codes) for one in PRM.dimensions]
PARTS = [
    st.one_of(
        st.sampled_from(["", "*"]),
        st.lists(st.sampled_from(codes), min_size=1, max_size=3).map("+".join),
    )
    for codes in CODES
]
KEYS = st.tuples(*PARTS).map(".".join)


@given(st.lists(KEYS, max_size=3), st.tuples(*(st.sampled_from(c) for c in CODES)))
def test_a_series_is_taken_by_any_key_that_names_it(
    keys: list[str], series: tuple[str, ...]
) -> None:
    """Spelled out by hand: place by place, any code where nothing stands."""
    selection = Selection(keys=tuple(parse_key(k, PRM, whole=True) for k in keys))
    by_hand = not keys or any(
        all(
            part in {"", "*"} or code in part.split("+")
            for part, code in zip(key.split("."), series, strict=True)
        )
        for key in keys
    )

    assert selection.takes(series) == by_hand
    if by_hand:
        places = zip(selection.codes(PRM), series, strict=True)
        assert all(codes is None or code in codes for codes, code in places)


def test_a_short_key_is_whole_only_in_3_0() -> None:
    """There what is missing at the end is any."""
    assert parse_key("Q.TM", PRM, whole=False)[2:] == (None, None, None)
    with pytest.raises(RefusalError, match=r"2 places, PRM_NEW has 5: FREQ\.REF"):
        parse_key("Q.TM", PRM, whole=True)


@pytest.mark.parametrize(
    ("key", "fault", "said"),
    [
        ("Q.TM.X..", Fault.NOTHING, "SEX has no code 'X'; it has F, M, _OUN, _T"),
        ("Q.TM.F.....", Fault.SYNTAX, "8 places"),
        ("Q.TM.F++M..", Fault.NOTHING, "SEX has no code ''"),
        ("Q.TM.f..", Fault.NOTHING, "no code 'f'"),
        ("'; DROP TABLE series; --....", Fault.NOTHING, "FREQ has no code"),
        (f"{'F+' * 3000}F", Fault.SYNTAX, "longer than 4000 characters"),
        (".".join(["F" * 200] * 5), Fault.NOTHING, "…"),
    ],
)
def test_what_is_no_key_is_refused(key: str, fault: Fault, said: str) -> None:
    """What there is instead stands in the sentence."""
    with pytest.raises(RefusalError) as caught:
        parse_key(key, PRM, whole=True)

    assert caught.value.fault is fault
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("F", {"F"}),
        ("F,M", {"F", "M"}),
        ("ne:F", {"M", "_OUN", "_T"}),
        ("ne:F+ne:M", {"_OUN", "_T"}),
        ("sw:_", {"_OUN", "_T"}),
        ("ew:T,co:U", {"_OUN", "_T"}),
        ("nc:_", {"F", "M"}),
        ("ge:M+le:_T", {"M", "_OUN", "_T"}),
    ],
)
def test_filters_on_codes(expression: str, kept: set[str]) -> None:
    """A comma is or, a plus sign is and."""
    sex = PRM.dimensions[2]
    wanted = parse_filter(sex, expression)
    selection = Selection(filters={"SEX": wanted})

    assert set(selection.codes(PRM)[2] or ()) == kept


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        ("2025-Q2", {"2025-Q2"}),
        ("ge:2025-Q2+le:2025-Q3", {"2025-Q2", "2025-Q3"}),
        ("ge:2025-Q2 le:2025-Q3", {"2025-Q2", "2025-Q3"}),
        ("lt:2025-04", {"2025-Q1"}),
        ("gt:2025-Q3", {"2025-Q4"}),
        ("le:2025", {"2025-Q1", "2025-Q2", "2025-Q3", "2025-Q4"}),
        ("ge:2025-02", {"2025-Q2", "2025-Q3", "2025-Q4"}),
        ("2025-Q1,ge:2025-Q4", {"2025-Q1", "2025-Q4"}),
        ("ne:2025-Q1", {"2025-Q2", "2025-Q3", "2025-Q4"}),
    ],
)
def test_filters_on_time(expression: str, kept: set[str]) -> None:
    """By days: a quarter is not before its own second month."""
    wanted = parse_filter(PRM.time, expression)
    quarters = [f"2025-Q{part}" for part in range(1, 5)]

    assert {one for one in quarters if passes(wanted, select.time(one))} == kept


def test_filters_on_values() -> None:
    """As numbers; what is not there is unequal to everything."""
    values = [None, 2.0, 10.0, 30.5]
    kept = {
        expression: [
            one
            for one in values
            if passes(parse_filter(PRM.measure, expression), number(one))
        ]
        for expression in ("ge:10", "lt:9.5", "2", "ne:2", "gt:2+lt:30")
    }

    assert kept == {
        "ge:10": [10.0, 30.5],
        "lt:9.5": [2.0],
        "2": [2.0],
        "ne:2": [None, 10.0, 30.5],
        "gt:2+lt:30": [10.0],
    }


@pytest.mark.parametrize(
    ("place", "expression", "said"),
    [
        ("measure", "ge:x", "no number"),
        ("measure", "nan", "no number"),
        ("measure", "1e999", "no number"),
        ("measure", "co:1", "for text only"),
        ("time", "sw:2025", "for text only"),
        ("time", "ge:yesterday", "no time period"),
        ("sex", "", "names no value"),
        ("sex", "F,", "names no value"),
        ("sex", "X", "no code 'X'"),
        ("sex", "F," * 3000, "longer than"),
        ("sex", ",".join(["F"] * 101), "more than 100 tests"),
    ],
)
def test_what_is_no_filter_is_refused(place: str, expression: str, said: str) -> None:
    """The component is named."""
    one = PRM.dimensions[2] if place == "sex" else getattr(PRM, place)
    with pytest.raises(RefusalError) as caught:
        parse_filter(one, expression)
    assert said in str(caught.value)


def test_start_and_end_are_a_filter_on_time() -> None:
    """Inclusive, each by its own edge; turned round they are refused."""
    wanted = select.between("2025-02", "2025-Q3")
    assert wanted is not None
    kept = {
        one
        for one, _ in product(["2025-Q1", "2025-Q2", "2025-Q3", "2025-Q4"], [0])
        if passes(wanted, select.time(one))
    }

    assert kept == {"2025-Q2", "2025-Q3"}
    assert select.between(None, None) is None
    with pytest.raises(RefusalError, match="lies after endPeriod"):
        select.between("2026", "2025")
    with pytest.raises(RefusalError, match="startPeriod"):
        select.between("x", None)
