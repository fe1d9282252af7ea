"""Which keys a running worker holds, told by a stamp of its folder.

Rules:

- A stamp is a digest of the key files of one principal; it tells nothing of them.
- A worker takes the stamp before it reads its keys and writes it to
  ``run/<worker>.keys``: a key that was written in between makes the stamp an old one,
  never a new one that lies.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Collection, Iterator

from hub.core.errors import RetriableError
from hub.edge.processes import is_alive
from hub.edge.secretfiles import write_file
from hub.edge.settings import Home

ENDING = ".keys"
_LABEL = b"kerwen v1 key stamp\0"
_LOOK_SECONDS = 0.2


def stamp(home: Home, principal: str) -> str:
    """Digest of the key files of a principal, and of its certificate."""
    digest = hashlib.sha256(_LABEL)
    folder, certificate = home.keys / principal, home.pki / f"{principal}.pem"
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in (*files, certificate):
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            content = path.read_bytes()
        except OSError:
            content = b"?"
        for part in (path.name.encode(), content):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def tell(home: Home, worker: str, stage: str, held: str) -> None:
    """Write down which keys the worker of this process holds."""
    home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home.run / f"{worker}{ENDING}"
    said = {"worker": worker, "stage": stage, "pid": os.getpid(), "stamp": held}
    write_file(path, json.dumps(said).encode(), 0o644)


def behind(home: Home, stages: Collection[str]) -> Iterator[str]:
    """Names of living workers of some stages that hold other keys than are there."""
    now = {stage: stamp(home, stage) for stage in stages}
    for path in sorted(home.run.glob(f"*{ENDING}")):
        try:
            said = json.loads(path.read_text("utf-8"))
            stage, pid = str(said["stage"]), int(said["pid"])
            if stage in now and said["stamp"] != now[stage] and is_alive(pid):
                yield str(said["worker"])
        except (OSError, ValueError, KeyError, TypeError):
            continue


def wait(
    home: Home,
    stages: Collection[str],
    seconds: float,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Return when all workers of this home have taken the keys that are there.

    Raises:
        RetriableError: One has not, in time.
    """
    deadline = time.monotonic() + seconds
    said: list[str] = []
    while names := list(behind(home, stages)):
        if names != said:
            tell(f"waiting until {', '.join(names)} hold the new keys")
            said = names
        if time.monotonic() > deadline:
            raise RetriableError(
                f"{names[0]} has not taken the new keys after {seconds:.0f} s: see "
                f"{home.logs / names[0]}.log, then go on with `kerwen keys rotate`"
            )
        time.sleep(_LOOK_SECONDS)
