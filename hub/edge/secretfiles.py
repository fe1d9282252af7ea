"""Files of secrets: private, written whole, never longer than a key file can be.

Rules:

- A secret that others than its owner may read is refused.
- Files are replaced whole (write, rename), so a crash leaves the old or the new one.
  The draft that it leaves as well is as secret: the next write takes it away.
- Errors name the file and a command, never what is in it.
"""

from __future__ import annotations

import os
import re
import stat
import time
from contextlib import suppress
from pathlib import Path

from hub.core.errors import InvalidError, MachineError

MAKE = "`kerwen up` makes the keys of a hub on one machine"
FILE_BYTES_MAX = 16 * 1024 * 1024
DRAFT_SECONDS_MAX = 60.0
"""A write takes milliseconds; a draft of this age is nobody's."""
_DRAFT = re.compile(r"\.(?P<name>.+)\.\d+")


def read_text(path: Path) -> str:
    """A small text file; errors say how to mend it."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InvalidError(f"{path} is larger than any key file")
        return path.read_text("utf-8")
    except FileNotFoundError as error:
        raise MachineError(f"{path} is missing: {MAKE}") from error
    except PermissionError as error:
        text = f"{path} is locked: it is not readable by this user"
        raise MachineError(text) from error
    except UnicodeDecodeError as error:
        raise InvalidError(f"{path} is not UTF-8 text") from error


def refuse_shared(path: Path) -> None:
    """Refuse a secret that others than its owner may read."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except PermissionError as error:
        text = f"{path} is locked: it is not readable by this user"
        raise MachineError(text) from error
    # Windows keeps rights in lists, which a mode does not show; see docs/adapters.md.
    if os.name == "posix" and mode & 0o077:
        raise MachineError(f"{path} is readable by others: `chmod 600 {path}`")


def write_file(path: Path, content: bytes, mode: int) -> None:
    """Replace a file whole; a crash leaves the old or the new content."""
    sweep(path.parent, path.name)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def sweep(folder: Path, name: str = "") -> None:
    """Take away drafts that a crash left.

    Args:
        folder: Where they lie.
        name: Only those of this file; without it, of every file, in a folder of ours.
    """
    oldest = time.time() - DRAFT_SECONDS_MAX
    with suppress(OSError):  # gone meanwhile, or a folder that is not ours to list
        for path in folder.iterdir():
            found = _DRAFT.fullmatch(path.name)
            if found is None or name not in {"", found["name"]}:
                continue
            # Who writes now may run where it is not seen: its draft is young.
            if path.lstat().st_mtime < oldest:
                path.unlink()
