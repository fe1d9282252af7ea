"""Passenger lists become counts, and only counts."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from hub.core.errors import InvalidError
from hub.publisher import mapping
from hub.publisher.sources import paxlst
from tests.publisher.sources import lists
from tests.publisher.sources.lists import interchange, kinds, message, person, taken


def counts(row: dict[str, Any]) -> tuple[int, ...]:
    """Women, men, others, all, crew."""
    names = ("pax_f", "pax_m", "pax_oun", "pax_total", "crew")
    return tuple(row[name] for name in names)


def test_an_airline_list_becomes_one_row(tmp_path: Path) -> None:
    """Single sector, passengers: counts by sex at the day and port of arrival."""
    people = [person(sex="F"), person(sex="F"), person(sex="M"), person(sex="X")]

    rows, chunks, reading = taken(tmp_path / "a.edi", interchange(message(people)))

    assert len(rows) == 1
    assert counts(rows[0]) == (2, 1, 1, 4, 0)
    assert rows[0]["flight_date"] == dt.date(2025, 3, 5)
    assert rows[0]["record_id"] == "T5702/2025-03-05/in/IST/pax"
    told = (rows[0]["direction"], rows[0]["port_abroad"], rows[0]["carrier"])
    assert told == ("ENTRY", "IST", "T5")
    assert rows[0]["list_ok"] is True
    assert kinds(reading) == {}
    assert chunks[0].rejected == ()


def test_a_crew_list_counts_crew(tmp_path: Path) -> None:
    """Single sector, crew: no passenger, and another record than the passengers'."""
    people = [person("FM", "M"), person("FM", "F"), person("FM", "M")]

    rows, _, reading = taken(
        tmp_path / "a.edi", interchange(message(people, document="250"))
    )

    assert counts(rows[0]) == (0, 0, 0, 0, 3)
    assert rows[0]["record_id"].endswith("/crew")
    assert kinds(reading) == {}


def test_a_progressive_flight_counts_who_crosses(tmp_path: Path) -> None:
    """Several sectors: who stays abroad, or inside, does not cross the border."""
    people = [
        person(sex="F", way=("FRA", "ASB")),
        person(sex="M", way=("IST", "MYP")),
        person(sex="F", way=("FRA", "IST")),
        person(sex="M", way=("ASB", "MYP")),
        person("DDU", "M", ("FRA", "MYP")),
    ]

    rows, _, reading = taken(
        tmp_path / "a.edi", interchange(message(people, legs=lists.PROGRESSIVE))
    )

    assert len(rows) == 1
    assert counts(rows[0]) == (1, 1, 0, 2, 0)
    assert rows[0]["flight_date"] == dt.date(2025, 3, 4)
    assert (rows[0]["port_abroad"], rows[0]["list_ok"]) == ("IST", True)
    assert kinds(reading) == {}


def test_a_flight_that_passes_through_has_two_rows(tmp_path: Path) -> None:
    """In and out again: who only passes through is in neither row."""
    legs = (
        *lists.ONE_LEG,
        "TDT+20+T5702+++T5",
        "LOC+92+ASB",
        "DTM+189:2503050500:201",
        "LOC+92+DEL",
        "DTM+232:2503050900:201",
    )
    people = [
        person(sex="F", way=("IST", "ASB")),
        person(sex="M", way=("ASB", "DEL")),
        person(sex="F", way=("IST", "DEL")),
    ]

    rows, _, _ = taken(tmp_path / "a.edi", interchange(message(people, legs=legs)))

    found = [(row["direction"], row["port_abroad"], counts(row)[:3]) for row in rows]
    assert found == [("ENTRY", "IST", (1, 0, 0)), ("EXIT", "DEL", (0, 1, 0))]


def test_nobody_is_put_on_a_leg_by_guess(tmp_path: Path) -> None:
    """On several legs, a person without ports is not counted, and the list says so."""
    people = [person(way=("FRA", "ASB")), person(way=("", "")), person(way=("XXX", ""))]

    rows, _, reading = taken(
        tmp_path / "a.edi", interchange(message(people, legs=lists.PROGRESSIVE))
    )

    assert (counts(rows[0])[3], rows[0]["list_ok"]) == (1, False)
    assert kinds(reading) == {"leg_unknown": 2}


@pytest.mark.parametrize(
    ("sex", "field", "kind"),
    [
        ("F", "pax_f", None),
        ("M", "pax_m", None),
        ("U", "pax_oun", None),
        ("X", "pax_oun", None),
        ("", "pax_oun", None),
        ("W", "pax_oun", "sex_code_unknown"),
        (None, "pax_oun", "sex_missing"),
    ],
)
def test_sex_is_what_the_list_says(
    tmp_path: Path, sex: str | None, field: str, kind: str | None
) -> None:
    """Every code that is not F or M counts as unknown; strange ones are noted."""
    rows, _, reading = taken(
        tmp_path / "a.edi", interchange(message([person(sex=sex)]))
    )

    assert rows[0][field] == 1
    assert list(kinds(reading)) == ([kind] if kind else [])


def test_two_codes_for_one_person_are_neither(tmp_path: Path) -> None:
    """A list that says F and M of one person says nothing."""
    both = [*person(sex="F"), "ATT+2++M"]

    rows, _, reading = taken(tmp_path / "a.edi", interchange(message([both])))

    assert counts(rows[0])[:3] == (0, 0, 1)
    assert kinds(reading) == {"sex_contradicted": 1}


@pytest.mark.parametrize(
    ("document", "function"),
    [
        ("745", "CP"),
        ("745", "XR"),
        ("745", "RP"),
        ("266", "CLNB"),
        ("266", "XF"),
        ("336", ""),
        ("655", ""),
        ("10", ""),
    ],
)
def test_what_is_no_whole_list_is_refused(
    tmp_path: Path, document: str, function: str
) -> None:
    """Changes, cancellations and plans would count somebody twice."""
    said = f"{document}+{function}" if function else document

    rows, chunks, _ = taken(
        tmp_path / "a.edi",
        interchange(message([person()], document=said), message([person(sex="M")])),
    )

    assert [counts(row)[:2] for row in rows] == [(0, 1)]
    refused = [one for chunk in chunks for one in chunk.rejected]
    assert [(one.column, "whole list" in one.what) for one in refused] == [
        ("message 1", True)
    ]


def test_a_closed_flight_is_a_whole_list(tmp_path: Path) -> None:
    """The list of everybody on board takes the place of the one before departure."""
    early = message([person(), person()], number=1)
    late = message([person()], document="266+CLOB", number=2)

    rows, _, _ = taken(tmp_path / "a.edi", interchange(early, late))

    assert [row["record_id"] for row in rows] == ["T5702/2025-03-05/in/IST/pax"] * 2
    assert [counts(row)[3] for row in rows] == [2, 1]


def test_parts_of_a_list_add_up(tmp_path: Path) -> None:
    """A list in parts is one record a part; a missing one is said."""
    first = message([person()], access="T5702/250304+01:C", number=1)
    second = message([person(sex="M")], access="T5702/250304+02:F", number=2)

    rows, _, reading = taken(tmp_path / "a.edi", interchange(first, second))
    alone, _, missing = taken(tmp_path / "b.edi", interchange(second))

    assert [row["record_id"][-5:] for row in rows] == ["pax/1", "pax/2"]
    assert (kinds(reading), kinds(missing)) == ({}, {"part_missing": 1})
    assert (alone[0]["record_id"][-5:], alone[0]["list_ok"]) == ("pax/2", False)


def test_reservation_data_cannot_be_asked_for(tmp_path: Path) -> None:
    """There is no column for it, no field for it, and a message of it is refused."""
    flow = lists.read_catalogue_once().dataflows["passenger_flow"]
    text = (lists.ROOT / "docs/examples/paxlst.toml").read_text("utf-8")
    path = tmp_path / "a.edi"
    path.write_text(interchange(message([person()])))
    for asked in ("locator", "seat", "name", "document"):
        greedy = text.replace('column = "women"', f'column = "{asked}"')
        with pytest.raises(InvalidError, match=f"column {asked} is missing"):
            paxlst.read(path, flow, mapping.load(greedy, "m.toml", flow))
    with pytest.raises(InvalidError, match="pnr is not a field"):
        mapping.load(text + '\n[fields.pnr]\ncolumn = "list"\n', "m.toml", flow)
    reserved = [
        one.replace("PAXLST", "PNRGOV").replace("BGM+745", "MSG+:22")
        for one in message([person()])
    ]

    rows, chunks, _ = taken(path, interchange(reserved))

    assert rows == []
    assert "reservation" in chunks[0].rejected[0].what


def test_nothing_of_a_person_is_in_what_leaves(tmp_path: Path) -> None:
    """No row, refusal, deviation or error holds a name, document or locator."""
    people = [person(), person(sex="Q", way=("", ""))]
    content = interchange(message(people), message(people, document="745+CP"))

    rows, chunks, reading = taken(tmp_path / "a.edi", content)

    said = repr((rows, chunks, reading, dict(reading.deviations)))
    said += repr([chunk.rejected for chunk in chunks])
    secrets = ("ORAZOWA", "MAISA", "QWERTY", "A1234567", "12A", "900412", "T5-0001")
    assert [word for word in secrets if word in said] == []


def test_a_mapping_without_home_ports_is_refused(tmp_path: Path) -> None:
    """Which ports are at home is not guessed."""
    flow = lists.read_catalogue_once().dataflows["passenger_flow"]
    text = (lists.ROOT / "docs/examples/paxlst.toml").read_text("utf-8")
    path = tmp_path / "a.edi"
    path.write_text(interchange(message([person()])))

    with pytest.raises(InvalidError, match=r"\[paxlst\] home"):
        paxlst.read(path, flow)
    for wrong in ('home = "ASB"', "home = []", 'home = ["ASHGABAT"]', "where = 1"):
        start, end = text.index("home ="), text.index("]", text.index("home =")) + 1
        changed = text[:start] + wrong + text[end:]
        with pytest.raises(InvalidError, match="paxlst"):
            paxlst.read(path, flow, mapping.load(changed, "m.toml", flow))
