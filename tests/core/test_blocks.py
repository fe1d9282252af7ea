"""Blocks: a dense chain of sealed stretches, cut between coordinates only."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from hub.core import avro, blocks
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.log import ROW_LAST, START, Coordinate, Source
from hub.core.messages import (
    BLOCK_BYTES_MAX,
    Block,
    BlockHeader,
    Close,
    Section,
    decode,
    encode,
)
from hub.core.reasons import Reason

SOURCE = Source(topic="ministry.sms.border_crossing", partition=1, log=b"a" * 16)
KEY = blocks.InternalKey(key_id="records-2026-11", secret=bytes(range(32)))
SCHEMA = (
    '{"type":"record","name":"r","namespace":"kerwen","fields":['
    '{"name":"origin_offset","type":["null","long"]},'
    '{"name":"origin_row","type":["null","int"]},'
    '{"name":"value","type":["null","bytes"]}]}'
)
CLOSE = Close(
    marker=bytes(16),
    vintage="P",
    tables=("XNG_EVT",),
    period="2025",
    created_ms=1,
    key_id="control-2026-11",
)
Place = tuple[int, int]


def at(offset: int, row: int = ROW_LAST) -> Coordinate:
    """A place in the source."""
    return Coordinate(offset=offset, row=row)


def frame(places: list[Place], size: int = 1) -> pl.DataFrame:
    """Rows that come from `places`, each with `size` random bytes."""
    rows = [(offset, row, os.urandom(size)) for offset, row in sorted(places)]
    return pl.DataFrame(rows, schema=avro.polars_schema(SCHEMA), orient="row")


def rows_part(to: Coordinate, *frames: pl.DataFrame) -> blocks.Part:
    """A part with a section for each frame."""
    return blocks.Part(
        kind="rows",
        to=to,
        clock_ms=to.offset,
        sections=tuple((f"s{i}", one, SCHEMA) for i, one in enumerate(frames)),
    )


def seal(*parts: blocks.Part, start: Coordinate = START, **change: Any) -> list[bytes]:
    """Seal with the usual context."""
    context: dict[str, Any] = {
        "stage": "intake",
        "source": SOURCE,
        "config": b"c" * 32,
        "generation": 0,
        "key": KEY,
        "entropy": os.urandom,
    }
    return blocks.seal(parts, start=start, **{**context, **change})


def opened(value: bytes, key: blocks.InternalKey = KEY) -> Any:
    """Header and sections of a sealed block."""
    block = decode(value)
    assert isinstance(block, Block)
    return blocks.open(block, key)


places = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30)


@given(places, places, st.integers(1, 8))
def test_a_chain_is_dense_and_holds_every_row_in_its_stretch(
    left: list[Place], right: list[Place], rows_max: int
) -> None:
    """Cut as it may be: each block begins where the last ended, no row is misplaced."""
    frames = [frame(left), frame(right)]
    values = seal(rows_part(at(7), *frames), rows_max=rows_max)
    heads = [opened(value)[0] for value in values]
    tables = [[blocks.rows(s, SCHEMA) for s in opened(value)[1]] for value in values]

    assert heads[0].start == START
    assert heads[-1].to == at(7)
    assert all(one.to == two.start for one, two in pairwise(heads))
    for index, whole in enumerate(frames):
        assert_frame_equal(pl.concat([table[index] for table in tables]), whole)
    for head, pair in zip(heads, tables, strict=True):
        for offset, row, _ in pl.concat(pair).iter_rows():
            assert head.start < at(offset, row) <= head.to
        distinct = pl.concat(pair).select("origin_offset", "origin_row").n_unique()
        assert sum(one.height for one in pair) <= rows_max or distinct == 1


def test_header_says_what_it_was_given() -> None:
    """Stage, source, clock, config, generation and key id are in the header."""
    (value,) = seal(rows_part(at(3), frame([(1, 0)])), start=at(0), generation=2)

    header, sections = opened(value)

    assert header == BlockHeader(
        stage="intake",
        kind="rows",
        source=SOURCE,
        from_offset=0,
        from_row=ROW_LAST,
        to_offset=3,
        to_row=ROW_LAST,
        clock_ms=3,
        config=b"c" * 32,
        generation=2,
        key_id="records-2026-11",
    )
    assert [(one.name, one.count) for one in sections] == [("s0", 1)]


def test_an_empty_stretch_is_still_a_block() -> None:
    """Silence is a fault, so nothing to say is said."""
    values = seal(rows_part(at(3)), rows_part(at(4), frame([])))

    assert [opened(value)[0].to for value in values] == [at(3), at(4)]
    assert [len(opened(value)[1]) for value in values] == [0, 1]


def test_a_marker_stands_at_its_own_place() -> None:
    """Rows before a close and rows after it are in other blocks."""
    values = seal(
        rows_part(at(3), frame([(3, 0)])),
        blocks.Part(kind="close", to=at(4), clock_ms=4, close=CLOSE),
        rows_part(at(5), frame([(5, 0)])),
    )
    kinds = [opened(value)[0].kind for value in values]

    assert kinds == ["rows", "close", "rows"]
    assert blocks.close_of(opened(values[1])[1]) == (CLOSE, 0)


def test_complete_carries_the_count_of_its_snapshot() -> None:
    """Release knows how many snapshot rows must have come."""
    part = blocks.Part(kind="complete", to=at(4), clock_ms=4, close=CLOSE, count=17)

    (value,) = seal(part)

    assert opened(value)[0].kind == "complete"
    assert blocks.close_of(opened(value)[1]) == (CLOSE, 17)


def test_a_large_part_is_cut_by_bytes_too() -> None:
    """Rows that do not compress are cut long before the message bound."""
    whole = frame([(0, row) for row in range(40)], size=400_000)

    values = seal(rows_part(at(0), whole))

    assert len(values) > 1
    assert max(map(len, values)) < BLOCK_BYTES_MAX
    tables = [blocks.rows(opened(value)[1][0], SCHEMA) for value in values]
    assert_frame_equal(pl.concat(tables), whole)


def test_one_coordinate_is_never_cut() -> None:
    """Over the row limit it stays whole; over the byte bound it is refused."""
    many = frame([(0, 0)] * 50)

    (value,) = seal(rows_part(at(0), many), rows_max=10)

    assert opened(value)[1][0].count == 50
    with pytest.raises(EnvelopeError) as caught:
        seal(rows_part(at(0), frame([(0, 0)] * 30, size=400_000)))
    assert caught.value.reason == Reason.OVERSIZED


@pytest.mark.parametrize(
    ("start", "to", "rows"),
    [
        (at(2), at(2), []),
        (at(2), at(1), []),
        (at(2), at(5), [(2, 4)]),
        (at(2, 4), at(5), [(2, 4)]),
        (START, at(5, 3), [(5, 4)]),
    ],
    ids=["no stretch", "backwards", "row before", "row at start", "row behind"],
)
def test_a_stretch_that_does_not_hold_its_rows_is_refused(
    start: Coordinate, to: Coordinate, rows: list[Place]
) -> None:
    """A reader would drop such rows without a word, so the writer may not send them."""
    with pytest.raises(InvalidError):
        seal(rows_part(to, frame(rows)), start=start)


def test_a_stretch_ends_with_its_last_row() -> None:
    """From is exclusive, to is inclusive."""
    (value,) = seal(rows_part(at(5, 3), frame([(2, 5), (5, 3)])), start=at(2, 4))

    assert opened(value)[1][0].count == 2


def test_unsorted_rows_are_refused() -> None:
    """Cuts are made by order."""
    with pytest.raises(InvalidError, match="not sorted"):
        seal(rows_part(at(5), frame([(1, 0), (1, 1)]).reverse()))


def test_no_changed_byte_opens() -> None:
    """Coverage, nonce and content are authenticated together."""
    (value,) = seal(rows_part(at(3), frame([(1, 0)])))

    for place in range(len(value)):
        changed = bytearray(value)
        changed[place] ^= 1
        with pytest.raises(EnvelopeError):
            opened(bytes(changed))


def test_only_the_named_key_opens() -> None:
    """Another secret, another id and another epoch are refused; older epochs open."""
    (value,) = seal(rows_part(at(3), frame([(1, 0)])))
    other = replace(KEY, secret=bytes(32))
    later = blocks.InternalKey(key_id="records-2026-12", secret=bytes(32))

    for key in (other, later):
        with pytest.raises(EnvelopeError) as caught:
            opened(value, key)
        assert caught.value.reason == Reason.KEY
    assert opened(value, replace(later, older=(KEY,)))[0].to == at(3)


def test_a_section_that_lost_rows_is_refused() -> None:
    """Count and content agree, or the section is no content."""
    container = avro.container(frame([(1, 0)]), SCHEMA)

    for count in (0, 2):
        with pytest.raises(EnvelopeError) as caught:
            blocks.rows(Section(name="s", count=count, container=container), SCHEMA)
        assert caught.value.reason == Reason.CONTENT


def test_a_close_block_without_a_marker_is_refused() -> None:
    """Neither no section nor another message passes for a marker."""
    header = encode(Block(header=b"", nonce=bytes(12), ciphertext=b""))

    for sections in ([], [Section(name="close", count=0, container=header)]):
        with pytest.raises(EnvelopeError) as caught:
            blocks.close_of(sections)
        assert caught.value.reason == Reason.CONTENT


def test_the_secret_stays_out_of_repr() -> None:
    """A key in a log line shows its id only."""
    assert "secret" not in repr(KEY)
