"""Rates and ratios, from published components only.

Rules (docs/disclosure.md, "Rates"; catalogue: Component):

- A dimension of the rate, SEX and area too, is matched by id; one that the component
  alone has stands at ``_T`` unless the component names its codes.
- A finer component is summed over the period, a stock taken at its end; persons of
  months are never summed to a year. A coarser one is the period around.
- A component that is missing makes the rate missing, one that is suppressed suppresses
  it; a rate bears the mark of its components. Policy R wants both at least
  `component_min`, W the denominator at least `n_min`; under T and S both must have
  passed the policy of their own table.
- What is taken from the numerator is a component like the others; the complement of a
  share is 1 less it. A stacked ratio has a pair of components for each code and no
  total: what stands beside each other there need not add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product

from hub.core.catalogue.model import (
    Catalogue,
    Component,
    Measure,
    Table,
)
from hub.core.disclosure.figures import (
    ABSENT,
    MISSING,
    SMALL,
    SUPPRESSED,
    Figure,
    Place,
    first,
)
from hub.core.indicators.plan import AREA_TOTAL, TOTAL
from hub.core.period import PER_YEAR, parse
from hub.core.release.assemble import sexes
from hub.core.release.scale import printed

Figures = Mapping[str, Mapping[Place, Figure]]
"""Table → its figures by place."""

ZERO_FIGURE = Figure(value=Fraction(0))


def quotient(
    catalogue: Catalogue, table: Table, done: Figures, periods: Sequence[str]
) -> dict[Place, Figure]:
    """The figures of a rate or ratio."""
    found = {}
    for place, above, below in _sides(catalogue, table, done, periods):
        parts = [(above, 1), (below, 0)]
        if table.minus is not None:
            parts.append((table.minus, -1))
        figures = [
            (_component(catalogue, table, part, place, done), sign)
            for part, sign in parts
        ]
        found[place] = _divide(catalogue, table, figures)
    return found


def _sides(
    catalogue: Catalogue, table: Table, done: Figures, periods: Sequence[str]
) -> Iterator[tuple[Place, Component, Component]]:
    """Every place with what is divided there."""
    for period, sex, pair in product(periods, sexes(table), table.parts):
        place = Place(period, AREA_TOTAL, sex, pair.code, TOTAL)
        yield place, pair.numerator, pair.denominator
    above, below = table.numerator, table.denominator
    if above is not None and below is not None:
        for place in _grid(catalogue, table, done, periods):
            yield place, above, below


def _divide(
    catalogue: Catalogue, table: Table, parts: Sequence[tuple[Figure, int]]
) -> Figure:
    """The share of figures: those with a sign above, the one without below."""
    if any(figure.status == MISSING for figure, _ in parts):
        return ABSENT
    above, below, least = Fraction(0), Fraction(0), None
    for figure, sign in parts:
        value = figure.value
        if value is None:
            return Figure(value=None, status=SUPPRESSED, conf=figure.conf)
        above += sign * value
        below = below if sign else value
        least = value if least is None else min(least, value)
    assert least is not None  # noqa: S101 - a rate has components
    params = catalogue.policies[table.policy].params
    both, n = params.get("component_min", 0), params.get("n_min", 0)
    if not below or least < both or below < n:
        return Figure(value=None, status=SUPPRESSED, conf=SMALL)
    share = above / below
    mark = first(*(figure.mark for figure, _ in parts))
    return Figure(value=1 - share if table.complement else share, mark=mark)


def _grid(
    catalogue: Catalogue, table: Table, done: Figures, periods: Sequence[str]
) -> Iterable[Place]:
    """Every place that the numerator gives a code for."""
    assert table.numerator is not None  # noqa: S101 - asked by the caller
    assert table.denominator is not None  # noqa: S101 - asked by the caller
    above = catalogue.tables[table.numerator.table]
    below = catalogue.tables[table.denominator.table]
    places = done[above.id]
    areas = {AREA_TOTAL}
    if above.area is not None and below.area is not None:
        areas |= {place.area for place in places}
    codes = []
    for at in range(2):
        found = {TOTAL}
        if at < len(table.dimensions):
            position = _position(above, table.dimensions[at].id)
            if position is not None:
                found |= {place[3 + position] for place in places}
        codes.append(sorted(found))
    for period, area, sex, d1, d2 in product(
        periods, sorted(areas), sexes(table), *codes
    ):
        yield Place(period=period, area=area, sex=sex, d1=d1, d2=d2)


def _position(table: Table, dimension: str) -> int | None:
    ids = [one.id for one in table.dimensions]
    return ids.index(dimension) if dimension in ids else None


def _component(
    catalogue: Catalogue, table: Table, part: Component, place: Place, done: Figures
) -> Figure:
    """The printed number of a component at a place of the rate."""
    source = catalogue.tables[part.table]
    own = {one.id: place[3 + at] for at, one in enumerate(table.dimensions)}
    codes: list[Sequence[str]] = [
        part.where.get(one.id, (own.get(one.id, TOTAL),)) for one in source.dimensions
    ]
    codes += [(TOTAL,)] * (2 - len(codes))
    area = place.area if source.area is not None else AREA_TOTAL
    sex = place.sex if source.sex and table.sex else TOTAL
    areas = part.where.get("REF_AREA", (area,))
    kinds = part.where.get("SEX", (sex,))
    periods = _periods(source, table.frequency, place.period)
    if not periods:
        return ABSENT
    places = [Place(*one) for one in product(periods, areas, kinds, *codes)]
    return _sum(catalogue, source, places, done[source.id])


def _periods(source: Table, frequency: str, period: str) -> list[str]:
    """The component's periods that make up the rate's."""
    if source.frequency == frequency:
        return [period]
    if PER_YEAR[source.frequency] < PER_YEAR[frequency]:
        return [str(parse(period).at(source.frequency))]
    parts = [str(part) for part in parse(period).parts(source.frequency)]
    if source.measure is Measure.STOCK:
        return parts[-1:]
    summable = source.measure in {Measure.EVENTS, Measure.SUM}
    return parts if summable else []


def _sum(
    catalogue: Catalogue,
    source: Table,
    places: Sequence[Place],
    figures: Mapping[Place, Figure],
) -> Figure:
    policy = catalogue.policies[source.policy]
    total, hidden, mark = Fraction(0), None, ""
    for place in places:
        figure = figures.get(place) or _unseen(source, place, figures)
        if figure.status == MISSING:
            return ABSENT
        value = printed(source, policy, figure)
        if value is None:
            hidden = figure
        else:
            total += value
            mark = first(mark, figure.mark)
    return Figure(value=total, mark=mark) if hidden is None else hidden


def _unseen(table: Table, place: Place, figures: Mapping[Place, Figure]) -> Figure:
    """A place that was not published: zero, unless the whole period is missing."""
    national = Place(place.period, AREA_TOTAL, sexes(table)[0], TOTAL, TOTAL)
    found = figures.get(national)
    return ABSENT if found is None or found.status == MISSING else ZERO_FIGURE
