"""Batches that were signed and never came: known from those that came too early."""

from __future__ import annotations

from hub.core import arrears
from hub.core.state import Overlay
from tests.core.ministry import CLOCK_MS, SOURCE, Lane, Run, crossing, genesis


def begun() -> Run:
    """A partition with its genesis."""
    run = Run()
    run.feed(genesis())
    return run


def missing(run: Run) -> list[tuple[int, int]]:
    """First and last of what lanes lack."""
    return [(one.first, one.last) for one in arrears.missing(run.memory)]


def test_a_gap_says_what_is_missing_until_it_came() -> None:
    """Sequences are signed for by the batch that came too early."""
    run, lane = begun(), Lane()
    one, two, three, four = (lane.seal([crossing(number)]) for number in range(4))
    run.feed(one, four)
    assert missing(run) == [(2, 3)]
    shown = arrears.gauges(run.memory, SOURCE.name, quiet=False)
    assert {name: value for (name, _), value in shown.items()} == {
        "lane_missing": 2,
        "lane_expected": 2,
        "lane_since": (CLOCK_MS + 1) // 1000,
    }
    run.feed(three, two)
    assert missing(run) == [(3, 3)]
    run.feed(three, four)
    assert missing(run) == []
    assert arrears.gauges(run.memory, SOURCE.name, quiet=False) == {
        (
            "lane_missing",
            (
                ("dataflow", "border_crossing"),
                ("ministry", "sms"),
                ("source", SOURCE.name),
            ),
        ): 0
    }


def test_a_quiet_dataflow_shows_no_number() -> None:
    """That something is missing, since when, and nothing else."""
    run, lane = begun(), Lane()
    values = [lane.seal([crossing(number)]) for number in range(7)]
    run.feed(values[0], values[6])
    shown = arrears.gauges(run.memory, SOURCE.name, quiet=True)
    assert {name: value for (name, _), value in shown.items()} == {
        "lane_missing": 1,
        "lane_since": (CLOCK_MS + 1) // 1000,
    }


def test_a_new_lane_closes_the_older_ones() -> None:
    """A publisher that lost what is asked for goes on in another lane."""
    run, lane = begun(), Lane()
    values = [lane.seal([crossing(number)]) for number in range(3)]
    run.feed(values[0], values[2])
    assert missing(run) == [(2, 2)]
    run.feed(Lane(lane=bytes(15) + b"\x02").seal([crossing(9)]))
    assert missing(run) == []


def test_it_does_not_depend_on_the_chunks() -> None:
    """The same entries whether messages come together or one by one."""
    lane = Lane()
    values = [lane.seal([crossing(number)]) for number in range(6)]
    story = [values[0], values[5], values[1], values[3], values[2]]
    whole, single = begun(), begun()
    whole.feed(*story)
    for value in story:
        single.feed(value)
    prefix = arrears.KIND
    assert list(Overlay(whole.memory).scan(prefix)) == list(
        Overlay(single.memory).scan(prefix)
    )
    assert missing(whole) == [(4, 5)]
