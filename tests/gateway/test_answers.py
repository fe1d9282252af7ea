"""Answers over HTTP: formats, conditions, encodings, languages."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openpyxl
import polars as pl
import pytest

from hub.core.sdmx.negotiate import DATA_2, DATA_3, Format
from hub.gateway.cache import Cache
from tests.core.sdmx.messages import json_faults, xml_faults
from tests.core.sdmx.releases import Log, close, release
from tests.gateway.house import House, served

DATA = "/sdmx/2.1/data/PRM_NEW/Q.TM.F+M.WORK."
DATA_30 = "/sdmx/3.0/data/dataflow/KERWEN/PRM_NEW/1.0.0/Q.TM.F.WORK,Q.TM.M.WORK"


def rows(text: str) -> list[dict[str, str]]:
    """Rows of a CSV text."""
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("one", DATA_2, ids=lambda one: one.name)
def test_every_format_says_what_it_is(url: str, one: Format) -> None:
    """Under both APIs, by header and by parameter, to the same bytes."""
    header = one.content_type.partition(";charset")[0]
    if one.name == "hxl":
        header += ";profile=hxl"
    for path in (DATA, DATA_30):
        asked = httpx.get(url + path, headers={"Accept": header})
        named = httpx.get(f"{url}{path}", params={"format": one.name})
        assert (asked.status_code, named.status_code) == (200, 200), asked.text
        assert asked.headers["content-type"] == one.content_type
        assert named.headers["content-type"] == one.content_type
        assert f"PRM_NEW.{one.suffix}" in asked.headers["content-disposition"]


def test_what_goes_out_is_valid(url: str) -> None:
    """The defaults of both APIs, data and structures."""
    assert xml_faults(httpx.get(url + DATA).text, "sdmx21") == []
    assert json_faults(httpx.get(url + DATA_30).text, "sdmx20") == []
    two = httpx.get(f"{url}/sdmx/2.1/dataflow/KERWEN/PRM_NEW?references=all")
    three = httpx.get(
        f"{url}/sdmx/3.0/structure/dataflow/KERWEN/PRM_NEW?references=all"
    )
    assert xml_faults(two.text, "sdmx21") == []
    assert json_faults(three.text, "sdmx20", "structure") == []
    for name, version in (("xml3", "sdmx30"), ("xml31", "sdmx31")):
        for detail in ("full", "allstubs", "referencepartial"):
            params = {"format": name, "references": "all", "detail": detail}
            path = f"{url}/sdmx/3.0/structure/dataflow/KERWEN/PRM_NEW"
            assert xml_faults(httpx.get(path, params=params).text, version) == []


def test_both_apis_give_the_same_figures(url: str) -> None:
    """Whatever the words of the query."""
    two = rows(httpx.get(f"{url}{DATA}?format=csv2&startPeriod=2025-Q2").text)
    three = rows(
        httpx.get(
            f"{url}/sdmx/3.0/data/dataflow/KERWEN/PRM_NEW/1.0.0/*",
            params={
                "format": "csv2",
                "c[SEX]": "F,M",
                "c[REASON]": "WORK",
                "c[TIME_PERIOD]": "ge:2025-Q2",
            },
        ).text
    )

    assert two
    assert two == three


def test_workbook_and_data_frame_hold_what_csv_holds(url: str, tmp_path: Path) -> None:
    """Row by row."""
    expected = rows(httpx.get(f"{url}{DATA}?format=csv1").text)
    frame = pl.read_parquet(httpx.get(f"{url}{DATA}?format=parquet").content)
    book = openpyxl.load_workbook(
        io.BytesIO(httpx.get(f"{url}{DATA}?format=xlsx&lang=tk").content)
    )
    [about, data] = book.worksheets
    head, *body = data.iter_rows(values_only=True)
    del tmp_path

    assert frame["OBS_VALUE"].to_list() == [
        float(row["OBS_VALUE"]) if row["OBS_VALUE"] else None for row in expected
    ]
    assert frame["SEX"].to_list() == [row["SEX"] for row in expected]
    assert list(head) == list(expected[0])[1:]
    sexes = [row[head.index("SEX")] for row in body]
    assert sexes == [row["SEX"] for row in expected]
    assert "Aýal" in {row[2] for row in about.iter_rows(values_only=True)}


def test_data_frames_read_parts_from_the_address(url: str) -> None:
    """Polars asks for the size, then for ranges; of CSV and of Parquet."""
    text = pl.read_csv(f"{url}/sdmx/2.1/data/PRM_NEW/all?format=csv")
    whole = pl.read_parquet(f"{url}/sdmx/2.1/data/PRM_NEW/all?format=parquet")
    women = (
        pl.scan_parquet(f"{url}/sdmx/2.1/data/PRM_NEW/all?format=parquet")
        .filter(pl.col("SEX") == "F")
        .select("OBS_VALUE")
        .collect()
    )

    assert text["OBS_VALUE"].cast(pl.Float64).equals(whole["OBS_VALUE"])
    assert women["OBS_VALUE"].equals(
        whole.filter(pl.col("SEX") == "F")["OBS_VALUE"],
    )


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=10-", 206, slice(10, None)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=5-99999999", 206, slice(5, None)),
        ("bytes=99999999-", 416, slice(0, 0)),
        ("bytes=-0", 416, slice(0, 0)),
        ("bytes=9-3", 200, slice(None)),
        ("bytes=0-1,4-5", 200, slice(None)),
        ("bytes=-", 200, slice(None)),
        ("lines=0-1", 200, slice(None)),
        (f"bytes={'9' * 99}-", 200, slice(None)),
    ],
)
def test_a_part_is_that_part(url: str, asked: str, status: int, part: slice) -> None:
    """Of the plain bytes; what is not one range is no range."""
    whole = httpx.get(url + DATA, headers={"Accept-Encoding": "identity"})
    found = httpx.get(url + DATA, headers={"Range": asked})

    assert found.status_code == status
    assert found.content == whole.content[part]
    assert whole.headers["accept-ranges"] == "bytes"
    assert found.headers["etag"].removesuffix('-gz"') in whole.headers["etag"]
    size = len(whole.content)
    if status == 206:
        start, end, _ = part.indices(size)
        told = f"bytes {start}-{end - 1}/{size}"
        assert found.headers["content-range"] == told
    if status == 416:
        assert found.headers["content-range"] == f"bytes */{size}"


def test_parts_of_two_versions_are_never_joined(url: str) -> None:
    """Whoever has begun with another one gets all of this one; HEAD has no parts."""
    whole = httpx.get(url + DATA, headers={"Accept-Encoding": "identity"})
    part = {"Range": "bytes=4-5", "Accept-Encoding": "identity"}
    same = httpx.get(url + DATA, headers={**part, "If-Range": whole.headers["etag"]})
    other = httpx.get(url + DATA, headers={**part, "If-Range": '"x"'})
    head = httpx.head(url + DATA, headers=part)

    assert (same.status_code, same.content) == (206, whole.content[4:6])
    assert (other.status_code, other.content) == (200, whole.content)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))


def test_hxl_puts_the_sexes_side_by_side(url: str) -> None:
    """Tags in the second row; women have a column and no filter."""
    text = httpx.get(f"{url}/sdmx/2.1/data/STK_VEL/all?format=hxl").text
    head, tags, *body = list(csv.reader(io.StringIO(text)))

    assert "#population+migrants+f" in tags
    assert "#date+period" in tags
    assert "#adm1+code" in tags
    assert head[tags.index("#population+migrants+f")] == "Female"
    assert all(tag.startswith("#") for tag in tags)
    assert all(len(row) == len(tags) for row in body)


def test_an_unchanged_answer_is_not_sent_again(url: str) -> None:
    """By its tag, by its time; another query has another tag."""
    first = httpx.get(url + DATA)
    tag = first.headers["etag"]

    for headers in (
        {"If-None-Match": tag},
        {"If-None-Match": f'"x", W/{tag}'},
        {"If-Modified-Since": first.headers["last-modified"]},
    ):
        again = httpx.get(url + DATA, headers=headers)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"].strip('"') == tag.strip('"').removesuffix("-gz")
    assert httpx.get(url + DATA, headers={"If-None-Match": '"x"'}).status_code == 200
    others = [httpx.get(f"{url}{DATA}?{more}") for more in ("lang=ru", "detail=nodata")]
    assert tag not in {one.headers["etag"] for one in others}


def test_a_release_changes_the_tag(empty: House) -> None:
    """And nothing else does: the same content is the same bytes."""
    log = Log()
    release(log, ["PRM_NEW", "STK_VEL"], close(1))
    empty.take(log)
    with served(empty) as url:
        first = httpx.get(url + DATA)
        assert httpx.get(url + DATA).content == first.content
        release(log, ["STK_VEL"], close(2))
        empty.take(log)
        tag = {"If-None-Match": first.headers["etag"]}
        assert httpx.get(url + DATA, headers=tag).status_code == 304
        release(log, ["PRM_NEW"], close(3))
        empty.take(log)
        assert httpx.get(url + DATA, headers=tag).status_code == 200


def test_encodings(url: str) -> None:
    """Zipped for who takes it; the tag says which it is."""
    plain = httpx.get(url + DATA, headers={"Accept-Encoding": "identity"})
    with httpx.stream("GET", url + DATA, headers={"Accept-Encoding": "gzip"}) as one:
        raw = b"".join(one.iter_raw())
        zipped = one.headers
    refused = httpx.get(url + DATA, headers={"Accept-Encoding": "gzip;q=0"})

    assert gzip.decompress(raw) == plain.content
    assert zipped["etag"] != plain.headers["etag"]
    assert "content-encoding" not in refused.headers
    assert "Accept-Encoding" in plain.headers["vary"]


def test_languages(url: str) -> None:
    """By header and by parameter."""
    names = {
        httpx.get(url + DATA_30, headers={"Accept-Language": "ru-RU, en;q=0.1"}).json()[
            "data"
        ]["structures"][0]["name"],
        httpx.get(f"{url}{DATA_30}?lang=ru").json()["data"]["structures"][0]["name"],
    }
    assert len(names) == 1
    assert names.pop().startswith("Первичные")


def test_head_and_other_origins(url: str) -> None:
    """HEAD is GET without a body; any page may read."""
    head = httpx.head(url + DATA)
    cross = httpx.get(url + DATA, headers={"Origin": "https://example.org"})
    before = httpx.options(
        url + DATA,
        headers={
            "Origin": "https://example.org",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "Authorization",
        },
    )

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("application/vnd.sdmx.generic")
    assert cross.headers["access-control-allow-origin"] == "*"
    assert "ETag" in cross.headers["access-control-expose-headers"]
    assert before.status_code == 200


def test_availability_counts_what_data_gives(url: str) -> None:
    """The constraint of a query is that query's answer, in short."""
    path = "/sdmx/3.0/availability/dataflow/KERWEN/PRM_NEW/1.0.0/Q.TM.F"
    said = httpx.get(url + path).json()["data"]["dataConstraints"][0]
    found = rows(
        httpx.get(
            f"{url}/sdmx/3.0/data/dataflow/KERWEN/PRM_NEW/1.0.0/Q.TM.F?format=csv2"
        ).text
    )
    counts = {one["id"]: int(one["title"]) for one in said["annotations"]}
    region = {one["id"]: one for one in said["cubeRegions"][0]["keyValues"]}

    assert counts["obs_count"] == len(found)
    assert {one["value"] for one in region["REASON"]["values"]} == {
        row["REASON"] for row in found
    }
    bounds = region["TIME_PERIOD"]["timeRange"]
    assert bounds["startPeriod"]["period"] == "2025-01-01"
    open_ = httpx.get(f"{url}{path}/SEX?mode=available").json()
    [sex] = open_["data"]["dataConstraints"][0]["cubeRegions"][0]["keyValues"][:1]
    assert {one["value"] for one in sex["values"]} == {"F", "M", "_OUN", "_T"}
    lists = httpx.get(f"{url}{path}?references=codelist").json()["data"]["codelists"]
    assert {one["id"]: len(one["codes"]) for one in lists}["CL_SEX"] == 1


def test_the_past_over_http(url: str) -> None:
    """As of the first release its figures; history has both; updates the second."""
    base = f"{url}/sdmx/3.0/data/dataflow/KERWEN/PRM_NEW/1.0.0/Q.TM.F"
    then = rows(httpx.get(f"{base}?format=csv2&asOf=2026-01-02T12:00:00Z").text)
    now = rows(httpx.get(f"{base}?format=csv2").text)
    history = httpx.get(f"{base}?includeHistory=true").json()["data"]["dataSets"]
    since = httpx.get(f"{base}?updatedAfter=2026-01-02T12:00:00Z").json()["data"]

    assert {row["VINTAGE"] for row in then} == {"P"}
    assert {row["VINTAGE"] for row in now} == {"R"}
    assert [one["action"] for one in history] == ["Replace", "Replace"]
    assert [one["validFrom"] for one in history] == [
        "2026-01-02T00:00:00Z",
        "2026-01-03T00:00:00Z",
    ]
    assert [one["action"] for one in since["dataSets"]] == ["Replace"]
    assert httpx.get(f"{base}?updatedAfter=2027-01-01T00:00:00Z").status_code == 204


def test_nothing_found_is_said_as_each_api_says_it(url: str) -> None:
    """404 with a sentence in the one, 204 without a word in the other."""
    two = httpx.get(f"{url}/sdmx/2.1/data/PRM_NEW/all?startPeriod=2031")
    three = httpx.get(
        f"{url}/sdmx/3.0/data/dataflow/KERWEN/PRM_NEW/1.0.0/*",
        params={"c[TIME_PERIOD]": "ge:2031"},
    )

    assert (two.status_code, three.status_code) == (404, 204)
    assert 'code="100"' in two.text


def test_sdg_indicators_over_http(url: str) -> None:
    """In the custodians' structure, as of any moment."""
    key = ".".join(["A", "N", "SL_EMP_INJUR+SL_EMP_FTLINJUR", "795", "F", *[""] * 10])
    found = rows(httpx.get(f"{url}/sdmx/2.1/data/DF_SDG/{key}?format=csv1").text)
    by_structure = httpx.get(
        f"{url}/sdmx/3.0/data/datastructure/IAEG-SDGs/SDG/1.14/*?format=csv2"
    )

    assert {row["COMPOSITE_BREAKDOWN"] for row in found} == {"MS_MIGRANT"}
    assert {row["UNIT_MULT"] for row in found} == {"0"}
    assert len(rows(by_structure.text)) > len(found)
    refused = httpx.get(f"{url}/sdmx/2.1/data/DF_SDG/all?includeHistory=true")
    assert refused.status_code == 501


def test_many_who_ask_for_the_same_wait_for_one_making() -> None:
    """And what is held is bounded in bytes."""
    made = []

    def make() -> bytes:
        made.append(threading.get_ident())
        time.sleep(0.05)
        return b"x" * 1_000

    async def ask() -> int:
        cache = Cache(bytes_max=2_500)
        await asyncio.gather(*(cache.get("a", make, zipped=False) for _ in range(50)))
        assert len(made) == 1
        for key in "bcd":
            await cache.get(key, make, zipped=False)
        assert not cache.holds("a")
        return cache.size

    assert asyncio.run(ask()) <= 2_500


def test_readers_at_once_get_whole_answers(full: House, url: str) -> None:
    """Twenty threads, four queries, no mixing."""
    paths = [f"{DATA}?lang={lang}&format=json2" for lang in ("en", "ru", "tk")]
    expected = [httpx.get(url + path).content for path in paths]
    with ThreadPoolExecutor(20) as pool:
        found = list(
            pool.map(lambda at: httpx.get(url + paths[at % 3]).content, range(60))
        )

    assert [found[at] == expected[at % 3] for at in range(60)] == [True] * 60
    assert json.loads(expected[0])
    assert full.gateway.metrics.text().count(b"kerwen_answers_total") >= 2
    assert {one.name for one in DATA_2} == {one.name for one in DATA_3}
