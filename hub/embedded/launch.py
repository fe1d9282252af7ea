"""Become another program that dies with whoever started it.

Run as a script: ``launch.py <pid of the starter> <program> <argument>…``. Linux kills
the program when the *thread* that started it ends, so start from a thread that lives.
Between fork and this call the starter may be gone already; then we do not begin.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_ORPHAN = 76  # exit code: the starter was gone


def main() -> None:
    """Tie this process to its starter and replace it by the program."""
    starter, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(starter):
            sys.exit(_ORPHAN)
    os.execv(command[0], command)  # noqa: S606 - the command is the supervisor's own


if __name__ == "__main__":
    main()
