"""Tables that are served together give what each of them gives alone."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.indicators import batch
from hub.core.indicators.plan import PLACE, Plan, plans
from hub.core.indicators.tally import CELL_SCHEMA, SHARE_SCHEMA, Tally
from hub.core.indicators.whole import Whole
from tests.core import example
from tests.core.indicators import worlds
from tests.core.indicators.worlds import CATALOGUE, ROWS

PLANS = plans(CATALOGUE)


def listed(flow: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """A few numbered rows of a dataflow."""
    rows: st.SearchStrategy[list[Any]] = st.lists(ROWS[flow], max_size=5)
    return rows.map(lambda found: worlds.numbered(flow, found))


FACTS = st.fixed_dictionaries({flow: listed(flow) for flow in ROWS})


def count(tally: Tally, one: Plan, people: Whole) -> None:
    """Put a table of either kind into a tally."""
    if one.whole:
        batch.count_whole(tally, one, people)
    elif one.dataflow in people.facts:
        batch.count(tally, one, people.facts[one.dataflow])


@settings(deadline=None, max_examples=25)
@given(facts=FACTS, order=st.permutations(range(len(PLANS))))
def test_one_tally_and_shared_work_change_nothing(
    facts: dict[str, list[dict[str, Any]]], order: list[int]
) -> None:
    """Whatever table came before: what is kept of it fits those that count alike."""
    active = {flow: example.facts(flow, rows) for flow, rows in facts.items() if rows}
    people, together = Whole.of_active(active), Tally()
    alone: list[tuple[pl.DataFrame, pl.DataFrame]] = []
    for one in (PLANS[at] for at in order):
        if one.dataflow not in active:
            continue
        count(together, one, people)
        by_itself = Tally()
        count(by_itself, one, Whole.of_active(active))
        alone.append((by_itself.cells(), by_itself.shares()))

    empty = pl.DataFrame(schema=CELL_SCHEMA), pl.DataFrame(schema=SHARE_SCHEMA)
    cells, shares = (pl.concat(each) for each in zip(empty, *alone, strict=True))
    key = ["table", *PLACE]
    assert together.cells().sort(key).equals(cells.sort(key))
    key += ["person"]
    assert together.shares().sort(key).equals(shares.sort(key))
