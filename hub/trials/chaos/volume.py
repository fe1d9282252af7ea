"""Where the agents keep their state in a trial: a disk that can fill up and stall.

Rules:

- With the right to mount (root): a file with ext4 in it, mounted over the state folder.
  Full is the file system's own ENOSPC. Slow is the kernel's freeze of that file system,
  again and again: whoever writes hangs and cannot be killed meanwhile.
- Without: the folder as it is. Full is a file size limit of zero bytes on the workers
  (EFBIG at the next byte), slow is a storm of fsync beside them.
- The command that freezes also thaws, whatever becomes of us.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

BYTES = 1 << 30
"""Size of the mounted disk; its file is sparse."""

_BLOCK = 4096
_STORM_BYTES = 1 << 20
_STORM_WRITERS = 3
_FREEZE = 'fsfreeze -f "$1" && sleep "$2"; fsfreeze -u "$1"'


class Volume(Protocol):
    """A disk for state.

    Attributes:
        kind: ``ext4`` or ``folder``, for the report.
    """

    kind: str

    def full(self, pids: Sequence[int]) -> contextlib.AbstractContextManager[None]:
        """No more room, until the context is left."""

    def slow(self, stall_seconds: float, stalls: int) -> None:
        """Stall so often and so long; returns when it is over."""


@contextmanager
def at(folder: Path) -> Iterator[Volume]:
    """A volume at `folder`; the best that this machine allows."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    image = folder.with_name(folder.name + ".img")
    if not _mount(image, folder):
        image.unlink(missing_ok=True)
        yield Folder(folder)
        return
    try:
        yield Disk(folder)
    finally:
        _run("umount", "--lazy", str(folder))
        image.unlink(missing_ok=True)


class Disk:
    """A mounted file."""

    kind = "ext4"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def full(self, pids: Sequence[int]) -> Iterator[None]:
        """Every block is taken by a file of ours."""
        del pids
        ballast = self._folder / "ballast"
        try:
            with ballast.open("wb") as file:
                _fill(file.fileno())
            yield
        finally:
            ballast.unlink(missing_ok=True)

    def slow(self, stall_seconds: float, stalls: int) -> None:
        """Freeze and thaw."""
        for _ in range(stalls):
            # A session of its own, and nobody kills it: an interrupted trial thaws.
            subprocess.Popen(
                ["sh", "-c", _FREEZE, "freeze", str(self._folder), str(stall_seconds)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            ).wait()
            time.sleep(stall_seconds / 4)


class Folder:
    """A folder of the machine's own disk."""

    kind = "folder"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def full(self, pids: Sequence[int]) -> Iterator[None]:
        """No file of these processes grows."""
        held = [(pid, _limit(pid, 0)) for pid in pids]
        try:
            yield
        finally:
            for pid, before in held:
                _limit(pid, before)

    def slow(self, stall_seconds: float, stalls: int) -> None:
        """Many small writes, each forced to the disk."""
        deadline = time.monotonic() + stall_seconds * stalls * 1.25
        with ThreadPoolExecutor(_STORM_WRITERS) as pool:
            for number in range(_STORM_WRITERS):
                pool.submit(_storm, self._folder / f"storm-{number}", deadline)


def _mount(image: Path, folder: Path) -> bool:
    """Make and mount the file; false if this user may not, or tools are missing."""
    if os.geteuid() != 0:
        return False
    with image.open("wb") as file:
        file.truncate(BYTES)
    return _run("mkfs.ext4", "-q", "-F", "-m", "0", str(image)) and _run(
        "mount", "-o", "loop", str(image), str(folder)
    )


def _run(*command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def _fill(file: int) -> None:
    """Take blocks until there is none left."""
    offset, step = 0, BYTES
    while step >= _BLOCK:
        try:
            os.posix_fallocate(file, offset, step)
            offset += step
        except OSError:
            step //= 2


def _limit(pid: int, most: int) -> int:
    """Set the file size limit of a process; what it was, or -1 if it is gone."""
    try:
        before, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))
    except (ProcessLookupError, ValueError):
        return resource.RLIM_INFINITY
    return before


def _storm(path: Path, deadline: float) -> None:
    block = os.urandom(_STORM_BYTES)
    with path.open("wb") as file:
        while time.monotonic() < deadline:
            file.seek(0)
            file.write(block)
            os.fsync(file.fileno())
    path.unlink()
