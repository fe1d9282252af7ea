"""Whole persons of a chunk: everybody it touched, with what else is known of them.

Rules (docs/data-path.md, "Aggregate"):

- Tables that look at the same dataflows are served together, so a person is read once
  for all of them.
- A person without a fact in the dataflow a table counts is left out before anything
  else is read about her.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from hub.core.aggregate.people import Change, Shelf, shelves
from hub.core.catalogue.model import Catalogue
from hub.core.indicators.plan import Plan
from hub.core.indicators.whole import Whole
from hub.core.state import Overlay

Group = tuple[str, tuple[str, ...]]
"""The dataflow that is counted, and the others that are looked at."""


class Wholes:
    """The shelves of a domain and the tables they serve."""

    def __init__(self, catalogue: Catalogue, plans: Sequence[Plan]) -> None:
        self._shelves: dict[str, Shelf] = shelves(catalogue, plans)
        self._groups: dict[Group, list[Plan]] = {}
        for plan in plans:
            if plan.whole:
                others = tuple(sorted(plan.needs.keys() - {plan.dataflow}))
                self._groups.setdefault((plan.dataflow, others), []).append(plan)
        for group in self._groups.values():
            group.sort(key=_alike)

    def change(
        self, overlay: Overlay, facts: Mapping[str, pl.DataFrame]
    ) -> Iterator[tuple[Plan, Whole]]:
        """Fold a chunk's facts; each table that may change, with its persons."""
        changed = {
            flow: shelf.change(overlay, facts[flow])
            for flow, shelf in self._shelves.items()
            if flow in facts
        }
        if not changed:
            return
        for group, plans in self._groups.items():
            whole = self._whole(overlay, group, changed)
            if whole is not None:
                for plan in plans:
                    yield plan, whole

    def _whole(
        self, overlay: Overlay, group: Group, changed: Mapping[str, Change]
    ) -> Whole | None:
        own, others = group
        named = [changed[flow].touched for flow in (own, *others) if flow in changed]
        if not named:
            return None
        people = named[0]
        if len(named) > 1:
            people = pl.concat(named).group_by("person").agg(pl.col("seq").max())
            people = people.sort("person")
        if not people.height:
            return None
        facts = {own: self._shelves[own].sides(overlay, changed.get(own), people)}
        if not facts[own].height:
            return None
        if others:
            people = people.join(facts[own].select("person"), on="person", how="semi")
        for flow in others:
            facts[flow] = self._shelves[flow].sides(overlay, changed.get(flow), people)
        return Whole(facts)


def _alike(plan: Plan) -> str:
    """Brings tables together that count the same rows and end stays alike."""
    return repr((plan.counted, plan.table.until, plan.table.closes))
