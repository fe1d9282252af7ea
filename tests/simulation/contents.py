"""What bytes say, remembered: the part of a step that its input alone decides.

Rules:

- Nothing here knows a state. A value is opened, read or written in the same way in
  every schedule, so what came of it once is handed out again; keys are part of the
  question.
- Frames and messages are never changed in place, so one may be held by many.
- An answer that is an exception is not remembered.
- A trial that remembers nothing (:data:`trial.WHOLLY`) is without this as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Any, cast
from unittest.mock import patch

import polars as pl

from hub.core import blocks
from hub.core.aggregate import stage as aggregate
from hub.core.dedupe import step as dedupe
from hub.core.messages import Section, decode
from hub.core.release import stage as release

KEPT = 1 << 14
"""Answers of a kind that are kept, the latest asked for."""

FEW = 64
"""Rows of a section that are compared one by one."""

read = lru_cache(KEPT)(decode)
"""The message in a value."""

_opened = lru_cache(KEPT)(blocks.open)
_rows = lru_cache(KEPT)(blocks.rows)


@contextmanager
def remembered() -> Iterator[None]:
    """Blocks are opened, read and written once."""
    with ExitStack() as stack:
        for module in (dedupe, aggregate, release):
            stack.enter_context(patch.object(module, "decode", read))
        for name, stand_in in (
            ("open", _open),
            ("rows", _rows),
            ("_section", _section(cast("Any", blocks)._section)),
        ):
            stack.enter_context(patch.object(blocks, name, stand_in))
        yield


def _open(block: Any, key: Any) -> tuple[Any, list[Section]]:
    header, sections = _opened(block, key)
    return header, [*sections]


_written: dict[Any, Section] = {}


def _section(whole: Callable[[str, pl.DataFrame, str], Section]) -> Any:
    def section(name: str, frame: pl.DataFrame, schema: str) -> Section:
        if frame.height > FEW:
            return whole(name, frame, schema)
        # What is written depends on names and values; the schema decides the types.
        asked = (name, schema, tuple(frame.columns), tuple(frame.rows()))
        found = _written.get(asked)
        if found is None:
            if len(_written) >= KEPT:
                _written.clear()
            found = _written[asked] = whole(name, frame, schema)
        return found

    return section
