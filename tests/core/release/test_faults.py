"""A cell below zero: shown nowhere, counted aloud."""

from __future__ import annotations

from hub.core.disclosure.figures import INTERNAL
from tests.core.facts_log import Message
from tests.core.release import cuts

GONE = [{**row, "sign": -1} for row in cuts.crossings("F", 40)]


def test_a_cell_below_zero_is_counted_and_not_shown() -> None:
    """Facts that leave and were never there."""
    steps: list[Message | cuts.Apart] = [
        {"declaration": cuts.declarations()},
        {"crossing": cuts.crossings("M", 60)},
        {"crossing": GONE},
        cuts.close(),
    ]

    _, results = cuts.step(cuts.release(), cuts.cells_log(steps))

    faults = sum(
        count
        for result in results
        for (name, _), count in result.counts.items()
        if name == "negative_cells_total"
    )
    shown = cuts.published(cuts.sent(results), "EVT")
    below = [one for one in shown.values() if one.conf == INTERNAL]
    assert faults >= len(below) > 0
    assert all(one.value is None for one in below)
    assert not any((one.value or 0) < 0 for one in shown.values())
