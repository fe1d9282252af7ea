"""``kerwen release draft|approve|utility``: look first, then let out.

Rules (docs/disclosure.md, "Approval"):

- Where the calendar names whose word is needed, nothing is published without it: a cut
  becomes a draft, and the operator sees what protection would cost.
- An approval is signed with a key of that member, on the machine that holds it, and
  stands in the trail with its reason before it counts.
- What goes out is what was seen, or nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hub.cli.vintages import READER, Desk, standing
from hub.client import wait_for
from hub.core import observation
from hub.core.errors import InvalidError, UsageError
from hub.core.messages import Close, Notice
from hub.core.observation import Vintage
from hub.core.period import parse
from hub.core.release import drafts, report
from hub.core.skips import Approval
from hub.edge import control, enacting, keyring, notices, trail

HEADS = ("error", "changed %", "share off", "F hid %", "M hid %", "margins %")
"""Short for a terminal: :data:`hub.core.release.report.COLUMNS`."""


def closed(
    desk: Desk, period: str, letter: str, tables: Sequence[str], timeout: float
) -> tuple[Close, list[Vintage], Notice | None]:
    """Close a period and wait for what release says: manifests, or a draft.

    Raises:
        InvalidError: Release refused it; the text says why.
        RetriableError: It said nothing in time.
    """
    named = " ".join(tables) or "all tables"
    trail.note(desk.settings, "release run", f"{period} {letter} {named}")
    with notices.Ear(desk.settings) as ear:
        marker = control.close(
            desk.settings,
            desk.catalogue,
            period=period,
            vintage=letter,
            tables=tuple(tables),
        )
        desk.out.say(f"cut {marker.marker.hex()} is in every ministry's log; waiting")
        found, notice = _awaited(desk, ear, marker.marker, marker.tables, timeout)
    return marker, found, notice


def show(desk: Desk, notice: Notice) -> dict[str, Any]:
    """Print what a draft would publish, and how good it is."""
    manifests = [observation.decode(one) for one in notice.manifests]
    found = report.rows(manifests)
    marker = notice.marker.hex()
    title = f"Draft {marker[:8]}: vintage {notice.vintage} of {notice.period}"
    _table(desk, found, title)
    wanted = desk.catalogue.calendar.approval
    desk.out.say(
        f"nothing is published; `kerwen release approve --marker {marker[:8]} "
        f"--member {wanted} --reason …` lets it out"
    )
    return {"marker": marker, "draft": True, "utility": found} | {
        "summary": report.summary(found)
    }


def draft(
    desk: Desk, period: str, letter: str, tables: Sequence[str], timeout: float
) -> int:
    """Make a draft; nothing is published."""
    if not desk.catalogue.calendar.approval:
        raise InvalidError(
            "calendar.toml names nobody whose word is needed, so a cut would be"
            ' published; add approval = "MEMBER" and `kerwen topics bundle --apply`'
        )
    _, _, notice = closed(desk, period, letter, tables, timeout)
    if notice is None:
        raise InvalidError("the cut was published: its bundle asks for no approval")
    desk.out.result(show(desk, notice))
    return 0


def approve(desk: Desk, marker: str, member: str, reason: str, timeout: float) -> int:
    """Sign a draft and let it out."""
    if not reason.strip():
        raise UsageError("approve: say with --reason what was looked at")
    notice = notices.named(desk.settings, marker)
    wanted = _asked(desk, notice)
    if member != wanted:
        raise InvalidError(f"--member {member}: the calendar asks for {wanted!r}")
    if drafts.digest(notice.manifests) != notice.digest:
        raise InvalidError("the draft is not what its digest says; make it again")
    key = keyring.ministry(desk.settings.home.root, member).sign
    said = drafts.signed_bytes(notice.marker, notice.digest)
    approval = Approval(
        marker=notice.marker,
        digest=notice.digest,
        key_id=key.key_id,
        created_ms=time.time_ns() // 1_000_000,
        signature=key.private.sign(said),
    )
    subject = f"{notice.marker.hex()} {member} {notice.digest.hex()[:16]}"
    trail.note(desk.settings, "release approve", subject, reason)
    tables = [observation.decode(one).table for one in notice.manifests]
    with notices.Ear(desk.settings) as ear:
        enacting.enact(
            desk.settings, skipping=lambda skips: skips.with_approval(approval)
        )
        found, _ = _awaited(desk, ear, notice.marker, tables, timeout)
    number = sum(one.observations for one in found)
    value = {"marker": notice.marker.hex(), "tables": tables, "observations": number}
    desk.out.result(value, f"{len(found)} tables, {number} observations, signed")
    return 0


def utility(
    desk: Desk,
    period: str | None,
    tables: set[str],
    marker: str | None,
    to: Path | None,
) -> int:
    """Print what protection cost, of what stands or of a draft; write it as a page."""
    if marker is not None:
        notice = notices.named(desk.settings, marker)
        given = [observation.decode(one) for one in notice.manifests]
    else:
        given = standing(desk)
    found = report.rows(
        one
        for one in given
        if (period is None or parse(period).contains(parse(one.period)))
        and (not tables or one.table in tables)
    )
    title = "What protection costs" + (f", {period}" if period else "")
    if to is not None:
        to.write_text(report.page(found, title), "utf-8")
    _table(desk, found, title)
    whole = report.summary(found)
    hidden = ", ".join(whole["hides_women"]) or "no table"
    desk.out.result(
        {"utility": found, "summary": whole},
        f"{len(found)} tables; women are hidden more often than men in {hidden}",
    )
    return 0


def _asked(desk: Desk, notice: Notice) -> str:
    """Whose word a draft waits for: as the calendar said when it was cut."""
    cut_under = {observation.decode(one).catalogue for one in notice.manifests}
    library = enacting.library(desk.settings)
    for name in reversed(library.held()):
        catalogue = library.get(name).catalogue
        if catalogue.digest in cut_under:
            return catalogue.calendar.approval
    return desk.catalogue.calendar.approval


def _awaited(
    desk: Desk, ear: notices.Ear, marker: bytes, tables: Iterable[str], timeout: float
) -> tuple[list[Vintage], Notice | None]:
    heard: list[Notice] = []

    def told() -> bool:
        heard.extend(one for one in ear.news() if one.marker == marker)
        return bool(heard)

    cut = (READER, marker, list(tables), timeout)
    found = wait_for(desk.settings, *cut, until=told)
    if not heard:
        return found, None
    notice = heard[0]
    if notice.kind == drafts.REFUSED:
        text = notice.reason.decode("utf-8", "replace")
        raise InvalidError(f"release refused the cut, nothing is published: {text}")
    return [], notice


def _table(desk: Desk, found: Sequence[dict[str, Any]], title: str) -> None:
    heads = ("table", "period", "", "figures", *HEADS)
    desk.out.table(
        title,
        heads,
        [
            [row[name] for name in ("table", "period", "vintage", "figures")]
            + [row[name] for name in report.COLUMNS]
            for row in found
        ],
        right=heads[3:],
    )
