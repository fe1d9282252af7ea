"""``kerwen gateway``: members' tokens, and revoking a member at once.

Rules (docs/gateway.md, "Access"):

- A token is printed once and kept nowhere; the hub keeps its hash.
- A revocation counts for the gateway within a second, and for the brokers as soon as
  the access table is applied: whoever reads gets nothing at the next fetch.
- Every act stands in the trail. A revocation does not wait for it: where the brokers
  are away the gateway is closed first, and the command says what is left to do.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from typing import Any

from hub.cli.output import Output
from hub.cli.subscribe import reader
from hub.core.catalogue.model import Catalogue
from hub.core.errors import HubError, InvalidError, UsageError
from hub.edge import acls, kafka, passes, trail
from hub.edge.files import read_catalogue
from hub.edge.settings import Settings, from_environment

DAYS_MAX = 397
DAY_MS = 86_400_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument(
        "action",
        choices=("token", "list", "revoke", "restore"),
        help="token: make one; list: who has one, who is revoked; revoke: end a "
        "member's access; restore: take that back",
    )
    parser.add_argument("--member", default="", help="e.g. unicef")
    parser.add_argument(
        "--days", type=int, default=90, help="how long a token counts (default: 90)"
    )
    parser.add_argument("--reason", default="", help="why somebody is revoked")
    parser.add_argument(
        "--certificate",
        default="",
        metavar="SERIAL",
        help="revoke one certificate for the gateway, not the member",
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Do it, and say what counts from now on."""
    settings = from_environment()
    catalogue = read_catalogue(settings.catalogue)
    if args.action == "list":
        return _list(settings, out)
    if args.action == "token":
        return _token(settings, catalogue, args, out)
    if args.action == "revoke":
        return _revoke(settings, catalogue, args, out)
    return _restore(settings, catalogue, args, out)


def _token(
    settings: Settings, catalogue: Catalogue, args: argparse.Namespace, out: Output
) -> int:
    reader(catalogue, args.member)
    if not 1 <= args.days <= DAYS_MAX:
        raise UsageError(f"--days {args.days}: expected 1 to {DAYS_MAX}")
    if args.member in passes.revoked(settings.home).members:
        raise InvalidError(
            f"--member {args.member}: is revoked; `kerwen gateway restore` first"
        )
    trail.note(settings, "gateway token", args.member)
    now = _now_ms()
    until = now + args.days * DAY_MS
    token = passes.issue(settings.home, args.member, now_ms=now, until_ms=until)
    out.result(
        {"member": args.member, "token": token, "until": _day(until)},
        f"{token}\nof {args.member}, until {_day(until)}; it is not shown again. "
        "Send it as `Authorization: Bearer …`",
    )
    return 0


def _list(settings: Settings, out: Output) -> int:
    tokens = sorted(passes.tokens(settings.home).values(), key=lambda one: one.member)
    revoked = passes.revoked(settings.home)
    gone = [
        {"who": name, "since": _day(one.since_ms), "reason": one.reason}
        for known in (revoked.members, revoked.certificates)
        for name, one in known.items()
    ]
    held = [
        {"member": one.member, "made": _day(one.made_ms), "until": _day(one.until_ms)}
        for one in tokens
    ]
    out.table("Tokens", ("member", "made", "until"), [tuple(r.values()) for r in held])
    out.table("Revoked", ("who", "since", "why"), [tuple(r.values()) for r in gone])
    out.result({"tokens": held, "revoked": gone})
    return 0


def _revoke(
    settings: Settings, catalogue: Catalogue, args: argparse.Namespace, out: Output
) -> int:
    if not args.reason:
        raise UsageError("revoke needs --reason: it is what everybody will ask")
    if bool(args.member) == bool(args.certificate):
        raise UsageError("revoke needs --member or --certificate")
    if args.certificate:
        if any(one not in "0123456789abcdef" for one in args.certificate.lower()):
            raise UsageError("--certificate: expected a serial number, hexadecimal")
    elif args.member not in catalogue.members:
        raise InvalidError(f"--member {args.member}: not in the catalogue")
    passes.revoke(
        settings.home,
        now_ms=_now_ms(),
        reason=args.reason,
        member=args.member,
        certificate=args.certificate.lower().lstrip("0"),
    )
    ended = passes.forget(settings.home, args.member) if args.member else 0
    who = args.member or args.certificate
    # What ends an access does not wait for the brokers.
    act = (f"gateway {args.action}", who, args.reason)
    said = _brokers(settings, catalogue, act)
    out.result(
        {"revoked": who, "tokens": ended, "permissions": said},
        f"{who} is revoked; {ended} tokens ended; "
        + _told(said, "run the same again, so that the trail has it"),
    )
    return 3 if isinstance(said, str) else 0


def _restore(
    settings: Settings, catalogue: Catalogue, args: argparse.Namespace, out: Output
) -> int:
    if args.member not in passes.revoked(settings.home).members:
        raise InvalidError(f"--member {args.member}: was not revoked")
    # Whoever is let in again is let in by an act that is kept.
    trail.note(settings, f"gateway {args.action}", args.member, args.reason)
    passes.restore(settings.home, args.member)
    said = _brokers(settings, catalogue)
    out.result(
        {"restored": args.member, "permissions": said},
        f"{args.member} may read again; {_told(said, 'run `kerwen topics apply`')}; "
        f"make a new token with `kerwen gateway token --member {args.member}`",
    )
    return 3 if isinstance(said, str) else 0


def _brokers(
    settings: Settings, catalogue: Catalogue, act: tuple[str, str, str] | None = None
) -> list[str] | str:
    """Note an act, bring the brokers to the access table; what changed, or why not."""
    try:
        if act is not None:
            trail.note(settings, *act)
        with kafka.admin(settings) as client:
            given, taken = acls.apply(
                client, catalogue, passes.revoked(settings.home).members
            )
    except HubError as error:
        return str(error)
    return [*given, *taken]


def _told(said: Any, mend: str) -> str:
    if isinstance(said, str):
        return f"the brokers were not told ({said}): {mend}"
    return f"{len(said or ())} permissions changed in the brokers"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _day(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%d")
