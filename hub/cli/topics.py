"""``kerwen topics``: what must be in the broker, and putting it there."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict

from hub.cli.output import Output
from hub.core import bundle
from hub.core.access import acls
from hub.core.topics import topics
from hub.edge import keyring
from hub.edge import topics as broker
from hub.edge.files import read_catalogue
from hub.edge.settings import from_environment


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("action", choices=("list", "acls", "apply"))
    parser.add_argument(
        "--replication",
        type=int,
        default=-1,
        help="copies of every topic (default: the broker's)",
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """List, or apply to the broker of KERWEN_BOOTSTRAP."""
    settings = from_environment()
    catalogue = read_catalogue(settings.catalogue)
    if args.action == "list":
        found = topics(catalogue)
        out.table(
            "Topics",
            ("topic", "partitions", "retention days"),
            [
                (
                    topic.name,
                    topic.partitions,
                    "for ever"
                    if topic.retention_ms < 0
                    else topic.retention_ms // 86_400_000,
                )
                for topic in found
            ],
            right=("partitions", "retention days"),
        )
        out.result({"topics": [asdict(topic) for topic in found]})
    elif args.action == "acls":
        rows = acls(catalogue)
        out.table(
            "Access table (everything else is denied)",
            ("principal", "operation", "resource", "name", "pattern"),
            [
                (row.principal, row.operation, row.resource, row.name, row.pattern)
                for row in rows
            ],
        )
        out.result({"acls": [asdict(row) for row in rows]})
    else:
        root = settings.home.root
        changes = broker.apply(
            settings,
            catalogue,
            broker.Author(
                key=keyring.control(root).control,
                bundle=bundle.digest(catalogue, keyring.registry(root)),
                now_ms=time.time_ns() // 1_000_000,
            ),
            replication=args.replication,
        )
        out.result(
            asdict(changes),
            f"{len(changes.topics)} topics made, {changes.begun} records begun, "
            f"{len(changes.permitted)} permissions added, "
            f"{len(changes.withdrawn)} withdrawn",
        )
    return 0
