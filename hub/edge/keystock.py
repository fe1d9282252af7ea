"""Every key of a home: whose, since when, in use or not, due when.

Rules:

- Public keys come from the registry; secrets without a public half from the folders
  that are on this machine. Nothing of a secret but its name is shown.
- In use is what signs or seals next: the newest active key of its use and holder.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from hub.core import epochs
from hub.core.errors import EnvelopeError, MachineError
from hub.core.keys import HUB, Key, KeyRegistry
from hub.edge import keyring
from hub.edge.keyfiles import STAGED, Folder
from hub.edge.keymaking import ARROWS
from hub.edge.settings import Home

LASTING = {"intake": "pseudonym", "release": "disclosure"}
"""Secrets that no rotation replaces: another one is another series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """One key.

    Attributes:
        kind: hub, internal, sign, seal, receipt, statement, release, control, or
            pseudonym and disclosure.
        status: active, staged, revoked or destroyed.
        days: Its age; None: nobody wrote down when it began.
        due_days: Days until it is due, negative when overdue; None: never.
    """

    key_id: str
    kind: str
    holder: str
    status: str
    used: bool
    days: int | None
    due_days: int | None


def stock(home: Home, now_ms: int) -> Iterator[Stock]:
    """Every key that is known here; the registry has to be."""
    registry = keyring.registry(home.root)
    held = _held(home)
    for key in registry.keys.values():
        kind = kind_of(key)
        used = key.key_id == in_use(registry, key)
        due = epochs.days_left(kind, key.not_before_ms, now_ms)
        here = key.key_id in held
        gone = home.keys / "destroyed" / f"{key.key_id}.json"
        yield Stock(
            key_id=key.key_id,
            kind=kind,
            holder=key.member,
            # The statement is signed first: until the secret is gone it only promises.
            status="destroyed" if gone.exists() and not here else key.status,
            used=used,
            days=(now_ms - key.not_before_ms) // epochs.DAY_MS,
            due_days=due if used else None,
        )
    yield from _internal(home, now_ms)
    yield from _lasting(home)


def _held(home: Home) -> Collection[str]:
    """Sealing keys of the hub whose secrets are here, as far as they are unlocked."""
    try:
        return Folder.read(home.root, "intake").seals()
    except MachineError:
        return ()


def kind_of(key: Key) -> str:
    """The word for a public key's use: ``hub`` is the hub's own sealing key."""
    return "hub" if (key.use, key.member) == ("seal", HUB) else key.use


def in_use(registry: KeyRegistry, key: Key) -> str:
    """Id of the key that now does what `key` does or did; empty: none."""
    if key.use == "seal":
        try:
            return registry.recipient(key.member, suite=key.suite)[0]
        except EnvelopeError:
            return ""
    return max(
        (
            one.key_id
            for one in registry.keys.values()
            if (one.use, one.member, one.status) == (key.use, key.member, "active")
        ),
        default="",
    )


def _internal(home: Home, now_ms: int) -> Iterator[Stock]:
    for arrow, ends in ARROWS.items():
        for end in ends:
            try:
                folder = Folder.read(home.root, end)
                used = folder.internal(arrow).key_id
            except MachineError:
                continue
            staged = folder.secrets.get(STAGED, {}).get(arrow)
            for key_id in sorted(folder.secrets["internal"][arrow]):
                since = epochs.began_ms(key_id)
                due = epochs.days_left("internal", since, now_ms)
                yield Stock(
                    key_id=key_id,
                    kind="internal",
                    holder=" to ".join(ends),
                    status="staged" if key_id == staged else "active",
                    used=key_id == used,
                    days=(now_ms - since) // epochs.DAY_MS if since else None,
                    due_days=due if key_id == used else None,
                )
            break  # both ends hold the same


def _lasting(home: Home) -> Iterator[Stock]:
    for principal, kind in LASTING.items():
        try:
            names = Folder.read(home.root, principal).secrets.get(kind, {})
        except MachineError:
            continue
        for name in sorted(names):
            yield Stock(
                key_id=f"{kind}-{name.lower()}",
                kind=kind,
                holder=principal,
                status="active",
                used=True,
                days=None,
                due_days=None,
            )
