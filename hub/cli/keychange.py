"""What ``kerwen keys create|rotate|revoke|register`` do.

Rules (docs/keys.md):

- Without ``--apply`` an action says what it would do and changes nothing.
- A key that signs or seals now is rotated before it is revoked: there is never a
  moment without one.
- Only keys come into force here: a catalogue that waits is put in force by itself.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict

from hub.cli.output import Output
from hub.core.errors import HubError, InvalidError, MachineError, UsageError
from hub.core.keys import HUB
from hub.edge import (
    destroying,
    enacting,
    handover,
    keymaking,
    keyring,
    keystock,
    locks,
    publickeys,
    rotation,
    trail,
)
from hub.edge.files import read_catalogue
from hub.edge.keyfiles import read_text
from hub.edge.rotation import Rotation
from hub.edge.settings import Settings
from hub.edge.staging import KINDS, OWN

ALL = "all"
NOT_DONE = "nothing was done; repeat with --apply"


def create(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Make every key that is missing; nothing that is there is touched."""
    catalogue = read_catalogue(settings.catalogue)
    missing = list(keymaking.missing(settings.home.root, catalogue))
    for line in missing:
        out.say(f"missing: {line}")
    if args.apply and missing:
        noted(settings, out, "keys create", f"{len(missing)} keys", args.reason)
        now_ms = time.time_ns() // 1_000_000
        keyring.create(settings.home.root, catalogue, now_ms=now_ms)
    text = f"{len(missing)} keys were made" if args.apply else NOT_DONE
    out.result(
        {"missing": missing, "applied": bool(args.apply)},
        text if missing else "no key is missing",
    )
    return 0


def rotate(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Begin a rotation, or go on with the one that broke off."""
    settings.home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = locks.hold(settings.home.run / "rotation.lock")
    if lock is None:
        raise MachineError("a rotation runs in this home already; wait for it")
    with lock:
        wanted = _wanted(args, settings, out)
        registry = keyring.registry(settings.home.root)
        old = sorted(rotation.replaced(registry, wanted.items))
        for item in wanted.items:
            kind = KINDS[item.kind]
            who = ", ".join(kind.opens + kind.uses) or "nobody"
            out.say(f"{item.key_id}: {item.kind} key; starts again: {who}")
        if args.apply:
            if rotation.holds_control(settings):
                settings.brokers()
            wanted = _apply(args, settings, out, wanted)
    after = f"; still active until revoked: {', '.join(old)}" if old else ""
    done = wanted.phase == rotation.PHASES[-1]
    text = f"{wanted.names}: {wanted.phase}{after if done else ''}"
    out.result(
        {**asdict(wanted), "replaced": old, "done": done, "applied": bool(args.apply)},
        text if args.apply else NOT_DONE,
    )
    return 0


def _wanted(args: argparse.Namespace, settings: Settings, out: Output) -> Rotation:
    under_way = rotation.read(settings)
    if under_way is not None and not args.names:
        out.say(f"going on with the rotation to {under_way.names}: {under_way.phase}")
        return under_way
    if not args.names:
        raise UsageError(f"rotate: name kinds of keys ({', '.join(KINDS)}, {ALL})")
    asked: list[tuple[str, str]] = []
    for name in args.names:
        for kind in OWN if name == ALL else (name,):
            theirs = kind in KINDS and KINDS[kind].member
            if theirs and not args.member:
                raise UsageError(f"rotate {kind}: name its member with --member")
            asked.append((kind, args.member if theirs else ""))
    catalogue = enacting.in_force(settings)
    return rotation.plan(settings, catalogue, asked, token=args.token)


def _apply(
    args: argparse.Namespace, settings: Settings, out: Output, wanted: Rotation
) -> Rotation:
    if wanted.phase == rotation.PHASES[0]:
        rotation.keys_only(settings)
        ids = " ".join(item.key_id for item in wanted.items)
        noted(settings, out, "keys rotate", ids, args.reason)
        rotation.begin(settings, wanted)
    if args.step:
        return rotation.step(settings, wanted, out.say)
    return rotation.finish(settings, wanted, out.say)


def revoke(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Take a public key out of force, by a new bundle."""
    if len(args.names) != 1:
        raise UsageError("revoke: name one key; `kerwen keys list` shows them")
    if args.apply and not args.reason:
        raise UsageError("revoke: say why with --reason; it is kept for good")
    (key_id,) = args.names
    registry = keyring.registry(settings.home.root)
    key = registry.keys.get(key_id)
    if key is None:
        raise InvalidError(
            f"{key_id} is not in the registry: `kerwen keys list` shows what is"
        )
    kind = keystock.kind_of(key)
    if key.status == "active" and keystock.in_use(registry, key) == key_id:
        whose = "" if key.member == HUB else " --member ..."
        raise InvalidError(
            f"{key_id} is in use: `kerwen keys rotate {kind}{whose} --apply` first"
        )
    out.say(f"{key_id}: {kind} key of {key.member}; `kerwen keys impact {key_id}`")
    number = None
    if args.apply:
        rotation.keys_only(settings)
        noted(settings, out, "keys revoke", key_id, args.reason)
        if kind == "hub":
            destroying.note(settings, enacting.in_force(settings), key_id)
        publickeys.revoke(settings.home.root, [key_id])
        # Also where it was marked before: the bundle may be what broke off.
        number = enacting.enact(settings).plan.bundle.number
    value = {"key": key_id, "kind": kind, "holder": key.member, "bundle": number}
    text = f"{key_id} is revoked; bundle {number} is in force"
    out.result(value, text if args.apply else NOT_DONE)
    return 0


def register(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Put what a ministry offers into the registry, and in force."""
    if args.file is None:
        raise UsageError("register: name the ministry's offer with --file")
    text = read_text(args.file)
    keys = handover.accept(text, keyring.registry(settings.home.root))
    ids = [key.key_id for key in keys]
    out.say(f"{keys[0].member} offers {', '.join(ids)}")
    number = None
    if args.apply:
        settings.brokers()
        rotation.keys_only(settings)
        noted(settings, out, "keys register", " ".join(ids), args.reason)
        publickeys.add(settings.home.root, keys)
        number = enacting.enact(settings).plan.bundle.number
    done = f"registered; bundle {number} is in force; send registry.json back"
    out.result(
        {"member": keys[0].member, "keys": ids, "bundle": number},
        done if args.apply else NOT_DONE,
    )
    return 0


def noted(
    settings: Settings, out: Output, verb: str, subject: str, reason: str
) -> None:
    """Note an act in the trail; where no hub is, say that there is no trail."""
    try:
        settings.brokers()
        keyring.control(settings.home.root)
    except HubError:
        out.say("no hub to act on: this is in no trail")
        return
    trail.note(settings, verb, subject, reason)
