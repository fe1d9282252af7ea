"""``kerwen canary``: a catalogue with the dataflow of synthetic records.

``kerwen up`` and ``kerwen topics bundle`` take it like any other catalogue; where its
dataflow is, ``kerwen up`` starts the service that lets them fly (docs/operations.md).
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from hub.cli.output import Output
from hub.core.errors import MachineError, UsageError
from hub.edge.files import catalogue_folder, read_catalogue
from hub.edge.settings import from_environment
from hub.trials import canary


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="folder to make, for KERWEN_CATALOGUE",
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Copy the catalogue and add the canary's files."""
    if args.output.exists():
        raise UsageError(f"{args.output} exists: name a folder that does not")
    source = catalogue_folder(from_environment().catalogue)
    try:
        shutil.copytree(source, args.output)
        shutil.copytree(canary.CATALOGUE, args.output, dirs_exist_ok=True)
    except OSError as error:
        raise MachineError(f"cannot write {args.output}: {error.strerror}") from error
    digest = read_catalogue(args.output).digest.hex()
    out.result(
        {"catalogue": str(args.output), "digest": digest},
        f"{args.output} is the catalogue with the canary: export "
        f"KERWEN_CATALOGUE={args.output}, then `kerwen up`",
    )
    return 0
