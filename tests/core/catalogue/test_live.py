"""What may come into force while the hub runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hub.core.catalogue.live import Change, compare
from hub.core.catalogue.model import Catalogue
from hub.edge.files import read_catalogue

OLD = read_catalogue()
FLOW = OLD.dataflows["border_crossing"]
LIST = OLD.codelists["CL_PURPOSE"]
SMS = OLD.members["sms"]
TEXT = LIST.title


def with_flow(**change: Any) -> Catalogue:
    """One dataflow changed."""
    flows = {**OLD.dataflows, FLOW.id: replace(FLOW, **change)}
    return replace(OLD, dataflows=flows)


def with_list(name: str, **change: Any) -> Catalogue:
    """One codelist changed."""
    lists = {**OLD.codelists, name: replace(OLD.codelists[name], **change)}
    return replace(OLD, codelists=lists)


def with_member(**change: Any) -> Catalogue:
    """One member changed."""
    return replace(OLD, members={**OLD.members, "sms": replace(SMS, **change)})


LIVE = {
    "new code": (
        with_list("CL_PURPOSE", codes={**LIST.codes, "PILGRIM": TEXT}),
        "new codes of CL_PURPOSE: PILGRIM",
    ),
    "new agreement": (
        with_member(provides=(*SMS.provides, "remittance")),
        "new agreement of sms: remittance",
    ),
    "new member": (
        replace(OLD, members={**OLD.members, "new": replace(SMS, id="new")}),
        "new member: new",
    ),
    "policy": (
        replace(
            OLD,
            policies={
                **OLD.policies,
                "N": replace(OLD.policies["N"], params={"decimals": 2}),
            },
        ),
        "policy N: other numbers; figures are marked as a break",
    ),
}


@pytest.mark.parametrize("name", LIVE)
def test_what_old_rows_do_not_feel_is_live(name: str) -> None:
    """One note each, and nothing against it."""
    new, note = LIVE[name]
    assert compare(OLD, new) == Change(breaks=(), young=(), notes=(note,))


def test_texts_are_no_note() -> None:
    """A label changes nothing that is counted."""
    found = compare(OLD, with_list("CL_PURPOSE", title=replace(TEXT, en="Why")))
    assert found == Change(breaks=(), young=(), notes=())


REFUSED = {
    "another hub": (replace(OLD, instance="TX"), "instance was TM"),
    "natural key": (with_flow(unique=()), "unique changed"),
    "quiet": (with_flow(quiet=True), "quiet changed"),
    "schema": (with_flow(schema=OLD.dataflows["remittance"].schema), "schema changed"),
    "agreement gone": (
        with_member(provides=SMS.provides[1:]),
        f"no longer provides {SMS.provides[0]}",
    ),
    "a code goes": (
        with_list("CL_PURPOSE", codes=dict([*LIST.codes.items()][1:])),
        "removed",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_old_rows_would_feel_is_refused(name: str) -> None:
    """With a sentence that says where."""
    new, why = REFUSED[name]
    assert any(why in one for one in compare(OLD, new).breaks)


def test_a_known_code_enters_no_group_later() -> None:
    """Old rows with it were counted as the rest."""
    country = OLD.codelists["CL_COUNTRY"]
    name, groups = next(iter(country.groups.items()))
    code = next(iter(groups))
    fewer = {**country.groups, name: {k: v for k, v in groups.items() if k != code}}
    old = replace(
        OLD,
        codelists={**OLD.codelists, "CL_COUNTRY": replace(country, groups=fewer)},
    )

    assert compare(old, OLD).breaks == (
        f"codelists/CL_COUNTRY: {code} enters {name}; make a new grouping",
    )


def test_a_new_table_over_old_rows_is_young() -> None:
    """Over a dataflow that is new as well it has no past."""
    table = OLD.tables["XNG_EVT"]
    tables = {name: one for name, one in OLD.tables.items() if name != "XNG_EVT"}
    before = replace(OLD, tables=tables)
    flows = {k: v for k, v in OLD.dataflows.items() if k != table.dataflow}

    assert compare(before, OLD).young == ("XNG_EVT",)
    assert compare(replace(before, dataflows=flows), OLD).young == ()


def test_a_new_table_that_looks_at_old_rows_of_another_dataflow_is_young() -> None:
    """Its own dataflow is new; what it joins has a past that it did not count."""
    table = OLD.tables["EDU_BACK"]
    assert table.flows == ("student_mobility", "border_crossing")
    before = replace(
        OLD,
        tables={k: v for k, v in OLD.tables.items() if k != table.id},
        dataflows={k: v for k, v in OLD.dataflows.items() if k != table.dataflow},
    )

    assert compare(before, OLD).young == ("EDU_BACK",)
