"""Rotating keys while batches are under way: prepared, held, named, then used.

Rules (docs/keys.md, "Rotation"):

- Whoever opens holds a key before whoever seals knows of it; whoever verifies knows a
  key before whoever signs uses it. So nothing is ever sealed or signed that nobody can
  open or verify, and nothing waits.
- The phases: *made* (the secret is in its folders, unused), *held* (the workers that
  open hold it), *named* (registry and a bundle in every ministry's log), *used* (it
  seals and signs; old keys still open and verify).
- How far a rotation came is in ``keys/rotation.json``; every phase may be done twice.
  A rotation that broke off is finished before another begins.
- Keys that are replaced stay active: what they signed last is still under way.
  Revoking them is an act of its own.

Members' machines: a ministry rotates its own keys where it holds them; a hub that does
not hold them is refused.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hub.core import epochs
from hub.core.catalogue.model import Catalogue
from hub.core.errors import InvalidError, MachineError
from hub.core.keys import HUB, Key, KeyRegistry
from hub.edge import enacting, handover, keyring, keystamps, publickeys, staging
from hub.edge.keyfiles import read_text, write_file
from hub.edge.keyring import registry as read_keys
from hub.edge.settings import Settings
from hub.edge.staging import KINDS, Item, Tell

FILE = "rotation.json"
PHASES = ("planned", "made", "held", "named", "used")
WORKERS_SECONDS = 120.0
"""How long workers may take to start again with new keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Which keys are rotated, and how far it came.

    Attributes:
        phase: The last phase that is done.
    """

    items: tuple[Item, ...]
    began_ms: int
    phase: str = "planned"

    @property
    def names(self) -> str:
        """The new keys, for a person."""
        return ", ".join(item.key_id for item in self.items)


def plan(
    settings: Settings,
    catalogue: Catalogue,
    asked: Sequence[tuple[str, str]],
    *,
    token: bool = False,
) -> Rotation:
    """The rotation that would begin.

    Args:
        settings: Whose keys.
        catalogue: Knows the members.
        asked: Kind and member's short id ("" for the hub's own) of each key.
        token: Signing keys are made in a token; others have to be in files.

    Raises:
        InvalidError: A kind that is not rotated, a member without keys here, or another
            rotation is not finished.
    """
    under_way = read(settings)
    if under_way is not None:
        raise InvalidError(
            f"the rotation to {under_way.names} is {under_way.phase} and not "
            "finished: `kerwen keys rotate` without a kind goes on with it"
        )
    now_ms = time.time_ns() // 1_000_000
    registry = read_keys(settings.home.root)
    items = []
    for kind, member in dict.fromkeys(asked):
        if kind not in KINDS:
            raise InvalidError(f"{kind}: expected one of {', '.join(KINDS)}")
        place = KINDS[kind]
        known = catalogue.members.get(member)
        if place.member and (known is None or not known.provides):
            raise InvalidError(f"{kind}: name a member that publishes with --member")
        holders = (member,) if place.member else place.holders
        for holder in holders:
            folder = settings.home.keys / holder
            if not folder.is_dir():
                raise MachineError(
                    f"{folder} is not on this machine: rotate {kind} where it is"
                )
        taken = {*registry.keys, *staging.held(settings.home, holders)}
        items.append(
            Item(
                kind=kind,
                key_id=epochs.following(place.stem(member), taken, now_ms),
                member=known.member if place.member and known else HUB,
                holders=holders,
                token=token and place.signs,
            )
        )
    return Rotation(items=tuple(items), began_ms=now_ms)


def read(settings: Settings) -> Rotation | None:
    """The rotation that is under way, or None.

    Raises:
        InvalidError: The file that says so is damaged.
    """
    path = _file(settings)
    if not path.exists():
        return None
    try:
        said: dict[str, Any] = json.loads(read_text(path))
        items = tuple(
            Item(**{**one, "holders": tuple(one["holders"])}) for one in said["items"]
        )
        found = Rotation(
            items=items, began_ms=int(said["began_ms"]), phase=str(said["phase"])
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidError(f"{path} is damaged: restore it from backup") from error
    if found.phase not in PHASES or any(one.kind not in KINDS for one in items):
        raise InvalidError(f"{path} is damaged: restore it from backup")
    return found


def begin(settings: Settings, rotation: Rotation) -> None:
    """Note the rotation down; from here on it can only be finished."""
    _write(settings, rotation)


def step(settings: Settings, rotation: Rotation, tell: Tell) -> Rotation:
    """Do the next phase; returns how far it is then.

    Raises:
        HubError: It could not be done; the same call goes on.
    """
    phase = PHASES[PHASES.index(rotation.phase) + 1]
    _STEPS[phase](settings, rotation, tell)
    done = Rotation(items=rotation.items, began_ms=rotation.began_ms, phase=phase)
    if phase == PHASES[-1]:
        _file(settings).unlink()
    else:
        _write(settings, done)
    tell(f"{phase}: {done.names}")
    return done


def finish(settings: Settings, rotation: Rotation, tell: Tell) -> Rotation:
    """Do all that is left of a rotation."""
    while rotation.phase != PHASES[-1]:
        rotation = step(settings, rotation, tell)
    return rotation


def keys_only(settings: Settings) -> None:
    """Refuse to put a change of the catalogue in force beside a change of keys."""
    pending = enacting.plan(settings)
    if pending.before is not None and pending.change.notes:
        raise InvalidError(
            "the catalogue has changes that are not in force: "
            f"{pending.change.notes[0]}; `kerwen topics bundle --apply` first"
        )


def _make(settings: Settings, rotation: Rotation, tell: Tell) -> None:
    del tell
    for item in rotation.items:
        staging.make(settings.home, item, os.urandom)


def _hold(settings: Settings, rotation: Rotation, tell: Tell) -> None:
    stages = {stage for one in rotation.items for stage in KINDS[one.kind].opens}
    keystamps.wait(settings.home, stages, WORKERS_SECONDS, tell)


def _name(settings: Settings, rotation: Rotation, tell: Tell) -> None:
    del tell
    public = [
        key
        for item in rotation.items
        if (key := staging.public(settings.home, item, rotation.began_ms)) is not None
    ]
    if not public:
        return
    if not holds_control(settings):
        _offer(settings, public)
        return
    keys_only(settings)
    publickeys.add(settings.home.root, public)
    enacting.enact(settings)


def holds_control(settings: Settings) -> bool:
    """Whether this is the hub's home: elsewhere a ministry holds keys of its own."""
    return (settings.home.keys / "control").is_dir()


def _offer(settings: Settings, public: list[Key]) -> None:
    """At a ministry: offer the keys, and go on once the hub's registry names them."""
    known = read_keys(settings.home.root).keys
    if all(key.key_id in known for key in public):
        handover.place(settings.home).unlink(missing_ok=True)
        return
    (member,) = {one.member for one in public}
    holder = next(
        folder.name
        for folder in settings.home.keys.iterdir()
        if any(key.key_id.startswith(f"{folder.name}-") for key in public)
    )
    signer = keyring.ministry(settings.home.root, holder).sign
    path = handover.place(settings.home)
    write_file(path, handover.offer(public, signer).encode(), 0o644)
    raise MachineError(
        f"the hub does not know the new keys of {member} yet: send it {path} for "
        "`kerwen keys register`, bring its registry.json back into "
        f"{settings.home.keys}, then `kerwen keys rotate --apply`"
    )


def _use(settings: Settings, rotation: Rotation, tell: Tell) -> None:
    for item in rotation.items:
        staging.use(settings.home, item)
    stages = {stage for one in rotation.items for stage in KINDS[one.kind].uses}
    keystamps.wait(settings.home, stages, WORKERS_SECONDS, tell)


_STEPS: dict[str, Callable[[Settings, Rotation, Tell], None]] = {
    "made": _make,
    "held": _hold,
    "named": _name,
    "used": _use,
}


def _file(settings: Settings) -> Path:
    return settings.home.keys / FILE


def _write(settings: Settings, rotation: Rotation) -> None:
    text = json.dumps(asdict(rotation), indent=1) + "\n"
    write_file(_file(settings), text.encode(), 0o600)


def replaced(registry: KeyRegistry, items: Collection[Item]) -> Iterator[str]:
    """Active keys that newer ones of a rotation have taken the place of."""
    for item in items:
        use = KINDS[item.kind].use
        for key in registry.keys.values():
            mine = (key.use, key.member) == (use, item.member)
            if mine and key.status == "active" and key.key_id != item.key_id:
                yield key.key_id
