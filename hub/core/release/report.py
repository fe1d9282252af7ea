"""The utility report of a release as rows and as a page.

Rules (docs/disclosure.md, "Utility"):

- It says what the manifests say and nothing more; nothing here sees a figure.
- What is not told is left empty: too few figures to tell, or a sensitive table.
- Means are of tables, each counted once, so that a large one does not hide a small one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import mean
from typing import Any

from hub.core.messages.indicators import UTILITY
from hub.core.observation import Vintage

COLUMNS = {
    "mean_error": "mean absolute error",
    "changed": "changed, %",
    "female_share_error": "female share off by, points",
    "suppressed_f": "women suppressed, %",
    "suppressed_m": "men suppressed, %",
    "additivity_gap": "margin against sum of parts, %",
}
"""Heading of each figure, in the order of the manifest."""

HIDES_WOMEN = 5.0
"""By how many points more women than men may be suppressed before it is said aloud."""


def rows(manifests: Iterable[Vintage]) -> list[dict[str, Any]]:
    """One row a table, in the order given."""
    return [
        {
            "table": one.table,
            "period": one.period,
            "vintage": one.vintage,
            "release": one.marker.hex(),
            "figures": one.observations,
            **{name: getattr(one, name) for name in UTILITY},
        }
        for one in manifests
    ]


def summary(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Over all tables: the mean of each figure, and where women are hidden more."""
    told: dict[str, float | None] = {}
    for name in UTILITY:
        values = [row[name] for row in found if row[name] is not None]
        told[name] = round(mean(values), 1) if values else None
    hidden = [row["table"] for row in found if _hides_women(row)]
    return {"tables": len(found), **told, "hides_women": hidden}


def page(found: Sequence[dict[str, Any]], title: str) -> str:
    """The report as a Markdown page."""
    heads = ["table", "period", "vintage", "figures", *COLUMNS.values()]
    lines = [f"# {title}", "", _line(heads), _line(["--"] * len(heads))]
    lines += [
        _line([row["table"], row["period"], row["vintage"], row["figures"], *_of(row)])
        for row in found
    ]
    whole = summary(found)
    figures = sum(row["figures"] for row in found)
    lines.append(_line(["mean of tables", "", "", figures, *_of(whole)]))
    hidden = ", ".join(whole["hides_women"]) or "none"
    told = (
        "The mean absolute error is in counts under policy C and in per cent under the"
        " others. An empty place is not told: there are fewer than 200 figures, or the"
        " table is sensitive."
    )
    women = (
        f"Tables in which women are suppressed at least {HIDES_WOMEN:.0f} points more"
        f" often than men: {hidden}."
    )
    lines += ["", told, "", women]
    return "\n".join(lines) + "\n"


def _hides_women(row: dict[str, Any]) -> bool:
    women, men = row["suppressed_f"], row["suppressed_m"]
    return women is not None and men is not None and women - men >= HIDES_WOMEN


def _of(row: dict[str, Any]) -> list[object]:
    return [row[name] for name in COLUMNS]


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join("" if one is None else str(one) for one in cells) + " |"
