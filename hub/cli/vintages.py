"""Vintages for a person: what is due, what a release said, how two of them differ.

The words of ``kerwen release`` beside ``run``; see :mod:`hub.cli.release`.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hub.cli.output import Output
from hub.client import observations, vintages
from hub.client.figures import chosen
from hub.client.manifests import RELEASE, withdrawn
from hub.core.access import a_reader
from hub.core.catalogue import calendar
from hub.core.catalogue.calendar import Due, Released
from hub.core.catalogue.model import Catalogue
from hub.core.errors import InvalidError
from hub.core.messages import Notice
from hub.core.messages.indicators import UTILITY
from hub.core.observation import Observation, Vintage
from hub.core.period import parse
from hub.core.release.drafts import tables as tables_of
from hub.core.skips import Undone
from hub.edge import control, enacting, notices, passes, trail
from hub.edge.settings import Settings

READER = "control"
"""Who reads manifests for an operator; figures are a member's to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every word needs.

    Manifests are read as `control`: where the ministries and members made their own
    keys, the hub has the certificate of none.
    """

    settings: Settings
    catalogue: Catalogue
    out: Output


def standing(desk: Desk) -> list[Vintage]:
    """Every release that was not taken back, in the order of the log."""
    found = list(vintages(desk.settings, READER))
    gone = withdrawn(found)
    return [
        one
        for one in found
        if one.action == RELEASE and (one.table, one.marker) not in gone
    ]


def today(catalogue: Catalogue) -> dt.date:
    """The last day whose hour has come: nothing is due before it."""
    now_ms = time.time_ns() // 1_000_000
    return calendar.released_day(now_ms, catalogue.calendar.hour)


def due(
    catalogue: Catalogue,
    found: Iterable[Vintage],
    *,
    years: int,
    today: dt.date,
    drafts: Iterable[Notice] = (),
) -> list[Due]:
    """The calendar of the published tables against what stands, and what waits."""
    tables: dict[str, list[str]] = {}
    for table in catalogue.tables.values():
        if not table.internal:
            tables.setdefault(table.frequency, []).append(table.id)
    released = {Released(one.table, one.period, one.vintage) for one in found}
    released |= {
        Released(table, one.period, one.vintage)
        for one in drafts
        for table in tables_of(one)
    }
    return calendar.plan(catalogue.calendar, tables, released, today, years=years)


def plan(desk: Desk, years: int) -> int:
    """Print what is due, and what follows; nothing is done."""
    day = today(desk.catalogue)
    stands = standing(desk)
    listed = due(desk.catalogue, stands, years=years, today=day)
    drafts = waiting(desk, stands)
    soon = [one for one in listed if one.state != "released"]
    desk.out.table(
        f"Due at {desk.catalogue.calendar.hour}:00 of the day, Asia/Ashgabat",
        ("day", "period", "vintage", "state", "tables"),
        [
            (one.day, one.period, one.vintage, one.state, len(one.tables))
            for one in soon
        ],
        right=("tables",),
    )
    number = sum(1 for one in soon if one.state == "due")
    for one in drafts:
        desk.out.say(
            f"draft {one.marker.hex()[:8]}, vintage {one.vintage} of {one.period},"
            f" waits for {desk.catalogue.calendar.approval}"
        )
    desk.out.result(
        {
            "today": day.isoformat(),
            "drafts": [
                {
                    "marker": one.marker.hex(),
                    "vintage": one.vintage,
                    "period": one.period,
                    "tables": list(tables_of(one)),
                }
                for one in drafts
            ],
            "plan": [
                {
                    "day": one.day.isoformat(),
                    "period": one.period,
                    "vintage": one.vintage,
                    "state": one.state,
                    "tables": list(one.tables),
                }
                for one in listed
            ],
        },
        f"{number} releases are due; `kerwen release run --due` makes them",
    )
    return 0


def waiting(desk: Desk, stands: Iterable[Vintage]) -> list[Notice]:
    """Drafts that an approval would let out; none where nobody's word is needed."""
    if not desk.catalogue.calendar.approval:
        return []
    out = {one.marker for one in vintages(desk.settings, READER)}
    released = {
        Released(one.table, one.period, one.vintage)
        for one in stands
        if not desk.catalogue.calendar.repeats(one.table)
    }
    return [
        one
        for one in notices.drafts(desk.settings)
        if one.marker not in out
        and not calendar.standing(tables_of(one), one.period, one.vintage, released)
    ]


def show(desk: Desk, period: str | None, tables: set[str]) -> int:
    """Print manifests with what protection cost each table."""
    found = [
        one
        for one in vintages(desk.settings, READER)
        if (period is None or parse(period).contains(parse(one.period)))
        and (not tables or one.table in tables)
    ]
    rows = [
        {
            "table": one.table,
            "period": one.period,
            "vintage": one.vintage,
            "action": one.action,
            "marker": one.marker.hex(),
            "observations": one.observations,
            "digest": one.digest.hex(),
            "reason": one.reason,
            **{name: getattr(one, name) for name in UTILITY},
        }
        for one in found
    ]
    desk.out.table(
        "Manifests, all verified",
        (
            "table",
            "period",
            "",
            "release",
            "figures",
            "error",
            "changed %",
            "share error",
            "hidden F %",
            "hidden M %",
            "reason",
        ),
        [
            (
                one.table,
                one.period,
                one.vintage if one.action == RELEASE else "withdrawn",
                one.marker.hex()[:8],
                one.observations,
                *(getattr(one, name) for name in UTILITY[:5]),
                one.reason or "",
            )
            for one in found
        ],
        right=(
            "figures",
            "error",
            "changed %",
            "share error",
            "hidden F %",
            "hidden M %",
        ),
    )
    desk.out.result({"manifests": rows}, f"{len(rows)} manifests")
    return 0


def diff(desk: Desk, name: str, older: str, newer: str) -> int:
    """Print every figure that is not the same in two releases of a table."""
    [table] = chosen(desk.catalogue, [name])
    revoked = passes.revoked(desk.settings.home).members
    reader = a_reader(desk.catalogue, revoked)
    found: dict[str, list[Observation]] = {}
    for one in observations(
        desk.settings, reader, [table.id], catalogue=desk.catalogue
    ):
        found.setdefault(one.release, []).append(one)
    order = sorted(found, key=lambda name: found[name][0].released_ms)
    before, after = (
        found[_named(found, order, name, table.id)] for name in (older, newer)
    )
    old = {(one.series, one.period): one for one in before}
    new = {(one.series, one.period): one for one in after}
    moved = [
        (series, period, _mark(old.get(place)), _mark(new.get(place)))
        for place in sorted(old.keys() | new.keys())
        if _mark(old.get(place)) != _mark(new.get(place))
        for series, period in [place]
    ]
    names = [f"{some[0].vintage} {some[0].release[:8]}" for some in (before, after)]
    desk.out.table(
        f"{table.id}: {names[0]} and {names[1]}",
        ("series", "period", *names),
        moved,
        right=names,
    )
    desk.out.result(
        {
            "table": table.id,
            "older": before[0].release,
            "newer": after[0].release,
            "same": len(old.keys() | new.keys()) - len(moved),
            "changes": [
                {"series": series, "period": period, "older": a, "newer": b}
                for series, period, a, b in moved
            ],
        },
        f"{len(moved)} of {len(old.keys() | new.keys())} figures differ",
    )
    return 0


def withdraw(desk: Desk, marker: str, tables: Sequence[str], reason: str) -> int:
    """Take a release back, of some tables or of all; a signed tombstone each."""
    if not reason.strip():
        raise InvalidError("--reason: a withdrawal without one would only puzzle")
    found = [
        one
        for one in standing(desk)
        if one.marker.hex().startswith(marker) and (not tables or one.table in tables)
    ]
    if not found or len({one.marker for one in found}) > 1:
        raise InvalidError(
            f"release {marker!r}: names {'several' if found else 'none'} that stand; "
            "`kerwen release show` lists them"
        )
    subject = f"{found[0].marker.hex()} {' '.join(one.table for one in found)}"
    trail.note(desk.settings, "release withdraw", subject, reason)
    gone = [Undone(marker=one.marker, table=one.table) for one in found]
    # First the bundle: what is taken back must not be in the way of what follows.
    enacting.enact(desk.settings, skipping=lambda skips: skips.with_undone(gone))
    control.withdraw(desk.settings, found, reason)
    desk.out.result(
        {
            "marker": found[0].marker.hex(),
            "tables": [one.table for one in found],
            "reason": reason,
        },
        f"{len(found)} tables of release {found[0].marker.hex()[:8]} are withdrawn",
    )
    return 0


def _named(
    found: dict[str, list[Observation]], order: list[str], name: str, table: str
) -> str:
    """The newest release of a vintage letter, or the one that begins so."""
    hits = [
        release
        for release in order
        if release.startswith(name) or found[release][0].vintage == name
    ]
    if not hits:
        raise InvalidError(
            f"{table}: no release {name!r} stands; `kerwen release show` lists them"
        )
    return hits[-1]


def _mark(one: Observation | None) -> str:
    if one is None:
        return "-"
    return one.status if one.value is None else f"{one.value:,.10g}"
