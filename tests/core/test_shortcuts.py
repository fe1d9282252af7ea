"""What most rows are spared leaves no trace: state and outputs as the long way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.dedupe import ledger, register, step
from hub.core.dedupe.desk import Desk
from hub.core.dedupe.newcomers import HOLDERS, Arrival
from hub.core.persons import Rules, entries_of
from tests.core import test_dedupe, test_persons
from tests.core.stream import Row, World


def meets_somebody(desk: Desk, added: Mapping[bytes, bytes], _: Rules) -> Arrival:
    """Every signature is doubted: none is placed in columns, none seated."""
    asked = sorted({entry for keys in added.values() for entry in entries_of(keys)})
    found = desk.get_many([HOLDERS + entry for entry in asked])
    held = (holders or b"" for holders in found)
    return Arrival(
        others=dict(added),
        together=set(added),
        lists=dict(zip(asked, held, strict=True)),
    )


@contextmanager
def long_way() -> Iterator[None]:
    """No shortcut is taken."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(register, "arrive", meets_somebody))
        stack.enter_context(
            patch.object(ledger.Batch, "_is_plain", lambda *_: False),
        )
        yield


@pytest.mark.parametrize("cap", [1, 2, 64])
@settings(max_examples=80, deadline=None)
@given(changes=test_persons.changes)
def test_register_without_shortcuts(
    cap: int, changes: list[tuple[set[bytes], set[int]]]
) -> None:
    """Newcomers and guests leave what a closure leaves, byte for byte."""
    quick = test_persons.Registered(Rules(cap=cap))
    slow = test_persons.Registered(Rules(cap=cap))
    for added, places in changes:
        there = sorted(quick.active.values())
        removed = {there[place % len(there)] for place in places if there}
        revision = quick.change(added - removed, removed)
        with long_way():
            expected = slow.change(added - removed, removed)

        assert quick.memory.entries == slow.memory.entries
        assert +revision.counts == +expected.counts


@settings(max_examples=80, deadline=None)
@given(batches=test_dedupe.batches, seed=test_dedupe.seeds, chunk=st.integers(1, 5))
def test_stage_without_shortcuts(
    batches: list[list[Row]], seed: int, chunk: int
) -> None:
    """Plain rows leave what the others leave, in state and on the wire."""
    messages = test_dedupe.messages_of(World(seed=seed), batches)
    quick = test_dedupe.run_in(messages, chunk)
    with long_way():
        slow = test_dedupe.run_in(messages, chunk)

    assert quick.memory.entries == slow.memory.entries
    assert quick.all_changes == slow.all_changes
    assert quick.counts == slow.counts


@settings(max_examples=40, deadline=None)
@given(batches=test_dedupe.batches, seed=test_dedupe.seeds, most=st.integers(1, 4))
def test_steps_do_not_show(batches: list[list[Row]], seed: int, most: int) -> None:
    """A step that takes few rows and leaves the rest changes nothing."""
    messages = test_dedupe.messages_of(World(seed=seed), batches)
    whole = test_dedupe.run_in(messages, len(messages))
    with patch.object(step, "STEP_ROWS", most):
        cut = test_dedupe.run_in(messages, len(messages))

    assert whole.memory.entries == cut.memory.entries
    assert whole.changes == cut.changes
    assert whole.counts == cut.counts
