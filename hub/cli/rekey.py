"""What ``kerwen keys rekey`` does: another hub with other pseudonym secrets.

Rules (docs/keys.md, "A leaked pseudonym secret"):

- Given in the new home, with ``--from`` the old one. The same call, again and again:
  prepare the keys, then copy what is new in the old logs; ``--finish`` at the end.
- The old hub goes on until the ministries have moved.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path

from hub.cli.keychange import NOT_DONE, noted
from hub.cli.output import Output
from hub.core.errors import InvalidError, UsageError
from hub.edge import enacting, rekeying, trail
from hub.edge.rekeying import Progress
from hub.edge.settings import Home, Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """What this action takes."""
    parser.add_argument(
        "--from", type=Path, dest="old", metavar="HOME", help="rekey: the old home"
    )
    parser.add_argument(
        "--from-bootstrap",
        default="",
        metavar="HOST:PORT,...",
        help="rekey: brokers of the old hub, where it does not run in its home",
    )
    parser.add_argument(
        "--finish",
        action="store_true",
        help="rekey: nothing more is copied; revoked keys are revoked again",
    )


def rekey(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Do the next step of a re-keying."""
    progress = rekeying.read(settings.home)
    if args.finish:
        return _finish(args, settings, out, progress)
    if args.old is None:
        raise UsageError("rekey: name the old home with --from")
    root = Path(args.old).absolute()
    if root == settings.home.root:
        raise UsageError("rekey: KERWEN_HOME is the new home, --from the old one")
    old = replace(settings, home=Home(root=root), bootstrap=args.from_bootstrap)
    if progress is None:
        return _prepare(args, old, settings, out)
    if not args.apply:
        out.result({**asdict(progress), "applied": False}, NOT_DONE)
        return 0
    done = rekeying.copy(old, settings, out.say)
    out.result(
        {**asdict(done), "applied": True},
        f"{done.copied} batches are copied, {done.passed} that the old hub did not "
        "believe are not; repeat until the ministries have moved, then --finish",
    )
    return 0


def _prepare(
    args: argparse.Namespace, old: Settings, settings: Settings, out: Output
) -> int:
    out.say(
        f"{settings.home.root} gets the keys of {old.home.root}, with new pseudonym "
        "secrets and new internal keys"
    )
    if args.apply:
        trail.note(old, "keys rekey", settings.home.root.name, args.reason)
        rekeying.prepare(old.home, settings.home)
    text = "the keys are there: `kerwen up`, then the same command copies the log"
    out.result(
        {"prepared": bool(args.apply), "applied": bool(args.apply)},
        text if args.apply else NOT_DONE,
    )
    return 0


def _finish(
    args: argparse.Namespace,
    settings: Settings,
    out: Output,
    progress: Progress | None,
) -> int:
    if progress is None:
        raise InvalidError(f"{settings.home.root} is not being re-keyed")
    out.say(f"revoked again: {', '.join(progress.revoked) or 'no key'}")
    if args.apply:
        noted(settings, out, "keys rekey", "finish", args.reason)
        rekeying.finish(settings.home)
        enacting.enact(settings)
        rekeying.close(settings.home)
    out.result(
        {"revoked": list(progress.revoked), "applied": bool(args.apply)},
        "the new hub stands by itself" if args.apply else NOT_DONE,
    )
    return 0
