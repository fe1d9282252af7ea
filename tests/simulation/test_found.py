"""What the simulator found, each as the smallest test that shows it."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from hub.core.aggregate import snapshot
from hub.core.release import assemble
from hub.trials import recount
from tests.core import ministry
from tests.simulation import checks, workload, world


def test_a_months_marker_may_name_a_table_of_quarters() -> None:
    """It publishes no period of it; release used to die of the empty list."""
    catalogue = world.catalogue()
    rows = pl.DataFrame(schema=snapshot.EMPTY.schema)
    table = catalogue.tables["STK_CIT"]

    assert assemble.assemble(catalogue, table, rows, [], []) == {}


def test_a_recount_has_the_longer_declarations_of_a_month() -> None:
    """Snapshots of a month carry the quarter's and the year's; so must the audit."""
    work = workload.make(1)
    logs = checks.inbound(work)
    close = replace(work.closes[-1], period="2025-08")
    reader = recount.Reader(
        world.catalogue(),
        world.bundles(),
        ministry.Keys(),  # type: ignore[arg-type] # the same fields, another class
    )
    for tp, messages in logs.items():
        reader.read(checks.source_of(tp), messages)
    active = recount.facts(world.catalogue(), reader.inbound)

    tables = recount.expected(world.catalogue(), active, close)["table"]

    assert {"DECLARED", "DECLARED_Q", "DECLARED_A"} <= {*tables}
