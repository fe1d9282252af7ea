"""Pages as a browser without a script gets them."""

from __future__ import annotations

import re
from html import unescape
from itertools import product
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import html

from hub.edge import passes
from tests.gateway.house import House, served

LANGUAGES = ("en", "ru", "tk")
TABS = ("data", "about", "quality", "revisions")
PLACES = ("/", "/freshness", "/tables/PRM_NEW", "/tables/STK_VEL", "/tables/REM_COST")
FIRST_VIEW_BYTES = 300_000
FAR_MS = 4_000_000_000_000


def get(url: str, **more: str) -> httpx.Response:
    """A page."""
    return httpx.get(url, params=more or None, timeout=30)


def links(text: str) -> list[str]:
    """Where a page points to, here."""
    found = re.findall(r'(?:href|src)="(/[^"]*)"', text)
    return [unescape(one) for one in dict.fromkeys(found)]


def cells(text: str) -> list[list[str]]:
    """The rows of the first table of figures, without marks."""
    body = text.partition('<table class="figures">')[2].partition("</table>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    return [
        [
            re.sub(r"<[^>]*>|\s+", " ", one).strip()
            for one in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        for row in rows
    ]


@pytest.mark.parametrize(("place", "language"), [*product(PLACES, LANGUAGES)])
def test_every_page_is_whole_in_every_language(
    url: str, place: str, language: str
) -> None:
    """In its language, with nothing from elsewhere and nothing inline."""
    tabs = TABS if place.startswith("/tables") else ("",)
    for tab in tabs:
        more = {"tab": tab} if tab not in {"", "data"} else {}
        found = get(f"{url}{place}", lang=language, **more)

        assert found.status_code == 200, (place, tab)
        assert f'<html lang="{language}">' in found.text
        assert found.headers["content-language"] == language
        policy = found.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert re.search(r"<style|style=|<script(?! src=)|\son\w+=", found.text) is None
        assert "//" not in "".join(links(found.text)).replace("://", "")
        assert "None" not in found.text


def test_the_first_view_is_light(url: str) -> None:
    """Page, style, script and pictures together, as a browser asks for them."""
    for place in ("/", "/tables/PRM_NEW", "/tables/STK_VEL", "/report", "/calendar"):
        page = get(f"{url}{place}", lang="ru")
        files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        parts = [get(f"{url}{one}") for one in dict.fromkeys(files)]
        drawn = re.findall(r'<img src="(/tables/[^"]+)"', page.text)
        charts = [get(f"{url}{unescape(one)}") for one in drawn]
        whole = (page, *parts, *charts)
        size = sum(int(one.headers["content-length"]) for one in whole)

        assert len(parts) == 3
        assert len(charts) == ("tables" in place)
        assert size < FIRST_VIEW_BYTES
        assert all("immutable" in one.headers["cache-control"] for one in parts)


def test_women_and_men_stand_beside_the_total(url: str) -> None:
    """Whatever is chosen, and they add up wherever all are shown."""
    page = get(f"{url}/tables/PRM_NEW?REASON=WORK&from=2025-Q2&to=2025-Q3").text
    heads, *rows = cells(page)

    assert heads[1:5] == ["Women", "Men", "Other or unknown", "Total"]
    assert [row[0] for row in rows] == ["2025-Q3", "2025-Q2"]
    shown = [[one.replace(",", "") for one in row[1:5]] for row in rows]
    whole = [[*map(int, row)] for row in shown if all(map(str.isdigit, row))]
    assert whole
    assert all(sum(row[:3]) == row[3] for row in whole)


def test_what_is_not_shown_is_said_in_words(url: str) -> None:
    """Suppressed is not missing, and each has its reason."""
    page = get(f"{url}/tables/PRM_NEW").text

    assert "suppressed" in page
    assert "Suppressed: too few persons" in page
    assert "Revised" in page
    assert "скрыто" in get(f"{url}/tables/PRM_NEW", lang="ru").text
    assert "gizlenen" in get(f"{url}/tables/PRM_NEW", lang="tk").text


@pytest.mark.parametrize("table", ["STK_VEL", "PRM_NEW"])
def test_the_gender_gap_is_computed_with_bounds(url: str, table: str) -> None:
    """From what is published; the figure lies inside its bounds."""
    page = get(f"{url}/tables/{table}", view="gap").text
    found = re.findall(r">([−\d.]+)<small>([−\d.]+) to ([−\d.]+)</small>", page)

    assert "Parity (women ÷ men)" in page
    assert len(found) > 5
    for texts in found:
        value, low, high = (float(one.replace("−", "-")) for one in texts)
        assert low <= value <= high


def test_downloads_hold_what_the_page_shows(url: str) -> None:
    """Every form can be had; the CSV has as many figures as the table."""
    page = get(f"{url}/tables/PRM_NEW?REASON=WORK&CITIZENSHIP_G=_T").text
    files = [one for one in links(page) if one.startswith("/sdmx/")]
    _, *rows = cells(page)

    assert len(files) == 6
    for one in files:
        assert get(f"{url}{one}").status_code == 200, one
    lines = get(f"{url}{files[0]}").text.strip().splitlines()
    assert len(lines) - 1 == 4 * len(rows)


def test_a_page_of_the_past_shows_the_past(url: str, full: House) -> None:
    """The moment stands in the URL, and files are of the same moment."""
    first, last = (one.seen_ms for one in full.gateway.states["PRM_NEW"].releases)
    assert first < last
    moment = "2026-01-02T12:00:00Z"
    page = get(f"{url}/tables/PRM_NEW", asOf=moment).text

    assert "as they were on 2026-01-02 17:00" in page
    assert "Provisional" in page
    assert ">Revised<" not in page.partition("<table")[2]
    files = [one for one in links(page) if one.startswith("/sdmx/")]
    assert all("asOf=2026-01-02" in one for one in files)


def test_revisions_tell_what_changed(url: str) -> None:
    """Figure by figure, and which releases there are."""
    page = get(f"{url}/tables/PRM_NEW", tab="revisions").text

    assert "Figures that differ" in page
    assert page.count(">stands<") == 2


def test_links_of_pages_lead_somewhere(url: str) -> None:
    """No page points to one that is not there."""
    for place in ("/", "/freshness", "/tables/PRM_NEW"):
        for one in links(get(f"{url}{place}").text):
            if not one.startswith("/tables/") or "PRM" in one:
                assert get(f"{url}{one}").status_code == 200, one


def test_a_choice_survives_the_change_of_language_and_tab(url: str) -> None:
    """The URL is the whole view."""
    asked = "/tables/PRM_NEW?REASON=WORK&REASON=STUDY&from=2025-Q1&view=gap"
    page = get(f"{url}{asked}").text
    kept = set(parse_qsl(urlsplit(asked).query))
    other = next(one for one in links(page) if "lang=ru" in one)
    tab = next(one for one in links(page) if "tab=revisions" in one)

    assert kept < set(parse_qsl(urlsplit(other).query))
    assert kept < set(parse_qsl(urlsplit(tab).query))


def test_figures_for_members_are_not_on_pages_for_others(url: str, full: House) -> None:
    """What the table is, is for everybody."""
    token = passes.issue(full.home, "unicef", now_ms=0, until_ms=FAR_MS)
    full.gateway.doors.look()
    page = get(f"{url}/tables/HTF_MEANS")
    mine = httpx.get(
        f"{url}/tables/HTF_MEANS", headers={"Authorization": f"Bearer {token}"}
    )

    assert page.status_code == 200
    assert '<table class="figures">' not in page.text
    assert '<table class="figures">' in mine.text
    assert mine.headers["cache-control"].startswith("private")
    for tab in TABS:
        hidden = get(f"{url}/tables/HTF_MEANS", tab=tab).text
        assert '<table class="figures">' not in hidden


def test_a_gateway_without_figures_has_pages(empty: House) -> None:
    """Before the first release everything can be read about."""
    with served(empty) as url:
        for place in PLACES:
            assert get(f"{url}{place}").status_code == 200
        for tab in TABS:
            assert get(f"{url}/tables/PRM_NEW", tab=tab).status_code == 200


@pytest.mark.parametrize(
    ("place", "status", "said"),
    [
        ("/?theme=none", 400, "there is no such theme"),
        ("/?ref=GCM+99", 400, "no indicator refers to it"),
        ("/?x=1", 400, "no parameter"),
        ("/tables/NONE", 404, "is published"),
        ("/tables/POP", 404, "is published"),
        ("/tables/PRM_NEW?REASON=NONE", 400, "no such code"),
        ("/tables/PRM_NEW?from=1066", 400, "no such period"),
        ("/tables/PRM_NEW?from=2025-Q3&to=2025-Q1", 400, "later than to"),
        ("/tables/PRM_NEW?asOf=yesterday", 400, "is no moment"),
        ("/tables/PRM_NEW?page=0", 400, "whole number"),
        ("/tables/PRM_NEW?tab=x", 400, "expected one of"),
        ("/tables/PRM_NEW?view=gap&view=gap", 400, "stands twice"),
        ("/tables/PRM_NEW?lang=de", 400, "expected en, ru, tk"),
        ("/static/0/site.css", 404, "no such file"),
    ],
)
def test_what_is_not_there_is_a_page_with_a_sentence(
    url: str, place: str, status: int, said: str
) -> None:
    """With the status of the error, and a way back."""
    found = get(f"{url}{place}")

    assert found.status_code == status
    assert said in unescape(found.text)
    assert found.headers["content-type"].startswith("text/html")
    assert re.search(r'href="/(\?lang=\w+)?">', found.text)


_NAMES = ("lang", "tab", "view", "chart", "from", "to", "asOf", "against", "page")
_NASTY = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            *("<script>alert(1)</script>", "\"' onload=x", "' OR 1=1 --", "../../etc"),
            *("{{7*7}}", "%00", "2025-Q1", "WORK", "_T", "9" * 5, "\u202e", "gap"),
        ]
    ),
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*_NAMES, "REASON", "SEX", "REF_AREA", "q", "<b>"]), _NASTY
        ),
        max_size=4,
    )
)
def test_nothing_in_a_url_breaks_a_page(url: str, said: list[tuple[str, str]]) -> None:
    """Refused with a sentence, or shown; never executed, never a stack trace."""
    found = httpx.get(f"{url}/tables/PRM_NEW?{urlencode(said)}")

    assert found.status_code in {200, 400}
    assert "Traceback" not in found.text
    page = html.fromstring(found.content)
    assert page.xpath("//script[not(starts-with(@src, '/static/'))]") == []
    assert page.xpath("//@*[starts-with(name(), 'on')]") == []
    assert page.xpath("//@*[starts-with(normalize-space(), 'javascript:')]") == []


def test_an_address_of_one_reader_is_not_shown_to_another(url: str) -> None:
    """Pages are held; what a client calls this host stays with it."""
    mine = httpx.get(f"{url}/tables/PRM_NEW?lang=tk", headers={"Host": "evil.test"})
    other = get(f"{url}/tables/PRM_NEW", lang="tk")

    assert "evil.test" in mine.text
    assert "evil.test" not in other.text
