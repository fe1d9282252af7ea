"""National figures of a year, by objective and target.

Rules (docs/dashboard.md, "Reuse"):

- Of each table the newest period of the year, at the national total of every breakdown;
  a table whose totals are not published is listed with its link alone.
- Women, men and total as published; what is not shown is said in words.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.core.catalogue.model import Table
from hub.core.codelists import TOTAL
from hub.gateway.gateway import Gateway
from hub.gateway.pages.texts import Words
from hub.gateway.pages.view import HOME

_SEXES = ("F", "M", "_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One indicator in the report.

    Attributes:
        figures: Women, men, total, as written; empty texts where there is none.
    """

    table: Table
    period: str
    figures: tuple[str, str, str]
    unit: str


def years(gateway: Gateway) -> list[str]:
    """Years of which there are figures, the newest first."""
    found = {one[:4] for state in gateway.states.values() for one in state.periods}
    return sorted(found, reverse=True)


def entries(
    gateway: Gateway, reference: str, year: str, words: Words, *, member: bool
) -> list[Entry]:
    """Indicators of one objective or target.

    Args:
        gateway: For the figures.
        reference: Such as ``GCM 5``.
        year: Such as ``2025``; empty: there are no figures at all.
        words: Language.
        member: Whether figures for members may be shown.
    """
    mine = [one for one in gateway.tables() if reference in one.references]
    return [_entry(gateway, one, year, words, member=member) for one in mine]


def _entry(
    gateway: Gateway, table: Table, year: str, words: Words, *, member: bool
) -> Entry:
    units = gateway.catalogue.codelists["CL_UNIT"].codes
    unit = words.of(units[table.unit]) if table.unit in units else table.unit
    state = gateway.states[table.id]
    periods = [one for one in state.periods if year and one.startswith(year)]
    found: dict[str, dict[str, str]] = {}
    if periods and (member or table.access == "public"):
        totals = [frozenset({TOTAL})] * len(table.dimensions)
        codes = [None, frozenset({HOME}), None, *totals]
        for key, _, _, period, value, status, *_ in gateway.lookup.rows(
            state, codes, periods, None
        ):
            text = words("table.suppressed" if status == "Q" else "table.missing")
            if value is not None:
                text = words.number(value)
            found.setdefault(period, {})[key.split(".")[2]] = text
    if not found:
        return Entry(table=table, period="", figures=("", "", ""), unit=unit)
    period = max(found)
    women, men, total = (found[period].get(sex, "") for sex in _SEXES)
    return Entry(table=table, period=period, figures=(women, men, total), unit=unit)
