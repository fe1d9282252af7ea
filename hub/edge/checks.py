"""When a check was last run here, and what it found: one small file a check.

What takes minutes is run by a person or a timer, not by a scrape; this is how metrics
and ``kerwen doctor`` know that it was done, and how it went.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from hub.edge.secretfiles import write_file
from hub.edge.settings import Home

NAMES = ("attacks", "audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The last run of a check.

    Attributes:
        at_ms: When it ended.
        failed: How many things it found wrong.
    """

    name: str
    at_ms: int
    failed: int


def note(home: Home, check: Check) -> None:
    """Keep the word of a run; a home that is not there keeps none."""
    if not home.run.is_dir():
        return
    path = home.run / f"check-{check.name}.json"
    said = json.dumps({"at_ms": check.at_ms, "failed": check.failed})
    write_file(path, said.encode(), 0o644)


def read(home: Home) -> Iterator[Check]:
    """The last run of every check that was run."""
    for name in NAMES:
        try:
            said = json.loads((home.run / f"check-{name}.json").read_text("utf-8"))
            yield Check(name=name, at_ms=int(said["at_ms"]), failed=int(said["failed"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
