"""Charts: what is drawn is what was published, of every kind."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
import vl_convert

from hub.gateway.pages import charts, draw, grid, maps
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


def luminance(colour: tuple[float, ...]) -> float:
    """Relative luminance of red, green and blue in 0 … 255 (WCAG 2.1)."""
    parts = [one / 255 for one in colour]
    linear = [
        one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4
        for one in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def rgb(text: str) -> tuple[float, ...]:
    """A colour as three numbers."""
    return tuple(int(text[at : at + 2], 16) for at in (1, 3, 5))


def test_letters_on_a_tile_can_be_read() -> None:
    """Whatever the figure: 4.5 to 1."""
    low, high = map(rgb, maps._SCALE)
    for share in (at / 100 for at in range(101)):
        tile = tuple(a + (b - a) * share for a, b in zip(low, high, strict=True))
        ink = maps._LIGHT_INK if share > maps._DARK else maps._DARK_INK
        dark, light = sorted((luminance(tile), luminance(rgb(ink))))

        assert (light + 0.05) / (dark + 0.05) >= 4.5, share


@pytest.mark.parametrize("colour", [*draw.COLOURS, *draw.ONE_COLOUR, draw.SOFT])
def test_lines_and_names_can_be_seen_on_white(colour: str) -> None:
    """3 to 1 for what is drawn; names of sexes are written large."""
    assert 1.05 / (luminance(rgb(colour)) + 0.05) >= 3


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
