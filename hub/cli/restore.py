"""``kerwen restore``: an archive of ``kerwen backup`` into an empty home.

Rules (docs/recovery.md):

- Nothing is overwritten, unless single files are named; those are kept as ``….old``.
- What is brought back is looked at by ``kerwen doctor`` and proved by ``kerwen audit``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from hub.cli.output import Output
from hub.edge import archive
from hub.edge.settings import from_environment


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("--file", type=Path, required=True, help="the archive")
    parser.add_argument("--key", type=Path, required=True, help="the recovery key")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="a file or folder over what is there, e.g. keys/intake/secrets.json",
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Bring it back."""
    settings = from_environment()
    began = time.monotonic()
    key = archive.read_key(args.key)
    settings.home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    about, found = archive.restore(args.file, settings.home.root, key, args.only)
    seconds = round(time.monotonic() - began, 1)
    next_step = "`kerwen doctor`" if args.only else "`kerwen up`, then `kerwen audit`"
    out.result(
        {"created": about.get("created"), "files": len(found), "seconds": seconds},
        f"{len(found)} files of {about.get('created')} are in {settings.home.root}, "
        f"{seconds} s; now {next_step}",
    )
    return 0
