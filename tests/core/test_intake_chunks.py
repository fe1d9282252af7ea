"""Intake: one story of everything, cut into chunks in every way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.log import ROW_LAST
from hub.core.rulebook import Rulebook
from tests.core.ministry import (
    FLOW,
    SMS,
    Lane,
    Run,
    catalogue,
    close,
    config,
    crossing,
    genesis,
    registry,
)


def story() -> list[bytes]:
    """One of everything."""
    lane, other = Lane(), Lane(lane=b"n" * 16)
    one = lane.seal([crossing(1), crossing(2, sex="X"), crossing(3)])
    two = lane.seal([crossing(4), crossing(4, sex="M"), crossing(5)])
    three, four = lane.declare("2025-09"), lane.declare("2025-10")
    return [
        genesis(),
        one,
        two,
        one,
        close(),
        Lane().seal([crossing(6)]),
        other.seal([crossing(7)]),
        b"garbage",
        four,
        three,
        four,
        config(Rulebook.of(catalogue(), registry()).digest),
        lane.seal([]),
        other.seal([crossing(8, birth_date=dt.date(2100, 1, 1)), crossing(9)]),
        lane.seal([crossing(10)], payload=b"no container"),
        close(),
        two,
        lane.seal([crossing(number) for number in range(20, 40)]),
    ]


STORY = story()


def told(cuts: Sequence[int]) -> tuple[Any, ...]:
    """Everything that came out of the story, cut into chunks before `cuts`."""
    run = Run()
    places = sorted({0, *cuts, len(STORY)})
    for start, end in pairwise(places):
        run.feed(*STORY[start:end])
    chain = {
        domain: [
            (header.kind, header.from_offset, header.to_offset)
            for header, _ in run.blocks(domain)
            if header.kind == "close"
        ]
        for domain in ("MOBILITY", "NONE")
    }
    return (
        run.rows("MOBILITY", FLOW).rows(),
        run.rows("NONE", "declaration").rows(),
        list(run.opened("receipts.sms")),
        list(run.opened("quarantine.sms")),
        run.counts,
        run.memory.entries,
        chain,
    )


WHOLE = told([])


@given(st.sets(st.integers(1, len(STORY) - 1)))
@settings(max_examples=25, deadline=None)
def test_chunks_do_not_show(cuts: set[int]) -> None:
    """Rows, receipts, returned rows, counts and state are those of one chunk."""
    assert told(sorted(cuts)) == WHOLE


def test_one_by_one_is_all_at_once() -> None:
    """The finest cut, which Hypothesis may not find."""
    assert told(range(len(STORY))) == WHOLE


def test_the_chain_is_dense_whatever_the_chunks() -> None:
    """Blocks of every destination follow one another from the start to the end."""
    for cuts in ([], [3, 4, 9], list(range(len(STORY)))):
        run = Run()
        places = sorted({0, *cuts, len(STORY)})
        for start, end in pairwise(places):
            run.feed(*STORY[start:end])
        for domain in ("MOBILITY", "NONE"):
            headers = [header for header, _ in run.blocks(domain)]
            ends = [(-1, ROW_LAST), *((h.to_offset, h.to_row) for h in headers)]

            assert [(h.from_offset, h.from_row) for h in headers] == ends[:-1]
            assert ends[-1] == (len(STORY) - 1, ROW_LAST)


def test_rows_are_conserved() -> None:
    """Published = accepted + returned + rows of batches sent again."""
    run = Run()
    run.feed(*STORY)
    counted = run.counted("rows_total")
    receipts = run.receipts()
    back = run.quarantines()
    accepted = run.rows("MOBILITY", FLOW).height
    declared = run.rows("NONE", "declaration").height
    # Batches one, two, both of the other lane and the last; two declarations.
    published = 3 + 3 + 1 + 2 + 20 + 2
    again = 3 + 3

    assert counted["accepted", ""] == accepted + declared
    assert sum(counted.values()) == published + again
    assert counted["duplicate", ""] == again
    returned = sum(n for (outcome, _), n in counted.items() if outcome == "quarantined")
    assert returned == sum(len(one.rows) for one in back)
    assert {receipt.member for receipt in receipts} == {SMS}
