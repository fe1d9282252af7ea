"""Late, corrected and withdrawn facts in any chunks: the stream is the batch."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core import blocks, cells
from hub.core.aggregate import Aggregate
from hub.core.bundle import only
from hub.core.catalogue.model import Domain
from hub.core.indicators import audit
from hub.core.indicators.plan import PLACE
from hub.core.messages import Block, decode
from hub.core.state import Memory
from hub.trials import recount
from tests.core import example
from tests.core.facts_log import CELLS_KEY, CLOSE, FACTS, FACTS_KEY, Message, log, run
from tests.core.indicators.worlds import ROWS, TABLES

WHOLE = {"CLOSED", "BACK", "IMM", "EMI", "HALF", "VISIT", "OPEN", "POOL"}
CATALOGUE = example.catalogue(
    [one for one in TABLES if one.id in WHOLE or one.dataflow == "declaration"]
)
EXAMPLES = settings().max_examples if settings().max_examples > 100 else 40
"""All that the profile asks for, but a good deal fewer day by day: each is a log."""
STAGE = Aggregate(
    only(CATALOGUE), facts_key=FACTS_KEY, cells_key=CELLS_KEY, entropy=bytes
)
LINKED = ("stay", "civil", "crossing")
FACT = st.sampled_from(LINKED).flatmap(
    lambda flow: st.fixed_dictionaries(
        {
            "flow": st.just(flow),
            "record": st.integers(0, 7),
            "what": ROWS[flow],
        }
    )
)


def changes(facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Facts in turn, signed: a record seen again is corrected, the same withdrawn."""
    active: dict[str, dict[str, Any]] = {}
    out = []
    for one in facts:
        flow = one["flow"]
        new = {"flow": flow, "record": f"{flow}/{one['record']}", **one["what"]}
        old = active.pop(new["record"], None)
        if old is not None:
            out.append({**old, "sign": -1})
        if old != new:
            active[new["record"]] = new
            out.append({**new, "sign": 1})
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


def standing(rows: list[dict[str, Any]]) -> dict[str, pl.DataFrame]:
    """Dataflow → facts that stand."""
    left: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["sign"] > 0:
            left[row["record"]] = row
        else:
            left.pop(row["record"], None)
    out = {}
    for flow in LINKED:
        held = [row for row in left.values() if row["flow"] == flow]
        plain = [{k: v for k, v in row.items() if k != "flow"} for row in held]
        if plain:
            out[flow] = example.facts(flow, plain)
    return out


def state_cells(memory: Memory) -> pl.DataFrame:
    """The cells in state, as the audit gives them."""
    found = [(key[1:].decode(), value) for key, value in memory.scan(b"c")]
    names = pl.DataFrame(
        [key.split("|") for key, _ in found], schema=["table", *PLACE], orient="row"
    )
    sums = cells.unpack([value for _, value in found])
    return names.hstack(sums).sort("table", *PLACE)


@settings(max_examples=EXAMPLES)
@given(
    rows=st.lists(FACT, max_size=18).map(changes),
    cuts=st.lists(st.integers(1, 5), max_size=4),
    chunks=st.lists(st.integers(1, 3), max_size=5),
)
def test_the_stream_is_the_batch_over_what_stands(
    rows: list[dict[str, Any]], cuts: list[int], chunks: list[int]
) -> None:
    """Stocks that close, joins and residence: state equals the audit, cell by cell."""
    incoming = log([*messages(rows, cuts), CLOSE])

    whole, _ = run(incoming, [], FACTS, STAGE)
    parts, results = run(incoming, chunks, FACTS, STAGE)

    expected = audit.all_cells(CATALOGUE, standing(rows), Domain.MOBILITY)
    assert whole.entries == parts.entries
    assert state_cells(whole).equals(expected)

    snapshot = [pl.DataFrame(schema=dict.fromkeys(recount.NAMES, pl.String))]
    for result in results:
        for send in result.sends:
            block = decode(send.value or b"")
            assert isinstance(block, Block)
            _, sections = blocks.open(block, CELLS_KEY)
            snapshot += [
                blocks.rows(section, cells.SCHEMA)
                for section in sections
                if section.name == "snapshot"
            ]
    said = pl.concat(snapshot, how="diagonal")
    if said.width > len(recount.NAMES):
        active = {Domain.MOBILITY: standing(rows)}
        found = recount.expected(CATALOGUE, active, CLOSE)
        assert recount.compare(found, recount.merged(CATALOGUE, said)).equal
