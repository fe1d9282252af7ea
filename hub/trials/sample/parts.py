"""Every dataflow of the sample, cut into the parts that a ministry would send."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import polars as pl

from hub.core.catalogue.model import Catalogue
from hub.trials.sample import (
    border,
    cases,
    civil,
    figures,
    labour,
    money,
    permits,
    students,
)
from hub.trials.sample.population import Population
from hub.trials.sample.rows import months


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows of one dataflow that are sent together.

    Attributes:
        label: Of the file.
        order: Day on which the file is published; files go out in this order.
        follow: Amendments of rows of this or an earlier part.
    """

    dataflow: str
    label: str
    order: int
    rows: pl.DataFrame = field(repr=False)
    follow: pl.DataFrame | None = field(default=None, repr=False)


# Dataflow -> its provider where there is one only, how it is cut, how it is made.
_YEARLY: dict[str, Callable[[Population, int], pl.DataFrame]] = {
    "civil_status": civil.rows,
    "student_mobility": students.rows,
    "trafficking_case": cases.trafficking,
    "service_contact": cases.services,
    "consular_case": cases.consular,
    "family_child": cases.children,
    "dtm_survey": cases.survey,
    "nap_activity": figures.activities,
    "policy_answer": figures.answers,
}
_QUARTERLY: dict[str, Callable[[Population, int], pl.DataFrame]] = {
    "labour_migration": labour.rows,
    "remittance": money.rows,
    "passenger_flow": figures.flights,
}
PROVIDERS = {
    "border_crossing": "sms",
    "residence_permit": "sms",
    "civil_status": "moi",
    "labour_migration": "molsp",
    "student_mobility": "moe",
    "trafficking_case": "moi",
    "remittance": "mef",
    "consular_case": "mfa",
    "dtm_survey": "sms",
    "passenger_flow": "sms",
}
"""Who sends a dataflow whose rows do not say."""


def every(people: Population, catalogue: Catalogue, seed: int) -> Iterator[Part]:
    """All parts of the dataflows that the catalogue has; one part at a time."""
    wanted = catalogue.dataflows
    if "border_crossing" in wanted:
        yield from _border(people, seed)
    if "residence_permit" in wanted:
        yield from _permits(people, seed)
    for flow, make in _QUARTERLY.items():
        if flow in wanted:
            yield from _cut(flow, make(people, seed), people, 3)
    for flow, make in _YEARLY.items():
        if flow in wanted:
            yield from _cut(flow, make(people, seed), people, 12)
    if "denominator" in wanted:
        stock = permits.opening(people, seed).filter(
            pl.col("kind").is_in(["TEMPORARY", "PERMANENT"])
        )
        countries = catalogue.codelists["CL_COUNTRY"]
        rows = figures.denominators(people, stock, countries)
        yield from _cut("denominator", rows, people, 12)


def _border(people: Population, seed: int) -> Iterator[Part]:
    """History, then a file a month."""
    crossings = border.make(people, seed)
    before = crossings.between(0, people.first_day - 1)
    yield Part(
        dataflow="border_crossing",
        label="history",
        order=people.first_day,
        rows=border.rows(people, crossings, before, seed, "history"),
    )
    listed = months(people.first_day, people.last_day)
    ends = [first - 1 for _, first in listed[1:]] + [people.last_day]
    for (label, first), last in zip(listed, ends, strict=True):
        numbers = crossings.between(first, last)
        yield Part(
            dataflow="border_crossing",
            label=label,
            order=last + 1,
            rows=border.rows(people, crossings, numbers, seed, label),
        )


def _permits(people: Population, seed: int) -> Iterator[Part]:
    """The opening stock, then quarters; decisions come after their applications."""
    rows, follow = permits.year(people, seed)
    revoked = pl.col("record_id").str.starts_with("RP-OPEN")
    yield Part(
        dataflow="residence_permit",
        label="opening",
        order=people.first_day,
        rows=permits.opening(people, seed),
        follow=follow.filter(revoked),
    )
    later = follow.filter(~revoked)
    yield from _cut("residence_permit", rows, people, 3, follow=later)


def _cut(
    flow: str,
    rows: pl.DataFrame,
    people: Population,
    size: int,
    *,
    follow: pl.DataFrame | None = None,
) -> Iterator[Part]:
    """Rows by the quarter or year they are sent in; later ones in the last."""
    listed = months(people.first_day, people.last_day)
    steps = listed[::size]
    starts = [first for _, first in steps]
    for place, (label, first) in enumerate(steps):
        final = place == len(steps) - 1
        after = people.last_day + 1 if final else starts[place + 1]
        chosen = pl.lit(value=True) if final else pl.col("_day") < after
        if place:
            chosen &= pl.col("_day") >= first
        part = rows.filter(chosen)
        if not part.height:
            continue
        year = label[:4]
        name = year if size == 12 else f"{year}-Q{(int(label[5:7]) + 2) // 3}"
        own = None
        if follow is not None:
            ids = part["record_id"].implode()
            own = follow.filter(pl.col("record_id").is_in(ids))
        yield Part(dataflow=flow, label=name, order=after, rows=part, follow=own)
