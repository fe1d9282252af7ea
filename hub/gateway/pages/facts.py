"""What is known about a table and its figures: metadata, quality, freshness.

Rules (docs/dashboard.md, "Quality"):

- Everything comes from the catalogue, the signed manifests and the calendar; nothing is
  judged by hand.
- A ministry is as fresh as the indicators that rest on its records. What it has
  declared complete is the completeness table of the catalogue, as published.
- What protection cost is what the manifest says; what it does not tell is said so.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hub.core.catalogue import calendar
from hub.core.catalogue.calendar import Due, Released
from hub.core.catalogue.framework import Entry, entries
from hub.core.catalogue.model import Measure, Member, Table
from hub.core.codelists import TOTAL
from hub.core.errors import EnvelopeError
from hub.core.messages.indicators import UTILITY
from hub.core.observation import decode
from hub.gateway.gateway import Gateway
from hub.gateway.lookup import Release

SHARES = frozenset({"changed", "suppressed_f", "suppressed_m"})
_MEMBER = "MEMBER"
_YEARS = 2


def releases(gateway: Gateway, table: str) -> list[Release]:
    """Releases of a table, the newest first."""
    listed = gateway.states[table].releases
    return sorted(listed, key=lambda one: (one.released_ms, one.number), reverse=True)


def newest(gateway: Gateway, table: str) -> Release | None:
    """The newest release that stands."""
    return next((one for one in releases(gateway, table) if one.stands), None)


def cost(gateway: Gateway, release: Release) -> Mapping[str, float | None]:
    """What protection cost the table of a release, as its manifest says."""
    text = gateway.lookup.manifest(release.number)
    try:
        found = decode(text)
    except EnvelopeError:  # of an older hub; there is nothing to tell
        return dict.fromkeys(UTILITY)
    return {name: getattr(found, name) for name in UTILITY}


def day(gateway: Gateway) -> dt.date:
    """The last day whose hour has come: nothing is due before, as for the operator."""
    return calendar.released_day(_now_ms(), gateway.catalogue.calendar.hour)


def hour_ms(gateway: Gateway) -> int:
    """When that hour was: what is due has changed then."""
    return calendar.hour_ms(day(gateway), gateway.catalogue.calendar.hour)


def dues(gateway: Gateway) -> list[Due]:
    """What was, is and will be due, of all tables."""
    tables: dict[str, list[str]] = {}
    for one in gateway.tables():
        tables.setdefault(one.frequency, []).append(one.id)
    released = [
        Released(name, one.period, one.vintage)
        for name, state in gateway.states.items()
        for one in state.releases
        if one.stands
    ]
    today = day(gateway)
    return calendar.plan(
        gateway.catalogue.calendar, tables, released, today, years=_YEARS
    )


def next_due(gateway: Gateway, table: Table) -> Due | None:
    """The next vintage of a table that the calendar plans."""
    return next(
        (
            one
            for one in dues(gateway)
            if one.state == "planned" and table.id in one.tables
        ),
        None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How recent is what rests on one member's records.

    Attributes:
        tables: Published tables that rest on them.
        newest: Newest period of each frequency that has figures.
        released_ms: When the newest release came; 0: there is none.
        declared: Per cent declared of what was due, and of which month; None: not
            published.
        overdue: Releases the calendar waits for since the first one.
    """

    member: Member
    tables: Sequence[str]
    newest: Sequence[str]
    released_ms: int
    declared: tuple[float, str] | None
    overdue: int


def freshness(gateway: Gateway) -> list[Freshness]:
    """Every member that provides records, in catalogue order."""
    found = entries(gateway.catalogue)
    declared = _declared(gateway)
    waiting = [one for one in dues(gateway) if one.state == "due"]
    listed = []
    for member in gateway.catalogue.members.values():
        mine = [one.table for one in found if member.id in one.providers]
        if mine:
            listed.append(_fresh(gateway, member, mine, declared, waiting))
    return listed


def _fresh(
    gateway: Gateway,
    member: Member,
    tables: Sequence[Table],
    declared: Mapping[str, tuple[float, str]],
    waiting: Iterable[Due],
) -> Freshness:
    last: dict[str, str] = {}
    for one in tables:
        periods = gateway.states[one.id].periods
        if periods:
            last[one.frequency] = max(last.get(one.frequency, ""), periods[-1])
    moments = [newest(gateway, one.id) for one in tables]
    begun = {one.id for one in tables if gateway.states[one.id].releases}
    return Freshness(
        member=member,
        tables=[one.id for one in tables],
        newest=[last[name] for name in ("M", "Q", "A") if name in last],
        released_ms=max((one.released_ms for one in moments if one), default=0),
        declared=declared.get(member.id),
        overdue=sum(len(begun & set(one.tables)) for one in waiting),
    )


def _declared(gateway: Gateway) -> dict[str, tuple[float, str]]:
    """Member → per cent declared of what was due, and the newest month of it."""
    found: dict[str, tuple[float, str]] = {}
    for table in gateway.tables():
        if table.measure is not Measure.COMPLETENESS:
            continue
        places = [at for at, one in enumerate(table.dimensions) if one.id == _MEMBER]
        if not places or not gateway.states[table.id].periods:
            continue
        state, at = gateway.states[table.id], 3 + places[0]
        codes = [None] * (3 + len(table.dimensions))
        for key, _, _, period, value, *_ in gateway.lookup.rows(
            state, codes, state.periods, None
        ):
            member = key.split(".")[at]
            if value is not None and member != TOTAL:
                found[member] = (value, period)
    return found


def entry(gateway: Gateway, table: Table) -> Entry:
    """What a table shows of women and men, and what it does not."""
    return next(one for one in entries(gateway.catalogue) if one.table.id == table.id)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
