"""The registry of public keys in a home: this is the one place that changes it.

Rules (docs/keys.md):

- A key id stays what it is: another key under it is refused.
- A revoked entry stays revoked: commands take turns, so none writes back what it had
  read before another one's revocation.
- The file changes only if its content does, and whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from hub.core.errors import InvalidError
from hub.core.keys import Key, KeyRegistry, read_registry
from hub.edge import locks
from hub.edge.keyfiles import read_text, write_file

FILE = "registry.json"


def read(home: Path) -> KeyRegistry:
    """The public keys of everyone."""
    path = home / "keys" / FILE
    try:
        return read_registry(read_text(path))
    except InvalidError as error:
        raise InvalidError(f"{path}: {error}") from error


def known(home: Path) -> Mapping[str, Key]:
    """Every entry by key id; nothing where there is no registry yet."""
    return read(home).keys if (home / "keys" / FILE).exists() else {}


def store(keys: Path, entries: Mapping[str, Key]) -> KeyRegistry:
    """Write the registry of a folder of keys."""
    registry = KeyRegistry(keys=entries)
    path, text = keys / FILE, registry.text()
    if not path.exists() or read_text(path) != text:
        write_file(path, text.encode(), 0o644)
    return registry


def fresh(home: Path, keys: Iterable[Key]) -> list[Key]:
    """Those that are not in the registry yet.

    Raises:
        InvalidError: A key id is there already and is another key.
    """
    there, found = known(home), []
    for key in keys:
        old = there.get(key.key_id)
        if old is None:
            found.append(key)
        elif (old.public, old.use, old.member) != (key.public, key.use, key.member):
            raise InvalidError(f"{key.key_id} is in the registry as another key")
    return found


def add(home: Path, keys: Iterable[Key]) -> KeyRegistry:
    """Add public keys; what is there stays as it is.

    Raises:
        InvalidError: A key id is there already and is another key.
        MachineError: Another command changes the registry now.
    """
    with locks.turn(home / "keys" / FILE):
        more = {key.key_id: key for key in fresh(home, keys)}
        return store(home / "keys", {**known(home), **more})


def revoke(home: Path, key_ids: Iterable[str]) -> KeyRegistry:
    """Mark public keys as revoked; nothing brings them back.

    Raises:
        InvalidError: One is not in the registry.
        MachineError: Another command changes the registry now.
    """
    with locks.turn(home / "keys" / FILE):
        entries = dict(known(home))
        for key_id in key_ids:
            if key_id not in entries:
                text = f"{key_id} is not in the registry: `kerwen keys list`"
                raise InvalidError(text)
            entries[key_id] = replace(entries[key_id], status="revoked")
        return store(home / "keys", entries)
