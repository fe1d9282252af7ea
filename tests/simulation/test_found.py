"""What the simulator found, each as the smallest test that shows it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import polars as pl
import pytest

from hub.core.aggregate import snapshot
from hub.core.release import assemble
from hub.trials import recount
from tests.simulation import cuts, trial, workload, world
from tests.simulation.faults import Fault
from tests.simulation.world import BRIEF, SMALL, WHOLE


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Stopped and fenced partitions are logged by the thousand here."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_a_months_marker_may_name_a_table_of_quarters() -> None:
    """It publishes no period of it; release used to die of the empty list."""
    rows = pl.DataFrame(schema=snapshot.EMPTY.schema)
    table = WHOLE.catalogue.tables["STK_CIT"]

    assert assemble.assemble(WHOLE.catalogue, table, rows, [], []) == {}


def test_a_recount_has_the_longer_declarations_of_a_month() -> None:
    """Snapshots of a month carry the quarter's and the year's; so must the audit."""
    work = workload.make(WHOLE.name, 1)
    close = replace(work.closes[-1], period="2025-08")
    reader = cuts.reader(WHOLE)
    for tp, messages in cuts.inbound(work).items():
        reader.read(world.source_of(tp), messages)
    active = recount.facts(WHOLE.catalogue, reader.inbound)

    tables = recount.expected(WHOLE.catalogue, active, close)["table"]

    assert {"DECLARED", "DECLARED_Q", "DECLARED_A"} <= {*tables}


def test_a_poisoned_message_does_not_kill_worker_after_worker() -> None:
    """A stop was forgotten at the next assignment, and each restart is one."""
    work = workload.make(SMALL.name, 1, frozenset())
    plan = (
        Fault("lose", "dedupe", "after load", 2),
        Fault("plague", "dedupe", "", 119),
    )
    for seed in range(530, 536):
        verdict = trial.attempt(trial.Trial(seed=seed, work=work, plan=plan))

        assert verdict.problems == []


def test_a_topic_made_again_under_a_running_worker_is_found() -> None:
    """It was read on from where the old one had stood, if nobody joined or left."""
    plan = (Fault("recreate", "dedupe", "", 500),)

    verdict = trial.attempt(trial.plainly(2, plan))

    assert verdict.run.stopped
    assert verdict.problems == []


def test_a_log_cut_under_a_state_that_was_left_behind() -> None:
    """The newer checkpoint came while the old state was open already."""
    plan = (
        Fault("copy", "release", "", 386),
        Fault("copy", "release", "", 399),
        Fault("retain", "release", "", 310),
        Fault("revoke", "release", "idle", 2),
        Fault("revoke", "release", "before take", 1),
        Fault("revoke", "aggregate", "after ack", 8),
    )

    verdict = trial.attempt(trial.plainly(7400, plan))

    assert verdict.run.hits["retain", "release", ""] == 1
    assert verdict.problems == []


def test_a_log_cut_below_what_retention_left_stops_its_partition() -> None:
    """The simulator's own log did not know that it is empty then."""
    copies = tuple(Fault("copy", "intake", "", at) for at in (100, 200, 300, 400))
    plan = (
        *copies,
        Fault("retain", "intake", "", 420),
        Fault("truncate", "intake", "", 480),
    )
    emptied = 0
    for seed in range(7004, 7012):
        verdict = trial.attempt(trial.plainly(seed, plan, BRIEF))
        logs = verdict.run.broker.logs.values()
        emptied += any(log.start == log.end for log in logs)

        assert all(log.start <= log.end for log in logs)
        assert verdict.problems == []
    assert emptied


def test_every_world_has_records_for_its_greatest_batch() -> None:
    """A batch may name a record once."""
    for one in world.WORLDS.values():
        assert one.records >= one.rows_max
