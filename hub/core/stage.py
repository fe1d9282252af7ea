"""What a stage is: one pure step from state and messages to writes and sends.

Rules (design: delivery, rules 1, 2, 6 and 12):

- A step reads state through the overlay, writes only into it, and touches nothing
  else: no clock, no entropy of its own, no file, no broker.
- The outputs of an origin do not depend on how messages were cut into chunks.
- Outputs cover from the previous position of the source (exclusive) to the last
  message given (inclusive), towards every destination partition, empty ones too.
- A bad record never raises; :class:`~hub.core.errors.HubError` stops the partition,
  anything else ends the process.

The same stage runs under Faust, in the simulator and in the audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hub.core.log import Incoming, Send, Source
from hub.core.state import Memory, Overlay

Labels = tuple[tuple[str, str], ...]
"""Label pairs of one series, sorted by name; names are a closed set."""

Series = tuple[str, Labels]
"""A metric and its labels: ``("rows_total", (("dataflow", "x"),))``.

The runtime adds the prefix ``kerwen_`` and the label `stage`.
"""

LABEL_NAMES = ("ministry", "dataflow", "outcome", "reason", "source", "into")
"""What is labelled by; `source` (an input partition) and `into` (the partition that
covers it) only on gauges about partitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one step gives back besides the overlay's pending writes.

    Attributes:
        sends: Messages to send, in order; all are acknowledged before state is written.
        counts: Increments of counters (names end in ``_total``).
        gauges: New values of gauges.
        gaps: Names of the origins (``topic/partition``) whose blocks were held because
            their coverage begins above what was applied (rule 6); empty when dense.
        taken: How many of the messages were folded; None: all of them.
        more: The last message has more outputs: the stage wants to be called again with
            the messages that follow, none if there are none yet.
    """

    sends: list[Send] = field(default_factory=list)
    counts: dict[Series, float] = field(default_factory=dict)
    gauges: dict[Series, float] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()
    taken: int | None = None
    more: bool = False


class Stage(Protocol):
    """One stage; the runtime calls `step` from a worker thread, one call at a time."""

    @property
    def name(self) -> str:
        """The stage's word: intake, dedupe, aggregate or release."""

    def step(
        self, overlay: Overlay, source: Source, messages: Sequence[Incoming]
    ) -> Result:
        """Fold consecutive messages of one source into the overlay."""


def fold(
    stage: Stage, memory: Memory, source: Source, messages: Sequence[Incoming]
) -> list[Result]:
    """Fold messages into a state in memory, in as many steps as the stage asks for."""
    results: list[Result] = []
    while True:
        overlay = Overlay(memory)
        result = stage.step(overlay, source, messages)
        memory.apply(overlay.pending)
        results.append(result)
        messages = messages[len(messages) if result.taken is None else result.taken :]
        if not messages and not result.more:
            return results
