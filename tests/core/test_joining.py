"""A source that is new in a bundle joins at one place, whatever the interleaving."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.bundle import Bundle, Held
from hub.core.log import Source
from hub.core.skips import Skips
from hub.core.standing import JOINING
from tests.core import stream
from tests.core.stream import Lane, Row, Run, World

MFA = stream.CATALOGUE.members["mfa"]
WIDER = replace(
    stream.CATALOGUE,
    digest=b"w" * 32,
    members={
        **stream.CATALOGUE.members,
        "mfa": replace(MFA, provides=(*MFA.provides, "crossing")),
    },
)
OLD = Bundle(catalogue=stream.CATALOGUE, registry=stream.REGISTRY)
NEW = OLD.successor(WIDER, stream.REGISTRY, Skips())
BUNDLES = Held([OLD, NEW])
ONE, TWO = stream.marker(1), stream.marker(2)


class Joined(Lane):
    """A lane of the agreement that the new bundle brings."""

    @property
    def source(self) -> Source:
        """The ministry partition."""
        own: Source = Lane.source.__get__(self)
        return replace(own, topic="ministry.mfa.crossing")


class Event(NamedTuple):
    """What a lane says next: rows, a marker, or a change of bundle."""

    lane: int
    what: str


def lanes(world: World) -> list[Lane]:
    """Four old sources and two new ones."""
    old = [(flow, part) for flow in ("crossing", "permit") for part in (0, 1)]
    return [
        *(Lane(world, *place, config=OLD.digest) for place in old),
        *(Joined(world, "crossing", part, config=NEW.digest) for part in (0, 1)),
    ]


@st.composite
def stories(draw: st.DrawFn) -> list[Event]:
    """Every lane in its own order, the lanes in any."""
    said = [["rows", "one", "rows", "new", "rows", "two", "rows"]] * 4
    said += [["rows", "rows", "two", "rows"]] * 2
    turns = draw(st.permutations([at for at, words in enumerate(said) for _ in words]))
    places = [0] * len(said)
    events = []
    for turn in turns:
        events.append(Event(turn, said[turn][places[turn]]))
        places[turn] += 1
    return events


@settings(max_examples=40, deadline=None)
@given(story=stories(), seed=st.integers(0, 99), chunk=st.integers(1, 9))
def test_every_cut_has_what_stood_before_its_marker_in_its_own_sources(
    story: list[Event], seed: int, chunk: int
) -> None:
    """The first cut knows nothing of the new sources, the second all of them."""
    world = World(seed=seed)
    all_lanes = lanes(world)
    values: list[bytes] = []
    rows: list[tuple[str, Row]] = []
    before: dict[str, list[tuple[str, Row]]] = {"one": [], "two": []}
    said: list[list[tuple[str, Row]]] = [[] for _ in all_lanes]
    for number, event in enumerate(story):
        lane = all_lanes[event.lane]
        if event.what == "rows":
            row = Row(len(all_lanes) * number + event.lane)
            said[event.lane].append((lane.flow, row))
            rows.append((lane.flow, row))
            values.append(lane.block([row]))
        elif event.what == "new":
            lane.config = NEW.digest
            values.append(lane.block([]))
        else:
            before[event.what] += said[event.lane]
            values.append(lane.close(ONE if event.what == "one" else TWO))
    run = Run(stream.stage(bundles=BUNDLES))
    messages = stream.log(values)
    for start in range(0, len(messages), chunk):
        run.step(messages[start : start + chunk])

    closes = run.closes[0]
    assert [close.marker for close in closes] == [ONE.marker, TWO.marker]
    for close, word in zip(closes, ("one", "two"), strict=True):
        found = [one for one in run.all_changes if one[:2] < close[:2]]
        assert stream.facts(found) == stream.expected(world, before[word])
    assert stream.facts(run.all_changes) == stream.expected(world, rows)
    assert run.endings[ONE.marker].config in {OLD.digest, NEW.digest}
    assert run.endings[TWO.marker].config == NEW.digest
    assert not [key for key in run.memory.entries if key[:1] in b"ahq"]


def test_who_keeps_new_sources_waiting_is_named() -> None:
    """Until the last old source has come to the bundle."""
    world = World(seed=1)
    all_lanes = lanes(world)
    values = [all_lanes[4].block([Row(5)])]
    for lane in all_lanes[:3]:
        lane.config = NEW.digest
        values.append(lane.block([]))
    run = Run(stream.stage(bundles=BUNDLES))
    run.step(stream.log(values))
    stands = run.dedupe.standing("hub.records.MOBILITY", run.memory)
    [waits] = stands.cuts

    assert stands.bundle == NEW.digest
    assert (waits.word, waits.sources) == (JOINING, ("ministry.mfa.permit/1",))
    assert run.all_changes == []
