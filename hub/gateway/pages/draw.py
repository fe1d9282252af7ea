"""What all charts share: colours, names, numbers, how a specification begins.

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
NUMBER = ",~f"
"""Thousands apart, and no more decimals than there are."""


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


def data(points: Points) -> Spec:
    """Points as data inside a specification."""
    return {"values": list(points)}


def by_sex(look: Look) -> Spec:
    """Colour by sex; the legend only where there are two."""
    scale = {"domain": list(look.sexes), "range": list(look.colours)}
    legend: Spec | None = {} if len(look.sexes) > 1 else None
    return {"field": "sex", "type": "nominal", "scale": scale, "legend": legend}


def tooltip(look: Look) -> list[Spec]:
    """What a point tells of itself."""
    number = {"field": "value", "type": "quantitative", "format": NUMBER}
    number["title"] = look.unit
    names = [
        {"field": name, "type": "nominal", "title": title}
        for name, title in (("label", " "), ("period", look.period), ("sex", "  "))
    ]
    return [*names, number]


def amount(look: Look, **more: Any) -> Spec:
    """The axis of values."""
    return {
        "field": "value",
        "type": "quantitative",
        "title": look.unit,
        "axis": {"format": NUMBER, "tickCount": 3 if look.small else 5},
        **more,
    }


def labels(points: Points) -> list[str]:
    """Labels in the order in which they first come."""
    return list(dict.fromkeys(one["label"] for one in points))
