"""Row validation: the first thing wrong with a row, and never an exception."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core import avro
from hub.core.catalogue.model import Dataflow, Field, Kind, Role
from hub.core.reasons import Reason
from hub.core.validate import Refused, checks_of, validate
from tests.core.ministry import CLOCK_MS, FLOW, catalogue, crossing, frame_of

TODAY = dt.date(2025, 10, 9)


def judged(
    rows: Sequence[Mapping[str, Any]], flow: str = FLOW, **origin: Any
) -> tuple[pl.DataFrame, list[Refused]]:
    """Rows of one batch, validated."""
    frame = frame_of(rows, flow).with_columns(
        pl.lit(1).alias("origin_offset"),
        pl.int_range(pl.len()).alias("origin_row"),
        pl.lit(CLOCK_MS).alias("clock_ms"),
    )
    frame = frame.with_columns(pl.Series(name, v) for name, v in origin.items())
    dataflow = catalogue().dataflows[flow]
    return validate(frame, dataflow, checks_of(dataflow, catalogue().codelists))


def reason(row: Mapping[str, Any], flow: str = FLOW) -> tuple[str, str] | None:
    """(reason, field) of one row; None if it may go on."""
    _, refused = judged([row], flow)
    return (refused[0].reason, refused[0].field) if refused else None


def permit(**changes: Any) -> dict[str, Any]:
    """One valid labour permit."""
    row = crossing(1) | {
        "event_kind": "PERMIT_IN",
        "decided_on": dt.date(2025, 9, 1),
        "valid_from": dt.date(2025, 9, 1),
        "valid_to": dt.date(2026, 8, 31),
        "dest_country": None,
        "activity": "F",
        "occupation": "7",
        "education": "ISCED11_3",
        "wage_month": 50_000,
        "recruitment_cost": 100_000,
        "currency": "USD",
        "social_insured": True,
        "injury_severity": None,
    }
    for name in ("activity", "occupation", "education", "currency"):
        field = next(
            f
            for f in catalogue().dataflows["labour_migration"].fields
            if f.name == name
        )
        row[name] = next(iter(catalogue().codelists[str(field.codelist)].codes))
    schema = avro.polars_schema(catalogue().dataflows["labour_migration"].schema)
    return {name: (row | changes)[name] for name in schema}


def test_a_valid_row_goes_on() -> None:
    """What the sample rows say is accepted."""
    assert reason(crossing(1)) is None
    assert reason(permit(), "labour_migration") is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"record_id": None}, (Reason.RECORD, "record_id")),
        ({"record_id": " "}, (Reason.RECORD, "record_id")),
        ({"record_id": "R\n1"}, (Reason.RECORD, "record_id")),
        ({"record_id": "R" * 65}, (Reason.RECORD, "record_id")),
        ({"revision": None}, (Reason.RECORD, "revision")),
        ({"revision": -1}, (Reason.RECORD, "revision")),
        ({"action": None}, (Reason.RECORD, "action")),
        ({"action": "DROP"}, (Reason.RECORD, "action")),
        ({"family_name": None}, (Reason.MISSING, "family_name")),
        ({"family_name": "  "}, (Reason.MISSING, "family_name")),
        ({"family_name": "A\x00B"}, (Reason.TEXT, "family_name")),
        ({"family_name": "A\x85B"}, (Reason.TEXT, "family_name")),
        ({"family_name": "A\u2028B"}, (Reason.TEXT, "family_name")),
        ({"family_name": "Ş" * 100}, None),
        ({"family_name": "Ş" * 101}, (Reason.TEXT, "family_name")),
        ({"personal_no": None}, None),
        ({"sex": None}, (Reason.MISSING, "sex")),
        ({"sex": "X"}, (Reason.CODE, "sex")),
        ({"sex": "_U"}, None),
        ({"birth_country": None}, None),
        ({"birth_country": "ZZZ"}, (Reason.CODE, "birth_country")),
        ({"birth_country": ""}, (Reason.CODE, "birth_country")),
        ({"birth_date": dt.date(1899, 12, 31)}, (Reason.DATE, "birth_date")),
        ({"birth_date": dt.date(1900, 1, 1)}, None),
        ({"birth_date": TODAY + dt.timedelta(1)}, None),
        ({"birth_date": TODAY + dt.timedelta(2)}, (Reason.DATE, "birth_date")),
        ({"event_date": dt.date(2031, 1, 1)}, (Reason.DATE, "event_date")),
        ({"event_date": dt.date(9999, 12, 31)}, (Reason.DATE, "event_date")),
        ({"declared_stay_days": -1}, (Reason.RANGE, "declared_stay_days")),
        ({"declared_stay_days": 36_501}, (Reason.RANGE, "declared_stay_days")),
        # Rules of the dataflow: a foreigner is no citizen, nobody comes from inside.
        ({"residence_right": "CITIZEN"}, (Reason.RULE, "citizenship")),
        ({"prev_or_next_country": "TKM"}, (Reason.RULE, "prev_or_next_country")),
        # The first of two faults, in the order of the schema.
        ({"sex": "X", "doc_state": "?"}, (Reason.CODE, "doc_state")),
        ({"sex": "X", "prev_or_next_country": "TKM"}, (Reason.CODE, "sex")),
    ],
)
def test_a_fault_has_its_reason_and_field(
    changes: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    """Every kind of fault of a row, and what is just not one."""
    assert reason(crossing(1, **changes)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"valid_to": None}, None),
        ({"valid_to": dt.date(2025, 8, 31)}, (Reason.DATE, "valid_to")),
        ({"valid_to": dt.date(2120, 1, 1)}, None),
        ({"valid_to": dt.date(2130, 1, 1)}, (Reason.DATE, "valid_to")),
        ({"valid_from": dt.date(2120, 1, 1)}, (Reason.DATE, "valid_from")),
    ],
)
def test_validity_may_end_far_away_but_not_before_it_begins(
    changes: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    """Ends of validity have a longer horizon than events."""
    assert reason(permit(**changes), "labour_migration") == expected


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("2025", None),
        ("2025-Q3", None),
        ("2025-09", None),
        ("2025-13", (Reason.DATE, "period")),
        ("September", (Reason.DATE, "period")),
        ("1899", (Reason.DATE, "period")),
        ("2050", (Reason.DATE, "period")),
        (None, (Reason.MISSING, "period")),
    ],
)
def test_a_period_is_a_period(
    period: str | None, expected: tuple[str, str] | None
) -> None:
    """Declarations have no control fields; their period must be one."""
    row = {"period": period, "complete": True, "nil": False}

    assert reason(row, "declaration") == expected


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("2025-09", None),
        ("2025", (Reason.DATE, "period_month")),
        ("2025-Q3", (Reason.DATE, "period_month")),
        ("2025-9", (Reason.DATE, "period_month")),
    ],
)
def test_a_month_is_no_quarter_and_no_year(
    period: str, expected: tuple[str, str] | None
) -> None:
    """A field that allows one frequency refuses the others."""
    row = {
        "record_id": "N1",
        "revision": 0,
        "action": "NEW",
        "kind": "CAMPAIGN",
        "period_month": period,
        "pillar": "PREVENT",
        "org_type": "MINISTRY",
        "topic": "RIGHTS",
        "velayat": None,
        "people_f": 5,
        "people_m": 4,
        "people_oun": 0,
        "measure_code": None,
        "measure_status": None,
    }

    assert reason(row, "nap_activity") == expected


def test_one_record_id_cannot_say_two_things_in_a_batch() -> None:
    """Rows that contradict each other are all refused; a repeated row is not."""
    rows = [
        crossing(1),
        crossing(2),
        crossing(2),
        crossing(1, sex="M"),
        crossing(1, revision=1, action="AMEND"),
        crossing(3, sex="X"),
        crossing(3),
    ]
    accepted, refused = judged(rows)

    assert [(one.row, one.reason) for one in refused] == [
        (0, Reason.RECORD),
        (3, Reason.RECORD),
        (5, Reason.CODE),
    ]
    assert accepted["origin_row"].to_list() == [1, 2, 4, 6]


def test_two_batches_may_say_two_things() -> None:
    """What contradicts a row of another batch is left to dedupe."""
    _, refused = judged([crossing(1), crossing(1, sex="M")], origin_offset=[1, 2])

    assert refused == []


def test_each_row_is_judged_by_its_own_clock() -> None:
    """A message appended years later may speak of later dates."""
    later = CLOCK_MS + 10 * 366 * 86_400_000
    row = crossing(1, event_date=dt.date(2034, 1, 1))
    _, refused = judged([row, row], clock_ms=[CLOCK_MS, later], origin_offset=[1, 2])

    assert [one.row for one in refused] == [0]


def test_a_text_with_a_codelist_is_a_list_of_codes() -> None:
    """Every code of the list is looked up."""
    field = Field(
        name="direction",
        kind=Kind.STRING,
        role=Role.DIMENSION,
        required=True,
        codelist="CL_DIRECTION",
    )
    flow = replace(
        catalogue().dataflows[FLOW], fields=(field,), rules=(), reserved=True
    )
    texts = ["ENTRY", "ENTRY;EXIT", "ENTRY;NORTH", "", "ENTRY,EXIT"]
    frame = pl.DataFrame({"direction": texts})
    _, refused = validate(frame, flow, checks_of(flow, catalogue().codelists))

    assert [(one.row, one.reason) for one in refused] == [
        (2, Reason.CODE),
        (3, Reason.MISSING),
        (4, Reason.CODE),
    ]


def test_nothing_is_judged_in_an_empty_batch() -> None:
    """A batch without rows is a batch."""
    accepted, refused = judged([])

    assert (accepted.height, refused) == (0, [])


VALUES: Mapping[Any, st.SearchStrategy[Any]] = {
    pl.String: st.text(max_size=8)
    | st.sampled_from(["NEW", "F", "TKM", "ENTRY", "-1"]),
    pl.Int32: st.integers(-(2**31), 2**31 - 1),
    pl.Int64: st.integers(-(2**63), 2**63 - 1),
    pl.Boolean: st.booleans(),
    pl.Date: st.integers(-(2**31), 2**31 - 1),
}


@st.composite
def hostile(draw: st.DrawFn) -> tuple[Dataflow, pl.DataFrame]:
    """Rows of any dataflow with anything its types can hold."""
    flow = draw(st.sampled_from(sorted(catalogue().dataflows.values(), key=str)))
    height = draw(st.integers(1, 6))
    columns = {}
    for name, kind in avro.polars_schema(flow.schema).items():
        some = st.lists(st.none() | VALUES[kind], min_size=height, max_size=height)
        wire = pl.Int32 if kind is pl.Date else kind
        columns[name] = pl.Series(draw(some), dtype=wire).cast(kind)
    frame = pl.DataFrame(columns).with_columns(
        pl.lit(1).alias("origin_offset"),
        pl.int_range(pl.len()).alias("origin_row"),
        pl.lit(CLOCK_MS).alias("clock_ms"),
    )
    return flow, frame


@settings(deadline=None)
@given(hostile())
def test_anything_that_decodes_is_survived(
    given_: tuple[Dataflow, pl.DataFrame],
) -> None:
    """Rows are accepted or refused, each once, whatever they hold."""
    flow, frame = given_
    accepted, refused = validate(frame, flow, checks_of(flow, catalogue().codelists))

    rows = accepted["origin_row"].to_list() + [one.row for one in refused]
    assert sorted(rows) == list(range(frame.height))
    assert all(one.reason in Reason for one in refused)
