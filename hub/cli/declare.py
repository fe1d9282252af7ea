"""``kerwen declare``: a period of a dataflow is complete, nil or not complete.

A year or a quarter declares every period inside it, by the dataflow's own frequency.
"""

from __future__ import annotations

import argparse

from hub.cli import ministry
from hub.cli.output import Output
from hub.core import period
from hub.core.catalogue.model import Dataflow
from hub.core.errors import InvalidError, UsageError


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    ministry.arguments(parser)
    parser.add_argument("--dataflow", required=True, help="e.g. border_crossing")
    parser.add_argument("--period", required=True, help="2025, 2025-Q1 or 2025-03")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--nil", action="store_true", help="there was nothing to publish")
    kind.add_argument(
        "--incomplete", action="store_true", help="take a declaration back"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Declare, send, wait for receipts; 3 if they are not all there."""
    ministry.check_wait(args.wait)
    period.parse(args.period)
    with ministry.session(args.member) as opened:
        flow = opened.catalogue.dataflows.get(args.dataflow)
        if flow is None or args.dataflow not in opened.sealer.member.provides:
            provides = ", ".join(opened.sealer.member.provides)
            raise InvalidError(
                f"{args.member} does not provide {args.dataflow!r}; "
                f"it provides {provides}"
            )
        labels = periods(flow, args.period)
        for label in labels:
            opened.declare(
                flow.id, label, complete=not args.incomplete, nil=bool(args.nil)
            )
        with ministry.progress() as tell:
            notes = opened.settle(args.wait, tell=tell)
        left, _ = ministry.waiting(opened)
    word = "incomplete" if args.incomplete else "nil" if args.nil else "complete"
    out.result(
        {
            "member": args.member,
            "dataflow": flow.id,
            "periods": labels,
            "declared": word,
            "waiting_batches": left,
            "notes": list(notes),
        },
        f"{flow.id}: {args.period} declared {word} ("
        f"{ministry.some(len(labels), 'period')})" + ministry.sentence(notes),
    )
    return 3 if left else 0


def periods(flow: Dataflow, label: str) -> list[str]:
    """The periods that a label stands for, by the frequency of a dataflow."""
    inside = [str(one) for one in period.parse(label).parts(flow.declare)]
    if not inside:
        shape = {"A": "2025", "Q": "2025-Q1", "M": "2025-03"}[flow.declare]
        raise UsageError(
            f"--period {label}: {flow.id} is declared by periods such as {shape}"
        )
    return inside
