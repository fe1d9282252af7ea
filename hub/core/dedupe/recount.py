"""The same facts from all rows at once: what the audit compares with.

It shares the rules with the stage (rank, `components`, the columns of a fact) and none
of its state: no index, no order of arrival, no closures.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from hub.core.dedupe.entries import ranks
from hub.core.dedupe.flows import Flow
from hub.core.persons import SIGNATURE_SIZE, Rules, components

_SHARED = ("record", "nkey", "sig", "keys")


def active_facts(
    rows: Mapping[str, pl.DataFrame], flows: Mapping[str, Flow], rules: Rules
) -> dict[str, pl.DataFrame]:
    """The facts that count, with their persons, by dataflow.

    Args:
        rows: All accepted rows of one domain, by dataflow, in the order of the log.
        flows: The dataflows' schemas.
        rules: How the persons of the domain are joined.

    Returns:
        Columns person, member, record and the attributes, sorted by record.
    """
    live = {
        name: standing(frame)
        .filter(pl.col("action") != "CANCEL")
        .with_columns(pl.col("sig").bin.head(SIGNATURE_SIZE))
        for name, frame in rows.items()
        if frame.height
    }
    if not live:
        return {}
    every = pl.concat([frame.select(_SHARED) for frame in live.values()])
    persons = _persons(every, rules)
    hidden = _shadowed(every)
    return {
        name: frame.join(hidden, on="record", how="anti")
        .join(persons, on="sig", how="left")
        .with_columns(pl.col("person").fill_null(pl.col("record")))
        .select("person", "member", "record", *flows[name].attributes[1:])
        .sort("record")
        for name, frame in live.items()
    }


def standing(rows: pl.DataFrame) -> pl.DataFrame:
    """The row of every record that has the greatest rank, the first of equals."""
    return (
        rows.with_columns(pl.Series("rank", ranks(rows), pl.Binary))
        .sort("rank", descending=True, maintain_order=True)
        .unique("record", keep="first", maintain_order=True)
    )


def _shadowed(live: pl.DataFrame) -> pl.DataFrame:
    """Records whose natural key a lesser record has."""
    ordered = live.filter(pl.col("nkey").is_not_null()).sort("record")
    first = ordered.unique("nkey", keep="first")
    return ordered.join(first, on="record", how="anti").select("record")


def _persons(live: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    known = live.filter(pl.col("sig").is_not_null()).unique("sig", maintain_order=True)
    signatures = dict(zip(known["sig"], known["keys"], strict=True))
    found = components(signatures, rules)
    return pl.DataFrame(
        {"sig": list(found), "person": list(found.values())},
        schema={"sig": pl.Binary, "person": pl.Binary},
    )
