"""Checkpoints: consistent copies of a partition's state, kept off the worker.

Rules (design: delivery, rule 11):

- A checkpoint is a folder named by its position, with a manifest: offset, log uuid and
  the SHA-256 of every file. It appears whole or not at all.
- A state that is lost is the newest checkpoint that is intact, and then the log.
- The newest :data:`KEPT` stay; the log must reach back to the oldest of them. So a
  shelf takes at most KEPT + 1 times the size of its state, and one is only begun where
  there is room for it.
- A state that exists is never overwritten. One that another worker has left behind is
  put aside, and its newer checkpoint takes its place; what is aside goes with the next
  checkpoint of what took its place.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from hub.core.errors import MachineError, RetriableError
from hub.edge.state import State

KEPT = 2
ROOM_BYTES = 256 << 20
"""What a checkpoint leaves free on its disk."""

MANIFEST = "manifest.json"
_PARTIAL = ".partial"
_STALE = ".stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint on its shelf.

    Attributes:
        offset: Position of the state in its log, at least.
        log: Uuid of the log, in hex.
    """

    folder: Path
    offset: int
    log: str


def take(
    state: State, shelf: Path, *, offset: int, log: str, floor: int = 0
) -> Checkpoint:
    """Copy `state`, which stands at `offset` or a little further, to its shelf.

    Args:
        state: An open state.
        shelf: Where its checkpoints are.
        offset: Its position.
        log: Uuid of its log, in hex.
        floor: Where the log begins: from older checkpoints nobody could go on.

    Raises:
        RetriableError: There is no room for it now.
    """
    draft = state.folder.with_name(state.folder.name + ".checkpoint")
    partial, target = shelf / _PARTIAL, shelf / f"{offset:020d}"
    for stale in (draft, partial):
        shutil.rmtree(stale, ignore_errors=True)
    shelf.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        state.checkpoint(draft)
        _room(draft, shelf)
        shutil.copytree(draft, partial)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    content = {"offset": offset, "log": log, "files": _digests(partial)}
    (partial / MANIFEST).write_text(json.dumps(content, indent=1), "utf-8")
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    aside = state.folder.with_name(state.folder.name + _STALE)
    shutil.rmtree(aside, ignore_errors=True)
    prune(shelf, floor)
    return Checkpoint(folder=target, offset=offset, log=log)


def prune(shelf: Path, floor: int) -> None:
    """Remove what is too many, and what nobody could go on from; the newest stays.

    Args:
        shelf: Where the checkpoints are.
        floor: Where the log begins.
    """
    for place, old in enumerate(_folders(shelf)):
        if place >= KEPT or (place and int(old.name) + 1 < floor):
            shutil.rmtree(old, ignore_errors=True)


def claimed(shelf: Path) -> list[int]:
    """Offsets of the checkpoints of a shelf by their names, newest first; unchecked."""
    return [int(folder.name) for folder in _folders(shelf)]


def kept(shelf: Path) -> list[Checkpoint]:
    """The checkpoints of a shelf that are intact, newest first."""
    found = (_read(folder) for folder in _folders(shelf))
    return [one for one in found if one is not None]


def whole(folder: Path) -> bool:
    """Whether the checkpoint in a folder is as it was taken."""
    return _read(folder) is not None


def restore(checkpoint: Checkpoint, folder: Path) -> None:
    """Put a checkpoint in the place of a state that does not exist.

    Raises:
        MachineError: If there is a state already.
    """
    if folder.exists():
        raise MachineError(f"state {folder}: exists; move it away before restoring")
    partial = folder.with_name(folder.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(checkpoint.folder, partial, ignore=shutil.ignore_patterns(MANIFEST))
    partial.rename(folder)


def supersede(checkpoint: Checkpoint, folder: Path) -> None:
    """Put a checkpoint in the place of an older state; that one is kept beside it."""
    aside = folder.with_name(folder.name + _STALE)
    shutil.rmtree(aside, ignore_errors=True)
    # Killed in between there is no state, and the next start restores one.
    folder.rename(aside)
    restore(checkpoint, folder)


def discard(folder: Path) -> None:
    """Delete a state at once, as seen by whoever would open it next."""
    aside = folder.with_name(folder.name + _STALE)
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    shutil.rmtree(aside)


def _room(draft: Path, shelf: Path) -> None:
    needed = sum(one.stat().st_size for one in draft.rglob("*") if one.is_file())
    free = shutil.disk_usage(shelf).free
    if free < needed + ROOM_BYTES:
        raise RetriableError(
            f"no room for a checkpoint in {shelf}: it takes {needed >> 20} MB and "
            f"{free >> 20} MB are free; the one before stays"
        )


def _folders(shelf: Path) -> list[Path]:
    return sorted((one for one in shelf.glob("[0-9]*") if one.is_dir()), reverse=True)


def _read(folder: Path) -> Checkpoint | None:
    """The checkpoint in a folder; None if anything about it is not as it was."""
    try:
        content = json.loads((folder / MANIFEST).read_text("utf-8"))
        if content["files"] != _digests(folder):
            return None
        return Checkpoint(
            folder=folder, offset=int(content["offset"]), log=str(content["log"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digests(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[path.relative_to(folder).as_posix()] = digest
    return found
