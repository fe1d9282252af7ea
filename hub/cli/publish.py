"""``kerwen publish``: files of a ministry, sealed, sent, receipted.

Rules:

- Files go one after another, in the order given.
- The counts of a quiet dataflow are not shown, because the count is itself a secret.
- Exit code 1: a batch was refused; 3: receipts are not all there, and the spool waits.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hub.cli import ministry
from hub.cli.output import Output
from hub.core.errors import InvalidError, UsageError
from hub.publisher import mapping
from hub.publisher.publish import Session
from hub.publisher.sources.files import FORMS
from hub.publisher.sources.rows import Said
from hub.publisher.summary import Summary

_FILE_BYTES_MAX = 1 << 20


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    ministry.arguments(parser)
    parser.add_argument("--dataflow", help="what the files hold, e.g. border_crossing")
    parser.add_argument(
        "file", nargs="*", type=Path, help="files; none: send what waits"
    )
    parser.add_argument(
        "--mapping", type=Path, help="TOML file: which column is which field"
    )
    parser.add_argument("--encoding", help="of the files (default: recognised)")
    parser.add_argument("--delimiter", help="of the files (default: recognised)")
    parser.add_argument(
        "--format", choices=sorted(FORMS), help="of the files (default: recognised)"
    )
    parser.add_argument("--sheet", help="of a workbook (default: the only visible one)")
    parser.add_argument(
        "--again", action="store_true", help="publish a known file once more"
    )
    parser.add_argument(
        "--resend", action="store_true", help="send every sealed batch twice"
    )
    parser.add_argument(
        "--retry",
        action="store_true",
        help="first seal again what was refused, with the keys of now",
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Publish the files, or send what the spool holds."""
    ministry.check_wait(args.wait)
    if args.file and not args.dataflow:
        raise UsageError("--dataflow is needed: what do these files hold?")
    with ministry.session(args.member) as opened:
        retried = opened.courier.retry() if args.retry else 0
        if not args.file:
            return _settle(opened, args, out, retried)
        done = [_publish(opened, args, path) for path in args.file]
        left, refused = ministry.waiting(opened)
    found = [_content(one) for one in done]
    out.result(
        {
            "member": args.member,
            "dataflow": args.dataflow,
            **_total(done),
            "waiting_batches": left,
            "refused_batches": refused,
            "files": found,
        },
        "\n".join(map(_text, done)),
    )
    if any(one.refused for one in done):
        return 1
    return 3 if any(one.waiting for one in done) else 0


def _publish(opened: Session, args: argparse.Namespace, path: Path) -> Summary:
    if not path.is_file():
        raise InvalidError(f"{path}: no such file")
    with ministry.progress() as tell:
        return opened.publish(
            args.dataflow,
            path,
            mapping=_mapping(args, opened),
            said=Said(
                form=args.format,
                encoding=args.encoding,
                delimiter=args.delimiter,
                sheet=args.sheet,
            ),
            again=args.again,
            resend=args.resend,
            wait_seconds=args.wait,
            tell=tell,
        )


def _mapping(args: argparse.Namespace, opened: Session) -> mapping.Mapping | None:
    if args.mapping is None:
        return None
    flow = opened.catalogue.dataflows.get(args.dataflow)
    if flow is None:
        raise InvalidError(f"--dataflow {args.dataflow}: not in the catalogue")
    try:
        if args.mapping.stat().st_size > _FILE_BYTES_MAX:
            raise InvalidError(f"{args.mapping}: too large for a mapping")
        text = args.mapping.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"{args.mapping}: cannot be read as text") from error
    return mapping.load(text, str(args.mapping), flow)


def _settle(
    opened: Session, args: argparse.Namespace, out: Output, retried: int
) -> int:
    """Send what waits, without a new file."""
    with ministry.progress() as tell:
        notes = opened.settle(args.wait, tell=tell)
    left, refused = ministry.waiting(opened)
    out.result(
        {
            "member": args.member,
            "retried_batches": retried,
            "waiting_batches": left,
            "refused_batches": refused,
            "notes": list(notes),
        },
        f"{args.member}: {left} batches wait, {refused} are refused"
        + ministry.sentence(notes),
    )
    if refused:
        return 1
    return 3 if left else 0


def _total(done: Sequence[Summary]) -> dict[str, Any]:
    if any(one.quiet for one in done):
        return {"quiet": True}
    reasons: Counter[str] = Counter()
    for one in done:
        reasons.update(one.quarantined)
    return {
        "quiet": False,
        "published": sum(one.published for one in done),
        "accepted": sum(one.accepted for one in done),
        "duplicates": sum(one.duplicates for one in done),
        "quarantined": reasons.total(),
        "reasons": dict(reasons),
        "rejected": sum(one.source.rejected for one in done),
        "seconds": round(sum(one.seconds for one in done), 2),
    }


def _content(one: Summary) -> dict[str, Any]:
    """One file as an object; without counts where they are a secret."""
    listed = one.source.rejected_file
    content: dict[str, Any] = {
        "file": one.name,
        "known": one.known,
        "complete": one.complete,
        "rejected_file": str(listed) if listed else None,
        "notes": list(one.notes),
    }
    if one.quiet:
        return content
    return content | {
        "published": one.published,
        "accepted": one.accepted,
        "duplicates": one.duplicates,
        "quarantined": dict(one.quarantined),
        "refused": one.refused,
        "waiting": one.waiting,
        "batches": one.batches,
        "rejected": one.source.rejected,
        "emptied": dict(one.source.emptied),
        "deviations": [
            {"kind": kind, "carrier": carrier, "count": count}
            for (kind, carrier), count in sorted(one.source.deviations.items())
        ],
        "seconds": round(one.seconds, 2),
    }


def _text(one: Summary) -> str:
    notes = list(one.notes)
    if one.source.rejected_file:
        listed = ministry.some(one.source.rejected, "row")
        notes.append(
            f"{'rows' if one.quiet else listed} rejected at the source, listed in "
            f"{one.source.rejected_file}"
        )
    if one.known:
        notes.append("this file was published before; --again publishes it once more")
    if one.quiet:
        state = "every batch was taken" if one.complete else "not every batch was taken"
        return f"{one.name}: {state} (a quiet dataflow)" + ministry.sentence(notes)
    rows = ministry.some(one.published, "row")
    parts = [
        f"{rows} in {ministry.some(one.batches, 'batch')}",
        f"{one.accepted:,} accepted",
    ]
    for number, word in (
        (one.duplicates, "duplicates"),
        (sum(one.quarantined.values()), f"quarantined{_reasons(one.quarantined)}"),
        (one.refused, "refused"),
        (one.waiting, "waiting"),
    ):
        if number:
            parts.append(f"{number:,} {word}")
    text = f"{one.name}: {', '.join(parts)}, {one.seconds:.1f} s"
    return text + ministry.sentence(notes)


def _reasons(found: Mapping[str, int]) -> str:
    ordered = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return f" ({', '.join(f'{reason} {number}' for reason, number in ordered)})"
