"""A step leaves nothing that only the garbage collector would find.

What a step holds is large and has few objects, so the collector would come round late:
dedupe grew by 800 bytes a row before this was tested.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

from hub.core.catalogue.model import Domain
from hub.core.state import Overlay
from tests.core import facts_log, ministry, stream
from tests.core.release import cuts
from tests.core.test_aggregate import messages

FACT = {"flow": "crossing", "person": "p", "record": "a", "sign": 1, "sex": "F"}


def _intake() -> None:
    run = ministry.Run()
    value = ministry.Lane().seal([ministry.crossing(1), ministry.crossing(2, sex="X")])
    run.feed(ministry.genesis(), value, ministry.close())


def _dedupe() -> None:
    lane = stream.Lane(stream.World(seed=1), "crossing")
    run = stream.Run(stream.stage(), Domain.MOBILITY)
    rows = [stream.Row(number % 3, revision=number) for number in range(6)]
    run.step(stream.log([lane.block(rows)]))


def _aggregate() -> None:
    facts_log.run(facts_log.log([*messages([FACT], [1]), facts_log.CLOSE]), [])


def _release() -> None:
    sends = cuts.cells_log([*cuts.spread("crossing", [FACT]), cuts.close()])
    cuts.step(cuts.release(), sends)


STAGES: dict[str, Callable[[], None]] = {
    "intake": _intake,
    "dedupe": _dedupe,
    "aggregate": _aggregate,
    "release": _release,
}


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Nothing collects for the time of a test."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.usefixtures("no_collector")
def test_a_step_leaves_no_overlay(stage: str) -> None:
    """The pending entries of a chunk go when the chunk is done."""
    before = [one for one in gc.get_objects() if isinstance(one, Overlay)]
    STAGES[stage]()
    left = [one for one in gc.get_objects() if isinstance(one, Overlay)]

    assert len(left) == len(before)
