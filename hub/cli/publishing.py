"""``kerwen doctor --member``: faults of a ministry's own machine, and of nothing else.

Rules:

- Looks only, within seconds; one cause and one command each.
- Of the service it reads what the service says of itself, and asks whether it lives.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hub.cli.findings import Finding
from hub.core.errors import HubError
from hub.edge import keyring, locks
from hub.edge.keyfiles import refuse_shared
from hub.edge.settings import Home
from hub.publisher.watch_folder import ERRORS, FAILED

ANSWER_SECONDS = 2.0
FILES_MAX = 10_000
"""Files looked at in a folder."""

_READERS = {
    "openpyxl": "workbooks",
    "sqlalchemy": "databases",
    "psycopg": "PostgreSQL",
    "starlette": "HTTP push",
    "uvicorn": "HTTP push",
}


def look(home: Home, member: str) -> Iterator[Finding]:
    """Findings about keys, libraries, the service, its folders and its clients."""
    looks: tuple[Callable[[], object], ...] = (
        lambda: keyring.registry(home.root),
        lambda: keyring.ministry(home.root, member),
    )
    for attempt in looks:
        try:
            attempt()
        except HubError as error:
            yield Finding(
                what="keys",
                cause=str(error),
                command=f"ls -l {home.keys / member}",
            )
    for module, what in _READERS.items():
        if importlib.util.find_spec(module) is None:
            yield Finding(
                what="adapter",
                cause=f"{module} is not installed: {what} cannot be read",
                command="pip install 'kerwen[publisher]'",
            )
    tokens = home.root / "push" / f"{member}.tokens"
    if tokens.exists():
        try:
            refuse_shared(tokens)
        except HubError as error:
            yield Finding(
                what="tokens", cause=str(error), command=f"chmod 600 {tokens}"
            )
    yield from _service(home, member)


def _service(home: Home, member: str) -> Iterator[Finding]:
    """The service, if one was started."""
    path = home.run / f"watch-{member}.json"
    if not path.exists():
        return
    again = f"kerwen watch --member {member} --plan PLAN"
    said: Mapping[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        said = json.loads(path.read_text("utf-8"))
    held = locks.hold(home.run / f"watch-{member}.lock")
    if held is not None:  # nobody has it, so nobody lives
        held.close()
        yield Finding(
            what="service",
            cause=f"kerwen watch of {member} ended without a word; what it had spooled "
            "is safe",
            command=again,
        )
        return
    url = f"http://127.0.0.1:{int(said.get('metrics', 0))}/livez"
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS):
            pass
    except (urllib.error.URLError, OSError):
        yield Finding(
            what="service",
            cause=f"kerwen watch of {member} (pid {said.get('pid')}) lives and does "
            f"not answer on {url}",
            command=f"kill {said.get('pid')} && {again}",
        )
    for name in said.get("folders", ()):
        yield from _folder(Path(name))


def _folder(path: Path) -> Iterator[Finding]:
    """A watched folder."""
    if not path.is_dir() or not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(
            what="folder",
            cause=f"{path} is watched, and is not there or cannot be written",
            command=f"ls -ld {path}",
        )
        return
    failed = path / FAILED
    if not failed.is_dir():
        return
    names = []
    with os.scandir(failed) as entries:
        for entry in entries:
            if not entry.name.endswith(ERRORS):
                names.append(entry.name)
            if len(names) > FILES_MAX:
                break
    if names:
        number = "a file waits" if len(names) == 1 else f"{len(names):,} files wait"
        yield Finding(
            what="files",
            cause=f"{number} in {failed} to be corrected and delivered again",
            command=f"cat {failed}/*{ERRORS}",
        )
