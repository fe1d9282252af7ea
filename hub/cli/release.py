"""``kerwen release``: close a period, wait for the signed vintage."""

from __future__ import annotations

import argparse

from hub.cli.output import Output
from hub.client import wait_for
from hub.core.catalogue.model import Catalogue
from hub.core.errors import InvalidError
from hub.edge import control, trail
from hub.edge.files import read_catalogue
from hub.edge.settings import from_environment


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("--period", required=True, help="2025, 2025-Q1 or 2025-03")
    parser.add_argument(
        "--tables", nargs="*", default=[], metavar="TABLE", help="default: all"
    )
    parser.add_argument(
        "--vintage",
        choices=control.VINTAGES,
        default="P",
        help="P provisional, R revised, F final (default: P)",
    )
    parser.add_argument(
        "--timeout", type=float, default=300.0, help="seconds to wait (default: 300)"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Write the marker into every ministry's log; wait for its manifests."""
    settings = from_environment()
    catalogue = read_catalogue(settings.catalogue)
    reader = a_reader(catalogue)
    named = " ".join(args.tables) or "all tables"
    trail.note(settings, "release", f"{args.period} {args.vintage} {named}"[:200])
    marker = control.close(
        settings,
        catalogue,
        period=args.period,
        vintage=args.vintage,
        tables=tuple(args.tables),
    )
    out.say(f"cut {marker.marker.hex()} is in every ministry's log; waiting")
    found = wait_for(settings, reader, marker.marker, marker.tables, args.timeout)
    observations = sum(vintage.observations for vintage in found)
    out.table(
        f"Vintage {marker.vintage} of {marker.period}",
        ("table", "observations", "digest"),
        [(one.table, one.observations, one.digest.hex()[:16]) for one in found],
        right=("observations",),
    )
    out.result(
        {
            "marker": marker.marker.hex(),
            "period": marker.period,
            "vintage": marker.vintage,
            "tables": {one.table: one.observations for one in found},
            "observations": observations,
        },
        f"{len(found)} tables, {observations} observations, signed",
    )
    return 0


def a_reader(catalogue: Catalogue) -> str:
    """A member that may read indicators; the hub itself may not read them."""
    for member in catalogue.members.values():
        if member.reads:
            return member.id
    raise InvalidError("no member reads indicators: add one under catalogue/providers")
