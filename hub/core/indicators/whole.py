"""Whole persons: what happened to one before, after, and elsewhere.

Rules (docs/data-path.md, "Aggregate"):

- A frame of a dataflow holds all facts of every person in it that a table needs, once
  with sign −1 as the person was and once with +1 as the person is; the rows of one
  person and sign stand together.
- A joined fact is looked for among the facts of the same side.
- What crossings say is worked out once for all tables that ask alike. What else tables
  share is kept for the next one only, so whoever serves tables that count alike one
  after the other saves work, and memory has a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from hub.core.catalogue.model import Residence
from hub.core.indicators import conditions
from hub.core.indicators.plan import Plan
from hub.core.indicators.stock import stays
from hub.core.residence import NOT_DECLARED, Changes, Crossings, Reading, Rule, read

OWNER = ["sign", "person"]
LENGTH = "length_days"
"""Days of a stay, in rows that residence gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moves:
    """Changes of side, and the rows of the crossings they come from."""

    rows: pl.DataFrame
    changes: Changes


class Whole:
    """Facts of whole persons, by dataflow."""

    def __init__(self, facts: Mapping[str, pl.DataFrame]) -> None:
        """Keeps the frames.

        Args:
            facts: Dataflow → rows with sign, person, record and seq.
        """
        self.facts = facts
        self._moves: dict[tuple[str, str, Residence, Rule], _Moves] = {}
        self._kept: dict[str, tuple[object, pl.DataFrame]] = {}

    @classmethod
    def of_active(cls, active: Mapping[str, pl.DataFrame]) -> Whole:
        """All active facts of a domain, as they stand."""
        seen = [
            pl.lit(1, dtype=pl.Int64).alias("sign"),
            pl.lit(0, dtype=pl.Int64).alias("seq"),
        ]
        return cls(
            {
                name: frame.with_columns(seen).sort("person", "record")
                for name, frame in active.items()
            }
        )

    def rows(self, plan: Plan) -> pl.DataFrame:
        """The facts of a table that count, before they are put into cells."""
        return self._once("rows", plan.counted, lambda: self._rows(plan))

    def stays(self, plan: Plan) -> pl.DataFrame:
        """The stays that a stock counts (:func:`hub.core.indicators.stock.stays`)."""
        key = (plan.counted, plan.table.until, plan.table.closes)
        return self._once(
            "stays", key, lambda: stays(plan, self.rows(plan), self.closings(plan))
        )

    def closings(self, plan: Plan) -> pl.DataFrame:
        """What ends stays: columns sign, person, closed (days since 1970), final."""
        return self._once("closings", plan.table.closes, lambda: self._closings(plan))

    def _once(
        self, what: str, key: object, make: Callable[[], pl.DataFrame]
    ) -> pl.DataFrame:
        """What the table before asked for as well, or what is made now."""
        kept = self._kept.get(what)
        if kept is None or kept[0] != key:
            kept = self._kept[what] = key, make()
        return kept[1]

    def _rows(self, plan: Plan) -> pl.DataFrame:
        if plan.table.residence is not None:
            rows = self._lived(plan, plan.table.residence).filter(plan.holds)
        else:
            rows = self.facts[plan.dataflow].filter(plan.holds)
        return self._followed(plan, rows)

    def _closings(self, plan: Plan) -> pl.DataFrame:
        found = [
            pl.DataFrame(
                schema={
                    "sign": pl.Int64,
                    "person": pl.Binary,
                    "closed": pl.Date,
                    "final": pl.Boolean,
                }
            )
        ]
        for one in plan.table.closes:
            facts = self.facts.get(one.dataflow)
            if facts is not None:
                fields = plan.elsewhere[one.dataflow]
                chosen = facts.filter(conditions.where(one.where, fields))
                found.append(
                    chosen.select(
                        "sign",
                        "person",
                        pl.col(one.time).alias("closed"),
                        pl.lit(one.final).alias("final"),
                    ).drop_nulls("closed")
                )
        return pl.concat(found)

    def _followed(self, plan: Plan, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows whose person has the joined fact in time."""
        joined = plan.table.joined
        if joined is None or not rows.height:
            return rows
        others = self.facts.get(joined.dataflow)
        if others is None:
            return rows.clear()
        holds = conditions.where(joined.where, plan.elsewhere[joined.dataflow])
        theirs = others.filter(holds).select(*OWNER, other=pl.col(joined.time))
        numbered = rows.with_row_index("_row")
        days = pl.col("other").cast(pl.Int32) - pl.col(str(plan.table.time)).cast(
            pl.Int32
        )
        found = (
            numbered.join(theirs, on=OWNER)
            .filter(days.is_between(0, joined.within_days))["_row"]
            .unique()
        )
        return rows[found.sort()]

    def _lived(self, plan: Plan, asked: Residence) -> pl.DataFrame:
        """The crossings that the table counts, with the length of the stay."""
        moves = self._moves_of(plan, asked)
        changes = moves.changes
        reading = changes.intended if plan.intended else changes.observed
        match asked.event:
            case "immigration":
                chosen = reading.moved & changes.inward
            case "emigration":
                chosen = reading.moved & ~changes.inward
            case "visit":
                chosen = _lasting(asked, reading) & changes.inward & ~reading.resident
            case _:
                chosen = _lasting(asked, reading) & changes.inward
        places = np.flatnonzero(chosen)
        rows = moves.rows[changes.row[places]]
        return rows.with_columns(pl.Series(LENGTH, reading.length[places]))

    def _moves_of(self, plan: Plan, asked: Residence) -> _Moves:
        # Tables that differ in what they count share the work of finding it out.
        alike = replace(asked, event="", least_days=0, below_days=None)
        half = plan.table.residence_rule == "R6P1"
        rule = Rule(half=half, away_days=asked.away_days)
        key = (plan.dataflow, str(plan.table.time), alike, rule)
        if key not in self._moves:
            self._moves[key] = self._read(plan, asked, rule)
        return self._moves[key]

    def _read(self, plan: Plan, asked: Residence, rule: Rule) -> _Moves:
        time = str(plan.table.time)
        facts = self.facts[plan.dataflow]
        facts = facts.filter(
            pl.col(asked.direction).is_not_null() & pl.col(time).is_not_null()
        )
        declared = pl.lit(None, dtype=pl.Int64)
        if asked.declared is not None:
            declared = pl.col(asked.declared).cast(pl.Int64)
        record = pl.col("record").bin.head(8)
        columns = facts.select(
            owner=pl.struct(OWNER).rle_id().cast(pl.Int64),
            day=pl.col(time).cast(pl.Int32).cast(pl.Int64),
            # 63 bits of a keyed hash: two records that share them do not come along.
            tie=record.bin.reinterpret(dtype=pl.UInt64, endianness="big") // 2,
            inward=pl.col(asked.direction) == asked.inward,
            declared=declared.fill_null(NOT_DECLARED),
            home=conditions.where(asked.home, plan.fields),
            settled=conditions.where(asked.settled, plan.fields) & bool(asked.settled),
        )
        crossings = Crossings(
            **{
                name: columns[name].cast(kind).to_numpy()
                for name, kind in _COLUMNS.items()
            }
        )
        return _Moves(rows=facts, changes=read(crossings, rule))


_COLUMNS = {
    "owner": pl.Int64,
    "day": pl.Int64,
    "tie": pl.Int64,
    "inward": pl.Boolean,
    "declared": pl.Int64,
    "home": pl.Boolean,
    "settled": pl.Boolean,
}


def _lasting(asked: Residence, reading: Reading) -> np.ndarray:
    """Stays of the length asked for."""
    long = reading.length >= asked.least_days
    if asked.below_days is None:
        return long
    return long & (reading.length < asked.below_days)
