"""Figures as they are written: rows, derived figures, sides of a comparison.

Rules (docs/dashboard.md, "Table"):

- Every row says its status in words; every figure that is not shown says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.gateway.pages import grid
from hub.gateway.pages.grid import Row
from hub.gateway.pages.texts import Words
from hub.gateway.pages.view import View

_GAPS = ("FEM_SHARE", "GENDER_GAP", "GPI")


def lines(
    view: View, words: Words, found: Sequence[Row], labels: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """Rows as the template writes them: names, cells, status in words.

    Args:
        view: Whose dimensions they are of.
        words: Language.
        found: Of one page.
        labels: Labels of vintages.
    """
    sexes = grid.sexes(view.table, found)
    places = grid.decimals(found)
    made: list[Mapping[str, Any]] = []
    for row in found:
        cells = [row.cells.get(sex) for sex in sexes]
        letters = dict.fromkeys(c.vintage for c in cells if c is not None)
        notes = dict.fromkeys(
            filter(None, (grid.reason(words, c) for c in cells if c is not None))
        )
        made.append(
            {
                "names": names(view, words, row.place),
                "period": row.period,
                "cells": [
                    (grid.shown_as(words, c, places), c is None or c.value is None)
                    for c in cells
                ],
                "gaps": [gap(words, row, name) for name in _GAPS],
                "vintage": ", ".join(
                    words.of(labels[one]) for one in letters if one in labels
                ),
                "letters": "".join(letters),
                "notes": list(notes),
            }
        )
    return made


def names(view: View, words: Words, place: Sequence[str]) -> list[str]:
    """Labels of the dimensions that vary."""
    return [
        words.of(one.codes[code])
        for one, code in zip(view.dimensions, place, strict=True)
        if len(view.codes[one.id]) > 1
    ]


def gap(words: Words, row: Row, name: str) -> tuple[str, str]:
    """A derived figure and its bounds; both empty where it is not told."""
    one = row.derived.get(name)
    if one is None:
        return "", ""
    places = 2 if name == "GPI" else 1
    text = words.number(one.value, places)
    if one.low == one.high:
        return text, ""
    low, high = (words.number(edge, places) for edge in (one.low, one.high))
    return text, words("table.between", low=low, high=high)


def side(words: Words, cell: grid.Cell | None, places: int) -> str:
    """One side of a comparison."""
    if cell is None:
        return words("about.absent")
    return grid.shown_as(words, cell, places)


def signed(words: Words, value: float | None, places: int) -> str:
    """A difference with its sign; empty where there is none."""
    if value is None:
        return ""
    return f"{'+' if value > 0 else ''}{words.number(value, places)}"
