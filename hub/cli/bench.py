"""``kerwen bench``: how fast is the whole path, and what happens to it under faults."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Mapping
from typing import Any

from hub.cli.output import Output
from hub.core.errors import UsageError
from hub.edge.files import read_catalogue
from hub.edge.settings import Settings, from_environment
from hub.trials import bench, recovery
from hub.trials.chaos import harness, outcome, report
from hub.trials.fresh import fresh

TRIALS = ("path", "chaos", "recovery")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument(
        "trial",
        nargs="?",
        choices=TRIALS,
        default="path",
        help="path: throughput of the whole path (default); "
        "chaos: publish while processes, broker and disk fail, then count; "
        "recovery: a backlog, kills, and rebuilds with a large state",
    )
    parser.add_argument(
        "--records",
        type=int,
        default=200_000,
        help="path, recovery: about so many (default: 200000)",
    )
    parser.add_argument(
        "--cycles", type=int, default=200, help="chaos: faults (default: 200)"
    )
    parser.add_argument(
        "--seed", type=int, default=7, help="of the sample, and of faults (default: 7)"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Run once in a fresh folder."""
    if args.cycles < 0:
        raise UsageError(f"--cycles {args.cycles}: expected 0 or more")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A chaos trial that went wrong is looked at in its home.
    keep = args.trial == "chaos" and "KERWEN_HOME" in os.environ
    with fresh(from_environment(), args.trial, keep=keep) as settings:
        if args.trial == "chaos":
            return _chaos(args, out, settings)
        if args.trial == "recovery":
            return _recover(args, out, settings)
        return _path(args, out, settings)


def _path(args: argparse.Namespace, out: Output, settings: Settings) -> int:
    """Exit 0 only if the audit is equal."""
    figures = bench.path(
        settings,
        read_catalogue(settings.catalogue),
        records=args.records,
        seed=args.seed,
        tell=out.say,
    )
    rows = bench.as_json(figures)
    out.table(
        "By process",
        ("process", "CPU seconds", "peak MB", "inside, seconds"),
        [
            (
                name,
                seconds,
                rows["rss_mb_max"][name],
                ", ".join(
                    f"{part.removesuffix('_seconds')} {value}"
                    for part, value in rows["inside_seconds"].get(name, {}).items()
                ),
            )
            for name, seconds in rows["cpu_seconds"].items()
        ],
        right=("CPU seconds", "peak MB"),
    )
    out.result(
        rows,
        f"{rows['records']} records in {rows['path_seconds']} s: "
        f"{rows['records_per_second']} records/s; audit: {rows['audit']}",
    )
    return 0 if figures.audit == "equal" else 1


def _chaos(args: argparse.Namespace, out: Output, settings: Settings) -> int:
    """Exit 0 only if nothing was lost or doubled and every audit is equal."""
    trial = outcome.Trial(cycles=args.cycles, seed=args.seed)
    done = harness.run(settings, trial, out.say)
    rows = report.as_json(done)
    out.table(
        "Faults",
        ("fault", "times", "seconds until whole again: half", "worst"),
        [
            (kind, times, *_recovery(rows["recover_by_fault"].get(kind, {})))
            for kind, times in rows["faults"].items()
        ],
        right=("times", "seconds until whole again: half", "worst"),
    )
    out.result(
        rows,
        f"{rows['cycles']} cycles, {rows['records']} records: {rows['lost']} lost, "
        f"{rows['doubled']} doubled; audit: {rows['audit']}",
    )
    return 0 if done.clean else 1


def _recover(args: argparse.Namespace, out: Output, settings: Settings) -> int:
    """Exit 0 only if the audit is equal."""
    done = recovery.run(
        settings,
        read_catalogue(settings.catalogue),
        records=args.records,
        seed=args.seed,
        tell=out.say,
    )
    rows = recovery.as_json(done)
    out.table(
        "By stage",
        ("stage", "whole after kill -9, s", "rebuilt, s", "records/s", "state MB"),
        [
            (
                stage,
                ", ".join(map(str, seconds)),
                rows["rebuilt_seconds"].get(stage, ""),
                rows["rebuilt_records_per_second"].get(stage, ""),
                rows["state_mb"].get(stage, ""),
            )
            for stage, seconds in rows["killed_seconds"].items()
        ],
        right=("rebuilt, s", "records/s", "state MB"),
    )
    out.result(
        rows,
        f"{rows['backlog_mb']} MB, {rows['records']} records folded in "
        f"{rows['backlog_seconds']} s; audit: {rows['audit']}",
    )
    return 0 if done.audit == "equal" else 1


def _recovery(seconds: Mapping[str, Any]) -> tuple[Any, Any]:
    return seconds.get("p50", ""), seconds.get("max", "")
