"""The arrow out of intake: rows and markers of one chunk, towards the records topics.

Rules (design: delivery, rules 5 and 6):

- Rows go to their dataflow's domain, declarations to NONE; every chunk goes to both,
  whether it has rows for it or not.
- A close marker ends the stretch before it and is a stretch of its own, so that the
  rows before it and the rows after it never share a block.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import polars as pl

from hub.core import blocks, topics
from hub.core.blocks import InternalKey, Part
from hub.core.catalogue.model import Domain
from hub.core.log import ROW_LAST, Coordinate, Send, Source
from hub.core.messages import Close
from hub.core.rulebook import Form

STAGE = "intake"


class Arrow:
    """One chunk on its way; `add` rows in order, `close` at markers, `end` it."""

    def __init__(self, forms: Iterable[Form], first: int) -> None:
        """Begin before offset `first`, for the dataflows that may come."""
        self._forms: dict[Domain, list[Form]] = defaultdict(list)
        for form in forms:
            self._forms[form.flow.domain].append(form)
        self._parts: dict[Domain, list[Part]] = {domain: [] for domain in self._forms}
        self._rows: dict[str, list[pl.DataFrame]] = defaultdict(list)
        self._start = Coordinate(offset=first - 1, row=ROW_LAST)
        self._covered = first - 1
        self._clock_ms = 0

    def add(self, flow: str, rows: pl.DataFrame) -> None:
        """Rows of a dataflow, after those added before."""
        if rows.height:
            self._rows[flow].append(rows)

    def see(self, clock_ms: int) -> None:
        """A message appended at `clock_ms` is covered by what comes next."""
        self._clock_ms = max(self._clock_ms, clock_ms)

    def close(self, offset: int, close: Close) -> None:
        """The message at `offset` is a marker."""
        self.end(offset - 1)
        self._cut(offset, "close", close)

    def end(self, offset: int) -> None:
        """Everything up to the message at `offset` has been added."""
        if offset > self._covered:
            self._cut(offset, "rows", None)

    def sends(
        self,
        source: Source,
        *,
        config: bytes,
        generation: int,
        key: InternalKey,
        entropy: Callable[[int], bytes],
    ) -> list[Send]:
        """The chunk as sealed blocks."""
        return [
            Send(topic=topics.records_topic(domain), partition=0, key=None, value=value)
            for domain, parts in self._parts.items()
            for value in blocks.seal(
                parts,
                stage=STAGE,
                source=source,
                start=self._start,
                config=config,
                generation=generation,
                key=key,
                entropy=entropy,
            )
        ]

    def _cut(self, offset: int, kind: str, close: Close | None) -> None:
        for domain, forms in self._forms.items():
            tables = tuple(
                (form.flow.id, pl.concat(self._rows[form.flow.id]), form.output)
                for form in forms
                if form.flow.id in self._rows
            )
            part = Part(
                kind=kind,
                to=Coordinate(offset=offset, row=ROW_LAST),
                clock_ms=self._clock_ms,
                sections=tables,
                close=close,
            )
            self._parts[domain].append(part)
        self._rows.clear()
        self._covered = offset
