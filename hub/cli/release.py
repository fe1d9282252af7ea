"""``kerwen release``: what is due, close a period, see what a release said, undo it.

Rules (docs/disclosure.md, "Release"):

- ``run`` (the default) writes the marker of a cut into every ministry's log and waits
  for the signed vintages; ``run --due`` does so for everything whose day has come.
- A vintage is released once: a second one of the same period and letter is refused
  before anything is written, as long as the first was not withdrawn.
- ``show``, ``diff`` and ``plan`` only read, as any member may.
- ``draft``, ``approve`` and ``utility``: see :mod:`hub.cli.drafting`.
- ``import`` brings figures of earlier years, signed (docs/adr/0006-history.md).
- ``skip`` lets a cut that is under way go on without one ministry partition, by a
  signed entry in a new bundle; what that ministry provides is marked missing in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hub.cli import drafting, history, vintages
from hub.cli.bundles import skip_source
from hub.cli.output import Output
from hub.cli.vintages import Desk
from hub.core.catalogue import calendar
from hub.core.catalogue.calendar import Released
from hub.core.catalogue.model import Catalogue
from hub.core.errors import InvalidError, UsageError
from hub.edge import control, enacting
from hub.edge.settings import from_environment

ACTIONS = (
    *("run", "plan", "draft", "approve", "utility"),
    *("show", "diff", "withdraw", "skip", "import"),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="run")
    parser.add_argument("--period", help="2025, 2025-Q1 or 2025-03")
    parser.add_argument(
        "--tables", nargs="*", default=[], metavar="TABLE", help="default: all"
    )
    parser.add_argument(
        "--vintage",
        choices=control.VINTAGES,
        default="P",
        help="run: P provisional, R revised, F final (default: P)",
    )
    parser.add_argument(
        "--due", action="store_true", help="run: everything whose day has come"
    )
    parser.add_argument(
        "--timeout", type=float, default=300.0, help="seconds to wait (default: 300)"
    )
    parser.add_argument(
        "--years", type=int, default=3, help="plan: years to look back (default: 3)"
    )
    parser.add_argument(
        "--older", default="P", help="diff: vintage, or how a release begins"
    )
    parser.add_argument("--newer", default="R", help="diff: the same")
    parser.add_argument(
        "--marker",
        help="withdraw, skip, approve, utility: which release or draft (its beginning)",
    )
    parser.add_argument(
        "--member", help="approve: whose word it is, as the calendar names it"
    )
    parser.add_argument(
        "--output", type=Path, help="utility: write the report there, as Markdown"
    )
    parser.add_argument(
        "--source", metavar="TOPIC/P", help="skip: the partition a cut waits for"
    )
    parser.add_argument(
        "--reason",
        default="",
        help="withdraw, skip, approve: why; import: where it was published; kept",
    )
    parser.add_argument(
        "--file", type=Path, help="import: figures of earlier years, of one table"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Do one of the words."""
    settings = from_environment()
    if args.action == "skip":
        return skip_source(args, settings, out)
    catalogue = enacting.in_force(settings)
    desk = Desk(settings=settings, catalogue=catalogue, out=out)
    return _WORDS[args.action](desk, args)


def _plan(desk: Desk, args: argparse.Namespace) -> int:
    return vintages.plan(desk, args.years)


def _show(desk: Desk, args: argparse.Namespace) -> int:
    return vintages.show(desk, args.period, {*args.tables})


def _diff(desk: Desk, args: argparse.Namespace) -> int:
    if len(args.tables) != 1:
        raise UsageError("diff: name one table with --tables")
    return vintages.diff(desk, args.tables[0], args.older, args.newer)


def _withdraw(desk: Desk, args: argparse.Namespace) -> int:
    if not args.marker:
        raise UsageError("withdraw: name the release with --marker")
    return vintages.withdraw(desk, args.marker, args.tables, args.reason)


def _draft(desk: Desk, args: argparse.Namespace) -> int:
    if args.period is None:
        raise UsageError("draft: give --period")
    cut = (args.period, args.vintage, args.tables)
    return drafting.draft(desk, *cut, args.timeout)


def _approve(desk: Desk, args: argparse.Namespace) -> int:
    if not args.marker or not args.member:
        raise UsageError("approve: give --marker, --member and --reason")
    said = (args.marker, args.member, args.reason)
    return drafting.approve(desk, *said, args.timeout)


def _utility(desk: Desk, args: argparse.Namespace) -> int:
    chosen = (args.period, {*args.tables}, args.marker)
    return drafting.utility(desk, *chosen, args.output)


def _import(desk: Desk, args: argparse.Namespace) -> int:
    """Figures of earlier years."""
    if len(args.tables) != 1 or args.file is None:
        raise UsageError("import: name one table with --tables, and --file")
    return history.bring(desk, args.tables[0], args.file, args.reason)


def _run(desk: Desk, args: argparse.Namespace) -> int:
    """Close one period, or all that are due, and print what came of it."""
    if args.due == (args.period is not None):
        raise UsageError("run: give --period, or --due instead of one")
    stands = vintages.standing(desk)
    if not args.due:
        cut = (args.period, args.vintage, tuple(args.tables))
        released = {Released(one.table, one.period, one.vintage) for one in stands}
        _refuse_again(desk.catalogue, *cut, released)
        cuts = [cut]
    else:
        today = vintages.today(desk.catalogue)
        listed = vintages.due(
            desk.catalogue,
            stands,
            years=args.years,
            today=today,
            drafts=vintages.waiting(desk, stands),
        )
        cuts = [
            (one.period, one.vintage, one.tables)
            for one in listed
            if one.state == "due"
        ]
    done = [_close(desk, *cut, timeout=args.timeout) for cut in cuts]
    if args.due:
        desk.out.result({"releases": done}, f"{len(done)} releases were due")
        return 0
    [one] = done
    number = len(one["tables"])
    text = f"{number} tables, {one['observations']} observations, signed"
    desk.out.result(one, text)
    return 0


def _refuse_again(
    catalogue: Catalogue,
    period: str,
    letter: str,
    tables: Sequence[str],
    released: set[Released],
) -> None:
    """A vintage stands as it is; another one of the same name would contradict it."""
    asked = tables or [t.id for t in catalogue.tables.values() if not t.internal]
    taken = calendar.standing(asked, period, letter, released)
    if taken:
        following = {"P": "R", "R": "F"}.get(letter)
        mend = f"release {following}, or withdraw it" if following else "withdraw it"
        raise InvalidError(
            f"vintage {letter} of {period} stands already for {', '.join(taken[:5])}"
            f"{' and others' if len(taken) > 5 else ''}; {mend} first "
            "(`kerwen release show`)"
        )


def _close(
    desk: Desk, period: str, letter: str, tables: Sequence[str], *, timeout: float
) -> dict[str, Any]:
    """Write the marker into every ministry's log; wait for its manifests."""
    marker, found, notice = drafting.closed(desk, period, letter, tables, timeout)
    if notice is not None:
        return drafting.show(desk, notice) | {"tables": {}, "observations": 0}
    desk.out.table(
        f"Vintage {marker.vintage} of {marker.period}",
        ("table", "observations", "digest"),
        [(one.table, one.observations, one.digest.hex()[:16]) for one in found],
        right=("observations",),
    )
    return {
        "marker": marker.marker.hex(),
        "period": marker.period,
        "vintage": marker.vintage,
        "tables": {one.table: one.observations for one in found},
        "observations": sum(one.observations for one in found),
    }


_WORDS = {
    "run": _run,
    "plan": _plan,
    "draft": _draft,
    "approve": _approve,
    "utility": _utility,
    "show": _show,
    "diff": _diff,
    "withdraw": _withdraw,
    "import": _import,
}
