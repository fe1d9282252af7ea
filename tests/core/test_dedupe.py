"""Dedupe: one active set, whatever the order, the messages and the chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.blocks import Part
from hub.core.catalogue.model import Domain
from hub.core.dedupe import Flow
from hub.core.dedupe import stage as dedupe_stage
from hub.core.dedupe.changes import Changes, Fold
from hub.core.dedupe.entries import DIGEST_SIZE, ranks
from hub.core.dedupe.flows import dataflow_in
from hub.core.envelope.seal import open_sealed
from hub.core.errors import InvalidError, LogError
from hub.core.keys import KeyRegistry
from hub.core.log import START, Incoming, Source
from hub.core.messages import (
    Genesis,
    Sealed,
    Statement,
    decode,
    decode_as,
    encode,
    verify,
)
from tests.core import example, stream
from tests.core.stream import DAY_MS, NOON_MS, Lane, Row, Run, World

rows = st.builds(
    Row,
    record=st.integers(0, 11),
    revision=st.integers(0, 2),
    digest=st.integers(0, 1),
    cancel=st.booleans(),
)
seeds = st.integers(0, 10_000)


def flow_of(row: Row) -> str:
    """Every record belongs to one dataflow."""
    return "crossing" if row.record % 2 else "permit"


def messages_of(world: World, batches: Sequence[Sequence[Row]]) -> list[Incoming]:
    """A log of batches, each cut by dataflow."""
    lanes = {flow: Lane(world, flow) for flow in ("crossing", "permit")}
    return stream.log(
        lanes[flow].block([row for row in batch if flow_of(row) == flow])
        for batch in batches
        for flow in lanes
    )


def run_in(messages: Sequence[Incoming], chunk: int) -> Run:
    """The stage over a log in chunks of some size."""
    run = Run(stream.stage())
    for start in range(0, len(messages), chunk):
        run.step(messages[start : start + chunk])
    return run


def told(batches: Sequence[Sequence[Row]]) -> list[tuple[str, Row]]:
    """The rows of a log with their dataflow, in its order."""
    return [
        (flow, row)
        for batch in batches
        for flow in ("crossing", "permit")
        for row in batch
        if flow_of(row) == flow
    ]


batches = st.lists(st.lists(rows, max_size=6), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(batches=batches, seed=seeds)
def test_changes_up_to_any_message_are_the_active_facts(
    batches: list[list[Row]], seed: int
) -> None:
    """After every message the sum of changes is what the audit's way finds."""
    world = World(seed=seed)
    messages = messages_of(world, batches)
    run = run_in(messages, len(messages))
    rows = told(batches)
    count = 0
    for message in messages:
        flow = ("crossing", "permit")[message.offset % 2]
        count += sum(flow_of(row) == flow for row in batches[message.offset // 2])
        before = [one for one in run.all_changes if one.offset <= message.offset]

        assert stream.facts(before) == stream.expected(world, rows[:count])


@settings(max_examples=40, deadline=None)
@given(batches=batches, seed=seeds, chunk=st.integers(1, 5))
def test_chunks_do_not_show(batches: list[list[Row]], seed: int, chunk: int) -> None:
    """The same log in other chunks gives the same changes, state and counts."""
    messages = messages_of(World(seed=seed), batches)
    whole, cut = run_in(messages, len(messages)), run_in(messages, chunk)

    assert whole.changes == cut.changes
    assert whole.counts == cut.counts
    assert whole.memory.entries == cut.memory.entries


@settings(max_examples=40, deadline=None)
@given(some=st.lists(rows, max_size=14), seed=seeds, data=st.data())
def test_order_does_not_show(some: list[Row], seed: int, data: st.DataObject) -> None:
    """Any order of rows, cut into any messages, ends in the same facts and persons."""
    world = World(seed=seed)
    other = data.draw(st.permutations(some))
    cut = data.draw(st.integers(0, len(some)))
    one = run_in(messages_of(world, [some]), 1)
    two = run_in(messages_of(world, [other[:cut], other[cut:]]), 3)

    assert stream.facts(one.all_changes) == stream.facts(two.all_changes)


@settings(max_examples=40, deadline=None)
@given(batches=batches, seed=seeds)
def test_every_row_has_one_outcome(batches: list[list[Row]], seed: int) -> None:
    """Rows in = unique + replay + duplicate + amendment + cancellation."""
    run = run_in(messages_of(World(seed=seed), batches), 2)
    counted: dict[str, int] = {}
    for (name, labels), count in run.counts.items():
        if name == "rows_total":
            flow = dict(labels)["dataflow"]
            counted[flow] = counted.get(flow, 0) + int(count)

    assert counted == {
        flow: sum(name == flow for name, _ in told(batches))
        for flow in ("crossing", "permit")
        if any(name == flow for name, _ in told(batches))
    }


@settings(max_examples=30, deadline=None)
@given(batches=batches, seed=seeds, data=st.data())
def test_blocks_that_come_again_are_dropped(
    batches: list[list[Row]], seed: int, data: st.DataObject
) -> None:
    """A writer that sends an older stretch again changes nothing."""
    messages = messages_of(World(seed=seed), batches)
    values = [message.value for message in messages]
    again = data.draw(st.integers(0, len(values) - 1))
    twice = stream.log(values[: again + 1] + values[max(0, again - 3) :])
    once, repeated = run_in(messages, 3), run_in(twice, 3)

    assert stream.facts(once.all_changes) == stream.facts(repeated.all_changes)


def outcomes(run: Run) -> dict[str, int]:
    """Rows by outcome."""
    found: dict[str, int] = {}
    for (name, labels), count in run.counts.items():
        if name == "rows_total":
            word = dict(labels)["outcome"]
            found[word] = found.get(word, 0) + int(count)
    return found


def test_outcomes_are_named_by_arrival() -> None:
    """First, again, older, changed, cancelled, and cancelled before it came."""
    lane = Lane(World(seed=1, naturals=0), "price")
    some = [
        Row(1),
        Row(1),
        Row(1, revision=2),
        Row(1, revision=1),
        Row(1, revision=3, cancel=True),
        Row(2, revision=1, cancel=True),
        Row(2),
    ]
    run = Run(stream.stage(), Domain.NONE)
    run.step(stream.log([lane.block(some)]))

    assert outcomes(run) == {
        "unique": 1,
        "replay": 3,
        "amendment": 1,
        "cancellation": 2,
    }
    assert run.all_changes == []


def test_least_record_of_a_natural_key_counts() -> None:
    """A duplicate is told as one; when the record that counts goes, it steps in."""
    lane = Lane(World(seed=3, naturals=0, shared=b"n" * 16), "price")
    both = sorted(
        [Row(1), Row(2)], key=lambda row: stream.sixteen("record", row.record)
    )
    run = Run(stream.stage(), Domain.NONE)
    log = stream.log(
        [
            lane.block([both[1]]),
            lane.block([both[0]]),
            lane.block([both[1]._replace(revision=1)]),
            lane.block([both[0]._replace(revision=1, cancel=True)]),
        ]
    )
    run.step(log)
    records = [(one.offset, one.sign, one.fact[3]) for one in run.all_changes]
    first, second = (stream.sixteen("record", row.record) for row in both)

    assert outcomes(run) == {
        "unique": 1,
        "duplicate": 1,
        "amendment": 1,
        "cancellation": 1,
    }
    assert records == [
        (0, 1, second),
        (1, -1, second),
        (1, 1, first),
        (3, -1, first),
        (3, 1, second),
    ]


def test_changes_are_net_and_in_order() -> None:
    """A record counts as its last row says; a revision that says the same is silent."""

    class Same(World):
        """The second revision of a record repeats the first."""

        def content(self, row: Row, flow: str) -> dict[str, Any]:
            said = World.content(self, row._replace(revision=0), flow)
            return said | {"revision": row.revision}

    lane = Lane(Same(seed=1, naturals=0), "price")
    run = Run(stream.stage(), Domain.NONE)
    first = lane.block([Row(1), Row(2), Row(1, revision=1)])
    run.step(stream.log([first, lane.block([Row(2, revision=1)])]))

    assert [(one.row, one.fact[3]) for one in run.all_changes] == [
        (1, stream.sixteen("record", 2)),
        (2, stream.sixteen("record", 1)),
    ]
    assert outcomes(run) == {"unique": 2, "amendment": 2}


@given(st.permutations([b"1" * 16, b"2" * 16, b"3" * 16]))
def test_facts_without_a_row_are_numbered_by_record(records: list[bytes]) -> None:
    """Where a set decides what changes, its order never shows."""
    flow = stream.EVERY["price"]
    blobs = flow.blobs(World(seed=1).frame("price", [(0, 0, Row(1))]), [0])
    changes = Changes(START)
    changes.label(bytes(32), stream.EVERY)
    changes.begin(0)
    minus = [(record, bytes(16), blobs[0]) for record in records]
    frame = World(seed=1).frame("price", [])
    changes.fold(flow, Fold(minus=minus, rows=frame, persons=[], plus=[]), 0)
    changes.end()
    parts: list[list[Part]] = []
    changes.seal(lambda some: parts.append(list(some)) or [])  # type: ignore[func-returns-value]
    rows = parts[0][0].sections[0][1].select("record", "origin_row").rows()

    assert rows == [(record, at) for at, record in enumerate(sorted(records), 1)]


def test_signature_stays_while_a_record_has_it() -> None:
    """When one of two records with the same keys goes, the keys still link."""

    class Kin(World):
        """Records 1 and 3 have two keys, 5 has one of them and 7 the other."""

        def content(self, row: Row, flow: str) -> dict[str, Any]:
            both = [bytes((1,)) + b"a" * 10, bytes((1,)) + b"b" * 10]
            own = {5: both[:1], 7: both[1:]}.get(row.record, both)
            keys = {"keys": b"".join(own), "sig": stream.sixteen(own)}
            return World.content(self, row, flow) | keys

    lane = Lane(Kin(seed=1, naturals=0), "crossing")
    run = Run(stream.stage())
    some = [Row(1), Row(3), Row(1, revision=1, cancel=True), Row(5), Row(7)]
    run.step(stream.log(lane.block([row]) for row in some))
    found = stream.facts(run.all_changes)

    assert found == stream.expected(lane.world, [("crossing", row) for row in some])
    assert len({fact[1] for fact in found}) == 1


def test_gap_is_named_and_closes() -> None:
    """A block beyond what was covered is not applied until the stretch came."""
    lane = Lane(World(seed=5), "crossing")
    one, two = lane.block([Row(1)]), lane.block([Row(3)])
    run = Run(stream.stage())

    assert run.step(stream.log([two])).gaps == ("ministry.sms.crossing/0",)
    assert run.all_changes == []
    assert run.step(stream.log([two, one])[1:]).gaps == ()
    assert run.step(stream.log([two, one, two])[2:]).gaps == ()
    assert stream.facts(run.all_changes) == stream.expected(
        lane.world, [("crossing", Row(1)), ("crossing", Row(3))]
    )


def test_only_the_new_part_of_a_stretch_counts() -> None:
    """A writer that cut its blocks in another way brings no row twice."""
    world = World(seed=5)
    before, after = Lane(world, "crossing"), Lane(world, "crossing")
    run = Run(stream.stage())
    values = [before.block([Row(1)]), after.wide_block([[Row(1)], [Row(3)]])]
    run.step(stream.log(values))

    assert outcomes(run) == {"unique": 2}


def test_log_of_another_uuid_stops_the_partition() -> None:
    """A re-created ministry topic is another source."""
    lane = Lane(World(seed=5), "crossing")
    run = Run(stream.stage())
    run.step(stream.log([lane.block([Row(1)])]))

    class Other(Lane):
        """The same topic with another genesis."""

        @property
        def source(self) -> Source:
            return Source(topic="ministry.sms.crossing", partition=0, log=bytes(16))

    other = Other(lane.world, "crossing", 0, lane.offset, lane.start)
    with pytest.raises(LogError):
        run.step([Incoming(offset=1, time_ms=0, value=other.block([Row(3)]))])


def test_statement_tells_a_ministry_its_own_rows_when_the_day_is_over() -> None:
    """Everything but unique, by coordinate, sealed and signed."""
    world = World(seed=7, naturals=0)
    sms, mfa = Lane(world, "crossing"), Lane(world, "permit")
    run = Run(stream.stage())
    run.step(
        stream.log(
            [
                sms.block([Row(1), Row(1), Row(1, revision=1)]),
                mfa.block([Row(2), Row(2, revision=1, cancel=True)]),
            ]
        )
    )

    assert run.told == []
    late = sms.block([], clock_ms=NOON_MS + DAY_MS)
    run.step([Incoming(offset=2, time_ms=0, value=late)])
    statements = {
        name: [
            (one.topic, one.offset, one.row, one.decision)
            for statement in told_in(run, name)
            for one in statement.decisions
        ]
        for name in ("mfa", "sms")
    }

    assert statements == {
        "mfa": [("ministry.mfa.permit", 0, 1, "cancellation")],
        "sms": [
            ("ministry.sms.crossing", 0, 1, "replay"),
            ("ministry.sms.crossing", 0, 2, "amendment"),
        ],
    }


def told_in(run: Run, name: str) -> list[Statement]:
    """The statements a ministry can open and verify."""
    found = []
    for value in run.told:
        sealed = decode(value)
        assert isinstance(sealed, Sealed)
        if sealed.member == stream.CATALOGUE.members[name].member:
            plain = open_sealed(sealed, {f"{name}-seal": stream.SEALING[name]})
            found.append(decode_as(Statement, plain))
            verify(found[-1], stream.STATEMENT_KEY.public_key())
    return found


def test_statement_waits_for_a_key_and_is_split(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is sent unsealed, nothing is forgotten, no statement is too long."""
    monkeypatch.setattr(dedupe_stage, "ROWS_MAX", 2)
    sms = Lane(World(seed=7, naturals=0), "crossing")
    later = sms.block([Row(1)] * 6), sms.block([], clock_ms=NOON_MS + DAY_MS)
    last = sms.block([], clock_ms=NOON_MS + 2 * DAY_MS)
    run = Run(stream.stage(KeyRegistry(keys={})))
    run.step(stream.log(later))

    assert run.told == []
    run.dedupe = stream.stage()
    run.step([Incoming(offset=2, time_ms=0, value=last)])
    told = told_in(run, "sms")

    assert [one.row for each in told for one in each.decisions] == [1, 2, 3, 4, 5]
    assert [len(each.decisions) for each in told] == [2, 2, 1]
    assert not [key for key in run.memory.entries if key[:1] == b"t"]


def test_messages_without_rows_are_covered() -> None:
    """Genesis and config give an empty block to every partition."""
    genesis = Genesis(
        log=b"i" * 16,
        topic="hub.records.MOBILITY",
        partition=0,
        partitions=1,
        catalogue=bytes(32),
        generation=3,
        created_ms=1,
        key_id="control-1",
    )
    run = Run(stream.stage())
    result = run.step(stream.log([encode(genesis)]))

    assert [send.partition for send in result.sends] == [0, 1, 2, 3]


def test_block_of_another_domain_stops_the_partition() -> None:
    """Rows of a dataflow that does not belong to the domain are not guessed at."""
    run = Run(stream.stage(), Domain.NONE)
    block = Lane(World(seed=1), "crossing").block([Row(1)])

    with pytest.raises(InvalidError, match="crossing"):
        run.step(stream.log([block]))


@given(
    revisions=st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1)),
    digests=st.tuples(
        st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16)
    ),
    cancelled=st.tuples(st.booleans(), st.booleans()),
)
def test_ranks_compare_as_bytes(
    revisions: tuple[int, int],
    digests: tuple[bytes, bytes],
    cancelled: tuple[bool, bool],
) -> None:
    """Revision first, then digest, then cancellation."""
    frame = pl.DataFrame(
        {
            "revision": revisions,
            "digest": digests,
            "action": ["CANCEL" if flag else "AMEND" for flag in cancelled],
        }
    )
    one, two = ranks(frame)
    meant = [
        (revision, digest[:DIGEST_SIZE], flag)
        for revision, digest, flag in zip(revisions, digests, cancelled, strict=True)
    ]

    assert (one < two, one == two) == (meant[0] < meant[1], meant[0] == meant[1])


TYPED = Flow.of(
    example.dataflow(
        "typed", Domain.NONE, "a:string b:int c:long d:date e:boolean f:money g:period"
    )
)
typed = st.fixed_dictionaries(
    {
        "member": st.just("TM/GOV/x"),
        "a": st.none() | st.text(st.characters(min_codepoint=32, codec="utf-8")),
        "b": st.none() | st.integers(-(2**31), 2**31 - 1),
        "c": st.none() | st.integers(-(2**63), 2**63 - 1),
        "d": st.none() | st.dates(),
        "e": st.none() | st.booleans(),
        "f": st.none() | st.integers(-(2**63), 2**63 - 1),
        "g": st.none() | st.just("2025-Q1"),
    }
)


@settings(max_examples=50, deadline=None)
@given(values=st.lists(typed, min_size=1, max_size=4))
def test_blob_and_row_make_the_same_fact(values: list[dict[str, object]]) -> None:
    """What a blob gives back is what the row said, value for value."""
    kinds = {name: TYPED.types[name] for name in TYPED.attributes}
    rows = pl.DataFrame(values, schema=kinds)
    blobs = TYPED.blobs(rows, range(rows.height))

    assert TYPED.facts_of(blobs).equals(rows)
    assert {dataflow_in(blob) for blob in blobs} == {"typed"}
