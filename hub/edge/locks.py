"""A lock that one process holds and the system gives back when it ends.

Rules:

- Advisory, on a file of its own. :func:`hold` never waits: who finds it held is told at
  once. :func:`turn` waits for moments, as long as another command needs for a file.
- The same on POSIX (``flock``) and on Windows (a locked byte).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hub.core.errors import MachineError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


TURN_SECONDS = 5.0
_LOOK_SECONDS = 0.02


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


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """Read a small file and write it again while no other command does.

    The slower one would write back what the other had just taken away.

    Raises:
        MachineError: Another one is at it for too long.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + TURN_SECONDS
    while (held := hold(path.with_name(f".{path.name}.lock"))) is None:
        if time.monotonic() > deadline:
            raise MachineError(f"another command changes {path}: give this one again")
        time.sleep(_LOOK_SECONDS)
    with held:
        yield
