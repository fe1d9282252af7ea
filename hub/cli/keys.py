"""``kerwen keys``: what there is, what depends on it, and every act upon it.

Rules (docs/keys.md):

- ``list`` and ``impact`` look only. What changes keys says what it would do and does it
  with ``--apply``; every act is noted in the trail.
- A rotation that broke off goes on with ``kerwen keys rotate --apply``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict

from hub.cli import certificates, custody, hushed, keychange, rekey, shredding
from hub.cli.output import Output
from hub.core import topics
from hub.core.errors import UsageError
from hub.edge import enacting, impact, keyring, keystock, rotation
from hub.edge.keystock import Stock
from hub.edge.settings import Settings, from_environment

Act = Callable[[argparse.Namespace, Settings, Output], int]


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("action", choices=sorted(_ACTS))
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="rotate: kinds of keys, or 'all' of the hub's own; revoke, impact: an id",
    )
    parser.add_argument("--member", help="rotate sign, seal: whose, e.g. sms")
    parser.add_argument("--reason", default="", help="why; it is kept for good")
    parser.add_argument("--apply", action="store_true", help="do it, not only say it")
    parser.add_argument(
        "--step",
        action="store_true",
        help="rotate: one phase only, where workers run on other machines",
    )
    custody.arguments(parser)
    shredding.arguments(parser)
    rekey.arguments(parser)


def run(args: argparse.Namespace, out: Output) -> int:
    """Do one of the actions."""
    return _ACTS[args.action](args, from_environment(), out)


def _list(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    del args
    now_ms = time.time_ns() // 1_000_000
    found = sorted(
        keystock.stock(settings.home, now_ms),
        key=lambda one: (one.kind, one.holder, one.key_id),
    )
    out.table(
        "Keys",
        ("id", "kind", "holder", "state", "age", "due in"),
        [_row(one) for one in found],
        right=("age", "due in"),
    )
    under_way = rotation.read(settings)
    if under_way is not None:
        out.say(
            f"a rotation to {under_way.names} is {under_way.phase} and not finished: "
            "`kerwen keys rotate --apply` goes on with it"
        )
    overdue = [one.key_id for one in found if (one.due_days or 0) < 0]
    if overdue:
        out.say(f"overdue: {', '.join(overdue)}")
    out.result(
        {
            "keys": [asdict(one) for one in found],
            "overdue": overdue,
            "rotation": asdict(under_way) if under_way else None,
        }
    )
    return 0


def _row(one: Stock) -> tuple[object, ...]:
    state = "in use" if one.used else one.status
    age = "" if one.days is None else f"{one.days} d"
    due = "" if one.due_days is None else f"{one.due_days} d"
    return one.key_id, one.kind, one.holder, state, age, due


def _impact(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    if len(args.names) != 1:
        raise UsageError("impact: name one key; `kerwen keys list` shows them")
    registry = keyring.registry(settings.home.root)
    catalogue = enacting.in_force(settings)
    found = impact.of(settings, catalogue, args.names[0], registry)
    places = hushed.rows(found.places, topics.quiet(catalogue))
    out.table(
        f"Messages that name {found.key_id}",
        ("topic", "partition", "messages", "first", "last"),
        [
            tuple(one[name] for name in ("topic", "partition", *_PLACE))
            for one in places
        ],
        right=("partition", *_PLACE),
    )
    value = {**asdict(found), "places": places, "messages": hushed.total(places)}
    out.result(value, "\n".join(_told(found)))
    return 0


def _told(found: impact.Impact) -> list[str]:
    lines = [f"{found.key_id}: {found.use} key of {found.holder}, {found.status}"]
    if found.stages:
        lines.append(f"states made with it: {', '.join(found.stages)}")
    if found.members:
        lines.append(f"members concerned: {', '.join(found.members)}")
    return [*lines, *(f"without it: {one}" for one in found.without)]


_PLACE = ("messages", "first", "last")


_ACTS: dict[str, Act] = {
    "list": _list,
    "impact": _impact,
    "create": keychange.create,
    "rotate": keychange.rotate,
    "revoke": keychange.revoke,
    "register": keychange.register,
    "certificates": certificates.certificates,
    "reissue": certificates.reissue,
    "rekey": rekey.rekey,
    "destroy": shredding.destroy,
    "destroyed": shredding.destroyed,
    "custodians": custody.custody,
    "token": custody.token,
    "unlock": custody.unlock,
    "lock": custody.lock,
    "backup": custody.backup,
    "restore": custody.restore,
}
