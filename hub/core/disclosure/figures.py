"""Places and figures: what disclosure control is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from hub.core.cells import ZERO, Cell

FREE, SMALL, SECONDARY, DOMINANCE, INTERNAL = "F", "A", "D", "O", "N"
"""SDMX CONF_STATUS."""

MISSING, SUPPRESSED = "O", "Q"
"""SDMX OBS_STATUS of a figure without a value."""

DIFFERS, BREAK = "D", "B"
"""SDMX OBS_STATUS of a value: another definition, a break in the series."""

ORDER = (MISSING, SUPPRESSED, DIFFERS, BREAK)
"""Of several OBS_STATUS the first is published; then comes P or A."""


class Place(NamedTuple):
    """Where a figure stands; margins are area ``TM``, dimension and SEX ``_T``."""

    period: str
    area: str
    sex: str
    d1: str
    d2: str

    @property
    def group(self) -> tuple[str, str, str, str]:
        """The place without SEX."""
        return (self.period, self.area, self.d1, self.d2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure as it is published, before scale and rounding.

    Attributes:
        value: None where suppressed or missing.
        status: ``Q``, ``O`` or "" where there is a value.
        conf: Why it is suppressed, ``F`` where it is not.
        mark: ``D`` or ``B`` where a value is to be read with care, else "".
        cell: The set the value speaks of; where an older value is held, the older one.
    """

    value: Fraction | None
    status: str = ""
    conf: str = FREE
    mark: str = ""
    cell: Cell = field(default=ZERO, repr=False)


def shown(value: Fraction | int, cell: Cell) -> Figure:
    """A figure that may be seen."""
    return Figure(value=Fraction(value), cell=cell)


def suppressed(conf: str, cell: Cell) -> Figure:
    """A figure that may not be seen, and why."""
    return Figure(value=None, status=SUPPRESSED, conf=conf, cell=cell)


ABSENT = Figure(value=None, status=MISSING)
"""A figure whose source has not declared the period."""


def first(*statuses: str) -> str:
    """The OBS_STATUS that is published of several; "" if there is none."""
    return next((status for status in ORDER if status in statuses), "")
