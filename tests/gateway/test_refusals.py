"""Bad input: the standard's error with a plain sentence, never a trace."""

from __future__ import annotations

from html import unescape

import httpx
import pytest
from lxml import etree

from hub.edge import passes
from tests.core.sdmx.messages import json_faults, xml_faults
from tests.gateway.house import House, house, served

TWO = "/sdmx/2.1/data/PRM_NEW"
THREE = "/sdmx/3.0/data/dataflow/KERWEN/PRM_NEW/1.0.0"
FAR_MS = 4_000_000_000_000
INJECTION = "'; DROP TABLE series; --"
CASES: list[tuple[str, int, str]] = [
    (f"{TWO}/Q.TM", 400, "2 places, PRM_NEW has 5"),
    (f"{TWO}/.......", 400, "8 places"),
    (f"{TWO}/Q.TM.X..", 404, "SEX has no code 'X'"),
    (f"{TWO}/Q.TM.{INJECTION}..", 404, "SEX has no code"),
    (f"{TWO}/Q.TM.%00..", 404, "SEX has no code '?'"),
    (f"{TWO}/Q.TM.<script>..", 404, "SEX has no code"),
    (f"{TWO}/{'F+' * 2500}....", 400, "longer than 4000"),
    ("/sdmx/2.1/data/NOPE", 404, "no dataflow all:NOPE(latest)"),
    ("/sdmx/2.1/data/ECB,PRM_NEW", 404, "no dataflow ECB:PRM_NEW"),
    ("/sdmx/2.1/data/..%2F..%2Fetc%2Fpasswd", 400, "no kind of structure"),
    ("/sdmx/2.1/..%2F..%2F..%2F..%2F..%2Fetc%2Fpasswd", 404, "nothing is here"),
    ("/sdmx/2.1/data/....", 404, "no dataflow"),
    (f"{TWO}/all/ECB", 404, "no data of provider 'ECB'"),
    (f"{TWO}?startPeriod=soon", 400, "startPeriod: 'soon' is no time period"),
    (f"{TWO}?startPeriod=2025-13", 400, "no time period"),
    (f"{TWO}?startPeriod=2026&endPeriod=2025", 400, "lies after endPeriod"),
    (f"{TWO}?detail=some", 400, "detail='some'"),
    (f"{TWO}?startperiod=2025", 400, "no parameter 'startperiod' here"),
    (f"{TWO}?lang=en&lang=ru", 400, "stands twice"),
    (f"{TWO}?format=pdf", 400, "format='pdf'"),
    (f"{TWO}?lang=de", 400, "lang='de'"),
    (f"{TWO}?labels=some&format=csv", 400, "labels='some'"),
    (f"{TWO}?dimensionAtObservation=NOPE", 400, "AllDimensions or one of"),
    (
        f"{TWO}?dimensionAtObservation=SEX&format=generic-series",
        406,
        "time at the observation",
    ),
    (f"{TWO}?firstNObservations=0", 400, "whole number from 1 on"),
    (f"{TWO}?asOf=yesterday", 400, "no moment"),
    (f"{TWO}?asOf=2026-01-01T00:00:00%2B99:00", 400, "no moment"),
    (f"{TWO}?explicitMeasure=true", 501, "not built"),
    (f"{TWO}?x={'y' * 9000}", 414, "longer than 8192 bytes"),
    ("/sdmx/2.1/nonsense", 400, "'nonsense' is no kind of structure"),
    ("/sdmx/2.1/categoryscheme", 404, "there is no categoryscheme here"),
    ("/sdmx/2.1/dataflow/KERWEN/NOPE", 404, "no Dataflow KERWEN:NOPE"),
    ("/sdmx/2.1/dataflow/KERWEN/all/9.9", 404, "(9.9)"),
    ("/sdmx/2.1/dataflow?references=cousins", 400, "references='cousins'"),
    ("/sdmx/2.1/codelist/KERWEN/CL_SEX/1.0.0/X", 404, "no item X"),
    ("/sdmx/2.1/metadata/x", 501, "not built"),
    ("/sdmx/2.1/availableconstraint/PRM_NEW/all/all/NOPE", 400, "is no dimension"),
    ("/sdmx/2.1/availableconstraint/PRM_NEW?mode=some", 400, "exact or available"),
    ("/sdmx/2.1/data/HTF_MEANS", 401, "for members"),
    (f"{THREE}/Q.TM.F.WORK.AF.X", 400, "6 places"),
    (f"{THREE}/{','.join(['*'] * 101)}", 400, "more than 100 keys"),
    (f"{THREE}/*?c[NOPE]=1", 400, "no such component"),
    (f"{THREE}/*?c[SEX]=X", 404, "SEX has no code 'X'"),
    (f"{THREE}/*?c[OBS_VALUE]=ge:{INJECTION}", 400, "no number"),
    (f"{THREE}/*?c[TIME_PERIOD]=sw:20", 400, "for text only"),
    (f"{THREE}/*?limit=-1", 400, "from 1 on"),
    (f"{THREE}/*?sort=NOPE", 400, "sort='NOPE'"),
    (f"{THREE}/*?attributes=NOPE", 400, "attributes='NOPE'"),
    ("/sdmx/3.0/data/dataflow/KERWEN/*", 501, "one dataflow a query"),
    ("/sdmx/3.0/data/dataflow/KERWEN/PRM_NEW,STK_VEL", 501, "one dataflow"),
    ("/sdmx/3.0/data/nonsense/KERWEN/PRM_NEW", 400, "expected dataflow or"),
    ("/sdmx/3.0/data/provisionagreement/KERWEN/PRM_NEW", 404, "no provision"),
    ("/sdmx/3.0/registration/id/x", 501, "not built"),
    ("/nope", 404, "nothing is here"),
    ("/live?tables=NOPE", 400, "'NOPE' is not published"),
    ("/subjects/NOPE/versions", 404, "not found"),
    ("/subjects/indicators.PRM_NEW-value/versions/7", 404, "there is 1"),
    ("/subjects/indicators.PRM_NEW-value/versions/x", 422, "is no version"),
    ("/schemas/ids/7", 404, "not found"),
]


def sentence(found: httpx.Response) -> str:
    """The one sentence of an error, from whichever form it has."""
    kind = found.headers["content-type"]
    if kind == "application/xml":
        root = etree.fromstring(found.content)
        return "".join(root.itertext())
    body = found.json()
    return str(body["message"] if "message" in body else body["errors"][0]["detail"])


@pytest.mark.parametrize(
    ("path", "status", "said"), CASES, ids=lambda one: str(one)[:60]
)
def test_bad_input_gets_its_status_and_a_sentence(
    url: str, path: str, status: int, said: str
) -> None:
    """One line, what is wrong and what there is instead."""
    found = httpx.get(url + path)

    assert found.status_code == status
    text = sentence(found)
    assert said in text
    assert "\n" not in text
    assert "Traceback" not in found.text
    assert ".py" not in found.text


def test_errors_are_valid_messages(url: str) -> None:
    """Each API in its own words."""
    two = httpx.get(f"{url}/sdmx/2.1/data/NOPE")
    three = httpx.get(f"{url}/sdmx/3.0/data/dataflow/KERWEN/NOPE")

    assert xml_faults(two.text, "sdmx21") == []
    assert json_faults(three.text, "sdmx20") == []


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
PLACES = ["/nope", f"{TWO}?format=pdf", "/sdmx/2.1/data/HTF_MEANS", "/tables/NOPE"]


@pytest.mark.parametrize("path", PLACES)
def test_a_browser_gets_a_page_and_a_program_a_message(url: str, path: str) -> None:
    """The same status and sentence, in whichever form was asked for."""
    page = httpx.get(url + path, headers={"Accept": BROWSER, "Accept-Language": "ru"})
    message = httpx.get(url + path, headers={"Accept": "application/json"})

    assert page.status_code == message.status_code >= 400
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="ru">' in page.text
    assert "Accept" in page.headers["vary"]
    assert message.headers["content-type"] in {"application/json", "application/xml"}
    assert sentence(message).split("; ")[0] in unescape(page.text)


@pytest.mark.parametrize(
    ("status", "token", "lead"),
    [
        (401, "unknown", "предъявите токен или сертификат"),
        (403, "revoked", "Этот доступ больше не действует"),
        (429, "", "Слишком много запросов сразу"),
    ],
)
def test_whoever_is_not_let_in_reads_why(
    tmp_path_factory: pytest.TempPathFactory, status: int, token: str, lead: str
) -> None:
    """A person in the language of the browser, a script of another site as JSON."""
    one = house(tmp_path_factory.mktemp("shut"), per_second=0.01, burst=2.0)
    if token == "revoked":
        token = passes.issue(one.home, "unicef", now_ms=0, until_ms=FAR_MS)
        passes.revoke(one.home, now_ms=0, reason="lost", member="unicef")
        one.gateway.doors.look()
    shown = {"Authorization": f"Bearer {token}"} if token else {}
    page = {"Accept": BROWSER, "Accept-Language": "ru", **shown}
    script = {"Origin": "https://elsewhere.test", **shown}
    with served(one) as url:
        if not token:
            found = [httpx.get(url, headers=page).status_code for _ in range(2)]
            assert found == [200, 200]
        read = httpx.get(url, headers=page)
        told = httpx.get(f"{url}/live", headers=script)

    assert (read.status_code, told.status_code) == (status, status)
    assert lead in read.text
    assert "unsafe" not in read.headers["content-security-policy"]
    assert sentence(told) in unescape(read.text)
    assert told.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "accept", ["image/png", "application/vnd.sdmx.data+json;version=9"]
)
def test_a_format_that_is_not_offered_is_not_acceptable(url: str, accept: str) -> None:
    """With the list of those that are."""
    found = httpx.get(url + TWO, headers={"Accept": accept})

    assert found.status_code == 406
    assert "application/vnd.sdmx.genericdata+xml" in sentence(found)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_written(url: str, method: str) -> None:
    """Whatever is sent."""
    for path in (TWO, "/subjects", "/schemas/ids/1", "/live"):
        found = httpx.request(method, url + path, content=b"{}")
        assert found.status_code == 405
        assert "GET" in found.headers["allow"]


def test_too_much_for_one_answer_is_refused(
    full: House, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the way out: fewer codes, or pages."""
    del full
    monkeypatch.setattr("hub.gateway.lookup.OBSERVATIONS_MAX", 100)
    found = httpx.get(f"{url}{TWO}/all?lang=tk")
    page = httpx.get(f"{url}{THREE}/Q.TM.F.WORK?limit=10&lang=tk")

    assert found.status_code == 413
    assert "limit and offset" in sentence(found)
    assert page.status_code == 200


def test_too_many_requests_are_refused_for_a_moment(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Probes are not counted, and the client is told when to come again."""
    one = house(tmp_path_factory.mktemp("busy"), per_second=0.01, burst=5.0)
    with served(one) as url:
        statuses = [httpx.get(f"{url}/subjects").status_code for _ in range(10)]
        last = httpx.get(f"{url}/sdmx/2.1/dataflow")
        probes = {httpx.get(f"{url}/readyz").status_code for _ in range(10)}

    assert statuses[:5] == [200] * 5
    assert 429 in statuses
    assert (last.status_code, last.headers["retry-after"]) == (429, "1")
    assert probes == {200}


def test_what_is_not_foreseen_is_one_sentence(
    full: House, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the request or the code goes out."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret of the request")

    monkeypatch.setattr(type(full.gateway.lookup), "rows", fail)
    found = httpx.get(f"{url}{TWO}/all?lang=ru&format=csv")

    assert found.status_code == 500
    assert sentence(found) == "the gateway failed; its operators see why"
