"""The account of a worker: what it shows, and that a death changes none of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faust.types import TP

from agents.account import SETTLED_SECONDS, Account
from agents.condition import Condition
from agents.limits import ChunkPolicy
from agents.partition import Partition
from hub.core import coverage, guard, totals
from hub.core.books import mark
from hub.core.guard import Position
from hub.core.log import ROW_LAST, Source
from hub.core.messages import BlockHeader
from hub.core.stage import Series
from hub.core.state import Overlay, Reader
from hub.edge.metrics import Metrics
from hub.edge.state import Budget, State, open_state

LOG = b"L" * 16
ORIGIN = Source(topic="ministry.sms.border_crossing", partition=1, log=b"o" * 16)
ROWS: Series = (
    "rows_total",
    (("dataflow", "x"), ("ministry", "sms"), ("outcome", "unique"), ("reason", "")),
)


class Clock:
    """Seconds that pass when told."""

    now = 1_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the state is."""
    return tmp_path / "state"


@pytest.fixture
def state(folder: Path) -> Iterator[State]:
    """An open state."""
    made = open_state(folder, Budget.of())
    assert made is not None
    yield made
    made.close()


def partition(state: State, topic: str = "hub.records.MOBILITY") -> Partition:
    """A running partition."""
    one = Partition(TP(topic, 0), 1, ChunkPolicy())
    one.load(state)
    one.source = Source(topic=topic, partition=0, log=LOG)
    one.condition = Condition.RUNNING
    return one


def fold(
    account: Account, one: Partition, offset: int, rows: int, to: tuple[int, int]
) -> None:
    """What the runtime does with a chunk, as far as the account is concerned."""
    overlay = Overlay(one.state)
    header = BlockHeader(
        stage="intake",
        kind="rows",
        source=ORIGIN,
        from_offset=-1,
        from_row=0,
        to_offset=to[0],
        to_row=to[1],
        clock_ms=0,
        config=bytes(32),
        generation=0,
        key_id="x",
    )
    coverage.advance(overlay, header)
    account.add(one, overlay, {ROWS: rows})
    position = Position(offset=offset, log=LOG, digest=bytes(16), clock_ms=0)
    overlay.put(guard.POSITION_KEY, guard.encode_position(position))
    one.state.write(overlay.pending)
    one.stored(position)
    account.folded(one, overlay)


def shown(account: Account) -> dict[str, float]:
    """Values by name; each name once."""
    samples = account.samples()
    found = {name: value for (name, _), value in samples}
    assert len(found) == len(samples)
    return found


def test_positions_coverage_and_sums_follow_every_chunk(state: State) -> None:
    """A block in the middle of a message covers up to the message before."""
    account, one = Account(), partition(state)
    account.opened(one)
    fold(account, one, 3, 10, (7, ROW_LAST))
    assert shown(account) == {
        "position_offset": 3,
        "rows_counted": 10,
        "covered_offset": 7,
    }
    fold(account, one, 4, 5, (9, 100))
    assert shown(account) == {
        "position_offset": 4,
        "rows_counted": 15,
        "covered_offset": 8,
    }
    assert {labels for (_, labels), _ in account.samples()} == {
        (("source", one.name),),
        (
            ("dataflow", "x"),
            ("ministry", "sms"),
            ("outcome", "unique"),
            ("source", one.name),
        ),
        (("into", one.name), ("source", ORIGIN.name)),
    }


def test_a_start_changes_nothing(state: State, folder: Path) -> None:
    """The account is read from the state: it is the fold, not the process."""
    account, one = Account(), partition(state)
    account.opened(one)
    fold(account, one, 3, 10, (7, ROW_LAST))
    before = shown(account)
    account.gone(one)
    assert account.samples() == []
    state.close()

    again = open_state(folder, Budget.of())
    assert again is not None
    other, successor = Account(), partition(again)
    other.opened(successor)
    assert shown(other) == before
    fold(other, successor, 4, 1, (8, ROW_LAST))
    assert shown(other)["rows_counted"] == 11
    again.close()


def test_a_chunk_that_is_not_written_counts_nowhere(state: State) -> None:
    """Sums are in the chunk's own batch; dropped with it, they were never there."""
    account, one = Account(), partition(state)
    account.opened(one)
    overlay = Overlay(state)
    account.add(one, overlay, {ROWS: 99})
    assert totals.TOTALS_KEY in overlay.pending
    fold(account, one, 3, 10, (7, ROW_LAST))
    assert shown(account)["rows_counted"] == 10


def test_a_minute_ago(state: State) -> None:
    """What is settled is neither younger than a minute nor much older."""
    clock = Clock()
    account, one = Account(clock=clock), partition(state)
    account.opened(one)
    for offset in range(30):
        fold(account, one, offset, 1, (offset, ROW_LAST))
        found = shown(account)
        age = clock.now - 1_000.0
        assert ("settled_offset" in found) == (age >= SETTLED_SECONDS)
        if age >= SETTLED_SECONDS:
            behind = (found["position_offset"] - found["settled_offset"]) * 5
            assert SETTLED_SECONDS <= behind <= SETTLED_SECONDS + 10
            assert found["rows_counted"] - found["rows_settled"] == behind / 5
        clock.now += 5.0


def test_a_quiet_log_shows_marks(state: State) -> None:
    """No offset and no sum; equal marks where places are equal."""
    topic = "hub.records.HEALTH"
    account = Account(quiet={topic, ORIGIN.topic})
    one = partition(state, topic)
    account.opened(one)
    fold(account, one, 3, 10, (7, ROW_LAST))
    assert shown(account) == {
        "position_mark": mark(LOG, 3),
        "covered_mark": mark(ORIGIN.log, 7),
    }


def test_what_a_stage_shows_of_its_state(state: State) -> None:
    """Asked for anew every time, and only while the state is open."""
    held = state

    def look(state: Reader, source: str, *, quiet: bool) -> dict[Series, float]:
        assert state is held
        return {("cut_held", (("source", source),)): float(quiet)}

    account, one = Account(look=look), partition(state)
    account.opened(one)
    assert shown(account)["cut_held"] == 0
    state.kill()
    one._state = None
    assert "cut_held" not in shown(account)


def test_the_exposition_is_replaced_as_a_whole() -> None:
    """Series of a partition that is gone are not shown any more."""
    metrics = Metrics("dedupe")
    first: Series = ("position_offset", (("source", "a/0"),))
    metrics.present(
        [(first, 7), (("covered_offset", (("into", "a/0"), ("source", "b/0"))), 3)]
    )
    text = metrics.account()
    assert 'kerwen_position_offset{source="a/0",stage="dedupe"} 7.0' in text
    assert 'kerwen_covered_offset{into="a/0",source="b/0",stage="dedupe"} 3.0' in text
    assert text.encode() in metrics.text()
    metrics.present([])
    assert "position_offset{" not in metrics.text().decode()


def test_lags_go_with_their_partition(state: State) -> None:
    """A rebalance leaves no series behind, and a quiet partition has none."""
    account, one = Account(), partition(state)
    account.opened(one)
    [((name, labels), value)] = account.lags(lambda _: 7.0)
    assert (name, value) == ("source_lag_seconds", 7.0)
    assert labels == (("source", one.name),)
    metrics = Metrics("dedupe")
    metrics.present([*account.samples(), *account.lags(lambda _: 7.0)])
    assert f'source="{one.name}"' in metrics.text().decode()

    account.gone(one)
    assert account.lags(lambda _: 7.0) == []
    metrics.present([*account.samples(), *account.lags(lambda _: 7.0)])
    assert one.name not in metrics.text().decode()

    quiet = Account(quiet={one.tp.topic})
    quiet.opened(one)
    assert quiet.lags(lambda _: 7.0) == []
