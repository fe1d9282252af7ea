"""Sums kept with the state: what they keep and what they add together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.core import totals
from hub.core.stage import Series

ROWS: Series = (
    "rows_total",
    (("dataflow", "x"), ("ministry", "sms"), ("outcome", "q"), ("reason", "code")),
)
OTHER: Series = (
    "rows_total",
    (("dataflow", "x"), ("ministry", "sms"), ("outcome", "q"), ("reason", "date")),
)
SUM: Series = (
    "rows_counted",
    (("dataflow", "x"), ("ministry", "sms"), ("outcome", "q")),
)


def test_reasons_are_added_together() -> None:
    """Two reasons are one sum."""
    assert totals.add({}, {ROWS: 2, OTHER: 3}) == {SUM: 5}


def test_control_messages_are_one_outcome() -> None:
    """Whatever became of them, they are messages of the log."""
    counted: dict[Series, float] = {
        ("control_total", (("outcome", "stale"),)): 1.0,
        ("control_total", (("outcome", "accepted"),)): 2.0,
    }
    assert totals.add({}, counted) == {
        ("messages_counted", (("outcome", "control"),)): 3
    }


def test_other_counters_change_nothing() -> None:
    """The same object: nothing has to be written."""
    before = {SUM: 1}
    assert totals.add(before, {("blocks_total", ()): 7}) is before
    assert totals.add(before, {}) is before


@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(["rows_counted", "facts_counted"]),
            st.tuples(st.tuples(st.just("dataflow"), st.text(max_size=3))),
        ),
        st.integers(1, 1 << 50),
    )
)
def test_sums_come_back(sums: dict[Series, int]) -> None:
    """Stored and read again; equal sums are equal bytes."""
    stored = totals.encode(sums)
    assert totals.decode(stored) == sums
    assert totals.encode(dict(reversed(sums.items()))) == stored
    assert totals.decode(None) == {}
