"""What ``kerwen keys destroy|destroyed`` do.

Rules (docs/keys.md, "Destruction"):

- Said before it is done; the statement and the trail come before the act.
- What is in backups is not reached: whoever destroys a key destroys them, too.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict

from hub.cli import hushed
from hub.cli.bundles import standings
from hub.cli.keychange import NOT_DONE
from hub.cli.output import Output
from hub.core import topics
from hub.core.errors import UsageError
from hub.edge import destroying, enacting, trail
from hub.edge.files import read_catalogue
from hub.edge.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """What these actions take."""
    parser.add_argument(
        "--early",
        action="store_true",
        help="destroy: also where retained messages become unreadable by it",
    )


def destroy(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Destroy a key of a past epoch, with a signed statement."""
    if len(args.names) != 1:
        raise UsageError("destroy: name one key; `kerwen keys list` shows them")
    if args.apply and not args.reason:
        raise UsageError("destroy: say why with --reason; it is kept for good")
    catalogue = enacting.in_force(settings)
    doomed = destroying.look(settings, catalogue, args.names[0])
    ranges = hushed.rows(doomed.ranges, topics.quiet(catalogue))
    positions = {
        (one["topic"], one["partition"]): int(one["position"])
        for one in standings(settings.home)
    }
    destroying.refuse(doomed, positions, early=args.early)
    out.table(
        f"Sealed to {doomed.key_id}",
        ("topic", "partition", "first", "last", "messages"),
        [
            tuple(one[name] for name in ("topic", "partition", *_RANGE))
            for one in ranges
        ],
        right=("partition", *_RANGE),
    )
    out.say(
        "what of it is retained becomes unreadable; backups of the keys hold it until "
        "they are destroyed, too"
    )
    digest = ""
    if args.apply:
        now_ms = time.time_ns() // 1_000_000
        made = destroying.state(settings, doomed, args.reason, now_ms)
        digest = made.digest().hex()
        reason = f"{args.reason} [statement {digest}]"
        trail.note(settings, "keys destroy", doomed.key_id, reason)
        destroying.destroy(settings, doomed, out.say)
    out.result(
        {
            "key": doomed.key_id,
            "ranges": ranges,
            "retained": bool(doomed.retained),
            "statement": digest,
            "applied": bool(args.apply),
        },
        f"{doomed.key_id} is destroyed; statement {digest}" if digest else NOT_DONE,
    )
    return 0


def destroyed(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """List the statements on destroyed keys, verified."""
    del args
    found = list(destroying.statements(settings.home))
    quiet = topics.quiet(read_catalogue(settings.catalogue))
    out.table(
        "Destroyed keys",
        ("id", "ranges", "why", "statement"),
        [
            (one.key_id, len(one.ranges), one.reason, one.digest().hex())
            for one in found
        ],
        right=("ranges",),
    )
    listed = [
        {
            **asdict(one),
            "ranges": hushed.rows(one.ranges, quiet),
            "retained": bool(one.retained),
            "digest": one.digest().hex(),
        }
        for one in found
    ]
    out.result({"destroyed": listed})
    return 0


_RANGE = ("first", "last", "messages")
