"""``kerwen receipts find|cancel|prove``: a person's request, at the ministry.

The words of ``kerwen receipts`` about one record; see :mod:`hub.publisher.subject`.
"""

from __future__ import annotations

import argparse
import base64
import json
from pathlib import Path
from typing import Any

from hub.cli import ministry
from hub.cli.output import Output
from hub.core.catalogue.model import Catalogue, Dataflow
from hub.core.errors import InvalidError, UsageError
from hub.edge.secretfiles import write_file
from hub.publisher import mapping, subject
from hub.publisher.spool import Spool
from hub.publisher.subject import Found

WORDS = ("find", "cancel", "prove")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What these words take."""
    parser.add_argument("--record", metavar="ID", help="find, cancel, prove: record id")
    parser.add_argument("--dataflow", help="find, cancel, prove: of the record")
    parser.add_argument(
        "--mapping", type=Path, help="cancel: as the file was published with"
    )


def find(spool: Spool, args: argparse.Namespace, out: Output) -> int:
    """Every row about a record; offline."""
    if not args.record:
        raise UsageError("find: name the record with --record")
    found = [_row(one) for one in subject.find(spool, args.record, args.dataflow)]
    out.table(
        f"Record {args.record}",
        ("dataflow", "file", "row", "batch", "#", "state", "receipt"),
        [
            (
                *(row["dataflow"], row["file"], row["row"], row["batch"][:8]),
                *(row["sequence"], row["state"], row["signed_by"] or "-"),
            )
            for row in found
        ],
        right=("row", "#"),
    )
    out.result({"record": args.record, "rows": found}, f"{len(found)} rows")
    return 0 if found else 1


def cancel(args: argparse.Namespace, catalogue: Catalogue, out: Output) -> int:
    """Publish a row that takes the record back."""
    if args.file is None:
        raise UsageError(
            "cancel: give --file, in which the record stands as it was sent"
        )
    flow = _flow(args, catalogue)
    plan = None
    if args.mapping is not None:
        plan = mapping.load(_text(args.mapping), str(args.mapping), flow)
    with ministry.session(args.member) as session:
        subject.cancel(session, flow, args.record, args.file, plan)
        for note in session.settle(ministry.WAIT_SECONDS):
            out.say(note)
        found = _row(subject.find(session.spool, args.record, flow.id)[-1])
    out.result(
        {"record": args.record, "cancellation": found},
        f"the cancellation is {found['state']}; `kerwen receipts prove` shows when the "
        "hub has taken it back",
    )
    return 0


def prove(args: argparse.Namespace, catalogue: Catalogue, out: Output) -> int:
    """Show, and write, what proves that a record is gone."""
    flow = _flow(args, catalogue)
    with ministry.session(args.member) as session:
        proof = subject.prove(session.answers(), args.record, flow.id)
    row = _row(proof.found)
    value: dict[str, Any] = {
        "record": args.record,
        "gone": True,
        "cancellation": row,
        "day": proof.day,
        "signed_by": proof.key_id,
        "receipt": base64.b64encode(proof.found.item.receipt or b"").decode(),
        "statement": base64.b64encode(proof.statement).decode(),
    }
    if args.file is not None:
        text = json.dumps(value, indent=1) + "\n"
        write_file(args.file, text.encode(), 0o600)  # it names the record
    out.result(
        value,
        f"record {args.record} of {flow.id} is gone: cancelled by batch "
        f"{row['batch'][:8]}, receipt signed by {row['signed_by']}, statement of "
        f"{proof.day} signed by {proof.key_id}",
    )
    return 0


def _flow(args: argparse.Namespace, catalogue: Catalogue) -> Dataflow:
    if not args.record or not args.dataflow:
        raise UsageError(f"{args.action}: give --record and --dataflow")
    flow = catalogue.dataflows.get(args.dataflow)
    if flow is None:
        raise InvalidError(f"--dataflow {args.dataflow}: not in the catalogue")
    return flow


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"{path}: cannot be read as text") from error


def _row(one: Found) -> dict[str, Any]:
    receipt = one.receipt
    return {
        "dataflow": one.item.dataflow,
        "file": one.file,
        "row": one.row,
        "batch": one.item.digest.hex(),
        "sequence": one.item.sequence,
        "state": str(one.item.state),
        "outcome": receipt.outcome if receipt else None,
        "signed_by": receipt.key_id if receipt else None,
    }
