"""The five charts as Vega-Lite: line, bar, pyramid, tile map, corridors.

Rules (docs/dashboard.md, "Charts"):

- Colours of women and men differ in lightness too and have 4.5 to 1 on white; the map's
  scale is one hue, and every tile has its number written on it.
- Texts are as wide as a phone allows; nothing is turned on its side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]
Points = Sequence[dict[str, Any]]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
INK, SOFT, GRID = "#17211f", "#4c5a57", "#e3e8e5"
COLOURS = ("#6b2fa0", "#c2620e")
ONE_COLOUR = ("#0b5d57",)
SHAPES = ("circle", "square")
_SCALE = ("#e3efed", "#0b5d57")
_BAR = 15
NUMBER = ",~f"
"""Thousands apart, and no more decimals than there are."""
_TILE, _TILE_SMALL = 128, 100
_DARK = 0.55
"""Share of the greatest figure from which a tile needs white letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a chart is drawn.

    Attributes:
        width: In pixels.
        sexes: Names of what the colours stand for, in their order.
    """

    width: int
    small: bool
    sexes: tuple[str, ...]
    unit: str
    period: str
    language: str
    home: str

    @property
    def colours(self) -> tuple[str, ...]:
        """One for each of `sexes`."""
        return COLOURS if len(self.sexes) > 1 else ONE_COLOUR


def framed(spec: Spec, look: Look) -> Spec:
    """A specification with the look that all charts share."""
    font = "system-ui, 'Noto Sans', 'DejaVu Sans', sans-serif"
    axis = {
        "labelColor": SOFT,
        "titleColor": SOFT,
        "gridColor": GRID,
        "domainColor": GRID,
        "tickColor": GRID,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 150 if look.small else 300,
    }
    head = {"labelColor": INK, "labelFontSize": 13, "labelFontWeight": "bold"}
    return {
        "$schema": SCHEMA,
        "background": "#ffffff",
        "padding": 8,
        "config": {
            "font": font,
            "axis": axis,
            "header": {**head, "title": None, "labelLimit": 220},
            "legend": {
                "title": None,
                "orient": "top",
                "labelFontSize": 13,
                "labelColor": INK,
            },
            "view": {"stroke": None},
            "locale": {"number": _numbers(look.language)},
        },
        **spec,
    }


def _numbers(language: str) -> Spec:
    english = language == "en"
    return {
        "decimal": "." if english else ",",
        "thousands": "," if english else "\N{NO-BREAK SPACE}",
        "grouping": [3],
        "currency": ["", ""],
    }


def _data(points: Points) -> Spec:
    return {"values": list(points)}


def _sex(look: Look) -> Spec:
    """Colour by sex; the legend only where there are two."""
    scale = {"domain": list(look.sexes), "range": list(look.colours)}
    legend: Spec | None = {} if len(look.sexes) > 1 else None
    return {"field": "sex", "type": "nominal", "scale": scale, "legend": legend}


def _tooltip(look: Look) -> list[Spec]:
    number = {"field": "value", "type": "quantitative", "format": NUMBER}
    number["title"] = look.unit
    names = [
        {"field": name, "type": "nominal", "title": title}
        for name, title in (("label", " "), ("period", look.period), ("sex", "  "))
    ]
    return [*names, number]


def _value(look: Look, **more: Any) -> Spec:
    return {
        "field": "value",
        "type": "quantitative",
        "title": look.unit,
        "axis": {"format": NUMBER, "tickCount": 3 if look.small else 5},
        **more,
    }


def line(points: Points, look: Look, *, panels: bool) -> Spec:
    """Over time: a line a sex; small multiples where there is a breakdown."""
    columns = (1 if look.small else 3) if panels else 1
    scale = {"domain": list(look.sexes), "range": list(SHAPES[: len(look.sexes)])}
    shape = {"field": "sex", "type": "nominal", "scale": scale, "legend": None}
    unit = {
        "width": (look.width - 70 * columns) // columns,
        "height": 150 if panels else 300,
        "mark": {
            "type": "line",
            "point": {"size": 45, "filled": True},
            "strokeWidth": 2.2,
        },
        "encoding": {
            "x": {
                "field": "period",
                "type": "ordinal",
                "title": None,
                "axis": {
                    "labelAngle": 0,
                    "labelOverlap": "greedy",
                    "labelSeparation": 10,
                    "grid": False,
                },
            },
            "y": _value(look, title=None if panels else look.unit),
            "color": _sex(look),
            "shape": shape,
            "tooltip": _tooltip(look),
        },
    }
    if not panels:
        return {"data": _data(points), **unit}
    facet = {"field": "label", "type": "nominal", "sort": _order(points)}
    return {"data": _data(points), "columns": columns, "facet": facet, "spec": unit}


def _order(points: Points) -> list[str]:
    return list(dict.fromkeys(one["label"] for one in points))


def bar(points: Points, look: Look) -> Spec:
    """One period: a bar a sex beside each other, in the order of the codes."""
    place: Spec = {
        "y": {
            "field": "label",
            "type": "nominal",
            "sort": _order(points),
            "title": None,
            "axis": {"ticks": False, "domain": False},
            "scale": {"paddingInner": 0.28},
        },
        "yOffset": {"field": "sex", "type": "nominal", "sort": list(look.sexes)},
    }
    absent = [one for one in points if one["value"] is None]
    layers: list[Spec] = [
        {
            "mark": {"type": "bar", "cornerRadiusEnd": 2},
            "encoding": {
                "x": _value(look),
                "color": _sex(look),
                "tooltip": _tooltip(look),
            },
        },
        {
            "data": _data(absent),
            "mark": {
                "type": "text",
                "align": "left",
                "dx": 4,
                "fontStyle": "italic",
                "fontSize": 11,
                "color": SOFT,
            },
            "encoding": {
                "x": {"datum": 0},
                "text": {"field": "note", "type": "nominal"},
            },
        },
    ]
    return {
        "data": _data(points),
        "width": look.width - (170 if look.small else 260),
        "height": {"step": _BAR},
        "encoding": place,
        "layer": layers if absent else layers[:1],
    }


def pyramid(points: Points, look: Look) -> Spec:
    """One period: women to the left, men to the right, ages upwards."""
    top = max((one["value"] or 0 for one in points), default=0) or 1
    ages = _order([one for one in points if not one["code"].startswith("_")])[::-1]
    ages += _order([one for one in points if one["code"].startswith("_")])
    side = (look.width - (150 if look.small else 190)) // 2
    sides = []
    for at, sex in enumerate(look.sexes):
        mine = [one for one in points if one["sex"] == sex]
        absent = [one for one in mine if one["value"] is None]
        left = at == 0
        y = {
            "field": "label",
            "type": "nominal",
            "sort": ages,
            "title": None,
            "axis": {"ticks": False, "domain": False} if left else None,
        }
        x = _value(look, title=None, scale={"domain": [0, top], "reverse": left})
        bars = {
            "mark": {"type": "bar", "color": look.colours[at], "cornerRadiusEnd": 2},
            "encoding": {"y": y, "x": x, "tooltip": _tooltip(look)},
        }
        words = {
            "data": _data(absent),
            "mark": {
                "type": "text",
                "align": "right" if left else "left",
                "dx": -4 if left else 4,
                "fontStyle": "italic",
                "fontSize": 11,
                "color": SOFT,
            },
            "encoding": {
                "y": {"field": "label", "type": "nominal", "sort": ages},
                "x": {"datum": 0},
                "text": {"field": "note", "type": "nominal"},
            },
        }
        sides.append(
            {
                "title": {"text": sex, "color": look.colours[at], "fontSize": 14},
                "data": _data(mine),
                "width": side,
                "height": {"step": 38},
                "layer": [bars, words] if absent else [bars],
            }
        )
    return {"hconcat": sides, "spacing": 8}


def tiles(points: Points, look: Look) -> Spec:
    """One period: a tile a velayat, women and men side by side with one scale."""
    size = _TILE_SMALL if look.small else _TILE
    top = max((one["value"] or 0 for one in points), default=0) or 1
    shade = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": [0, top], "range": list(_SCALE)},
        "legend": None,
    }
    tile = {"type": "rect", "cornerRadius": 8, "stroke": "#9fb3ae"}
    panels = []
    for at, sex in enumerate(look.sexes):
        mine = [one for one in points if one["sex"] == sex]
        shown = [one for one in mine if one["value"] is not None]
        absent = [one for one in mine if one["value"] is None]
        dark = [one for one in shown if one["value"] > _DARK * top]
        light = [one for one in shown if one["value"] <= _DARK * top]
        coloured = {"color": shade, "tooltip": _tooltip(look)}
        plain = {"mark": {**tile, "color": "#ffffff"}}
        layers = [
            {"data": _data(absent), **plain},
            {"data": _data(shown), "mark": tile, "encoding": coloured},
            *_written(absent, INK, size),
            *_written(light, INK, size),
            *_written(dark, "#ffffff", size),
        ]
        edge = {"axis": None, "scale": {"padding": 0.06, "domain": [0, 1, 2]}}
        panels.append(
            {
                "title": {"text": sex, "color": look.colours[at], "fontSize": 14},
                "width": 3 * size,
                "height": round(3 * size * 0.72),
                "encoding": {
                    "x": {"field": "column", "type": "ordinal", **edge},
                    "y": {"field": "row", "type": "ordinal", **edge},
                },
                "layer": layers,
            }
        )
    return {"vconcat" if look.small else "hconcat": panels, "spacing": 24}


def _written(points: Points, ink: str, size: int) -> list[Spec]:
    """Name and number, or why there is none, on tiles."""
    if not points:
        return []
    text: Spec = {"type": "text", "color": ink, "limit": size - 12}
    lined = [{**one, "label": one["label"].replace(" ", "\n", 1)} for one in points]
    name = {"field": "label", "type": "nominal"}
    number = {"field": "value", "type": "quantitative", "format": NUMBER}
    note = {"field": "note", "type": "nominal"}
    bold = {"dy": 22, "fontSize": 16, "fontWeight": "bold"}
    quiet = {"dy": 22, "fontSize": 11, "fontStyle": "italic"}
    shown = points[0]["value"] is not None
    return [
        {
            "data": _data(lined),
            "mark": {**text, "dy": -20, "fontSize": 12, "lineBreak": "\n"},
            "encoding": {"text": name},
        },
        {
            "data": _data(points),
            "mark": {**text, **(bold if shown else quiet)},
            "encoding": {"text": number if shown else note},
        },
    ]


def flow(points: Points, look: Look, *, way: str) -> Spec:
    """One period: corridors between countries and this one, as wide as their figure."""
    labels = _order(points)
    top = max((one["value"] or 0 for one in points), default=0) or 1
    step = 34
    middle = step * (len(labels) - 1) / 2 + step / 2
    ends = []
    for one in points:
        if one["value"]:
            at = look.sexes.index(one["sex"])
            shift = (at - (len(look.sexes) - 1) / 2) * 9
            start = step * labels.index(one["label"]) + step / 2 + shift
            ends.append({**one, "a": start, "b": middle + shift})
    hidden = {one["label"]: one["note"] for one in points if one["value"] is None}
    names = [
        {
            "label": f"{text} – {hidden[text]}" if text in hidden else text,
            "a": step * n + step / 2,
        }
        for n, text in enumerate(labels)
    ]
    height = step * len(labels)
    across: Spec = {"domain": [0, 1], "nice": False}
    down: Spec = {"domain": [height, 0], "nice": False}
    far, near = (0, 1) if way == "in" else (1, 0)

    def position(x: float) -> Spec:
        return {"datum": x, "type": "quantitative", "scale": across, "axis": None}

    def height_of(name: str) -> Spec:
        return {"field": name, "type": "quantitative", "scale": down, "axis": None}

    side = {"align": "right" if way == "in" else "left", "dx": -8 if way == "in" else 8}
    band = {
        "data": _data(ends),
        "mark": {"type": "rule", "opacity": 0.78, "strokeCap": "butt"},
        "encoding": {
            "x": position(far),
            "x2": {"datum": near},
            "y": height_of("a"),
            "y2": {"field": "b"},
            "color": _sex(look),
            "strokeWidth": {
                "field": "value",
                "type": "quantitative",
                "scale": {"domain": [0, top], "range": [0.8, 13]},
                "legend": None,
            },
            "tooltip": _tooltip(look),
        },
    }
    places = {
        "data": _data(names),
        "mark": {"type": "text", "fontSize": 12, "color": INK, "limit": 190, **side},
        "encoding": {
            "x": position(far),
            "y": height_of("a"),
            "text": {"field": "label", "type": "nominal"},
        },
    }
    home = {
        "data": {"values": [{"label": look.home, "a": middle}]},
        "mark": {
            "type": "text",
            "fontSize": 14,
            "fontWeight": "bold",
            "color": INK,
            "align": "left" if way == "in" else "right",
            "dx": 12 if way == "in" else -12,
        },
        "encoding": {
            "x": position(near),
            "y": height_of("a"),
            "text": {"field": "label", "type": "nominal"},
        },
    }
    return {
        "width": look.width - (220 if look.small else 400),
        "height": height,
        "layer": [band, places, home],
    }
