"""Pseudonymised rows: what stays, what goes, what equals what."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core import avro
from hub.core.catalogue.model import Dataflow, Derived, Domain, Field, Kind, Role
from hub.core.catalogue.schemas import records_schema
from hub.core.identity.pseudonyms import pseudonymise
from tests.core.ministry import CLOCK_MS, FLOW, catalogue, crossing, frame_of

SECRET = b"mobility".ljust(32, b".")
IDENTIFYING = {
    *("personal_no", "doc_state", "doc_no", "family_name", "given_name", "patronymic"),
    *("birth_date", "record_id", "case_ref", "named"),
}


def made(*rows: dict[str, Any], flow: str = FLOW, **origin: Any) -> pl.DataFrame:
    """Rows as they go on."""
    return pseudonyms(frame(*rows, flow=flow, **origin), catalogue().dataflows[flow])


def pseudonyms(rows: pl.DataFrame, flow: Dataflow) -> pl.DataFrame:
    """Rows as they go on, by what the catalogue says of their domain."""
    return pseudonymise(rows, flow, catalogue().linkage.get(flow.domain), SECRET)


def frame(*rows: dict[str, Any], flow: str = FLOW, **origin: Any) -> pl.DataFrame:
    """Validated rows with their origin."""
    given_ = {"origin_offset": 7, "clock_ms": CLOCK_MS, "member": "sms", "named": FLOW}
    return frame_of(rows, flow).with_columns(
        pl.int_range(pl.len(), dtype=pl.Int32).alias("origin_row"),
        *(pl.lit(value).alias(name) for name, value in (given_ | origin).items()),
    )


@pytest.mark.parametrize("flow", sorted(catalogue().dataflows))
def test_no_dataflow_keeps_an_identifier(flow: str) -> None:
    """The rows have exactly the registered columns, and none that names anyone."""
    dataflow = catalogue().dataflows[flow]
    rows = pseudonyms(frame(flow=flow), dataflow)

    assert dict(rows.schema) == avro.polars_schema(records_schema(dataflow))
    assert set(rows.columns).isdisjoint(IDENTIFYING)


def test_only_the_year_of_birth_stays() -> None:
    """A birth date leaves its year, an empty one nothing."""
    rows = made(crossing(1), crossing(2, birth_date=None))

    assert rows["birth_year"].to_list() == [1985, None]


def test_a_record_is_member_dataflow_and_id() -> None:
    """Another member's record of the same id is another record."""
    one, other = made(crossing(1), crossing(2))["record"]
    foreign = made(crossing(1), member="mfa")["record"].item()

    assert len({one, other, foreign}) == 3
    assert made(crossing(1, revision=4, sex="M"))["record"].item() == one
    assert len(one) == 16


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"revision": 3}, True),
        ({"record_id": "other"}, True),
        ({"action": "CANCEL"}, False),
        ({"given_name": "MARAL"}, False),
        ({"patronymic": None}, False),
        ({"declared_stay_days": 11}, False),
    ],
)
def test_a_digest_is_of_everything_said(changes: dict[str, Any], same: bool) -> None:
    """All fields count as they are spelt, but for record id and revision."""
    one, other = made(crossing(1), crossing(1, **changes))["digest"]

    assert (one == other) == same


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"record_id": "other", "given_name": "?", "sex": "M"}, True),
        ({"doc_no": "ab 00001-71"}, True),
        ({"event_date": dt.date(2025, 9, 3)}, False),
        ({"direction": "EXIT"}, False),
    ],
)
def test_a_natural_key_is_of_the_event(changes: dict[str, Any], same: bool) -> None:
    """The same event in other words, by another ministry, has the same key."""
    one = made(crossing(1))["nkey"].item()
    other = made(crossing(1, **changes), member="mfa")["nkey"].item()

    assert (one == other) == same


def test_a_natural_key_with_an_empty_part_is_none() -> None:
    """Events without a usable document number are not alike for that."""
    rows = made(crossing(1, doc_no=None), crossing(2, doc_no="000000"))

    assert rows["nkey"].to_list() == [None, None]


def test_domains_without_persons_have_no_person_keys() -> None:
    """Rows of domain NONE carry neither keys nor their signature."""
    row = {"period": "2025-09", "complete": True, "nil": False}
    declared = made(row, flow="declaration").row(0, named=True)

    assert (declared["keys"], declared["sig"], declared["nkey"]) == (None, None, None)


def test_a_declaration_is_a_record_of_its_period() -> None:
    """A later declaration of the period amends the earlier one."""
    row = {"period": "2025-09", "complete": False, "nil": False}
    first = made(row, flow="declaration").row(0, named=True)
    later = made(
        row | {"complete": True}, flow="declaration", clock_ms=CLOCK_MS + 1_000
    ).row(0, named=True)
    other = made(row, flow="declaration", named="remittance").row(0, named=True)

    assert first["record"] == later["record"] != other["record"]
    assert first["revision"] < later["revision"]
    assert first["digest"] != later["digest"]
    assert (first["dataflow"], first["action"]) == (FLOW, "NEW")
    assert first["declared_ms"] == CLOCK_MS
    assert first["late_days"] == 9  # the 9th of October for September


@settings(deadline=None)
@given(
    st.none() | st.integers(0, 2**63 - 1),
    st.none() | st.integers(0, 2**63 - 1),
)
def test_a_ratio_is_rounded_half_up(first: int | None, second: int | None) -> None:
    """Months of cost in hundredths, exactly, empty where there is no such number."""
    columns = [("recruitment_cost", Kind.MONEY), ("wage_month", Kind.MONEY)]
    fields = tuple(
        Field(name=name, kind=kind, role=Role.MEASURE, required=False)
        for name, kind in columns
    )
    ratio = Derived(
        field=Field(
            name="cost_months", kind=Kind.INT, role=Role.MEASURE, required=False
        ),
        rule="ratio",
        of=("recruitment_cost", "wage_month"),
        scale=100,
    )
    flow = replace(
        catalogue().dataflows["declaration"],
        fields=(*catalogue().dataflows["declaration"].fields, *fields),
        derived=(ratio,),
    )
    row = {"period": "2025", "complete": True, "nil": False}
    rows = frame(row, flow="declaration").with_columns(
        pl.Series("recruitment_cost", [first], dtype=pl.Int64),
        pl.Series("wage_month", [second], dtype=pl.Int64),
    )
    found = pseudonyms(rows, flow)["cost_months"].item()
    exact = None
    if first is not None and second:
        exact = (200 * first + second) // (2 * second)

    assert found == (exact if exact is not None and exact < 2**31 else None)


def test_a_date_kept_by_the_month_is_its_first_day() -> None:
    """Where only the month matters the day does not go on."""
    flow = catalogue().dataflows[FLOW]
    fields = tuple(
        replace(field, keep="month") if field.name == "event_date" else field
        for field in flow.fields
    )
    rows = pseudonyms(frame(crossing(4)), replace(flow, fields=fields))

    assert rows["event_date"].to_list() == [dt.date(2025, 9, 1)]


def test_unlinked_persons_are_known_by_their_case_alone() -> None:
    """In a domain of its own a person is member and case number."""
    base = catalogue().dataflows["declaration"]
    case = Field(name="case_ref", kind=Kind.STRING, role=Role.IDENTIFIER, required=True)
    flow = replace(base, person="U", domain=Domain.HEALTH, fields=(*base.fields, case))
    row = {"period": "2025", "complete": True, "nil": False}
    rows = frame(row, row, row, flow="declaration").with_columns(
        case_ref=pl.Series(["K-1", "K-1", "K-2"])
    )
    one, same, other = pseudonyms(rows, flow)["keys"]

    assert one == same != other
    assert "case_ref" not in pseudonyms(rows, flow).columns
