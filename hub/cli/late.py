"""What is late: rows on their way, receipts, rows to mend. Shared by status and doctor.

Rules:

- One line and one command each; of a quiet dataflow no number.
- Only files of the home are read: no broker, no key.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from hub.cli.audit import sentences
from hub.cli.findings import RESTART, Finding
from hub.core.catalogue.model import Catalogue
from hub.core.errors import HubError
from hub.core.reconcile import Line
from hub.edge.settings import Home
from hub.publisher import figures
from hub.publisher.courier import RECEIPT_SECONDS, clock_note
from hub.publisher.figures import MEND_SECONDS_MAX, Figures
from hub.trials import live

_DAY_SECONDS = 86_400


def of_rows(home: Home, catalogue: Catalogue) -> Iterator[Finding]:
    """Rows that came in and are not where they belong for more than a minute."""
    try:
        lines = live.glance(home, catalogue)
    except HubError:
        return
    for line in lines:
        if line.state == "late":
            yield Finding(what="late", cause=sentences(line)[0], command=_mend(line))


def _mend(line: Line) -> str:
    wheres = {one.where for one in line.differences}
    if "log" in wheres and line.ministry:
        return f"kerwen publish --member {line.ministry}"
    if wheres & {"rows", "facts", "messages"}:
        return "kerwen audit"
    return RESTART


def of_spools(home: Home, catalogue: Catalogue) -> Iterator[Finding]:
    """Receipts that do not come, rows that nobody mends, a clock that is wrong."""
    quiet = {flow.id for flow in catalogue.dataflows.values() if flow.quiet}
    for path in sorted(home.spool.glob("*.sqlite")):
        try:
            found = figures.read(path, time.time_ns() // 1_000_000, quiet)
        except HubError:
            continue  # doctor has a finding of its own for it
        yield from _of_spool(found, quiet)


def _of_spool(found: Figures, quiet: set[str]) -> Iterator[Finding]:
    if found.overdue:
        yield Finding(
            what="no receipt",
            cause=f"{'' if found.hushed else f'{found.overdue} '}batches of "
            f"{found.member} are unanswered for more than {RECEIPT_SECONDS // 60} "
            f"minutes, the first for {found.receipt_age_seconds // 60}",
            command=f"kerwen publish --member {found.member}",
        )
    old = {
        one.dataflow: found.age_seconds(one) // _DAY_SECONDS
        for one in found.accounts
        if found.age_seconds(one) > MEND_SECONDS_MAX
    }
    if old:
        named = sorted(set(old) - quiet)
        flows = f" of {', '.join(named)}" if named else ""
        yield Finding(
            what="rows to mend",
            cause=f"refused rows{flows} wait at {found.member} for "
            f"{max(old.values())} days",
            command=f"kerwen quarantine list --member {found.member}",
        )
    said = clock_note(found.ahead_ms)
    if said:
        yield Finding(
            what="clock",
            cause=f"{found.member}: {said}",
            command="timedatectl set-ntp true",
        )
