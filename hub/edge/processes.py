"""Whether a process of this machine runs: the one way to ask."""

from __future__ import annotations

import os
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie, which ended and was not asked how, not.

    The first thread of a killed process is a zombie while the others still end, and
    until they have its files and locks are held: so long it counts as alive.
    """
    try:
        os.kill(pid, 0)  # asks, sends nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # somebody else's
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except OSError:  # no such file system, or gone meanwhile: the next look will tell
        return True
    return threads > 1 or stat.rpartition(")")[2].split()[0] != "Z"
