"""``kerwen backup``: what a home cannot make again, sealed for the recovery key.

Rules (docs/recovery.md):

- Keys, certificates, bundles, spools, agreements. States are a cache of the log and are
  left out; their checkpoints come with ``--checkpoints``, so less is read again.
- Logs of the embedded broker come with ``--logs``, only while nothing runs: a copy of
  files that are written to is no copy.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub.cli.output import Output
from hub.core.errors import MachineError, UsageError
from hub.edge import archive, trail
from hub.edge.settings import Settings, from_environment

NEVER = ("run", "logs", "state")
"""Made anew by whoever starts, or a cache."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument(
        "action",
        choices=("key", "make"),
        help="key: make a recovery key, to be kept elsewhere; make: an archive",
    )
    parser.add_argument("--output", type=Path, required=True, help="which file")
    parser.add_argument("--to", type=Path, help="make: the recovery key's .pub")
    parser.add_argument(
        "--checkpoints", action="store_true", help="make: copies of states as well"
    )
    parser.add_argument(
        "--logs", action="store_true", help="make: the embedded broker's logs as well"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Make a key or an archive."""
    if args.action == "key":
        public = archive.make_key(args.output)
        out.result(
            {"key": str(args.output), "public": str(public)},
            f"{args.output}: keep it where this machine is not; {public} stays here",
        )
        return 0
    if args.to is None:
        raise UsageError("backup make needs --to: the .pub of a recovery key")
    settings = from_environment()
    began = time.monotonic()
    about = note(settings, logs=args.logs)
    parts = contents(settings, checkpoints=args.checkpoints, logs=args.logs)
    number = archive.write(
        args.output,
        settings.home.root,
        parts,
        to=archive.read_public(args.to),
        about=about,
    )
    size, seconds = args.output.stat().st_size, round(time.monotonic() - began, 1)
    out.result(
        {"file": str(args.output), "files": number, "bytes": size, "seconds": seconds},
        f"{args.output}: {number} files, {size >> 20} MB, {seconds} s; try it with "
        "`kerwen restore` in another KERWEN_HOME",
    )
    return 0


def contents(settings: Settings, *, checkpoints: bool, logs: bool) -> list[Path]:
    """The parts of a home that go into an archive.

    Raises:
        MachineError: There is no home, or its logs are being written to.
    """
    home = settings.home
    if not home.keys.is_dir():
        raise MachineError(f"{home.root} is no home of a hub: set KERWEN_HOME")
    if logs and home.running() is not None:
        raise MachineError("the logs are being written to: `kerwen down` first")
    left = {*NEVER, *(() if logs else ("kafka",))}
    left |= set() if checkpoints else {"checkpoints"}
    return sorted(one for one in home.root.iterdir() if one.name not in left)


def note(settings: Settings, *, logs: bool) -> dict[str, Any]:
    """What the archive says of itself; the act in the trail, where brokers are."""
    try:
        settings.brokers()
    except MachineError:
        pass  # nothing runs: who has the home now needs no hub to copy it
    else:
        trail.note(settings, "backup make", "logs" if logs else "")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return {"version": 1, "created": created, "logs": logs}
