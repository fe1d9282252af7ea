"""``kerwen onboard``: a ministry or a member joins, from its agreement to a test batch.

Rules (docs/production.md, "A new member"):

- What would be done is shown with ``--plan``; every step looks whether it was done, so
  a run that broke off is simply run again, and a whole one changes nothing.
- The act stands in the trail before it is done.
- Nobody else vouches for a first key. So a request is taken only with the fingerprint
  that the member read out by telephone, and never shown here before.
- The test batch declares a period *incomplete*: it is signed, sealed and receipted
  like any other, and changes no figure.
"""

from __future__ import annotations

import argparse
import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hub.cli import joining
from hub.cli.output import Output
from hub.core.catalogue.model import Member
from hub.core.errors import HubError, InvalidError, RetriableError, UsageError
from hub.edge import onboarding, onboarding_files, passes
from hub.edge.files import read_catalogue
from hub.edge.settings import Settings, from_environment

ACTIONS = ("draft", "request", "ministry", "member", "accept")
_YEARS = 3


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument(
        "action",
        choices=ACTIONS,
        help="draft: an agreement to fill in; request: at the member, make its keys "
        "and ask to join; ministry, member: at the hub, let it in; accept: at the "
        "member, take what the hub sent",
    )
    parser.add_argument(
        "--member", default="", help="draft, accept: short id, e.g. sms"
    )
    parser.add_argument(
        "--agreement", type=Path, metavar="FILE", help="the agreement, as `draft` says"
    )
    parser.add_argument(
        "--request",
        type=Path,
        metavar="FILE",
        help="ministry, member: what the member sent; without it keys are made here",
    )
    parser.add_argument(
        "--fingerprint",
        default="",
        metavar="WORDS",
        help="ministry, member: of the request, as the member read it by telephone",
    )
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="signed by your own authority (default: by that of this home)",
    )
    parser.add_argument("--output", type=Path, help="where files for the member go")
    parser.add_argument("--package", type=Path, help="accept: what the hub sent")
    parser.add_argument("--plan", action="store_true", help="only show what is missing")
    parser.add_argument(
        "--wait", type=float, default=60.0, metavar="SECONDS", help="for the receipts"
    )


def run(args: argparse.Namespace, out: Output) -> int:
    """Do one of the actions."""
    settings = from_environment()
    if args.action == "draft":
        return _draft(settings, _needed(args, "member"), out)
    if args.action == "request":
        return _request(settings, args, out)
    if args.action == "accept":
        package = _needed(args, "package")
        onboarding.accept(settings, _needed(args, "member"), Path(package))
        out.result({"member": args.member}, f"{args.member} can speak with the hub")
        return 0
    return _join(settings, args, out)


def _needed(args: argparse.Namespace, name: str) -> str:
    value = getattr(args, name)
    if not value:
        raise UsageError(f"onboard {args.action} needs --{name}")
    return str(value)


def _draft(settings: Settings, member: str, out: Output) -> int:
    today = dt.datetime.now(dt.UTC).date()
    until = dt.date(today.year + _YEARS, 12, 31)
    catalogue = read_catalogue(settings.catalogue)
    text = onboarding_files.draft(catalogue, member, str(today), str(until))
    out.result({"member": member, "agreement": text}, text.rstrip())
    return 0


def _request(settings: Settings, args: argparse.Namespace, out: Output) -> int:
    given = Path(_needed(args, "agreement"))
    member = onboarding.agreed(settings, given)
    asked = onboarding.ask(settings, member, now_ms=time.time_ns() // 1_000_000)
    place = args.output or Path(f"{member.id}-{onboarding.REQUEST}")
    place.write_text(asked.text, "utf-8")
    out.result(
        {"member": member.id, "file": str(place), "fingerprint": asked.fingerprint},
        f"{place}: send it to the hub; tell them by telephone: {asked.fingerprint}",
    )
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    Attributes:
        pending: Whether it was not done yet; asked right before.
        act: Does it.
    """

    name: str
    pending: Callable[[], bool]
    act: Callable[[], object]


def _join(settings: Settings, args: argparse.Namespace, out: Output) -> int:
    if settings.catalogue is None:
        raise UsageError(
            "the packaged catalogue is not written to: copy it and set KERWEN_CATALOGUE"
        )
    found = onboarding.join(settings, Path(_needed(args, "agreement")))
    member = found.member
    if bool(member.provides) != (args.action == "ministry"):
        other = "ministry" if member.provides else "member"
        raise UsageError(f"{member.id}: this agreement is one of a {other}")
    if member.id in passes.revoked(settings.home).members:
        raise InvalidError(
            f"{member.id} was revoked: `kerwen gateway restore --member {member.id}`"
        )
    request = onboarding.read_request(args.request) if args.request else None
    if request is not None and request.member != member.id:
        raise InvalidError(f"{args.request} is of {request.member}, not {member.id}")
    place = args.output or settings.home.root / "onboarding" / member.id / "package"
    desk = joining.Desk(
        settings=settings,
        joining=found,
        request=request,
        certificate=args.certificate,
        package=place,
    )
    steps = _steps(desk, args.action)
    missing = [step.name for step in steps if step.pending()]
    if args.plan:
        out.result(
            {
                "member": member.id,
                "missing": missing,
                "notes": list(found.change.notes),
            },
            f"{member.id}: {', '.join(missing) or 'nothing is missing'}",
        )
        return 0
    if request is not None:
        _compare(request, args.fingerprint)
    if missing:
        desk.note(f"onboard {args.action}")
    for step in steps:
        if step.pending():
            step.act()
            out.say(f"{member.id}: {step.name}")
    return _tried(desk, missing, args.wait, out)


def _compare(request: onboarding.Request, heard: str) -> None:
    """Refuse a request unless somebody of the member vouched for it."""
    words = "".join(heard.split()).lower()
    if not words:
        raise UsageError(
            f"call {request.member}, have it read the fingerprint that `kerwen onboard "
            "request` showed there, and give it with --fingerprint"
        )
    if words != "".join(request.fingerprint.split()):
        raise InvalidError(
            f"this is not the request that {request.member} made: its fingerprint is "
            "another; have it sent again, by another way, and call again"
        )


def _steps(desk: joining.Desk, action: str) -> list[Step]:
    steps = [
        Step(name="agreement", pending=desk.no_agreement, act=desk.joining.put),
        Step(name="certificate", pending=desk.no_certificate, act=desk.certify),
        Step(name="in force", pending=desk.not_in_force, act=desk.enact),
        Step(name="package", pending=desk.no_package, act=desk.pack),
    ]
    if action == "ministry":
        steps.insert(1, Step(name="keys", pending=desk.no_keys, act=desk.keys))
    return steps


def _tried(desk: joining.Desk, missing: list[str], wait: float, out: Output) -> int:
    member: Member = desk.joining.member
    value: dict[str, object] = {
        "member": member.id,
        "done": missing,
        "package": str(desk.package),
    }
    if desk.request is not None:
        value["fingerprint"] = desk.request.fingerprint
        out.result(
            {**value, "test": "theirs"},
            f"{member.id} is let in; send {desk.package}: `kerwen onboard accept "
            f"--member {member.id} --package FOLDER`, and `kerwen declare … "
            "--incomplete` as a test batch",
        )
        return 0
    try:
        tested = desk.test(wait)
    except RetriableError as error:
        out.result(
            {**value, "test": "waits"},
            f"{member.id} is let in; its test waits ({error}): run the same again",
        )
        return 3
    except HubError as error:
        raise InvalidError(
            f"{member.id} is let in, its test failed: {error}"
        ) from error
    out.result(
        {**value, "test": tested},
        f"{member.id} is let in: {', '.join(missing) or 'nothing was missing'}; test: "
        f"{', '.join(tested)}; files for it are in {desk.package}",
    )
    return 0
