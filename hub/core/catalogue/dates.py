"""The calendar's file.

Rules:

- Every frequency has all three vintages, each later than the one before, also at the
  end of a short month.
"""

from __future__ import annotations

import datetime as dt

from hub.core.catalogue.calendar import FREQUENCIES, VINTAGES, Calendar, Term
from hub.core.catalogue.reading import Node

FILE = "calendar.toml"


def read_calendar(node: Node) -> Calendar:
    """The calendar in its file."""
    hour = node.integer("hour")
    if not 0 <= hour <= 23:
        node.complain("hour", "an hour from 0 to 23", hour, "write 10")
    approval = node.optional("approval") or ""
    repeated = (
        frozenset(node.strings("repeated")) if "repeated" in node else frozenset()
    )
    terms: dict[str, dict[str, Term]] = {}
    for frequency in FREQUENCIES:
        part = node.node(frequency)
        terms[frequency] = {name: _term(part.node(name)) for name in VINTAGES}
        part.done()
        ends = [one.after(dt.date(2025, 1, 31)) for one in terms[frequency].values()]
        if ends != sorted(set(ends)):
            expected = "P before R before F"
            node.complain(frequency, expected, None, "give later ones longer terms")
    node.done()
    return Calendar(hour=hour, terms=terms, approval=approval, repeated=repeated)


def _term(node: Node) -> Term:
    days = node.integer("days") if "days" in node else 0
    months = node.integer("months") if "months" in node else 0
    if days < 0 or months < 0 or not days + months:
        node.complain("days", "a time after the period", None, "write days = 20")
    node.done()
    return Term(days=days, months=months)
