"""``kerwen audit``: every cell of a cut, recomputed from the inbound log."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from hub.cli.output import Output
from hub.core.errors import UsageError
from hub.edge.files import read_catalogue
from hub.edge.settings import from_environment
from hub.trials import audit as trial


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("--marker", help="id of the cut (default: the newest)")
    parser.add_argument(
        "--cells",
        type=Path,
        metavar="FILE",
        help="write the true cells as JSON lines (custodians only)",
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Exit 0 only if every cell is equal."""
    settings = from_environment()
    catalogue = read_catalogue(settings.catalogue)
    try:
        marker = bytes.fromhex(args.marker) if args.marker else None
    except ValueError as error:
        raise UsageError("--marker: expected the hexadecimal id of a cut") from error
    audited = trial.audit(settings, catalogue, marker)
    if args.cells:
        trial.write_cells(audited, args.cells)
    report(audited, out)
    out.result(as_json(audited))
    return 0 if audited.verdict == "equal" else 1


def as_json(audited: trial.Audit) -> dict[str, object]:
    """The audit as one object; no cell's content is in it."""
    return {
        "audit": audited.verdict,
        "marker": audited.close.marker.hex(),
        "period": audited.close.period,
        "cells": audited.cells,
        "different": audited.different.height,
        "unique": audited.unique,
        "flows": [
            {**asdict(flow), "published": flow.published} for flow in audited.flows
        ],
    }


def report(audited: trial.Audit, out: Output) -> None:
    """Rows by ministry and dataflow, then the line that counts."""
    out.table(
        "Rows, as the inbound log has them",
        ("ministry", "dataflow", "published", "accepted", "duplicates", "quarantined"),
        [
            (
                flow.ministry,
                flow.dataflow,
                flow.published,
                flow.accepted,
                flow.duplicates,
                flow.quarantined,
            )
            for flow in audited.flows
        ],
        right=("published", "accepted", "duplicates", "quarantined"),
    )
    tables = audited.different["table"].unique().sort().to_list()
    where = f" in {', '.join(tables)}" if tables else ""
    out.say(
        f"audit: {audited.verdict} ({audited.cells} cells compared, "
        f"{audited.different.height} different{where})"
    )
