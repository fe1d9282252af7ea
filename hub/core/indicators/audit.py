"""Every cell of a domain at once: what the stream must equal (delivery, rule 13)."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from hub.core.catalogue.model import Catalogue, Domain
from hub.core.indicators.batch import CELL_SCHEMA, cells_of, live, whole_cells
from hub.core.indicators.plan import PLACE, plans
from hub.core.indicators.whole import Whole


def all_cells(
    catalogue: Catalogue, active: Mapping[str, pl.DataFrame], domain: Domain
) -> pl.DataFrame:
    """The cells of a domain from its active facts; columns table, place, sums.

    Args:
        catalogue: What was declared.
        active: Dataflow → its active facts, as in ``hub.facts``, all persons whole.
        domain: Which domain's tables.
    """
    found = [pl.DataFrame(schema=CELL_SCHEMA)]
    whole = Whole.of_active(active)
    for plan in plans(catalogue, domain):
        if plan.dataflow not in active:
            continue
        if plan.whole:
            found.append(whole_cells(plan, whole))
        else:
            found.append(cells_of(plan, active[plan.dataflow]))
    return live(pl.concat(found).drop("seq")).sort(["table", *PLACE])
