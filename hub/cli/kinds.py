"""Every kind of finding there is, worst first: ``status`` and ``doctor`` agree on it.

Rules:

- What explains others stands before them: mended first, it may take them along.
- Three grades: *stops* (something does not move, or cannot be trusted), *waits* (it
  moves and somebody is late), *soon* (nothing is lost yet).
- docs/faults.md says of each what it means and where it is tested.
- A look that breaks off says by which error and where; its words only where they are
  ours or the system's, because those of a library may hold what it read.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from hub.cli.findings import Finding
from hub.core.errors import HubError

_ROOT = Path(__file__).resolve().parents[2]
_OURS = (_ROOT / "hub", _ROOT / "agents")

STOPS = (
    "trail touched",
    "disk",
    "catalogue",
    "java",
    "broker down",
    "broker silent",
    "broker version",
    "no hub",
    "stale lock",
    "starting",
    "authority missing",
    "keys",
    "key foreign",
    "token away",
    "certificate ended",
    "certificate revoked",
    "certificate foreign",
    "certificate",
    "access file",
    "clock",
    "no bundle",
    "bundle damaged",
    "bundles",
    "topic missing",
    "log replaced",
    "log not begun",
    "message poisoned",
    "state damaged",
    "partition stopped",
    "bundle missing",
    "stage missing",
    "worker down",
    "worker hangs",
    "worker restarts",
    "worker not ready",
    "partition unread",
    "permission missing",
    "permission added",
    "service",
)
WAITS = (
    "gap open",
    "cut void",
    "cut broke off",
    "cut waits",
    "cut under way",
    "sources wait",
    "bundle not in force",
    "spool unreadable",
    "no receipt",
    "late",
    "spool",
    "rows to mend",
    "folder",
    "files",
    "tokens",
    "adapter",
)
SOON = (
    "partitions",
    "topic settings",
    "checkpoint damaged",
    "log reach",
    "rotation",
    "rotation unfinished",
    "not in force",
    "agreement ended",
    "certificate ends",
    "agreement ends",
    "looks too long",
    "look failed",
)
KINDS = (*STOPS, *WAITS, *SOON)
_RANK = {name: rank for rank, name in enumerate(KINDS)}


def sure(name: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What a look finds; that it failed is one finding more, and no end of the others.

    A file that is replaced while it is looked at is there again the next time.
    """
    try:
        yield from look()
    except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
        yield Finding(
            what="look failed",
            cause=f"looking at {name} broke off: {why(error)}",
            command="kerwen doctor",
        )


def why(error: BaseException) -> str:
    """The kind of an error, of the one it came from, and the place in our code."""
    kinds = type(error).__name__
    if error.__cause__ is not None:
        kinds += f" (from {type(error.__cause__).__name__})"
    words = ""
    if isinstance(error, HubError):
        words = f": {' '.join(str(error).split())}"
    elif isinstance(error, OSError) and error.strerror:
        words = f": {error.strerror}"
    return f"{kinds}{words}{_place(error)}"


def _place(error: BaseException) -> str:
    """Where the error came up: the innermost line of ours."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if any(path.is_relative_to(one) for one in _OURS) and path.name != "kinds.py":
            return f", at {path.relative_to(_ROOT)}:{frame.lineno}"
    return ""


def worst_first(found: Iterable[Finding]) -> list[Finding]:
    """Findings by their kinds' rank, none twice; otherwise as they were found."""
    return sorted(dict.fromkeys(found), key=lambda one: _RANK.get(one.what, 0))
