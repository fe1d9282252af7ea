"""Charts of places: tile map of the velayats, corridors between countries.

Rules: docs/dashboard.md, "Charts"; :mod:`hub.gateway.pages.draw`.
"""

from __future__ import annotations

from hub.gateway.pages import draw
from hub.gateway.pages.draw import INK, NUMBER, Look, Points, Spec

_SCALE = ("#e3efed", "#0b5d57")
_TILE, _TILE_SMALL = 128, 100
_DARK = 0.76
"""Share of the greatest figure above which letters on a tile are white: there white and
black both have 4.5 to 1."""
_LIGHT_INK, _DARK_INK = "#ffffff", "#000000"
_STEP = 34
"""Pixels between two countries."""
_APART = 9
"""Pixels between women and men of one corridor."""


def tiles(points: Points, look: Look) -> Spec:
    """One period: a tile a velayat, women and men side by side with one scale."""
    size = _TILE_SMALL if look.small else _TILE
    top = max((one["value"] or 0 for one in points), default=0) or 1
    shade = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": [0, top], "range": list(_SCALE), "interpolate": "rgb"},
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
        coloured = {"color": shade, "tooltip": draw.tooltip(look)}
        plain = {"mark": {**tile, "color": "#ffffff"}}
        layers = [
            {"data": draw.data(absent), **plain},
            {"data": draw.data(shown), "mark": tile, "encoding": coloured},
            *_written(absent, INK, size),
            *_written(light, _DARK_INK, size),
            *_written(dark, _LIGHT_INK, size),
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
            "data": draw.data(lined),
            "mark": {**text, "dy": -20, "fontSize": 12, "lineBreak": "\n"},
            "encoding": {"text": name},
        },
        {
            "data": draw.data(points),
            "mark": {**text, **(bold if shown else quiet)},
            "encoding": {"text": number if shown else note},
        },
    ]


def flow(points: Points, look: Look, *, way: str) -> Spec:
    """One period: corridors between countries and this one, as wide as their figure.

    Args:
        points: One a country and sex.
        look: How it is drawn.
        way: ``in``: from there to here; ``out``: from here to there.
    """
    names = draw.labels(points)
    middle = _STEP * len(names) / 2
    far, near = (0, 1) if way == "in" else (1, 0)
    sides, away = ("right", "left"), -1
    if way == "out":
        sides, away = ("left", "right"), 1
    outward: Spec = {"align": sides[0], "dx": 8 * away}
    inward: Spec = {"align": sides[1], "dx": -12 * away}
    hidden = {one["label"]: one["note"] for one in points if one["value"] is None}
    there = [
        {
            "label": f"{text} – {hidden[text]}" if text in hidden else text,
            "start": _STEP * n + _STEP / 2,
        }
        for n, text in enumerate(names)
    ]
    here = [{"label": look.home, "start": middle}]
    height = _STEP * len(names)
    return {
        "width": look.width - (220 if look.small else 400),
        "height": height,
        "layer": [
            _bands(points, look, names, far, near),
            _ends(there, far, height, {"fontSize": 12, "limit": 190, **outward}),
            _ends(here, near, height, {"fontSize": 14, "fontWeight": "bold", **inward}),
        ],
    }


def _across(at: float) -> Spec:
    scale = {"domain": [0, 1], "nice": False}
    return {"datum": at, "type": "quantitative", "scale": scale, "axis": None}


def _down(name: str, height: float) -> Spec:
    scale = {"domain": [height, 0], "nice": False}
    return {"field": name, "type": "quantitative", "scale": scale, "axis": None}


def _bands(points: Points, look: Look, names: list[str], far: int, near: int) -> Spec:
    top = max((one["value"] or 0 for one in points), default=0) or 1
    height = _STEP * len(names)
    ends = []
    for one in points:
        if one["value"]:
            at = look.sexes.index(one["sex"])
            shift = (at - (len(look.sexes) - 1) / 2) * _APART
            start = _STEP * names.index(one["label"]) + _STEP / 2 + shift
            ends.append({**one, "start": start, "end": height / 2 + shift})
    width = {"domain": [0, top], "range": [0.8, 13]}
    return {
        "data": draw.data(ends),
        "mark": {"type": "rule", "opacity": 0.78, "strokeCap": "butt"},
        "encoding": {
            "x": _across(far),
            "x2": {"datum": near},
            "y": _down("start", height),
            "y2": {"field": "end"},
            "color": draw.by_sex(look),
            "strokeWidth": {
                "field": "value",
                "type": "quantitative",
                "scale": width,
                "legend": None,
            },
            "tooltip": draw.tooltip(look),
        },
    }


def _ends(points: Points, at: int, height: float, mark: Spec) -> Spec:
    return {
        "data": draw.data(points),
        "mark": {"type": "text", "color": INK, **mark},
        "encoding": {
            "x": _across(at),
            "y": _down("start", height),
            "text": {"field": "label", "type": "nominal"},
        },
    }
