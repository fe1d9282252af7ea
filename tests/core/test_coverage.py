"""Coverage: a writer may repeat, split and crash; the reader counts every row once."""

from __future__ import annotations

import os

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import blocks, coverage
from hub.core.errors import LogError
from hub.core.log import ROW_LAST, START, Coordinate, Source
from hub.core.messages import Block, BlockHeader, decode
from hub.core.state import Memory, Overlay
from tests.core import stream

SOURCE = Source(topic="ministry.sms.border_crossing", partition=1, log=b"a" * 16)
KEY = blocks.InternalKey(key_id="records-2026-11", secret=bytes(32))
SCHEMA = (
    '{"type":"record","name":"r","namespace":"kerwen","fields":['
    '{"name":"origin_offset","type":["null","long"]},'
    '{"name":"origin_row","type":["null","int"]}]}'
)


def at(offset: int, row: int = ROW_LAST) -> Coordinate:
    """A place in the source."""
    return Coordinate(offset=offset, row=row)


def header(start: Coordinate, to: Coordinate, source: Source = SOURCE) -> BlockHeader:
    """A block from `start` to `to`."""
    return BlockHeader(
        stage="intake",
        kind="rows",
        source=source,
        from_offset=start.offset,
        from_row=start.row,
        to_offset=to.offset,
        to_row=to.row,
        clock_ms=0,
        config=bytes(32),
        generation=0,
        key_id="k",
    )


def state(covered: Coordinate) -> Overlay:
    """A state that has covered everything up to `covered`."""
    overlay = Overlay(Memory())
    coverage.advance(overlay, header(START, covered))
    return overlay


#   stored            |=========|
#   covered      |----|
#   covered      |--------------|
#   apply        |------------------|
#   apply                       |---|
#   gap                             |---|
@pytest.mark.parametrize(
    ("start", "to", "action"),
    [
        (START, at(3), "covered"),
        (START, at(5, 7), "covered"),
        (at(3), at(5, 7), "covered"),
        (START, at(5, 8), "apply"),
        (at(3), at(6), "apply"),
        (at(5, 7), at(5, ROW_LAST), "apply"),
        (at(5, 7), at(9), "apply"),
        (at(5, 8), at(9), "gap"),
        (at(6), at(9), "gap"),
    ],
)
def test_blocks_are_judged_by_where_they_begin_and_end(
    start: Coordinate, to: Coordinate, action: str
) -> None:
    """Overlap is applied, a repetition dropped, a hole held."""
    verdict = coverage.admit(state(at(5, 7)), header(start, to))

    assert verdict == coverage.Verdict(action=action, after=at(5, 7))  # type: ignore[arg-type]  # parametrised literal


def test_the_first_block_must_begin_at_the_start() -> None:
    """An empty state holds back a chain whose beginning it has not seen."""
    empty = Overlay(Memory())

    assert coverage.admit(empty, header(START, at(0))).action == "apply"
    assert coverage.admit(empty, header(at(0), at(1))).action == "gap"


def test_judging_writes_nothing_and_advancing_writes_one_entry() -> None:
    """State changes only through advance, under the source's own key."""
    overlay = Overlay(Memory())
    coverage.admit(overlay, header(START, at(0)))

    assert overlay.pending == {}

    coverage.advance(overlay, header(START, at(0)))

    assert list(overlay.pending) == [b"#ministry.sms.border_crossing/1"]


def test_sources_do_not_disturb_one_another() -> None:
    """Each partition of each log has its own place."""
    other = Source(topic=SOURCE.topic, partition=0, log=SOURCE.log)
    overlay = state(at(5))

    assert coverage.covered(overlay, other) == START
    assert coverage.covered(overlay, SOURCE) == at(5)


def test_another_log_of_the_same_name_stops_the_partition() -> None:
    """A re-created topic is never taken for the one the state was made from."""
    again = Source(topic=SOURCE.topic, partition=1, log=b"b" * 16)

    with pytest.raises(LogError, match=r"ministry.sms.border_crossing/1 .* re-created"):
        coverage.admit(state(at(5)), header(START, at(9), again))


def test_unseen_keeps_rows_above_the_place_only() -> None:
    """Rows at or below the last covered place are dropped, to the row."""
    frame = pl.DataFrame(
        {"origin_offset": [4, 5, 5, 5, 6], "origin_row": [99, 6, 7, 8, 0]}
    )

    kept = coverage.unseen(frame, at(5, 7))

    assert kept.rows() == [(5, 8), (6, 0)]
    assert coverage.unseen(frame, START).height == 5


ends = st.integers(-1, 5)
runs = st.lists(st.tuples(ends, ends, st.integers(1, 7), st.integers(0, 9)), max_size=6)


@given(st.lists(st.integers(0, 9), min_size=6, max_size=6), runs)
def test_any_writer_gives_every_row_exactly_once(
    per_offset: list[int], stretches: list[tuple[int, int, int, int]]
) -> None:
    """Crashes, other chunks, other splits, repetition, lost blocks: one of each row."""
    places = [(o, r) for o, count in enumerate(per_offset) for r in range(count)]
    overlay, seen = Overlay(Memory()), list[tuple[int, int]]()
    for one, two, rows_max, lost in stretches:
        if one != two:
            values = write(places, at(min(one, two)), at(max(one, two)), rows_max)
            for value in (*values[:lost], *values[lost + 1 :]):
                read(overlay, value, seen)
    # In the end a healthy writer emits everything once more.
    for value in write(places, START, at(5), 3):
        read(overlay, value, seen)

    assert seen == places
    assert coverage.covered(overlay, SOURCE) == at(5)


def write(
    places: list[tuple[int, int]], start: Coordinate, to: Coordinate, rows_max: int
) -> list[bytes]:
    """What a writer emits for a stretch."""
    inside = [p for p in places if start.offset < p[0] <= to.offset]
    frame = pl.DataFrame(
        inside,
        schema={"origin_offset": pl.Int64, "origin_row": pl.Int32},
        orient="row",
    )
    part = blocks.Part(kind="rows", to=to, clock_ms=0, sections=(("s", frame, SCHEMA),))
    return blocks.seal(
        [part],
        stage="intake",
        source=SOURCE,
        start=start,
        config=bytes(32),
        generation=0,
        key=KEY,
        entropy=os.urandom,
        rows_max=rows_max,
    )


def test_what_a_stage_covers_is_among_the_keys_put_singly() -> None:
    """There the account looks for it: through the desk of dedupe, too."""
    overlay = Overlay(Memory())
    source = Source(topic="hub.records.MOBILITY", partition=0, log=b"i" * 16)
    block = stream.Lane(stream.World(seed=1), "crossing").block([stream.Row(1)])
    stream.stage().step(overlay, source, stream.log([block]))
    covered = {key for key in overlay.pending if key.startswith(coverage.KIND)}

    assert covered
    assert covered <= overlay.single < overlay.pending.keys()


def read(overlay: Overlay, value: bytes, seen: list[tuple[int, int]]) -> None:
    """What every consumer does with a block."""
    block = decode(value)
    assert isinstance(block, Block)
    head, sections = blocks.open(block, KEY)
    verdict = coverage.admit(overlay, head)
    if verdict.action == "apply":
        rows = coverage.unseen(blocks.rows(sections[0], SCHEMA), verdict.after)
        seen.extend(rows.rows())
        coverage.advance(overlay, head)
