"""``kerwen webhook``: addresses of members that are told of releases.

Rules (docs/gateway.md, "Webhooks"):

- The operator enters an address; its secret is printed once, for the member alone.
- Every act stands in the trail; a running gateway heeds it at the next release.
"""

from __future__ import annotations

import argparse

from hub.cli.output import Output
from hub.cli.subscribe import reader
from hub.core.errors import InvalidError, UsageError
from hub.edge import hooks, trail
from hub.edge.files import read_catalogue
from hub.edge.settings import Settings, from_environment


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument(
        "action",
        choices=("add", "list", "remove"),
        help="add: note an address; list: what there is; remove: take one back",
    )
    parser.add_argument("--member", default="", help="whose it is, e.g. iom")
    parser.add_argument("--url", default="", help="where to, https://…")
    parser.add_argument("--id", default="", help="which one to take back")


def run(args: argparse.Namespace, out: Output) -> int:
    """Do it, and say what counts from now on."""
    settings = from_environment()
    if args.action == "add":
        return _add(settings, args, out)
    if args.action == "remove":
        return _remove(settings, args.id, out)
    listed = hooks.known(settings.home)
    rows = [(one.id, one.member, one.url) for one in listed]
    out.table("Webhooks", ("id", "member", "url"), rows)
    names = ("id", "member", "url")
    out.result({"webhooks": [dict(zip(names, row, strict=True)) for row in rows]})
    return 0


def _add(settings: Settings, args: argparse.Namespace, out: Output) -> int:
    if not args.url:
        raise UsageError("add needs --url")
    reader(read_catalogue(settings.catalogue), args.member)
    hooks.check(args.url)
    trail.note(settings, "webhook add", args.member)
    made = hooks.add(settings.home, args.member, args.url)
    out.result(
        {"id": made.id, "member": made.member, "url": made.url, "secret": made.secret},
        f"{made.secret}\nsigns what {made.url} is told ({made.id}); it is not shown "
        "again",
    )
    return 0


def _remove(settings: Settings, id_: str, out: Output) -> int:
    if id_ not in {one.id for one in hooks.known(settings.home)}:
        raise InvalidError(f"--id {id_}: no such webhook; `kerwen webhook list`")
    trail.note(settings, "webhook remove", id_)
    hooks.remove(settings.home, id_)
    out.result({"removed": id_}, f"{id_} is told nothing any more")
    return 0
