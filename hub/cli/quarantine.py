"""``kerwen quarantine``: refused rows, from the list to a closed account.

Rules:

- ``list`` counts, by batch and reason; ``show`` prints rows, which needs the ministry's
  key; ``fix`` writes a file to correct, or takes corrections; ``resend`` sends what was
  corrected and waits for receipts; ``purge`` gives rows up, and says so for good.
- The counts of quiet dataflows are not shown; their rows are, to whoever has the key.
- Brokers that are away change nothing but what is new.
- Exit code 1: corrections that still fail, or refused again; 3: receipts are awaited.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hub.cli import ministry, refused
from hub.cli.output import Output
from hub.core.catalogue.model import Dataflow
from hub.core.errors import InvalidError, MachineError, RetriableError, UsageError
from hub.publisher import accounts, ledger, mending
from hub.publisher.entries import Fate, Held
from hub.publisher.mending import Mended
from hub.publisher.publish import Session

LANGUAGES = ("en", "ru", "tk")
SHOWN_MAX = 20
"""Rows that ``show`` prints unless told otherwise."""
_OPEN = (Fate.OPEN, Fate.MENDED)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("action", choices=("list", "show", "fix", "resend", "purge"))
    ministry.arguments(parser)
    parser.add_argument("--dataflow", help="only this one; fix and resend need it")
    parser.add_argument("--batch", help="how its digest begins (see list)")
    parser.add_argument("--reason", help="only rows refused for this reason")
    parser.add_argument("--row", type=int, help="only this row of the batch")
    parser.add_argument(
        "--lang", choices=LANGUAGES, default="en", help="of texts and hints"
    )
    parser.add_argument("--limit", type=int, default=SHOWN_MAX, help="show: most rows")
    parser.add_argument(
        "--output", type=Path, help="fix: write the rows here, to be corrected"
    )
    parser.add_argument("--file", type=Path, help="fix: take this corrected file")
    parser.add_argument(
        "--set",
        action="append",
        metavar="FIELD=VALUE",
        help="fix: put this value into every chosen row; more than once if needed",
    )
    parser.add_argument(
        "--as-is",
        action="store_true",
        help="fix: the rows were right (the hub's lists were wrong)",
    )
    parser.add_argument("--yes", action="store_true", help="purge: really")


def run(args: argparse.Namespace, out: Output) -> int:
    """List, show, fix, resend or purge."""
    ministry.check_wait(args.wait)
    _check(args)
    with ministry.session(args.member) as opened:
        if args.dataflow and args.dataflow not in opened.catalogue.dataflows:
            raise InvalidError(f"--dataflow {args.dataflow}: not in the catalogue")
        notes = _fetch(opened)
        if args.action == "list":
            return _list(opened, args, notes, out)
        if args.action == "resend":
            return _resend(opened, args, notes, out)
        act = {"show": _show, "fix": _fix, "purge": _purge}[args.action]
        return act(opened, args, _chosen(opened, args), notes, out)


def _check(args: argparse.Namespace) -> None:
    """Refuse words that do not go together, before anything is done."""
    if args.action in ("fix", "resend") and not args.dataflow:
        raise UsageError(f"{args.action} needs --dataflow")
    ways = [bool(args.output), bool(args.file), bool(args.set), args.as_is]
    if args.action == "fix" and sum(ways) != 1:
        raise UsageError(
            "fix needs one of --output FILE (write rows to correct), --file FILE (take "
            "them back), --set FIELD=VALUE, --as-is"
        )
    if args.action == "purge" and not args.yes:
        raise UsageError("purge gives rows up for good; nothing was done: add --yes")


def _fetch(opened: Session) -> list[str]:
    """What is new in the topics of receipts and quarantine; notes for a person."""
    shelf = opened.shelf
    try:
        opened.courier.collect()
        shelf.collect(opened.broker)
    except (RetriableError, MachineError) as error:
        return [f"{error}; this is what was known before"]
    return [*opened.courier.notes, *shelf.notes]


def _chosen(opened: Session, args: argparse.Namespace) -> list[Held]:
    """The rows that the words choose and that are not closed."""
    rows = accounts.rows(
        opened.spool,
        *_OPEN,
        dataflow=args.dataflow,
        batch=args.batch,
        reason=args.reason,
        row=args.row,
    )
    if not rows:
        raise InvalidError(
            "no open row is so: `kerwen quarantine list` shows what is in quarantine"
        )
    return rows


def _list(
    opened: Session, args: argparse.Namespace, notes: Sequence[str], out: Output
) -> int:
    now_ms = opened.sealer.now_ms() - ledger.figure(opened.spool, ledger.CLOCK_MS)
    rows = accounts.rows(
        opened.spool,
        *_OPEN,
        dataflow=args.dataflow,
        batch=args.batch,
        reason=args.reason,
    )
    listed = refused.listed(opened.catalogue, rows, now_ms)
    flows = opened.catalogue.dataflows
    kept = [
        one
        for one in accounts.accounts(opened.spool)
        if args.dataflow in (None, one.dataflow)
    ]
    told = [refused.account(one, quiet=flows[one.dataflow].quiet) for one in kept]
    out.table(
        "Rows to mend" if listed else "No row to mend",
        ("batch", "dataflow", "reason", "field", "rows", "age", "state"),
        [
            (
                one["batch"],
                one["dataflow"],
                one["reason"],
                one["field"],
                one["rows"],
                refused.age(one["age_seconds"] * 1000),
                one["state"],
            )
            for one in listed
        ],
        right=("rows", "age"),
    )
    lines = [refused.line(one, quiet=flows[one.dataflow].quiet) for one in kept]
    text = "\n".join(lines) or "nothing was ever refused"
    out.result(
        {
            "member": args.member,
            "rows": listed,
            "accounts": told,
            "notes": list(notes),
        },
        text + ministry.sentence(notes),
    )
    return 0


def _show(
    opened: Session,
    args: argparse.Namespace,
    rows: Sequence[Held],
    notes: Sequence[str],
    out: Output,
) -> int:
    if args.limit < 1:
        raise UsageError(f"--limit {args.limit}: expected 1 or more")
    shown = rows[: args.limit]
    found = []
    for one in shown:
        (values,) = opened.shelf.contents([one]).to_dicts()
        found.append(refused.shown(opened.catalogue, one, values))
    lines = [refused.block(one, args.lang) for one in found]
    if len(rows) > len(shown):
        lines.append("… and more: --limit shows them")
    out.result(
        {"member": args.member, "rows": found, "notes": list(notes)},
        "\n\n".join(lines) + ministry.sentence(notes),
    )
    return 0


def _fix(
    opened: Session,
    args: argparse.Namespace,
    rows: Sequence[Held],
    notes: Sequence[str],
    out: Output,
) -> int:
    flow = opened.catalogue.dataflows[args.dataflow]
    if args.output:
        hints = {
            code: refused.texts(text)[args.lang]
            for code, text in opened.catalogue.codelists[refused.REASONS].hints.items()
        }
        mending.write(opened.shelf, rows, args.output, hints)
        return _told(args, flow, Mended(rows=len(rows)), notes, out)
    if args.file:
        done = mending.from_file(opened.shelf, flow, args.file)
    else:
        frame = opened.shelf.contents(rows)
        changed = mending.assigned(flow, frame, args.set or ())
        done = mending.keep(opened.shelf, flow, rows, changed)
    return _told(args, flow, done, notes, out)


def _told(
    args: argparse.Namespace,
    flow: Dataflow,
    done: Mended,
    notes: Sequence[str],
    out: Output,
) -> int:
    """What a correction came to."""
    wrong, said = refused.still_wrong(done)
    word = f"to correct in {args.output}" if args.output else "ready to be sent again"
    number = "rows" if flow.quiet else ministry.some(done.rows, "row")
    lines = [f"{flow.id}: {number} {word}"]
    lines += said
    out.result(
        {
            "member": args.member,
            "dataflow": flow.id,
            "output": str(args.output) if args.output else None,
            "rows": None if flow.quiet else done.rows,
            "failing": wrong,
            "notes": list(notes),
        },
        "\n".join(lines) + ministry.sentence(notes),
    )
    return 1 if wrong else 0


def _resend(
    opened: Session, args: argparse.Namespace, notes: Sequence[str], out: Output
) -> int:
    flow = opened.catalogue.dataflows[args.dataflow]
    publication = mending.send(opened.shelf, flow, opened.batch_rows)
    if publication is None:
        raise InvalidError(
            f"{flow.id}: no row was mended: `kerwen quarantine fix` comes first"
        )
    with ministry.progress() as tell:
        notes = [*notes, *opened.settle(args.wait, tell=tell)]
    done = replace(opened.summary(publication, tuple(notes)), known=False)
    (kept,) = [
        one for one in accounts.accounts(opened.spool) if one.dataflow == flow.id
    ]
    content: dict[str, Any] = {
        "member": args.member,
        "dataflow": flow.id,
        "complete": done.complete,
        "account": refused.account(kept, quiet=flow.quiet),
        "notes": list(notes),
    }
    if not flow.quiet:
        content |= {
            "published": done.published,
            "accepted": done.accepted,
            "quarantined": dict(done.quarantined),
            "waiting": done.waiting,
        }
    said = (
        f"{flow.id}: sent again (a quiet dataflow)"
        if flow.quiet
        else f"{flow.id}: {ministry.some(done.published, 'row')} sent again, "
        f"{done.accepted:,} accepted"
    )
    out.result(
        content,
        f"{said}\n{refused.line(kept, quiet=flow.quiet)}" + ministry.sentence(notes),
    )
    if done.waiting:
        return 3
    return 1 if done.refused or done.quarantined else 0


def _purge(
    opened: Session,
    args: argparse.Namespace,
    rows: Sequence[Held],
    notes: Sequence[str],
    out: Output,
) -> int:
    accounts.purge(opened.spool, rows, opened.sealer.now_ms())
    flows = opened.catalogue.dataflows
    quiet = any(flows[one.dataflow].quiet for one in rows)
    number = "rows" if quiet else ministry.some(len(rows), "row")
    out.result(
        {
            "member": args.member,
            "purged": None if quiet else len(rows),
            "notes": list(notes),
        },
        f"{number} given up; the account keeps their place" + ministry.sentence(notes),
    )
    return 0
