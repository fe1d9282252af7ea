"""Cells in the stream equal a batch over what is active, however it was cut."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core import blocks, cells
from hub.core.aggregate import Aggregate
from hub.core.bundle import Bundle, Held
from hub.core.catalogue.model import Domain
from hub.core.coverage import unseen
from hub.core.errors import RecountError
from hub.core.indicators import audit
from hub.core.indicators.plan import PLACE, plans
from hub.core.keys import KeyRegistry
from hub.core.log import ROW_LAST, START, Coordinate, Incoming
from hub.core.messages import Block, Close, decode
from hub.core.stage import Result
from hub.core.state import Memory, Overlay
from tests.core import example
from tests.core.facts_log import (
    CATALOGUE,
    CELLS_KEY,
    CLOSE,
    FACTS,
    FACTS_KEY,
    RECORDS,
    Message,
    log,
    run,
)

ROWS = st.fixed_dictionaries(
    {
        "flow": st.sampled_from(["crossing", "crossing", "stay"]),
        "person": st.sampled_from("pqr"),
        "record": st.sampled_from([f"r{at}" for at in range(6)]),
        "sex": st.sampled_from(["F", "M", "_O", "_U"]),
        "birth_year": st.sampled_from([1990, 2008, None]),
        "citizenship": st.sampled_from(["KAZ", "UZB"]),
        "day": st.dates(dt.date(2025, 1, 1), dt.date(2025, 3, 1)),
        "direction": st.sampled_from(["ENTRY", "EXIT"]),
        "wage": st.sampled_from([100, 900]),
        "months": st.integers(1, 30),
    }
)


def fact(row: dict[str, Any]) -> dict[str, Any]:
    """A row of its dataflow."""
    shared = ("person", "record", "sex", "birth_year", "citizenship")
    out = {name: row[name] for name in shared}
    # A record is of one dataflow and one area; an amendment keeps both.
    out |= {"record": f"{row['flow']}/{row['record']}", "area": "TM-A"}
    if row["flow"] == "stay":
        end = row["day"] + dt.timedelta(days=30 * row["months"])
        return out | {"since": row["day"], "until": end}
    names = ("day", "direction", "wage")
    return out | {name: row[name] for name in names} | {"days": 2, "means": "a b"}


def changes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in turn as signed facts: a record seen again is amended or cancelled."""
    active: dict[str, dict[str, Any]] = {}
    out = []
    for row in rows:
        new = fact(row)
        old = active.pop(new["record"], None)
        if old is not None:
            out.append({"flow": row["flow"], **old, "sign": -1})
        if old != new:
            active[new["record"]] = new
            out.append({"flow": row["flow"], **new, "sign": 1})
    return out


def messages(rows: list[dict[str, Any]], sizes: list[int]) -> list[Message]:
    """Signed facts in messages of the given sizes, by dataflow."""
    out: list[Message] = []
    for size in [*sizes, len(rows)]:
        taken, rows = rows[:size], rows[size:]
        by_flow: dict[str, list[dict[str, Any]]] = {}
        for row in taken:
            plain = {name: value for name, value in row.items() if name != "flow"}
            by_flow.setdefault(row["flow"], []).append(plain)
        out.append(dict(by_flow))
    return out


def opened(results: Sequence[Result]) -> list[tuple[Any, list[Any]]]:
    """Headers and sections of everything sent."""
    found = []
    for result in results:
        for send in result.sends:
            assert send.value is not None
            block = decode(send.value)
            assert isinstance(block, Block)
            found.append(blocks.open(block, CELLS_KEY))
    return found


def rows_of(results: Sequence[Result], name: str) -> pl.DataFrame:
    """All rows of the sections of a name."""
    frames = [
        blocks.rows(section, cells.SCHEMA)
        for _, sections in opened(results)
        for section in sections
        if section.name == name
    ]
    return pl.concat(frames) if frames else pl.DataFrame()


def state_cells(memory: Memory) -> pl.DataFrame:
    """The cells in state, as the audit gives them."""
    found = [(key[1:].decode(), value) for key, value in memory.scan(b"c")]
    names = pl.DataFrame(
        [key.split("|") for key, _ in found], schema=["table", *PLACE], orient="row"
    )
    sums = cells.unpack([value for _, value in found])
    return names.hstack(sums).sort("table", *PLACE)


def active(rows: list[dict[str, Any]]) -> dict[str, pl.DataFrame]:
    """Dataflow → facts that stand."""
    standing: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = (row["flow"], row["record"])
        if row["sign"] > 0:
            standing[key] = row
        else:
            standing.pop(key, None)
    out = {}
    for flow in ("crossing", "stay"):
        held = [row for (name, _), row in standing.items() if name == flow]
        plain = [{k: v for k, v in row.items() if k != "flow"} for row in held]
        if plain:
            out[flow] = example.facts(flow, plain)
    return out


@settings(deadline=None, max_examples=40)
@given(
    rows=st.lists(ROWS, max_size=16).map(changes),
    cuts=st.lists(st.integers(1, 5), max_size=4),
    chunks=st.lists(st.integers(1, 3), max_size=6),
)
def test_the_stream_equals_the_audit_whatever_the_chunks(
    rows: list[dict[str, Any]], cuts: list[int], chunks: list[int]
) -> None:
    """State and snapshot do not depend on chunking; cells are the audit's."""
    content = [*messages(rows, cuts), CLOSE]

    whole, at_once = run(log(content), [])
    parts, piecemeal = run(log(content), chunks)

    expected = audit.all_cells(CATALOGUE, active(rows), Domain.MOBILITY)
    assert whole.entries == parts.entries
    assert state_cells(whole).equals(expected)
    assert rows_of(at_once, "snapshot").equals(rows_of(piecemeal, "snapshot"))


@settings(deadline=None, max_examples=30)
@given(
    rows=st.lists(ROWS, max_size=16).map(changes),
    cuts=st.lists(st.integers(1, 5), max_size=4),
    chunks=st.lists(st.integers(1, 3), max_size=6),
)
def test_blocks_make_a_dense_chain(
    rows: list[dict[str, Any]], cuts: list[int], chunks: list[int]
) -> None:
    """Every block begins where the last ended; the last ends with the last message."""
    incoming = log([*messages(rows, cuts), CLOSE, CLOSE, {}])
    _, results = run(incoming, chunks)
    headers = [header for header, _ in opened(results)]

    at = START
    for header in headers:
        assert header.start == at
        at = header.to

    assert at == Coordinate(offset=incoming[-1].offset, row=ROW_LAST)
    assert [h.kind for h in headers].count("complete") == 2
    assert {h.source for h in headers} == {FACTS}


def test_absolute_cells_survive_a_stretch_sent_again_in_other_pieces() -> None:
    """A reader that saw half of a chunk gets every later change after a restart."""
    rows = [
        {"flow": "crossing", "person": f"p{at}", "record": f"c{at}", "sign": 1}
        | {"sex": "F", "day": dt.date(2025, 1 + at % 9, 1), "direction": "ENTRY"}
        | {"citizenship": "KAZ", "area": "TM-A"}
        for at in range(40)
    ]
    incoming = log(messages(rows, [4] * 10))
    whole = rows_of(run(incoming, [])[1], "cells")
    for seen in range(0, whole.height, 7):
        first = whole.head(seen)
        after = START
        if seen:
            last = first.row(-1, named=True)
            after = Coordinate(offset=last["origin_offset"], row=last["origin_row"])
        again = rows_of(run(incoming, [3, 4])[1], "cells")
        view = latest(pl.concat([first, unseen(again, after)]))

        assert view.equals(latest(whole))


def latest(frame: pl.DataFrame) -> pl.DataFrame:
    """The newest row of each cell, without its origin."""
    keys = ["table", *PLACE]
    newest = frame.unique(keys, keep="last", maintain_order=True).sort(keys)
    return newest.drop("origin_offset", "origin_row")


@settings(deadline=None, max_examples=40)
@given(rows=st.lists(ROWS, max_size=20).map(changes))
def test_margins_know_distinct_persons_and_the_two_largest(
    rows: list[dict[str, Any]],
) -> None:
    """Persons and largest contributions of every margin equal a count by hand."""
    _, results = run(log([*messages(rows, [3]), CLOSE]), [])
    standing = active(rows).get("crossing")
    expected: dict[tuple[str, ...], dict[bytes, int]] = {}
    for row in [] if standing is None else standing.iter_rows(named=True):
        sex = row["sex"] if row["sex"] in "FM" else "_OUN"
        group = example.GROUPS[row["citizenship"]]
        for s in (sex, "_T"):
            for d1 in (row["direction"], "_T"):
                for d2 in (group, "_T"):
                    for area in ("TM-A", "TM"):
                        place = (f"{row['day']:%Y-%m}", area, s, d1, d2)
                        mine = expected.setdefault(place, {})
                        mine[row["person"]] = mine.get(row["person"], 0) + 1

    found = rows_of(results, "snapshot")
    if found.height:
        found = found.filter(pl.col("table") == "EVT")
    shown = {}
    for row in found.iter_rows(named=True):
        place = tuple(row[name] for name in PLACE)
        shown[place] = (row["n"], row["persons"], row["top1"], row["top2"])

    assert shown == {
        place: (sum(by.values()), len(by), *sorted([*by.values(), 0])[-1:-3:-1])
        for place, by in expected.items()
    }


def test_snapshot_has_the_tables_and_periods_of_the_marker() -> None:
    """Flows of the period, stocks with all they were; nothing else."""
    stay = {"flow": "stay", "person": "p", "record": "s", "sign": 1, "sex": "F"}
    came = {"flow": "crossing", "person": "p", "sign": 1, "sex": "F"}
    came |= {"direction": "ENTRY", "citizenship": "KAZ", "area": "TM-A"}
    rows = [
        stay | {"since": dt.date(2023, 5, 1), "until": dt.date(2025, 8, 1)},
        came | {"record": "a", "day": dt.date(2024, 12, 31)},
        came | {"record": "b", "day": dt.date(2025, 2, 1)},
        came | {"record": "c", "day": dt.date(2025, 4, 1)},
    ]
    close = Close(
        marker=b"m" * 16,
        vintage="P",
        tables=("EVT", "STK", "FIRST"),
        period="2025-Q1",
        created_ms=5,
        key_id="control",
    )
    _, results = run(log([*messages(rows, []), close]), [])

    found = rows_of(results, "snapshot")

    by_table = {
        table: sorted(set(part["period"])) for (table,), part in found.group_by("table")
    }
    assert by_table == {"EVT": ["2025-02"], "STK": ["2023-Q2"]}
    header, sections = opened(results)[-1]
    assert header.kind == "complete"
    assert blocks.close_of(sections) == (close, found.height)


@settings(deadline=None, max_examples=25)
@given(
    rows=st.lists(ROWS, min_size=1, max_size=12).map(changes),
    cuts=st.lists(st.integers(1, 4), max_size=4),
    new=st.sampled_from(sorted(CATALOGUE.tables)),
    chunks=st.lists(st.integers(1, 3), max_size=6),
)
def test_a_new_table_has_its_past(
    rows: list[dict[str, Any]], cuts: list[int], new: str, chunks: list[int]
) -> None:
    """A state that did not look asks to be made anew; made anew, it is the audit's."""
    others = {name: one for name, one in CATALOGUE.tables.items() if name != new}
    before = replace(CATALOGUE, tables=others, digest=b"before".ljust(32))
    first = Bundle(catalogue=before, registry=KeyRegistry(keys={}))
    second = first.successor(CATALOGUE, first.registry, first.skips)
    content = [*messages(rows, cuts), CLOSE]
    since = len(content) - 2
    incoming = log(content, newer=second.digest, since=since)
    poor, rich = stage_of([first]), stage_of([first, second])
    expected = audit.all_cells(CATALOGUE, active(rows), Domain.MOBILITY)

    # The message `since` has the offset after it: the first is the genesis record.
    memory, _ = run(incoming[: since + 1], chunks, stage=poor)
    if any(plan.table.id == new for plan in plans(CATALOGUE, Domain.MOBILITY)):
        with pytest.raises(RecountError, match=new):
            rich.step(Overlay(memory), FACTS, incoming[since + 1 :])
    anew, results = run(incoming, chunks, stage=rich)

    assert state_cells(anew).equals(expected)
    _, whole = run(log(content), [])
    assert rows_of(results, "snapshot").equals(rows_of(whole, "snapshot"))


def stage_of(bundles: Sequence[Bundle]) -> Aggregate:
    """The stage of a worker that holds these bundles."""
    return Aggregate(
        Held(bundles), facts_key=FACTS_KEY, cells_key=CELLS_KEY, entropy=bytes
    )


def test_a_gap_is_held_and_named() -> None:
    """A block above what is covered changes nothing until the stretch comes."""
    row = {"flow": "crossing", "person": "p", "record": "a", "sign": 1, "sex": "F"}
    row |= {"day": dt.date(2025, 2, 1), "direction": "ENTRY", "citizenship": "KAZ"}
    incoming = log([*messages([row], [1]), CLOSE])
    lost = [incoming[0], *incoming[2:]]
    lost = [Incoming(offset=i, time_ms=0, value=m.value) for i, m in enumerate(lost)]

    memory, results = run(lost, [])

    assert results[0].gaps == (RECORDS.name,)
    assert not list(memory.scan(b"c"))
    assert [header.kind for header, _ in opened(results)] == ["rows"]


@pytest.mark.parametrize("kind", [b"c", b"t", b"f"])
def test_retraction_leaves_nothing(kind: bytes) -> None:
    """A fact that joined and left leaves no cell, share or person behind."""
    row = {"flow": "crossing", "person": "p", "record": "a", "sex": "F", "days": 2}
    row |= {"day": dt.date(2025, 2, 1), "direction": "ENTRY", "citizenship": "KAZ"}
    there = [{**row, "sign": 1}]
    back = [{**row, "sign": -1}]

    held, _ = run(log(messages(there, [])), [])
    gone, _ = run(log([*messages(there, []), *messages(back, [])]), [1, 1])

    assert list(held.scan(kind))
    assert not list(gone.scan(kind))
