"""What a query does to series once they are found: times, values, ends, order, pages.

Rules (SDMX REST, "Data queries"):

- Filters on attributes and values are asked of every observation; a series of which
  none is left is left out.
- First and last observations are counted in each series, by time; both together give
  both ends.
- Pages are cut out of what is asked for, in its order, counting observations, or
  series where no observations are wanted.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence

from hub.core.sdmx.cube import Observation, Series
from hub.core.sdmx.model import MEASURE, TIME, Structure
from hub.core.sdmx.query import Query
from hub.core.sdmx.select import Filter, number, passes, text

_Row = tuple[Series, Observation]


def arranged(query: Query, found: Iterable[Series]) -> list[Series]:
    """The series of a query's answer, of those that its keys and times select."""
    kept = [_filtered(query, one) for one in found]
    series = [one for one in kept if one.observations]
    if query.first is not None or query.last is not None:
        series = [_ends(one, query.first, query.last) for one in series]
    if query.sort:
        series = _sorted(query, series)
    if query.offset or query.limit is not None:
        stop = None if query.limit is None else query.offset + query.limit
        if not query.detail.observations:
            return series[query.offset : stop]
        return _joined(_rows(series)[query.offset : stop])
    return series


def _filtered(query: Query, one: Series) -> Series:
    """The observations that pass filters on attributes and the value."""
    own = {item.id: at for at, item in enumerate(query.structure.series)}
    below = {item.id: at for at, item in enumerate(query.structure.observation)}
    kept: Sequence[Observation] = one.observations
    for id_, wanted in query.selection.filters.items():
        if id_ in own and not passes(wanted, text(one.attributes[own[id_]])):
            return one._replace(observations=())
        if id_ in below:
            kept = _those(kept, wanted, below[id_])
        elif id_ == MEASURE:
            kept = [o for o in kept if passes(wanted, number(o.value))]
    return one if kept is one.observations else one._replace(observations=kept)


def _those(
    found: Iterable[Observation], wanted: Filter, place: int
) -> list[Observation]:
    return [o for o in found if passes(wanted, text(o.attributes[place]))]


def _ends(one: Series, first: int | None, last: int | None) -> Series:
    size = len(one.observations)
    head = first or 0
    tail = max(head, size - (last or 0))
    return one._replace(
        observations=[*one.observations[:head], *one.observations[tail:]]
    )


def _rows(series: Iterable[Series]) -> list[_Row]:
    return [(one, o) for one in series for o in one.observations]


def _joined(rows: Iterable[_Row]) -> list[Series]:
    """Series again, in the order in which they first occur."""
    found: dict[tuple[str, ...], tuple[Series, list[Observation]]] = {}
    for one, o in rows:
        found.setdefault(one.key, (one, []))[1].append(o)
    return [one._replace(observations=kept) for one, kept in found.values()]


def _sorted(query: Query, series: Iterable[Series]) -> list[Series]:
    rows = _rows(series)
    for order in reversed(query.sort):
        pick = _picker(query.structure, order.id)
        rows.sort(key=functools.partial(_rank, pick), reverse=order.down)
    return _joined(rows)


def _rank(pick: Callable[[_Row], str | float | None], row: _Row) -> tuple[bool, object]:
    value = pick(row)
    return (value is not None, value)


def _picker(structure: Structure, id_: str) -> Callable[[_Row], str | float | None]:
    """What a component is in a row."""
    if id_ == TIME:
        return lambda row: row[1].period
    if id_ == MEASURE:
        return lambda row: row[1].value
    for at, item in enumerate(structure.dimensions):
        if item.id == id_:
            return lambda row, at=at: row[0].key[at]  # type: ignore[misc] # bound now
    for at, item in enumerate(structure.series):
        if item.id == id_:
            return lambda row, at=at: row[0].attributes[at]  # type: ignore[misc] # same
    names = [item.id for item in structure.observation]
    place = names.index(id_)
    return lambda row: row[1].attributes[place]
