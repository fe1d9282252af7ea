"""Figures of a view as a chart: a Vega-Lite specification, made of values.

Rules (docs/dashboard.md, "Charts"):

- A chart shows what the table below it shows, of one breakdown: the first that is
  open. The others stand at their total, or at their first code.
- Women and men have their own colours and places, never only a colour.
- What is suppressed or missing is not drawn as zero; it is written.
- The specification is data: it has no address to load from and no expression that a
  reader's browser would have to compile from text of ours or of a reader.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from hub.core.catalogue.model import Catalogue
from hub.core.codelists import TOTAL
from hub.core.sdmx.model import Component
from hub.gateway.pages import draw, maps, plots
from hub.gateway.pages.grid import Row
from hub.gateway.pages.texts import FOLDER, Words
from hub.gateway.pages.view import HOME, View

PANELS_MAX = 12
Spec = dict[str, Any]
_AREA = "REF_AREA"
_NAMES = {
    "F": "table.women",
    "M": "table.men",
    "_OUN": "table.rest",
    "_T": "table.total",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What is drawn.

    Attributes:
        kind: line, bar, pyramid, map or flow.
        kinds: Those that this view could have.
        points: One a figure: code, label, period, sex, its name, value.
        period: The one that is drawn; empty where time is an axis.
        lead: The breakdown that is drawn; None: there is none.
    """

    kind: str
    kinds: tuple[str, ...]
    points: list[dict[str, Any]]
    period: str
    lead: Component | None


@cache
def _said() -> Mapping[str, Any]:
    return tomllib.loads((FOLDER / "charts.toml").read_text("utf-8"))


def chart(
    catalogue: Catalogue, view: View, found: Sequence[Row], words: Words
) -> Chart | None:
    """The chart of a view; None where no figure is shown.

    Args:
        catalogue: For what is an age.
        view: Whose rows these are.
        found: Rows of the view.
        words: Language of labels.
    """
    lead = view.varying[0] if view.varying else None
    rows = _one_breakdown(view, found, lead)
    kinds = _kinds(catalogue, view, lead)
    kind = view.chart if view.chart in kinds else kinds[0]
    shown = [row.period for row in rows if any(c.value is not None for c in _of(row))]
    if not shown:
        return None
    period = "" if kind == "line" else max(shown)
    points = [
        point
        for row in rows
        if not period or row.period == period
        for point in _points(view, words, row, lead)
    ]
    return Chart(kind=kind, kinds=kinds, points=points, period=period, lead=lead)


def _of(row: Row) -> list[Any]:
    return list(row.cells.values())


def _kinds(catalogue: Catalogue, view: View, lead: Component | None) -> tuple[str, ...]:
    """What a breakdown can be drawn as, the most telling first."""
    if lead is None:
        return ("line",)
    aged = {
        one.id
        for one in view.table.dimensions
        if catalogue.codelists[one.codelist].bands
    }
    tiles = set(_said()["tiles"]) & set(view.codes[lead.id])
    if lead.id == _AREA:
        return ("map", "bar", "line") if len(tiles) > 1 else ("bar", "line")
    if lead.id in aged and view.table.sex:
        return ("pyramid", "bar", "line")
    if lead.id in _said()["corridors"]:
        return ("bar", "flow", "line")
    return ("bar", "line")


def _one_breakdown(
    view: View, found: Sequence[Row], lead: Component | None
) -> list[Row]:
    """Rows in which every dimension but the lead has one code."""
    fixed = {
        at: TOTAL if TOTAL in view.codes[one.id] else view.codes[one.id][0]
        for at, one in enumerate(view.dimensions)
        if lead is None or one.id != lead.id
    }
    fixed |= {
        at: HOME
        for at, one in enumerate(view.dimensions)
        if at in fixed and one.id == _AREA and HOME in view.codes[_AREA]
    }
    return [
        row for row in found if all(row.place[at] == code for at, code in fixed.items())
    ]


def _points(
    view: View, words: Words, row: Row, lead: Component | None
) -> list[dict[str, Any]]:
    code, label = "", ""
    if lead is not None:
        at = [one.id for one in view.dimensions].index(lead.id)
        code = row.place[at]
        label = words.of(lead.codes[code])
    sexes = ("F", "M") if view.table.sex else ("_T",)
    return [
        {
            "code": code,
            "label": label,
            "period": row.period,
            "sex": words(_NAMES[sex]) if view.table.sex else words("table.value"),
            "value": cell.value if cell is not None else None,
            "note": ""
            if cell is not None and cell.value is not None
            else words(
                "table.suppressed"
                if cell is not None and cell.hidden
                else "table.missing"
            ),
        }
        for sex in sexes
        for cell in (row.cells.get(sex),)
    ]


def spec(made: Chart, view: View, words: Words, unit: str, *, small: bool) -> Spec:
    """The specification of a chart.

    Args:
        made: What is drawn.
        view: Whose it is.
        words: Language of titles.
        unit: Name of the unit of measure.
        small: For a phone.
    """
    look = draw.Look(
        width=330 if small else 860,
        small=small,
        sexes=tuple(
            words(_NAMES[sex]) if view.table.sex else words("table.value")
            for sex in (("F", "M") if view.table.sex else ("_T",))
        ),
        unit=unit,
        period=words("table.period"),
        language=words.language,
        home=next(
            (
                words.of(one.codes[HOME])
                for one in view.dimensions
                if one.id == _AREA and HOME in one.codes
            ),
            HOME,
        ),
    )
    points = made.points
    if made.kind != "line":
        points = _without_total(points)
    return draw.framed(_DRAWN[made.kind](made, points, look), look)


def _without_total(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Parts only, where there are any: a total would dwarf them."""
    parts = [one for one in points if one["code"] not in {TOTAL, HOME}]
    return parts or points


def _line(made: Chart, points: list[dict[str, Any]], look: draw.Look) -> Spec:
    codes = list(dict.fromkeys(one["code"] for one in points))[:PANELS_MAX]
    kept = [one for one in points if one["code"] in codes]
    return plots.line(kept, look, panels=made.lead is not None and len(codes) > 1)


def _bar(made: Chart, points: list[dict[str, Any]], look: draw.Look) -> Spec:
    del made
    return plots.bar(points, look)


def _pyramid(made: Chart, points: list[dict[str, Any]], look: draw.Look) -> Spec:
    del made
    return plots.pyramid(points, look)


def _map(made: Chart, points: list[dict[str, Any]], look: draw.Look) -> Spec:
    """Every tile, also of a velayat that lists nothing."""
    names = made.lead.codes if made.lead is not None else {}
    known = {(one["code"], one["sex"]): one for one in points}
    placed = []
    for code, (column, row) in _said()["tiles"].items():
        for sex in look.sexes:
            blank = {"code": code, "sex": sex, "period": made.period, "value": None}
            blank |= {"label": getattr(names[code], look.language), "note": "–"}
            one = known.get((code, sex), blank)
            placed.append({**one, "column": column, "row": row})
    return maps.tiles(placed, look)


def _flow(made: Chart, points: list[dict[str, Any]], look: draw.Look) -> Spec:
    way = _said()["corridors"][made.lead.id] if made.lead is not None else "in"
    return maps.flow(points, look, way=way)


_DRAWN: Mapping[str, Callable[[Chart, list[dict[str, Any]], draw.Look], Spec]] = {
    "line": _line,
    "bar": _bar,
    "pyramid": _pyramid,
    "map": _map,
    "flow": _flow,
}
