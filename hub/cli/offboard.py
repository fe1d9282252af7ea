"""``kerwen offboard``: a ministry or a member leaves.

Rules (docs/production.md, "A member leaves"):

- Its signing keys are revoked, its permissions and tokens end. What it sent before
  stays in the log and in the figures; from now on its part of a table is missing.
- Its sealing key stays, so that the hub can answer what is still on the way; its
  topics stay until their retention is over; its file stays, because rows name it.
- The act stands in the trail before it is done. Only the gateway closes in any case: a
  member that leaves is not let in because the brokers are away. What could not be noted
  then is noted when the same is run again.
"""

from __future__ import annotations

import argparse
import time

from hub.cli.output import Output
from hub.core.catalogue.model import Member
from hub.core.errors import InvalidError, UsageError
from hub.edge import bundles, enacting, keyring, passes, publickeys, trail
from hub.edge.files import read_catalogue
from hub.edge.settings import Settings, from_environment

VERB, BACK = "offboard", ("onboard", "gateway restore")
"""What the trail calls it, and how acts begin that let a member in."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("--member", required=True, help="short id, e.g. sms")
    parser.add_argument("--reason", default="", help="why; it is kept for good")
    parser.add_argument("--plan", action="store_true", help="only show what would end")


def run(args: argparse.Namespace, out: Output) -> int:
    """End it, or show what would end."""
    settings = from_environment()
    member = read_catalogue(settings.catalogue).members.get(args.member)
    if member is None:
        raise InvalidError(f"--member {args.member}: not in the catalogue")
    keys = signing(settings, member)
    listed = member.id in passes.revoked(settings.home).members
    ends = [*([] if listed else ["permissions", "tokens"]), *keys]
    value = {"member": member.id, "ends": ends}
    if args.plan:
        out.result(value, f"{member.id}: {', '.join(ends) or 'nothing'} would end")
        return 0
    if not args.reason:
        raise UsageError("offboard needs --reason: it is what everybody will ask")
    now_ms = time.time_ns() // 1_000_000
    try:
        if ends or unapplied(settings) or not noted(settings, member):
            trail.note(settings, VERB, member.id, args.reason)
    finally:
        passes.revoke(
            settings.home, now_ms=now_ms, reason=args.reason, member=member.id
        )
        passes.forget(settings.home, member.id)
    publickeys.revoke(settings.home.root, keys)
    done = enacting.enact(settings)
    out.result(
        {**value, "withdrawn": list(done.changes.withdrawn)},
        f"{member.id} is out: {', '.join(ends) or 'nothing was left'}; "
        f"{len(done.changes.withdrawn)} permissions withdrawn; what it sent stays",
    )
    return 0


def signing(settings: Settings, member: Member) -> list[str]:
    """Ids of a member's active signing keys."""
    known = keyring.registry(settings.home.root).keys.values()
    return [
        key.key_id
        for key in known
        if (key.member, key.use, key.status) == (member.member, "sign", "active")
    ]


def noted(settings: Settings, member: Member) -> bool:
    """Whether the trail says that a member left, and not later that it came back."""
    acts = [act for _, act in trail.read(settings).acts if act.subject == member.id]
    ways = [act.verb for act in acts if act.verb.startswith((VERB, *BACK))]
    return bool(ways) and ways[-1] == VERB


def unapplied(settings: Settings) -> bool:
    """Whether what the files say is not in every log yet."""
    wanted = enacting.plan(settings).bundle.digest
    return bundles.applied(settings.home.bundles) != wanted
