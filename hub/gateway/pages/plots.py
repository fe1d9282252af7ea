"""Charts with axes: lines over time, bars, pyramid by age and sex.

Rules: docs/dashboard.md, "Charts"; :mod:`hub.gateway.pages.draw`.
"""

from __future__ import annotations

from hub.gateway.pages import draw
from hub.gateway.pages.draw import SOFT, Look, Points, Spec

SHAPES = ("circle", "square")
_BAR = 15


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
            "y": draw.amount(look, title=None if panels else look.unit),
            "color": draw.by_sex(look),
            "shape": shape,
            "tooltip": draw.tooltip(look),
        },
    }
    if not panels:
        return {"data": draw.data(points), **unit}
    facet = {"field": "label", "type": "nominal", "sort": draw.labels(points)}
    return {"data": draw.data(points), "columns": columns, "facet": facet, "spec": unit}


def bar(points: Points, look: Look) -> Spec:
    """One period: a bar a sex beside each other, in the order of the codes."""
    place: Spec = {
        "y": {
            "field": "label",
            "type": "nominal",
            "sort": draw.labels(points),
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
                "x": draw.amount(look),
                "color": draw.by_sex(look),
                "tooltip": draw.tooltip(look),
            },
        },
        {
            "data": draw.data(absent),
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
        "data": draw.data(points),
        "width": look.width - (170 if look.small else 260),
        "height": {"step": _BAR},
        "encoding": place,
        "layer": layers if absent else layers[:1],
    }


def pyramid(points: Points, look: Look) -> Spec:
    """One period: women to the left, men to the right, ages upwards."""
    top = max((one["value"] or 0 for one in points), default=0) or 1
    ages = draw.labels([one for one in points if not one["code"].startswith("_")])[::-1]
    ages += draw.labels([one for one in points if one["code"].startswith("_")])
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
        x = draw.amount(look, title=None, scale={"domain": [0, top], "reverse": left})
        bars = {
            "mark": {"type": "bar", "color": look.colours[at], "cornerRadiusEnd": 2},
            "encoding": {"y": y, "x": x, "tooltip": draw.tooltip(look)},
        }
        words = {
            "data": draw.data(absent),
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
                "data": draw.data(mine),
                "width": side,
                "height": {"step": 38},
                "layer": [bars, words] if absent else [bars],
            }
        )
    return {"hconcat": sides, "spacing": 8}
