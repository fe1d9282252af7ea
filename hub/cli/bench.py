"""``kerwen bench``: how fast is the whole path on this machine, and where time goes."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from hub.cli.output import Output
from hub.edge.files import read_catalogue
from hub.edge.settings import Home, Settings, from_environment
from hub.trials import bench


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument(
        "--records", type=int, default=200_000, help="about so many (default: 200000)"
    )
    parser.add_argument(
        "--seed", type=int, default=7, help="of the sample (default: 7)"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Run once in a folder that is removed; exit 0 only if the audit is equal."""
    given = from_environment()
    catalogue = read_catalogue(given.catalogue)
    with tempfile.TemporaryDirectory(prefix="kerwen-bench-") as folder:
        settings = Settings(
            home=Home(root=Path(folder)),
            catalogue=given.catalogue,
            log_level=given.log_level,
        )
        figures = bench.path(
            settings, catalogue, records=args.records, seed=args.seed, tell=out.say
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
