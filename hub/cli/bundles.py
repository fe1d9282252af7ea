"""What ``kerwen topics bundle|skip|resume`` and ``kerwen release skip`` do.

Rules (docs/adr/0005-bundle.md):

- A message is set aside only where its partition stands still because of it.
- ``resume`` changes no data: it asks the worker that holds the partition to try again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from hub.cli.output import Output
from hub.core.bundle import Bundle, short
from hub.core.catalogue.model import Domain
from hub.core.errors import HubError, InvalidError, MachineError, UsageError
from hub.core.skips import MARKER_SIZE, CutSkip, MessageSkip
from hub.core.topics import sources
from hub.edge import bundles, checkpoints, enacting, kafka, keyring, layout, trail
from hub.edge.enacting import Enacted
from hub.edge.processes import is_alive
from hub.edge.settings import COPIES, RESUME, Home, Settings
from hub.edge.state import folder_name

RESUME_SECONDS = 15.0
"""How long it may take until a worker has seen a request."""

CHECKPOINT_SECONDS = 300.0
_LOOK_SECONDS = 0.2


def bundle(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Show what is in force where, bring a copy, or put what changed in force."""
    if args.add is not None:
        trusted = keyring.registry(settings.home.root)
        found = bundles.add(settings.home.bundles, args.add, trusted)
        value = {"bundle": found.digest.hex(), "number": found.number}
        out.result(value, f"bundle {found.number} ({short(found.digest)}) is held")
        return 0
    if args.apply:
        return _enact(settings, out)
    return _show(settings, out)


def skip(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Set one message aside, by a signed entry in a new bundle."""
    topic, partition = place(args.partition)
    if args.offset is None or not args.reason:
        raise UsageError("skip needs --partition, --offset and --reason")
    for one in standings(settings.home):
        mine = (one["topic"], one["partition"]) == (topic, partition)
        if mine and one["poison"] != args.offset:
            raise InvalidError(
                f"{args.partition} is {one['condition']} at offset "
                f"{one['position']} and not stopped by {args.offset}: only a "
                "message that stops its partition can be set aside"
            )
    with kafka.admin(settings) as client:
        log = layout.identities(client, [topic])[topic]
    one_more = MessageSkip(
        source=args.partition,
        log=log,
        offset=args.offset,
        reason=args.reason,
        created_ms=time.time_ns() // 1_000_000,
    )
    subject = f"{args.partition} {args.offset}"
    trail.note(settings, "topics skip", subject, args.reason)
    done = enacting.enact(settings, skipping=lambda skips: skips.with_message(one_more))
    out.result(
        {"partition": args.partition, "offset": args.offset, **_told(done)},
        f"offset {args.offset} of {args.partition} is set aside; {named(done)}",
    )
    return 0


def resume(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Have a stopped partition tried again; 1 if it stops once more."""
    topic, partition = place(args.partition)
    mine = {"topic": topic, "partition": partition}.items()
    found = [one for one in standings(settings.home) if mine <= one.items()]
    if not found or all(one["condition"] != "stopped" for one in found):
        raise InvalidError(f"{args.partition} is not stopped: `kerwen status` shows it")
    trail.note(settings, "topics resume", args.partition)
    folder = settings.home.run / RESUME
    folder.mkdir(mode=0o700, exist_ok=True)
    request = folder / folder_name(topic, partition)
    request.touch()
    deadline = time.monotonic() + RESUME_SECONDS
    while request.exists():
        if time.monotonic() > deadline:
            request.unlink(missing_ok=True)
            raise MachineError(
                f"{args.partition}: no worker took it up; `kerwen status` shows them"
            )
        time.sleep(_LOOK_SECONDS)
    out.result(
        {"partition": args.partition, "resumed": True},
        f"{args.partition} is tried again; `kerwen status` shows how it goes",
    )
    return 0


def checkpoint(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Have every worker copy its states to their shelves now."""
    del args
    wanted = {
        (one["stage"], one["topic"], one["partition"]): one["position"]
        for one in standings(settings.home)
        if one["condition"] == "running" and one["position"] >= 0
    }
    if not wanted:
        raise MachineError("no worker of this home has a state: `kerwen status`")
    (settings.home.run / COPIES).touch()
    deadline = time.monotonic() + CHECKPOINT_SECONDS
    while wanted:
        for (stage, topic, partition), position in list(wanted.items()):
            shelf = settings.shelves / stage / folder_name(topic, partition)
            if max(checkpoints.claimed(shelf), default=-1) >= position:
                del wanted[stage, topic, partition]
        if time.monotonic() > deadline:
            stage, topic, partition = next(iter(wanted))
            raise MachineError(
                f"{len(wanted)} states have no checkpoint yet, {stage} "
                f"{topic}/{partition} the first: see the log of its worker"
            )
        time.sleep(_LOOK_SECONDS)
    value = {"folder": str(settings.shelves)}
    out.result(value, f"every state has a checkpoint in {settings.shelves}")
    return 0


def skip_source(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """``kerwen release skip``: a cut goes on without a source."""
    if not args.marker or not args.source or not args.reason:
        raise UsageError("skip: name the cut with --marker, --source and --reason")
    if place(args.source) not in sources(enacting.in_force(settings), Domain.NONE):
        raise InvalidError(f"{args.source} is no ministry partition of this hub")
    marker = _marker(args.marker, settings)
    cut = CutSkip(
        marker=marker,
        source=args.source,
        reason=args.reason,
        created_ms=time.time_ns() // 1_000_000,
    )
    subject = f"{marker.hex()} {args.source}"
    trail.note(settings, "release skip", subject, args.reason)
    done = enacting.enact(settings, skipping=lambda skips: skips.with_cut(cut))
    out.result(
        {"marker": marker.hex(), "source": args.source, **_told(done)},
        f"cut {marker.hex()} goes on without {args.source}; what it provides is marked"
        f" missing in that cut. {named(done)}",
    )
    return 0


def _marker(text: str, settings: Settings) -> bytes:
    """The marker whose id begins with `text`, if it is under way; else a whole id."""
    known = {
        cut["marker"]
        for one in standings(settings.home)
        for cut in one["cuts"]
        if cut["marker"].startswith(text)
    }
    if len(known) == 1:
        return bytes.fromhex(known.pop())
    try:
        marker = bytes.fromhex(text)
    except ValueError:
        marker = b""
    if len(marker) != MARKER_SIZE:
        raise InvalidError(
            f"marker {text}: expected the id of a cut; `kerwen status` shows them"
        )
    return marker


def named(done: Enacted) -> str:
    """Which bundle is in force after an act."""
    found = done.plan.bundle
    return f"bundle {found.number} ({short(found.digest)}) is in force"


def place(text: str | None) -> tuple[str, int]:
    """Topic and partition of ``topic/partition``."""
    topic, _, number = (text or "").rpartition("/")
    if not topic or not number.isdigit():
        raise UsageError(f"--partition {text}: expected TOPIC/P, as status shows it")
    return topic, int(number)


def standings(home: Home) -> Iterator[Mapping[str, Any]]:
    """What the living workers of this home said last of their partitions."""
    for path in sorted(home.run.glob("*.json")):
        try:
            said = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if not isinstance(said, dict) or not is_alive(int(said.get("pid") or 1 << 30)):
            continue
        for one in said.get("partitions", ()):
            if "poison" in one:
                yield {**one, "stage": said.get("stage"), "worker": said.get("worker")}


def put_in_force(settings: Settings, verb: str) -> Enacted:
    """Check what the files say, note the act, do it.

    Args:
        settings: Whose files.
        verb: Under which words the act stands in the trail.
    """
    wanted = enacting.plan(settings)
    enacting.check(settings, wanted)
    if wanted.before is not None and wanted.bundle is not wanted.before:
        trail.note(settings, verb, short(wanted.bundle.digest))
    return enacting.enact(settings)


def _enact(settings: Settings, out: Output) -> int:
    done = put_in_force(settings, "topics bundle")
    young = done.plan.change.young
    lines = [*done.plan.notes, *(f"young: {name}" for name in young)]
    text = "; ".join(lines) or "nothing was missing"
    out.result(_told(done), f"{named(done)}: {text}")
    return 0


def _told(done: Enacted) -> dict[str, Any]:
    return {
        "bundle": done.plan.bundle.digest.hex(),
        "number": done.plan.bundle.number,
        "notes": list(done.plan.notes),
        "young": list(done.plan.change.young),
        "configured": done.configured,
        "begun": done.changes.begun,
    }


def _show(settings: Settings, out: Output) -> int:
    library = enacting.library(settings)
    found = []
    for digest in library.held():
        try:
            found.append(library.get(digest))
        except HubError as error:
            out.say(f"damaged: {error}")
    force = {
        f"{one['topic']}/{one['partition']}": one["bundle"]
        for one in standings(settings.home)
        if one["bundle"]
    }
    wanted = enacting.plan(settings)
    applied = bundles.applied(settings.home.bundles)
    out.table(
        "Bundles",
        ("number", "bundle", "skips", "in force", "state"),
        [_row(one, force, applied) for one in found],
        right=("number", "skips", "in force"),
    )
    pending = [] if wanted.bundle is wanted.before else list(wanted.notes)
    for line in pending:
        out.say(f"not in force: {line}")
    for line in wanted.change.breaks:
        out.say(f"cannot come into force: {line}")
    out.result(
        {
            "bundles": [_value(one) for one in found],
            "applied": applied.hex(),
            "in_force": force,
            "pending": pending,
            "breaks": list(wanted.change.breaks),
            "young": list(wanted.change.young),
        }
    )
    return 0


def _row(one: Bundle, force: Mapping[str, str], applied: bytes) -> tuple[object, ...]:
    places = sum(digest == one.digest.hex() for digest in force.values())
    skips = len(one.skips.cuts) + len(one.skips.messages)
    state = "in every log" if one.digest == applied else ""
    return one.number, short(one.digest), skips, places, state


def _value(one: Bundle) -> dict[str, Any]:
    return {
        "number": one.number,
        "bundle": one.digest.hex(),
        "previous": one.previous.hex(),
        "catalogue": one.catalogue.digest.hex(),
        "keys": len(one.registry.keys),
        "cuts": [_plain(asdict(cut)) for cut in one.skips.cuts],
        "messages": [_plain(asdict(message)) for message in one.skips.messages],
    }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v.hex() if isinstance(v, bytes) else v for k, v in values.items()}
