"""Whether a process of this machine runs: the one way to ask."""

from __future__ import annotations

import os
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie, which ended and was not asked how, not."""
    try:
        os.kill(pid, 0)  # asks, sends nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # somebody else's
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:  # no such file system, or gone meanwhile: the next look will tell
        return True
    return stat.rpartition(")")[2].split()[0] != "Z"
