"""``kerwen log``: who did what to the hub, and whether that record was touched.

Rules:

- ``list`` shows acts, the newest last; ``verify`` follows the whole chain from its
  first link and names every act that was changed, taken out, put in or moved.
- The head that ``verify`` prints is worth keeping elsewhere: with ``--head`` it shows
  later that the end of the trail was not cut off.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from hub.cli.output import Output
from hub.core import trail
from hub.core.messages import Act
from hub.edge import trail as trails
from hub.edge.settings import from_environment

SHOWN = 50


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("action", choices=("list", "verify"))
    parser.add_argument(
        "--head", help="a head noted down before, as `kerwen log verify` printed it"
    )
    parser.add_argument("--all", action="store_true", help=f"not only {SHOWN} acts")


def run(args: argparse.Namespace, out: Output) -> int:
    """List or verify; 1 where the trail was touched."""
    kept = trail.read_head(args.head) if args.head else None
    found = trails.read(from_environment(), kept)
    if args.action == "list":
        acts = found.acts if args.all else found.acts[-SHOWN:]
        listed = [_row(offset, act) for offset, act in acts]
        out.table(
            f"{len(acts)} of {len(found.acts)} acts",
            ("number", "time", "who", "what", "to", "why"),
            [tuple(row[key] for key in _COLUMNS) for row in listed],
            right=("number",),
        )
        out.result({"acts": listed, "head": found.head.text()})
        return 0
    if found.findings:
        rows = [(one.offset, one.text) for one in found.findings]
        out.table("What does not hold", ("offset", "why"), rows)
    verdict = "touched" if found.findings else "whole"
    out.result(
        {
            "verified": not found.findings,
            "acts": len(found.acts),
            "raced": len(found.raced),
            "head": found.head.text(),
            "findings": [asdict(one) for one in found.findings],
        },
        f"the trail is {verdict}: {len(found.acts)} acts; head {found.head.text()}",
    )
    return 1 if found.findings else 0


_COLUMNS = ("number", "time", "actor", "verb", "subject", "reason")


def _row(offset: int, act: Act) -> dict[str, Any]:
    when = datetime.fromtimestamp(act.created_ms / 1000, UTC)
    return {
        "number": act.sequence,
        "offset": offset,
        "time": when.isoformat(timespec="seconds"),
        "actor": act.actor,
        "verb": act.verb,
        "subject": act.subject,
        "reason": act.reason.decode(errors="replace"),
    }
