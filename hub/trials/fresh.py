"""A home of its own for a trial, which leaves nothing behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.edge.settings import Home, Settings


@contextmanager
def fresh(given: Settings, name: str, *, keep: bool) -> Iterator[Settings]:
    """Settings with a fresh home.

    Args:
        given: Catalogue and log level are taken over.
        name: Of the trial; the folder's name begins so.
        keep: The home is made below the given one, and stays.
    """
    parent = given.home.root if keep else None
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix=f"kerwen-{name}-", dir=parent))
    try:
        yield Settings(
            home=Home(root=root),
            catalogue=given.catalogue,
            log_level=given.log_level,
        )
    finally:
        if not keep:
            shutil.rmtree(root, ignore_errors=True)
