"""Calendar, news, whole releases, other systems' forms, the yearly report."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import observation
from hub.core.catalogue import calendar
from hub.edge import passes
from hub.gateway.pages import facts, feeds
from hub.gateway.pages.describe import licence
from hub.gateway.pages.texts import Words
from tests.core.sdmx.releases import MOMENT, SIGNER, Log, catalogue, close, withdraw
from tests.core.sdmx.releases import release as released
from tests.gateway.house import House, served

SPACE = "{http://www.w3.org/2005/Atom}"
FAR_MS = 4_000_000_000_000


def get(url: str) -> httpx.Response:
    """An answer that is there."""
    found = httpx.get(url, timeout=30)
    assert found.status_code == 200, found.text
    return found


@pytest.mark.parametrize("language", ["en", "ru", "tk"])
@pytest.mark.parametrize("place", ["/calendar", "/report"])
def test_pages_of_reuse_are_whole(url: str, place: str, language: str) -> None:
    """In every language, and for every framework."""
    for frame in ("", "GCM", "SDG", "MGI", "NAP") if place == "/report" else ("",):
        tail = f"&frame={frame}" if frame else ""
        found = get(f"{url}{place}?lang={language}{tail}")

        assert f'<html lang="{language}">' in found.text
        assert "None" not in found.text
        assert "unsafe" not in found.headers["content-security-policy"]


def test_the_calendar_file_has_every_planned_day_once(url: str, full: House) -> None:
    """As RFC 5545 wants lines; nothing of it can break out of its line."""
    answer = get(f"{url}/releases.ics?lang=ru")
    lines = answer.content.split(b"\r\n")
    whole = answer.content.replace(b"\r\n ", b"").decode().split("\r\n")
    expected = [one for one in facts.dues(full.gateway) if one.state != "released"]

    assert all(len(one) <= 75 for one in lines)
    assert whole.count("BEGIN:VEVENT") == whole.count("END:VEVENT") == len(expected) > 9
    assert whole[0] == "BEGIN:VCALENDAR"
    assert whole[-2:] == ["END:VCALENDAR", ""]
    starts = [one for one in whole if one.startswith("DTSTART:")]
    assert all(one.endswith("T050000Z") for one in starts)  # 10:00 in Ashgabat


def test_nothing_is_due_before_its_hour(
    url: str, full: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for the operator: a page that was kept since midnight does not say so."""
    hour = full.gateway.catalogue.calendar.hour
    begun = {name for name, state in full.gateway.states.items() if state.releases}
    one = next(
        one
        for one in facts.dues(full.gateway)
        if one.state == "planned" and begun & {*one.tables}
    )
    at_ms = calendar.hour_ms(one.day, hour)

    def seen(now_ms: int) -> tuple[str, str]:
        monkeypatch.setattr(facts, "_now_ms", lambda: now_ms)
        [now] = [
            due.state
            for due in facts.dues(full.gateway)
            if (due.period, due.vintage, due.tables)
            == (one.period, one.vintage, one.tables)
        ]
        return now, get(f"{url}/calendar").text

    before, after = seen(at_ms - 1), seen(at_ms)
    assert (before[0], after[0]) == ("planned", "due")
    assert before[1] != after[1]


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=300))
def test_any_text_is_one_line_of_a_calendar(text: str) -> None:
    """Unfolded it is itself again, whatever letters there are."""
    line = feeds._text(text)
    made = feeds._folded(line)

    assert made.endswith(b"\r\n")
    assert all(len(one) <= 75 for one in made.split(b"\r\n"))
    assert made.replace(b"\r\n ", b"").decode() == f"{line}\r\n"
    assert not {"\r", "\n"} & set(line)


def test_news_tell_releases_and_withdrawals_of_open_tables(empty: House) -> None:
    """The newest first, each with its own id; nothing of tables for members."""
    log = Log()
    released(log, ["STK_VEL", "HTF_MEANS"], close(1))
    withdraw(log, "STK_VEL", close(1), MOMENT + 10**9, "wrong")
    empty.take(log)
    with served(empty) as url:
        feed = ET.fromstring(get(f"{url}/releases.atom?lang=en").text)  # noqa: S314
    titles = [one.findtext(f"{SPACE}title", "") for one in feed.iter(f"{SPACE}entry")]
    ids = [one.findtext(f"{SPACE}id", "") for one in feed.iter(f"{SPACE}entry")]

    assert [one.partition(":")[0] for one in titles] == [
        "Taken back",
        "Provisional figures of 2025 released",
    ]
    assert len(set(ids)) == 2
    assert not any("HTF" in one for one in ids)


def test_a_whole_release_can_be_proven_from_its_file(url: str, full: House) -> None:
    """The digest of the signed manifest is that of the lines of the CSV."""
    marker = close(2).marker.hex()
    answer = get(f"{url}/releases/{marker}.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        names = [one.removesuffix(".csv") for one in file.namelist() if "csv" in one]
        for name in names:
            manifest = observation.decode(file.read(f"{name}.manifest"))
            observation.verify(manifest, SIGNER.private.public_key())
            text = file.read(f"{name}.csv").decode()
            rows = list(csv.reader(io.StringIO(text)))[1:]
            leaves = sorted(
                hashlib.sha256(
                    (
                        "|".join(row[:9] + [one for one in row[9:] if one]) + "\n"
                    ).encode()
                ).digest()
                for row in rows
            )

            assert len(rows) == manifest.observations
            assert hashlib.sha256(b"".join(leaves)).digest() == manifest.digest
    public = [one for one in full.gateway.tables() if one.access == "public"]
    assert set(names) == {
        one.id for one in public if full.gateway.states[one.id].releases
    }
    assert get(f"{url}/releases/{marker}.zip").content == answer.content


def test_members_get_their_tables_in_the_file_too(url: str, full: House) -> None:
    """And nobody else does; a release that is not there is 404."""
    token = passes.issue(full.home, "iom", now_ms=0, until_ms=FAR_MS)
    full.gateway.doors.look()
    place = f"{url}/releases/{close(2).marker.hex()}.zip"
    mine = httpx.get(place, headers={"Authorization": f"Bearer {token}"})

    with zipfile.ZipFile(io.BytesIO(mine.content)) as file:
        assert "HTF_MEANS.csv" in file.namelist()
    assert mine.headers["cache-control"].startswith("private")
    assert httpx.get(f"{url}/releases/{'00' * 16}.zip").status_code == 404
    assert httpx.get(f"{url}/tables/HTF_MEANS/dhis2.json").status_code == 401


DHIS2: dict[str, Any] = {
    "type": "object",
    "required": ["dataValues"],
    "additionalProperties": False,
    "properties": {
        "idScheme": {"enum": ["UID", "CODE", "NAME"]},
        "dataValues": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["dataElement", "period", "orgUnit"],
                "additionalProperties": False,
                "oneOf": [{"required": ["value"]}, {"required": ["deleted"]}],
                "properties": {
                    "dataElement": {"type": "string", "pattern": r"^[^\s]{1,50}$"},
                    "period": {
                        "type": "string",
                        "pattern": "^[0-9]{4}((0[1-9]|1[0-2])|Q[1-4])?$",
                    },
                    "orgUnit": {"type": "string", "pattern": r"^[^\s]{1,50}$"},
                    "categoryOptionCombo": {
                        "type": "string",
                        "pattern": r"^[^\s]{1,50}$",
                    },
                    "value": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"},
                    "deleted": {"const": True},
                    "comment": {"type": "string"},
                },
            },
        },
    },
}
"""A bulk of data values as the DHIS2 developer guide writes it ("Sending bulks of data
values", "Identifier schemes", "Date and period format"); codes have 50 characters."""


@pytest.mark.parametrize(
    ("table", "periods"),
    [
        ("PRM_NEW", {"2025Q1", "2025Q2", "2025Q3", "2025Q4"}),
        ("STK_VEL", {"2025"}),
        ("REM_COST", {"2025Q1", "2025Q2", "2025Q3", "2025Q4"}),
        ("LAB_INJ", {"2025"}),
    ],
)
def test_dhis2_gets_every_figure(url: str, table: str, periods: set[str]) -> None:
    """In its own form and periods; what is not shown is not kept there either."""
    answer = get(f"{url}/tables/{table}/dhis2.json")
    said = answer.json()
    found = {
        (one["period"], one["orgUnit"], one["categoryOptionCombo"]): one.get("value")
        for one in said["dataValues"]
    }
    text = get(f"{url}/sdmx/2.1/data/{table}/all?format=csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    breakdowns = catalogue().tables[table].dimensions

    assert list(jsonschema.Draft202012Validator(DHIS2).iter_errors(said)) == []
    assert next(iter(said)) == "idScheme"  # readers that stream stop at the values
    assert {one["period"] for one in said["dataValues"]} == periods
    assert len(found) == len(said["dataValues"]) == len(rows)
    assert found == {
        (
            row["TIME_PERIOD"].replace("-", ""),
            row["REF_AREA"],
            "_".join([row["SEX"], *(row[one.id] for one in breakdowns)]),
        ): row["OBS_VALUE"] or None
        for row in rows
    }


def test_the_catalogue_describes_every_table(url: str, full: House) -> None:
    """In three languages, with files that are there and a licence."""
    found = json.loads(get(f"{url}/catalog.jsonld").text)
    ids = [one["dcterms:identifier"] for one in found["dcat:dataset"]]

    assert ids == [one.id for one in full.gateway.tables()]
    one = next(d for d in found["dcat:dataset"] if d["dcterms:identifier"] == "PRM_NEW")
    assert {text["@language"] for text in one["dcterms:title"]} == {"en", "ru", "tk"}
    for each in one["dcat:distribution"]:
        assert get(each["dcat:accessURL"]["@id"])
    assert one["dcterms:license"]["@id"] == licence().url
    closed = next(d for d in found["dcat:dataset"] if "HTF_MEANS" in d["@id"])
    assert closed["dcterms:accessRights"]["@id"].endswith("RESTRICTED")


def test_a_table_says_how_to_cite_it(url: str) -> None:
    """Licence, custodian, title, id and the day of the release."""
    page = get(f"{url}/tables/PRM_NEW?tab=about&lang=en").text

    assert licence().url in page
    assert "State Migration Service of Turkmenistan: First residence permits" in page
    assert "release of 2026-01-03" in page


def test_the_report_has_the_figures_of_the_year(url: str) -> None:
    """National totals as published, and a link to each indicator."""
    page = get(f"{url}/report?lang=en&frame=GCM&year=2025").text
    key = "A.TM.._T"
    text = get(f"{url}/sdmx/2.1/data/STK_VEL/{key}?format=csv&endPeriod=2025").text
    figures = {
        one["SEX"]: one["OBS_VALUE"] for one in csv.DictReader(io.StringIO(text))
    }

    assert "Global Compact for Migration, objective 16" in page
    shown = {sex: one for sex in ("F", "M", "_T") if (one := figures[sex])}
    assert shown
    for one in shown.values():
        assert Words("en").number(float(one)) in page
    assert catalogue().tables["STK_VEL"].title.en in page
    assert httpx.get(f"{url}/report?year=1990").status_code == 400
    assert httpx.get(f"{url}/report?frame=X").status_code == 400
