"""The data of a query: now, at a moment, since a moment, or every release by itself.

Rules (docs/gateway.md, "The past"):

- Now and at a moment: one data set, the newest figures.
- Since a moment: what differs between then and now. What is new or newer is to replace
  what the reader has, what is gone is to be deleted.
- History: one data set a release, valid from when it was published; and one of
  deletions for each that was taken back with nothing in its place. The figures
  themselves of such a release are not given out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from hub.core.sdmx.arrange import arranged
from hub.core.sdmx.cube import DataSet, Series
from hub.core.sdmx.model import TIME
from hub.core.sdmx.query import Query
from hub.core.sdmx.select import passes, time
from hub.gateway.lookup import Lookup, Release, Row, State, series_of


def data_sets(lookup: Lookup, state: State, query: Query) -> list[DataSet]:
    """What a query gets; empty where nothing matches.

    Raises:
        RefusalError: TOO_MUCH.
        StaleError: `state` is no longer the store's.
    """
    periods = _periods(state, query)
    if query.history:
        found = _history(lookup, state, query, periods)
    elif query.after_ms is not None:
        found = _since(lookup, state, query, periods, query.after_ms)
    else:
        codes = query.selection.codes(query.structure)
        rows = lookup.rows(state, codes, periods, query.as_of_ms)
        found = [DataSet(series=_series(state, query, rows))]
    return [one for one in found if one.series]


def _periods(state: State, query: Query) -> Sequence[str] | None:
    """The periods that a filter on time leaves; None: there is no filter."""
    wanted = query.selection.filters.get(TIME)
    if wanted is None:
        return None
    return [one for one in state.ever if passes(wanted, time(one))]


def _series(state: State, query: Query, rows: Iterable[Row]) -> list[Series]:
    releases = {one.number: one for one in state.releases}
    found = series_of(_taken(query, rows), releases, len(query.structure.dimensions))
    return arranged(query, found)


def _taken(query: Query, rows: Iterable[Row]) -> Iterator[Row]:
    """Rows of the keys that are asked for; the file selects by each place alone."""
    takes = query.selection.takes
    for key, same in groupby(rows, key=itemgetter(0)):
        if len(query.selection.keys) <= 1 or takes(key.split(".")):
            yield from same


def _winners(
    rows: Iterable[Row],
    counts: Callable[[Row], bool],
    order: dict[int, tuple[int, int]],
) -> Row | None:
    return max(filter(counts, rows), key=lambda row: order[row[7]], default=None)


def _since(
    lookup: Lookup,
    state: State,
    query: Query,
    periods: Sequence[str] | None,
    after_ms: int,
) -> list[DataSet]:
    """What differs between two moments."""
    releases = {one.number: one for one in state.releases}
    order = {n: (one.released_ms, n) for n, one in releases.items()}
    until = query.as_of_ms if query.as_of_ms is not None else state.changed_ms

    def then(row: Row) -> bool:
        return _stood(releases.get(row[7]), after_ms)

    def now(row: Row) -> bool:
        one = releases.get(row[7])
        return one is not None and one.stands and one.seen_ms <= until

    changed: list[Row] = []
    gone: list[Row] = []
    codes = query.selection.codes(query.structure)
    every = lookup.every(state, codes, periods)
    for _, same in groupby(every, key=itemgetter(0, 3)):
        rows = list(same)
        before, after = _winners(rows, then, order), _winners(rows, now, order)
        if after is None:
            if before is not None:
                gone.append(before)
        elif before is None or before[7] != after[7]:
            changed.append(after)
    return [
        DataSet(
            series=_series(state, query, changed), action="Replace", since_ms=until
        ),
        DataSet(
            series=_emptied(_series(state, query, gone)),
            action="Delete",
            until_ms=until,
        ),
    ]


def _stood(one: Release | None, moment_ms: int) -> bool:
    """Whether a release was given out at a moment."""
    if one is None or one.refused is not None or one.seen_ms > moment_ms:
        return False
    return one.withdrawn_ms is None or one.withdrawn_ms > moment_ms


def _history(
    lookup: Lookup, state: State, query: Query, periods: Sequence[str] | None
) -> list[DataSet]:
    codes = query.selection.codes(query.structure)
    rows = list(lookup.every(state, codes, periods))
    standing = {one.number for one in state.releases if one.stands}
    held = {(row[0], row[3]) for row in rows if row[7] in standing}
    after = query.after_ms if query.after_ms is not None else -1
    until = query.as_of_ms if query.as_of_ms is not None else state.changed_ms
    found = []
    for one in state.releases:
        mine = [row for row in rows if row[7] == one.number]
        if one.stands and after < one.seen_ms <= until:
            series = _series(state, query, mine)
            found.append(DataSet(series=series, action="Replace", since_ms=one.seen_ms))
        elif one.withdrawn_ms is not None and after < one.withdrawn_ms <= until:
            gone = [row for row in mine if (row[0], row[3]) not in held]
            series = _emptied(_series(state, query, gone))
            found.append(
                DataSet(series=series, action="Delete", until_ms=one.withdrawn_ms)
            )
    return found


def _emptied(series: Iterable[Series]) -> list[Series]:
    """Keys and times alone: what is to be deleted says no more."""
    return [
        one._replace(
            attributes=(None,) * len(one.attributes),
            observations=[
                o._replace(value=None, attributes=(None,) * len(o.attributes))
                for o in one.observations
            ],
        )
        for one in series
    ]
