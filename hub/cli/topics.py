"""``kerwen topics``: what must be in the broker, what is in force, and what is skipped.

Rules:

- Whatever is put in force is signed by control and named in every ministry's log; see
  :mod:`hub.edge.enacting`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from hub.cli import bundles
from hub.cli.output import Output
from hub.core.access import acls
from hub.core.topics import topics
from hub.edge import enacting
from hub.edge.files import read_catalogue
from hub.edge.settings import Settings, from_environment

Act = Callable[[argparse.Namespace, Settings, Output], int]


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("action", choices=sorted(_ACTS))
    parser.add_argument(
        "--replication",
        type=int,
        default=-1,
        help="apply: copies of every topic (default: the broker's)",
    )
    parser.add_argument(
        "--apply",
        action="store_true",
        help="bundle: put the catalogue, the registry and the skips in force",
    )
    parser.add_argument(
        "--add", type=Path, metavar="FOLDER", help="bundle: bring a copy of one"
    )
    parser.add_argument(
        "--partition", metavar="TOPIC/P", help="skip, resume: which partition"
    )
    parser.add_argument("--offset", type=int, help="skip: which message")
    parser.add_argument("--reason", default="", help="skip: why; it is kept for good")


def run(args: argparse.Namespace, out: Output) -> int:
    """Do one of the actions."""
    return _ACTS[args.action](args, from_environment(), out)


def _list(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    del args
    found = topics(read_catalogue(settings.catalogue))
    days = {
        topic.name: (
            "for ever" if topic.retention_ms < 0 else topic.retention_ms // 86_400_000
        )
        for topic in found
    }
    out.table(
        "Topics",
        ("topic", "partitions", "retention days"),
        [(topic.name, topic.partitions, days[topic.name]) for topic in found],
        right=("partitions", "retention days"),
    )
    out.result({"topics": [asdict(topic) for topic in found]})
    return 0


def _acls(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    del args
    rows = acls(read_catalogue(settings.catalogue))
    out.table(
        "Access table (everything else is denied)",
        ("principal", "operation", "resource", "name", "pattern"),
        [
            (row.principal, row.operation, row.resource, row.name, row.pattern)
            for row in rows
        ],
    )
    out.result({"acls": [asdict(row) for row in rows]})
    return 0


def _apply(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    done = enacting.enact(settings, replication=args.replication)
    changes = done.changes
    out.result(
        {**asdict(changes), "bundle": done.plan.bundle.digest.hex()},
        f"{len(changes.topics)} topics made, {changes.begun} records begun, "
        f"{len(changes.permitted)} permissions added, "
        f"{len(changes.withdrawn)} withdrawn; {bundles.named(done)}",
    )
    return 0


_ACTS: dict[str, Act] = {
    "list": _list,
    "acls": _acls,
    "apply": _apply,
    "bundle": bundles.bundle,
    "skip": bundles.skip,
    "resume": bundles.resume,
    "checkpoint": bundles.checkpoint,
}
