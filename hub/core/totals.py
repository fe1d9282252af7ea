"""What a partition has counted since its log began, kept with its state.

Rules (design: conservation):

- A counter of a process forgets with the process. These sums are written in the batch
  that holds position and state, so they are the sums of the fold, exactly: no message
  counts twice and none is left out, whatever died on the way.
- Kept are rows, envelopes, control messages and facts; reasons are added together.
- Of a quiet dataflow no stage counts rows or facts, so none are kept here.

State entry: ``@totals`` → sums by name and labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import ormsgpack

from hub.core.stage import Labels, Series

TOTALS_KEY = b"@totals"

NAMES: Mapping[str, str] = {
    "rows_total": "rows_counted",
    "facts_total": "facts_counted",
    "envelopes_total": "messages_counted",
    "control_total": "messages_counted",
}
"""Counter of a stage -> the sum it goes into."""
CONTROL = "control"
"""Outcome under which control messages are counted, whatever became of them."""

Totals = Mapping[Series, int]


def add(totals: Totals, counts: Mapping[Series, float]) -> Totals:
    """The sums after a step that counted `counts`."""
    changed: Counter[Series] = Counter()
    for (name, labels), amount in counts.items():
        if name in NAMES:
            changed[NAMES[name], _labels(name, labels)] += int(amount)
    if not changed:
        return totals
    return dict(Counter(totals) + changed)


def encode(totals: Totals) -> bytes:
    """The stored form."""
    entries = [(name, labels, amount) for (name, labels), amount in totals.items()]
    return ormsgpack.packb(sorted(entries))


def decode(stored: bytes | None) -> Totals:
    """The sums in their stored form; none before the first."""
    if stored is None:
        return {}
    return {
        (name, tuple((key, value) for key, value in labels)): amount
        for name, labels, amount in ormsgpack.unpackb(stored)
    }


def _labels(name: str, labels: Labels) -> Labels:
    kept = dict(labels)
    kept.pop("reason", None)
    if name == "control_total":
        kept["outcome"] = CONTROL
    return tuple(sorted(kept.items()))
