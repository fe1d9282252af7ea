"""A lock that one process holds and the system gives back when it ends.

Rules:

- Advisory, on a file of its own, never waited for: who finds it held is told at once.
- The same on POSIX (``flock``) and on Windows (a locked byte).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def hold(path: Path) -> IO[bytes] | None:
    """The lock of a file; None while another process has it.

    Closing what is returned gives it back.

    Raises:
        OSError: The file cannot be made.
    """
    held = path.open("ab")
    try:
        if sys.platform == "win32":
            msvcrt.locking(held.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        return None
    return held
