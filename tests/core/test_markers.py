"""Markers: every cut is consistent, whatever the interleaving; nothing gets stuck."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.bundle import NONE, Bundle, Held
from hub.core.dedupe import step
from hub.core.ending import Absent, Ending
from hub.core.log import ROW_LAST, START, Coordinate, Incoming
from hub.core.markers import Alignment, Rules, Waiting, voided
from hub.core.skips import CutSkip, Skips
from hub.core.state import Memory, Overlay
from tests.core import stream
from tests.core.stream import Lane, Row, Run, World

SOURCES = [
    ("crossing", 0),
    ("crossing", 1),
    ("permit", 0),
    ("permit", 1),
]
NAMES = [
    f"ministry.{stream.OWNERS[flow]}.{flow}/{partition}" for flow, partition in SOURCES
]


class Story(NamedTuple):
    """What every source says, in order, and who speaks when.

    An event is a batch of records or the number of a marker.
    """

    events: list[list[list[int] | int]]
    turns: list[int]


@st.composite
def stories(draw: st.DrawFn, *, crossing: bool) -> Story:
    """Markers in one order everywhere, or in another order in each source."""
    markers = draw(st.integers(1, 3))
    events: list[list[list[int] | int]] = []
    for _ in SOURCES:
        numbers = list(range(markers))
        order = draw(st.permutations(numbers)) if crossing else numbers
        lane: list[list[int] | int] = []
        for number in order:
            lane += draw(st.lists(st.lists(st.integers(0, 9), max_size=2), max_size=2))
            lane.append(number)
        lane += draw(st.lists(st.lists(st.integers(0, 9), max_size=2), max_size=1))
        events.append(lane)
    turns = [place for place, lane in enumerate(events) for _ in lane]
    return Story(events, draw(st.permutations(turns)))


class Told:
    """A story as a log, with the rows before every marker."""

    def __init__(self, story: Story, seed: int) -> None:
        self.world = World(seed=seed)
        lanes = [Lane(self.world, *source) for source in SOURCES]
        places = [0] * len(lanes)
        values = []
        self.rows: list[tuple[str, Row]] = []
        self.cuts: dict[bytes, list[tuple[str, Row]]] = {}
        said: list[list[tuple[str, Row]]] = [[] for _ in lanes]
        for turn in story.turns:
            lane, event = lanes[turn], story.events[turn][places[turn]]
            places[turn] += 1
            if isinstance(event, int):
                close = stream.marker(event)
                self.cuts.setdefault(close.marker, []).extend(said[turn])
                values.append(lane.close(close))
            else:
                # Records are told apart by their source, as ministries do.
                batch = [Row(len(SOURCES) * record + turn) for record in event]
                said[turn] += [(lane.flow, row) for row in batch]
                self.rows += [(lane.flow, row) for row in batch]
                values.append(lane.block(batch))
        self.messages = stream.log(values)


def run_in(told: Told, chunk: int) -> Run:
    """The stage over a story."""
    return run_chunks(told.messages, chunk)


def run_chunks(messages: Sequence[Incoming], chunk: int) -> Run:
    """The stage over messages."""
    run = Run(stream.stage())
    for start in range(0, len(messages), chunk):
        run.step(messages[start : start + chunk])
    return run


def rules(*names: str) -> Rules:
    """Markers have to come from these sources, under any bundle."""
    return Rules(expected=lambda _: frozenset(names), newer=lambda one, _: one)


def check_cuts(run: Run, told: Told) -> list[bytes]:
    """Every close stands exactly after its rows, in all partitions; the closes."""
    assert all(closes == run.closes[0] for closes in run.closes)
    for close in run.closes[0]:
        before = [one for one in run.all_changes if one[:2] < close[:2]]

        assert stream.facts(before) == stream.expected(
            told.world, told.cuts[close.marker]
        )
    return [close.marker for close in run.closes[0]]


@settings(max_examples=60, deadline=None)
@given(story=stories(crossing=False), seed=st.integers(0, 999), chunk=st.integers(1, 9))
def test_cut_is_what_stood_before_the_marker_in_every_source(
    story: Story, seed: int, chunk: int
) -> None:
    """Markers in one order complete in that order, and nothing stays behind."""
    told = Told(story, seed)
    run = run_in(told, chunk)
    markers = max(event for event in story.events[0] if isinstance(event, int)) + 1

    assert check_cuts(run, told) == [
        stream.marker(number).marker for number in range(markers)
    ]
    assert stream.facts(run.all_changes) == stream.expected(told.world, told.rows)
    assert not [key for key in run.memory.entries if key[:1] in b"ahq"]


@settings(max_examples=60, deadline=None)
@given(story=stories(crossing=True), seed=st.integers(0, 999))
def test_crossing_markers_stop_nothing(story: Story, seed: int) -> None:
    """Markers in different orders: some are void, the others' cuts are right."""
    told = Told(story, seed)
    run = run_in(told, 4)
    done = check_cuts(run, told)
    words = {
        key[1:]: word for key, word in run.memory.entries.items() if key[:1] == b"z"
    }

    assert words.keys() == told.cuts.keys()
    assert [marker for marker in done if words[marker] != b"done"] == []
    assert len(done) == sum(word == b"done" for word in words.values())
    assert {ended.marker for ended in run.voids[0]} == {*words} - {*done}
    assert all(voids == run.voids[0] for voids in run.voids)
    assert stream.facts(run.all_changes) == stream.expected(told.world, told.rows)
    assert set(run.result.gauges.values()) == {0}


@settings(max_examples=30, deadline=None)
@given(story=stories(crossing=True), seed=st.integers(0, 999), chunk=st.integers(1, 4))
def test_chunks_do_not_show(story: Story, seed: int, chunk: int) -> None:
    """Held messages and closes are the same in any chunks."""
    told = Told(story, seed)
    whole, cut = run_in(told, 99), run_in(told, chunk)

    assert whole.changes == cut.changes
    assert whole.closes == cut.closes
    assert whole.memory.entries == cut.memory.entries


def test_close_that_releases_nothing_has_row_zero() -> None:
    """The coordinate of a close comes before every row of its message."""
    world = World(seed=1)
    lanes = [Lane(world, *source) for source in SOURCES]
    run = Run(stream.stage())
    run.step(stream.log(lane.close(stream.marker(1)) for lane in lanes))

    assert run.closes[0] == [stream.Ended(3, 0, stream.marker(1).marker)]


def test_skip_counts_as_arrived() -> None:
    """A signed skip lets the cut go on without a source, and its rows still count."""
    world = World(seed=2)
    close = stream.marker(1)
    lanes = [Lane(world, *source) for source in SOURCES]
    cut = CutSkip(marker=close.marker, source=NAMES[3], reason="r", created_ms=1)
    skips = Skips().with_cut(cut)
    bundle = Bundle(catalogue=stream.CATALOGUE, registry=stream.REGISTRY, skips=skips)
    run = Run(stream.stage(bundles=Held([bundle])))
    values = [lanes[3].block([Row(4)])]
    values += [lane.close(close) for lane in lanes[:3]]
    values.append(lanes[3].block([Row(2)]))
    run.step(stream.log(values))
    rows = [("permit", Row(4)), ("permit", Row(2))]
    before = [one for one in run.all_changes if one[:2] < run.closes[0][0][:2]]

    assert run.endings[close.marker].absent == (
        Absent(source=NAMES[3], to=Coordinate(offset=0, row=ROW_LAST)),
    )
    assert stream.facts(before) == stream.expected(world, rows[:1])
    assert stream.facts(run.all_changes) == stream.expected(world, rows)


def test_a_source_that_waits_is_named() -> None:
    """Who holds a cut can be asked, and what is held is counted."""
    world = World(seed=2)
    lanes = [Lane(world, *source) for source in SOURCES]
    run = Run(stream.stage())
    values = [lane.close(stream.marker(1)) for lane in lanes[:3]]
    values.append(lanes[0].block([Row(1)]))
    run.step(stream.log(values))
    alignment = Alignment(Overlay(run.memory), rules(*NAMES))

    assert alignment.waiting == [
        Waiting(close=stream.marker(1), since_ms=stream.NOON_MS, sources=(NAMES[3],))
    ]
    label = ("source", "hub.records.MOBILITY/0")
    assert run.result.gauges == {
        ("held_messages", (label,)): 1,
        ("close_waits", (("dataflow", "crossing"), ("ministry", "sms"), label)): 0,
        ("close_waits", (("dataflow", "permit"), ("ministry", "mfa"), label)): 1,
    }
    assert run.all_changes == []


def test_release_is_bounded_and_needs_no_other_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What exceeds the bound is the next step's work; all of it is one message's."""
    monkeypatch.setattr(step, "RELEASE_ROWS", 2)
    world = World(seed=4)
    lanes = [Lane(world, *source) for source in SOURCES]
    values = [lane.close(stream.marker(1)) for lane in lanes[:3]]
    values += [lanes[0].block([Row(2 * number + 1)]) for number in range(5)]
    values.append(lanes[3].close(stream.marker(1)))
    rows = [("crossing", Row(2 * number + 1)) for number in range(5)]
    run, whole = Run(stream.stage()), Run(stream.stage())
    messages = stream.log(values)
    run.step(messages[:-1])
    overlay = Overlay(run.memory)
    first = run.dedupe.step(overlay, run.source, messages[-1:])
    run.step(messages[-1:])
    monkeypatch.setattr(step, "RELEASE_ROWS", 200)
    whole.step(messages)

    assert (first.taken, first.more) == (1, True)
    assert stream.facts(run.all_changes) == stream.expected(world, rows)
    assert run.all_changes == whole.all_changes
    assert run.memory.entries == whole.memory.entries
    assert not [key for key in run.memory.entries if key[:1] in b"ahq"]


def test_what_is_owed_goes_out_before_a_later_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In whatever chunks a long release is met, it gives the same."""
    world = World(seed=4)
    lanes = [Lane(world, *source) for source in SOURCES]
    values = [lane.close(stream.marker(1)) for lane in lanes[:3]]
    values += [lanes[0].block([Row(2 * number + 1)]) for number in range(5)]
    values.append(lanes[3].close(stream.marker(1)))
    values += [lanes[3].block([Row(2)]), lanes[0].block([Row(4)])]
    whole = Run(stream.stage())
    whole.step(stream.log(values))
    monkeypatch.setattr(step, "RELEASE_ROWS", 1)
    for chunk in (1, 2, 99):
        run = run_chunks(stream.log(values), chunk)

        assert run.changes == whole.changes
        assert run.closes == whole.closes
        assert run.memory.entries == whole.memory.entries


def test_backlog_keeps_its_place_before_the_next_marker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A source with rows still to be released does not overtake them."""
    monkeypatch.setattr(step, "RELEASE_ROWS", 1)
    world = World(seed=4)
    lanes = [Lane(world, *source) for source in SOURCES]
    one, two = stream.marker(1), stream.marker(2)
    values = [lane.close(one) for lane in lanes[:3]]
    values += [lanes[0].block([Row(2 * number + 1)]) for number in range(3)]
    values += [lane.close(one) for lane in lanes[3:]]
    values += [lane.close(two) for lane in lanes]
    values += [lanes[3].block([]) for _ in range(3)]
    run = Run(stream.stage())
    run.step(stream.log(values))
    second = run.closes[0][1]
    before = [change for change in run.all_changes if change[:2] < second[:2]]

    assert [close.marker for close in run.closes[0]] == [one.marker, two.marker]
    assert stream.facts(before) == stream.expected(
        world, [("crossing", Row(2 * number + 1)) for number in range(3)]
    )


def test_held_messages_go_on_as_they_came() -> None:
    """Release follows the order of arrival, not that of names."""
    alignment = Alignment(Overlay(Memory()), rules("a/0", "b/0", "c/0"))
    close = stream.marker(1)
    for source in ("a/0", "b/0"):
        alignment.mark(source, close, NONE, 5)
    for number, source in enumerate(("b/0", "a/0", "b/0")):
        alignment.hold(source, START, bytes((number,)))

    assert alignment.next() is None
    assert not alignment.ready
    alignment.mark("c/0", close, NONE, 6)
    assert alignment.complete() == Ending(close=close, config=NONE)
    assert [alignment.next() for _ in range(4)] == [
        ("b/0", START, b"\0"),
        ("a/0", START, b"\1"),
        ("b/0", START, b"\2"),
        None,
    ]


def test_repeated_marker_says_nothing_new() -> None:
    """A marker that control sent twice, or after its cut, is dropped."""
    alignment = Alignment(Overlay(Memory()), rules("a/0", "b/0"))
    close = stream.marker(1)

    assert alignment.mark("a/0", close, NONE, 0) == []
    assert alignment.complete() is None
    assert alignment.mark("b/0", close, NONE, 0) == []
    assert alignment.complete() == Ending(close=close, config=NONE)
    assert alignment.mark("a/0", close, NONE, 0) == []
    assert alignment.free("a/0")
    assert alignment.complete() is None


def test_a_void_marker_is_remembered_until_it_is_issued_again() -> None:
    """So that status can say which cut has to be closed again."""
    memory = Memory()
    overlay = Overlay(memory)
    alignment = Alignment(overlay, rules("a/0", "b/0"))
    one, two, three = (stream.marker(number) for number in (1, 2, 3))
    assert alignment.mark("a/0", one, NONE, 0) == []
    assert alignment.mark("b/0", two, NONE, 0) == [
        Ending(close=two, config=NONE, void=True)
    ]
    assert voided(overlay) == [two]

    alignment.mark("b/0", one, NONE, 0)
    assert alignment.complete() == Ending(close=one, config=NONE)
    for source in ("a/0", "b/0"):
        alignment.mark(source, three, NONE, 0)
    alignment.complete()
    assert voided(overlay) == []
