"""``kerwen catalogue gender``: the gender framework, with how fresh each figure is.

Without a hub the matrix is that of the catalogue; with one each table also has its
newest period, the vintage of it, and the age of that in days.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from hub.cli.output import Output
from hub.cli.vintages import READER
from hub.client import vintages
from hub.client.manifests import RELEASE, withdrawn
from hub.core.catalogue import framework
from hub.core.catalogue.model import Catalogue
from hub.core.errors import MachineError, RetriableError
from hub.core.observation import Vintage
from hub.core.period import DAY_MS, end_date
from hub.edge.settings import Settings

NO_HUB = "no hub is reachable: how fresh the figures are is not said"


def run(settings: Settings, catalogue: Catalogue, out: Output) -> int:
    """Print the matrix."""
    found = framework.entries(catalogue)
    newest = _newest(settings)
    now_ms = time.time_ns() // 1_000_000
    rows = [
        {**one.as_json(), **_freshness(newest, one.table.id, now_ms)} for one in found
    ]
    counts = framework.summary(found)
    out.table(
        "Gender framework",
        ("table", "sex", "age", "area", "from", "newest", "days", "missing"),
        [
            (
                row["id"],
                "yes" if row["sex"] else "inside" if row["sex_inside"] else "",
                row["age"],
                "yes" if row["area"] else "",
                ", ".join(row["providers"]),
                " ".join(filter(None, (row["period"], row["vintage"]))),
                row["age_days"],
                ", ".join(row["missing"]),
            )
            for row in rows
        ],
        right=("days",),
    )
    if newest is None:
        out.say(NO_HUB)
    out.result(
        {"summary": counts, "hub": newest is not None, "tables": rows},
        "{by_sex} of {tables} tables by sex, {by_sex_and_age} also by age; age is "
        "missing in {age_missing}, the velayat in {area_missing}".format(**counts),
    )
    return 0


def _newest(settings: Settings) -> Mapping[str, Vintage] | None:
    """Table → manifest of its newest period; None where no hub answers."""
    try:
        listed = list(vintages(settings, READER))
    except (MachineError, RetriableError):
        return None
    gone = withdrawn(listed)
    found: dict[str, Vintage] = {}
    for one in listed:
        if one.action == RELEASE and (one.table, one.marker) not in gone:
            known = found.get(one.table)
            rank = (end_date(one.period), one.released_ms)
            if known is None or rank > (end_date(known.period), known.released_ms):
                found[one.table] = one
    return found


def _freshness(
    newest: Mapping[str, Vintage] | None, table: str, now_ms: int
) -> dict[str, Any]:
    one = None if newest is None else newest.get(table)
    if one is None:
        return {"period": None, "vintage": None, "age_days": None}
    return {
        "period": one.period,
        "vintage": one.vintage,
        "age_days": max((now_ms - one.released_ms) // DAY_MS, 0),
    }
