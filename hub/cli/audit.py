"""``kerwen audit``: every cell of a cut, recomputed from the inbound log.

With ``--live``: is everything that came in where it belongs by now? That needs no key,
and of a quiet dataflow it says only whether it is late. With ``--attacks``: could a
reader of what is published tell a person? That needs no hub.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hub.cli.output import Output
from hub.core.errors import UsageError
from hub.core.reconcile import Difference, Line
from hub.edge import checks
from hub.edge.files import read_catalogue
from hub.edge.settings import Settings, from_environment
from hub.trials import audit as trial
from hub.trials import live
from hub.trials.attacks import suite
from hub.trials.attacks.outcome import Outcome

_WHAT = {"message": "offset", "source": "after offset"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("--marker", help="id of the cut (default: the newest)")
    parser.add_argument(
        "--cells",
        type=Path,
        metavar="FILE",
        help="write the true cells as JSON lines (custodians only)",
    )
    parser.add_argument(
        "--live", action="store_true", help="conservation now, without any key"
    )
    parser.add_argument(
        "--attacks",
        action="store_true",
        help="attack what the catalogue would publish, beside an unprotected twin",
    )
    parser.add_argument("--seed", type=int, default=7, help="of the attacks' people")
    parser.add_argument(
        "--workers",
        metavar="HOST:PORT,…",
        help="with --live: metrics of the workers, where no hub runs in this home",
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Exit 0 only if every cell is equal; with --live, if nothing is late."""
    settings = from_environment()
    catalogue = read_catalogue(settings.catalogue)
    if args.attacks:
        found = suite.run(catalogue, args.seed)
        _note(settings, "attacks", sum(_verdict(one) != "defeated" for one in found))
        return _attacks(found, out)
    if args.live:
        named = args.workers.split(",") if args.workers else ()
        return _live(live.look(settings, catalogue, named), out)
    if args.workers:
        raise UsageError("--workers goes with --live")
    try:
        marker = bytes.fromhex(args.marker) if args.marker else None
    except ValueError as error:
        raise UsageError("--marker: expected the hexadecimal id of a cut") from error
    audited = trial.audit(settings, catalogue, marker)
    if args.cells:
        trial.write_cells(audited, args.cells)
    report(audited, out)
    _note(settings, "audit", int(audited.verdict != "equal"))
    out.result(as_json(audited))
    return 0 if audited.verdict == "equal" else 1


def _note(settings: Settings, name: str, failed: int) -> None:
    """Leave word for metrics and doctor."""
    at_ms = time.time_ns() // 1_000_000
    checks.note(settings.home, checks.Check(name=name, at_ms=at_ms, failed=failed))


def _attacks(found: Sequence[Outcome], out: Output) -> int:
    """Exit 0 only if every attack is defeated and every twin wins."""
    out.table(
        "Attacks on what is published, and the same without protection",
        ("attack", "tries", "rate", "bound", "twin", "verdict"),
        [
            (
                one.name,
                one.tries,
                f"{one.rate:.3f}",
                f"{one.bound:.3f}",
                f"{one.twin_rate:.2f}",
                _verdict(one),
            )
            for one in found
        ],
        right=("tries", "rate", "bound", "twin"),
    )
    bad = [one.name for one in found if _verdict(one) != "defeated"]
    out.result(
        {
            "attacks": [
                {**asdict(one), "rate": one.rate, "verdict": _verdict(one)}
                for one in found
            ],
            "defeated": len(found) - len(bad),
            "failed": bad,
        },
        f"{len(found) - len(bad)} of {len(found)} attacks are defeated",
    )
    return 1 if bad else 0


def _verdict(one: Outcome) -> str:
    if not one.telling:
        return "proves nothing"
    return "defeated" if one.defeated else "SUCCEEDS"


def as_json(audited: trial.Audit) -> dict[str, object]:
    """The audit as one object; no cell's content is in it."""
    return {
        "audit": audited.verdict,
        "marker": audited.close.marker.hex(),
        "period": audited.close.period,
        "cells": audited.cells,
        "different": audited.different.height,
        "unique": audited.unique,
        "controls": [asdict(control) for control in audited.controls],
        "skipped": [asdict(one) for one in audited.skipped],
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
    if audited.controls:
        out.table(
            "Control totals against the stocks they speak of",
            ("table", "period", "declared", "counted", "groups", "different"),
            [
                (
                    one.table,
                    one.period,
                    one.declared,
                    one.counted,
                    one.groups,
                    one.different,
                )
                for one in audited.controls
            ],
            right=("declared", "counted", "groups", "different"),
        )
    for one in audited.skipped:
        out.say(
            f"not counted: {one.source} {_WHAT[one.what]} {one.offset}: {one.reason}"
        )
    tables = audited.different["table"].unique().sort().to_list()
    where = f" in {', '.join(tables)}" if tables else ""
    out.say(
        f"audit: {audited.verdict} ({audited.cells} cells compared, "
        f"{audited.different.height} different{where})"
    )


def _live(lines: Iterable[Line], out: Output) -> int:
    """Every ministry and dataflow, then domains; 1 when something is late."""
    lines = list(lines)
    shown = [line for line in lines if line.ministry]
    out.table(
        "Rows that came in and where they are",
        (
            "ministry",
            "dataflow",
            "accepted",
            "judged",
            "duplicates",
            "refused",
            "state",
        ),
        [
            (
                line.ministry,
                line.dataflow,
                line.rows.get("accepted"),
                line.rows.get("judged"),
                line.rows.get("duplicate"),
                line.rows.get("quarantined"),
                _state(line),
            )
            for line in shown
        ],
        right=("accepted", "judged", "duplicates", "refused"),
    )
    words = [word for line in lines for word in sentences(line)]
    states = {line.state for line in lines}
    verdict = next((one for one in ("late", "open") if one in states), "equal")
    out.result(
        {"audit": verdict, "lines": [as_line(line) for line in lines]},
        "\n".join((*words, f"audit --live: {verdict}")),
    )
    return 1 if verdict == "late" else 0


def _state(line: Line) -> str:
    if line.quiet:
        return "late" if line.state == "late" else "ok"
    return line.state


def as_line(line: Line) -> dict[str, Any]:
    """A line as an object; of a quiet dataflow only whether it is late."""
    place = {"ministry": line.ministry or None}
    place["dataflow" if line.ministry else "domain"] = line.dataflow
    if line.quiet:
        return {**place, "quiet": True, "state": _state(line)}
    return {
        **place,
        "quiet": False,
        "state": line.state,
        "rows": dict(line.rows),
        "differences": [asdict(one) for one in line.differences],
    }


def sentences(line: Line) -> list[str]:
    """What is not where it belongs, one sentence each."""
    who = f"{line.ministry} {line.dataflow}" if line.ministry else line.dataflow
    if line.quiet:
        text = f"{who}: late for more than a minute (quiet: no more is said)"
        return [text] if line.state == "late" else []
    return [f"{who}: {_sentence(one)}" for one in line.differences]


def _sentence(one: Difference) -> str:
    age = "for more than a minute" if one.late else "on the way"
    if one.where == "log":
        return (
            f"batches {one.first} to {one.last} of a lane were signed and are not in "
            f"{one.source} ({age})"
        )
    if one.where == "cut":
        return (
            f"{one.source} ends before offset {one.last + 1}, up to which {one.into} "
            f"covers it: bring its log back from a replica or a backup ({age})"
        )
    if one.where in ("rows", "facts", "messages"):
        word = "missing" if one.first > 0 else "too many"
        return f"{abs(one.first)} {one.where} {word} ({age})"
    into = f" in {one.into}" if one.into else ""
    return (
        f"{one.where} lacks {one.source} from {one.first} to {one.last}{into} ({age})"
    )
