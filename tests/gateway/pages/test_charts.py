"""Charts: what is drawn is what was published, of every kind."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
import vl_convert

from hub.gateway.pages import charts, draw, grid
from hub.gateway.pages.charts import Chart
from hub.gateway.pages.texts import Words
from hub.gateway.pages.view import View, read
from tests.core.sdmx.releases import catalogue
from tests.gateway.house import House

KINDS = [
    ("line", "PRM_NEW", "en"),
    ("bar", "PRM_NEW", "ru"),
    ("flow", "PRM_NEW", "tk"),
    ("map", "STK_VEL", "en"),
    ("pyramid", "STK_VEL", "ru"),
]
CHOICE = {
    "flow": [("CITIZENSHIP_G", code) for code in ("AF", "IR", "KZ")],
    "pyramid": [("AGE_B", code) for code in ("Y0T14", "Y15T24", "Y25T64")],
}


def made(full: House, kind: str, table: str, language: str) -> tuple[View, Chart]:
    """A view and its chart."""
    pairs = [("chart", kind), *CHOICE.get(kind, [])]
    view = read(full.gateway, catalogue().tables[table], pairs, language)
    found = grid.rows(full.gateway, view, None)
    one = charts.chart(catalogue(), view, found, Words(language))
    assert one is not None
    return view, one


def values(spec: Any) -> list[dict[str, Any]]:
    """All data inside a specification."""
    if isinstance(spec, list):
        return [one for part in spec for one in values(part)]
    if not isinstance(spec, dict):
        return []
    found = list(spec.get("data", {}).get("values", []))
    return found + [one for part in spec.values() for one in values(part)]


@pytest.mark.parametrize(("kind", "table", "language"), KINDS)
@pytest.mark.parametrize("small", [False, True], ids=["large", "small"])
def test_a_chart_of_every_kind_compiles(
    full: House, kind: str, table: str, language: str, *, small: bool
) -> None:
    """With the library that browsers get; all its data are inside."""
    view, one = made(full, kind, table, language)
    spec = charts.spec(one, view, Words(language), "unit", small=small)
    text = json.dumps(spec)

    assert one.kind == kind
    assert vl_convert.vegalite_to_vega(text)["marks"]
    assert text.count("http") == 1
    assert text.count(draw.SCHEMA) == 1


@pytest.mark.parametrize(("kind", "table", "language"), KINDS)
def test_a_chart_draws_published_figures_only(
    full: House, kind: str, table: str, language: str
) -> None:
    """Every value is a figure of its row; what is not shown has no value."""
    view, one = made(full, kind, table, language)
    words = Words(language)
    at = [each.id for each in view.dimensions].index(view.varying[0].id)
    sexes = {words("table.women"): "F", words("table.men"): "M"}
    published = {
        (row.place[at], row.period, sex): cell.value
        for row in grid.rows(full.gateway, view, None)
        for sex, cell in row.cells.items()
        if all(c in {"_T", "TM"} for n, c in enumerate(row.place) if n != at)
    }
    spec = charts.spec(one, view, words, "unit", small=False)
    drawn = [point for point in values(spec) if "sex" in point and point["note"] != "–"]

    assert {sexes[point["sex"]] for point in drawn} == {"F", "M"}
    for point in drawn:
        key = (point["code"], point["period"], sexes[point["sex"]])
        assert point["value"] == published[key]
    assert any(point["value"] is None and point["note"] for point in drawn) or (
        None not in published.values() or kind != "line"
    )


def test_a_map_has_every_velayat_once_a_sex(full: House) -> None:
    """Also one that lists nothing: it is not zero, and not left out."""
    view, one = made(full, "map", "STK_VEL", "en")
    spec = charts.spec(one, view, Words("en"), "unit", small=False)
    tiles = {
        (point["code"], point["sex"]): (point["column"], point["row"])
        for point in values(spec)
    }
    velayats = set(catalogue().codelists["CL_VELAYAT"].codes)

    assert {code for code, _ in tiles} == velayats
    assert len(set(tiles.values())) == len(velayats)


def test_pictures_are_files(url: str) -> None:
    """Vectors and dots, in the language asked for, with nothing that could run."""
    place = f"{url}/tables/PRM_NEW/chart"
    svg = httpx.get(f"{place}.svg?lang=tk&v=old", timeout=60)
    png = httpx.get(f"{place}.png?size=small", timeout=60)
    spec = httpx.get(f"{place}.json", timeout=60)

    assert ET.fromstring(svg.text).tag.endswith("svg")  # noqa: S314 - our own
    assert "Aýallar" in svg.text
    assert "<script" not in svg.text
    assert "sandbox" in svg.headers["content-security-policy"]
    assert png.content.startswith(b"\x89PNG")
    assert spec.json()["$schema"] == draw.SCHEMA
    assert svg.headers["etag"]


@pytest.mark.parametrize(
    ("place", "status"),
    [
        ("PRM_NEW/chart.gif", 404),
        ("PRM_NEW/chart.svg?size=huge", 400),
        ("PRM_NEW/chart.svg?asOf=2020-01-01", 404),
        ("NONE/chart.svg", 404),
        ("HTF_MEANS/chart.svg", 401),
        ("HTF_MEANS/embed", 401),
    ],
)
def test_a_chart_that_cannot_be_had_is_refused(
    url: str, place: str, status: int
) -> None:
    """With a sentence; a table for members gives no picture to others."""
    assert httpx.get(f"{url}/tables/{place}").status_code == status


def test_only_embeds_may_be_framed(url: str) -> None:
    """Everything else refuses to stand inside another site."""
    inside = httpx.get(f"{url}/tables/STK_VEL/embed?lang=ru&chart=bar")
    page = httpx.get(f"{url}/tables/STK_VEL?lang=ru")

    assert "frame-ancestors *" in inside.headers["content-security-policy"]
    assert "chart=bar" in inside.text
    assert "<form" not in inside.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "/tables/STK_VEL/embed?" in page.text
