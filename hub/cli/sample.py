"""``kerwen sample``: files of the ministries, and the truth about them."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from hub.cli.output import Output
from hub.core.errors import MachineError, UsageError
from hub.edge.files import read_catalogue
from hub.edge.settings import from_environment
from hub.trials.sample.write import write

_PERSONS_MAX = 5_000_000
_YEARS_MAX = 20
LAST_YEAR = 2025
"""Nobody is born in the future: more years are earlier ones."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument(
        "--output", type=Path, default=Path("sample"), help="folder (default: sample)"
    )
    parser.add_argument(
        "--persons", type=int, default=20_000, help="people who move (default: 20000)"
    )
    parser.add_argument(
        "--years", type=int, default=1, help="how many, up to 2025 (default: 1)"
    )
    parser.add_argument(
        "--seed", type=int, default=7, help="same seed, same bytes (default: 7)"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Write them."""
    for name, most in (("persons", _PERSONS_MAX), ("years", _YEARS_MAX)):
        if not 1 <= getattr(args, name) <= most:
            raise UsageError(f"--{name}: expected a number from 1 to {most}")
    if args.seed < 0:
        raise UsageError(f"--seed {args.seed}: expected 0 or more")
    catalogue = read_catalogue(from_environment().catalogue)
    try:
        with Console(stderr=True).status("writing"):
            truth = write(
                args.output,
                catalogue,
                persons=args.persons,
                years=args.years,
                first_year=LAST_YEAR + 1 - args.years,
                seed=args.seed,
            )
    except OSError as error:
        raise MachineError(
            f"{error.filename or args.output} cannot be written: {error.strerror}; "
            "choose another --output"
        ) from error
    out.result(
        {
            "output": str(args.output),
            "files": len(truth.files),
            "rows": truth.rows,
            "records": truth.records,
            "persons": truth.persons,
            "women": round(truth.women, 4),
            "seed": args.seed,
        },
        f"{len(truth.files)} files with {truth.rows:,} rows of {truth.persons:,} "
        f"persons ({truth.women:.0%} women) in {args.output}; what publishing them "
        f"must come to is in {args.output / 'truth.json'}",
    )
    return 0
