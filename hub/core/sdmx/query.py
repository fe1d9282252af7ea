"""Data queries of both APIs, from words to one meaning.

Rules (SDMX REST 1.5 and 2.0, "Data queries"):

- A parameter that is not of the API is refused: one that is misspelt must not change
  the answer in silence.
- What is asked of the past: ``asOf`` (the data as they were then), ``updatedAfter``
  (what is new since then), ``includeHistory`` (every release by itself).
- 2.1 counts all places of a key, 3.0 may leave out the last ones; 3.0 has filters on
  every component, pages, and an order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hub.core.sdmx import select
from hub.core.sdmx.ask import LATEST
from hub.core.sdmx.cube import Detail, view
from hub.core.sdmx.model import MEASURE, TIME, Flow, Kind, Structure
from hub.core.sdmx.refusal import Fault, RefusalError, nothing, shown, syntax
from hub.core.sdmx.select import Filter, Selection
from hub.core.sdmx.shelf import Shelf
from hub.core.sdmx.times import moment

OWN = frozenset({"format", "lang", "labels"})
"""Parameters of this gateway, for whoever cannot set a header."""
COMMON = frozenset(
    {
        "asOf",
        "updatedAfter",
        "firstNObservations",
        "lastNObservations",
        "dimensionAtObservation",
        "includeHistory",
    }
)
DATA_2 = (
    COMMON | OWN | frozenset({"startPeriod", "endPeriod", "detail", "explicitMeasure"})
)
DATA_3 = (
    COMMON
    | OWN
    | frozenset(
        {"attributes", "measures", "offset", "limit", "sort", "reportingYearStartDay"}
    )
)
EVERYTHING = Selection()
WHOLE = Detail()
DETAILS = {
    "full": WHOLE,
    "dataonly": Detail(attributes=frozenset()),
    "serieskeysonly": Detail(attributes=frozenset(), measure=False, observations=False),
    "nodata": Detail(measure=False, observations=False),
}
_FILTER = re.compile(r"c\[([A-Za-z][A-Za-z0-9_]*)\]", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_SERIES_KEY = "series_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One component to sort by."""

    id: str
    down: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is asked of one dataflow.

    Attributes:
        first: At most so many observations of a series from its start.
        last: At most so many from its end.
        sort: Empty: by key and time.
        as_of_ms: None: now.
        after_ms: Only what changed later; None: everything.
    """

    flow: Flow
    structure: Structure
    selection: Selection = EVERYTHING
    at: str = TIME
    detail: Detail = WHOLE
    first: int | None = None
    last: int | None = None
    offset: int = 0
    limit: int | None = None
    sort: tuple[Order, ...] = ()
    as_of_ms: int | None = None
    after_ms: int | None = None
    history: bool = False


Pairs = Iterable[tuple[str, str]]
"""Parameters as they stand in the URL, decoded."""


def single(
    pairs: Pairs, known: frozenset[str], *, filters: bool = False
) -> dict[str, str]:
    """Parameters by name.

    Raises:
        RefusalError: SYNTAX; one is unknown or stands twice.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in known and not (filters and name.startswith("c[")):
            listed = ", ".join(sorted(known)) or "none"
            raise syntax(f"no parameter {shown(name)} here; there are: {listed}")
        if name in found:
            raise syntax(f"parameter {shown(name)} stands twice; give it once")
        found[name] = value
    return found


def find_flow(shelf: Shelf, agency: str, id_: str, version: str) -> Flow:
    """The one dataflow of these words.

    Raises:
        RefusalError: NOTHING; there is none.
    """
    for ref in shelf.of_kind(Kind.FLOW):
        same = ref.id == id_ and (agency in {"all", "*"} or ref.agency == agency)
        old = version.replace("+", "") in {"1", "1.0"}
        if same and (old or version in LATEST or version == ref.version):
            found = shelf.flow(ref)
            if found is not None:
                return found
    raise nothing(
        f"no dataflow {shown(f'{agency}:{id_}({version})')[1:-1]} is here; "
        "the resource dataflow lists them"
    )


def data_2(shelf: Shelf, flow: str, key: str, provider: str, pairs: Pairs) -> Query:
    """A query of the API 1.5 (SDMX 2.1).

    Raises:
        RefusalError: It is no query, or there is no such dataflow or code.
    """
    found = single(pairs, DATA_2)
    query = _base(flow_2(shelf, flow, provider), shelf, found)
    _only(found, "explicitMeasure", "false")
    word = found.get("detail", "full")
    if word not in DETAILS:
        raise syntax(f"detail={shown(word)}: expected one of {', '.join(DETAILS)}")
    keys = (select.parse_key(key, query.structure, whole=True),)
    filters: dict[str, Filter] = {}
    time = select.between(found.get("startPeriod"), found.get("endPeriod"))
    if time is not None:
        filters[TIME] = time
    return _keys_only(
        replace(
            query,
            selection=Selection(keys=keys, filters=filters),
            detail=DETAILS[word],
        )
    )


def flow_2(shelf: Shelf, flow: str, provider: str) -> Flow:
    """The dataflow in ``[agency,]id[,version]``; its provider must be ours."""
    parts = flow.split(",")
    if len(parts) > 3:
        raise syntax(f"dataflow {shown(flow)}: write agency,id,version or id")
    if len(parts) == 1:
        parts = ["all", *parts]
    agency, id_, version = [*parts, "latest"][:3]
    found = find_flow(shelf, agency, id_, version)
    if provider not in {"all", "*", found.ref.agency}:
        raise nothing(f"no data of provider {shown(provider)}; leave it out")
    return found


def data_3(shelf: Shelf, flow: Flow, keys: str, pairs: Pairs) -> Query:
    """A query of the API 2.0 (SDMX 3.0).

    Raises:
        RefusalError: It is no query, or there is no such code.
    """
    found = single(pairs, DATA_3, filters=True)
    query = _base(flow, shelf, found)
    _only(found, "reportingYearStartDay", "--01-01")
    selection = selection_3(query.structure, keys, found)
    return _keys_only(
        replace(
            query,
            selection=selection,
            detail=_detail(query.structure, found),
            offset=_count(found, "offset", least=0) or 0,
            limit=_count(found, "limit"),
            sort=_sort(query.structure, query.at, found.get("sort")),
        )
    )


def selection_3(structure: Structure, keys: str, found: Mapping[str, str]) -> Selection:
    """Keys with commas between, and the filters among parameters."""
    listed = keys.split(",")
    if len(listed) > select.KEYS_MAX:
        raise syntax(f"more than {select.KEYS_MAX} keys; ask in parts")
    return Selection(
        keys=tuple(select.parse_key(one, structure, whole=False) for one in listed),
        filters=_filters(structure, found),
    )


def moments(found: Mapping[str, str]) -> tuple[int | None, int | None]:
    """``asOf`` and ``updatedAfter``.

    Raises:
        RefusalError: SYNTAX; no moments, or in the wrong order.
    """
    as_of, after = (
        moment(found[name], name) if name in found else None
        for name in ("asOf", "updatedAfter")
    )
    if as_of is not None and after is not None and after > as_of:
        raise syntax("updatedAfter is later than asOf; exchange them")
    return as_of, after


def _base(flow: Flow, shelf: Shelf, found: Mapping[str, str]) -> Query:
    """What both APIs have."""
    structure = shelf.structure(flow)
    as_of, after = moments(found)
    at = found.get("dimensionAtObservation", TIME)
    view(structure, at, WHOLE)
    return Query(
        flow=flow,
        structure=structure,
        at=at,
        first=_count(found, "firstNObservations"),
        last=_count(found, "lastNObservations"),
        as_of_ms=as_of,
        after_ms=after,
        history=_flag(found, "includeHistory"),
    )


def _keys_only(query: Query) -> Query:
    """Without observations there is nothing that could stand at them."""
    return query if query.detail.observations else replace(query, at=TIME)


def _only(found: Mapping[str, str], name: str, value: str) -> None:
    if found.get(name, value) != value:
        sentence = f"{name}={shown(found[name])} is not built; only {value} is"
        raise RefusalError(Fault.NOT_BUILT, sentence)


def _count(found: Mapping[str, str], name: str, least: int = 1) -> int | None:
    if name not in found:
        return None
    text = found[name]
    if not _NUMBER.fullmatch(text) or int(text) < least:
        raise syntax(f"{name}={shown(text)}: expected a whole number from {least} on")
    return int(text)


def _flag(found: Mapping[str, str], name: str) -> bool:
    text = found.get(name, "false").lower()
    if text not in {"true", "false"}:
        raise syntax(f"{name}={shown(text)}: expected true or false")
    return text == "true"


def _filters(structure: Structure, found: Mapping[str, str]) -> dict[str, Filter]:
    components = {one.id: one for one in structure.components}
    filters = {}
    for name, value in found.items():
        if not name.startswith("c["):
            continue
        match = _FILTER.fullmatch(name)
        if match is None or match[1] not in components:
            listed = ", ".join(components)
            raise syntax(f"{shown(name)}: no such component; there are {listed}")
        filters[match[1]] = select.parse_filter(components[match[1]], value)
    return filters


def _detail(structure: Structure, found: Mapping[str, str]) -> Detail:
    """``attributes`` and ``measures``; without both only series are wanted."""
    words = found.get("attributes", "dsd").split(",")
    sets = {
        "dsd": structure.attributes,
        "all": structure.attributes,
        "series": structure.series,
        "obs": structure.observation,
        "none": (),
        "msd": (),
        "dataset": (),
    }
    ids = {one.id for one in structure.attributes}
    wanted: set[str] = set()
    for word in words:
        if word not in sets and word not in ids:
            listed = ", ".join((*sets, *sorted(ids)))
            raise syntax(f"attributes={shown(word)}: expected one of {listed}")
        wanted |= {one.id for one in sets.get(word, ())} or ({word} & ids)
    measure = found.get("measures", "all")
    if measure not in {"all", "none", MEASURE}:
        raise syntax(f"measures={shown(measure)}: expected all, none or {MEASURE}")
    at_observation = {one.id for one in structure.observation}
    return Detail(
        attributes=None if wanted == ids else frozenset(wanted),
        measure=measure != "none",
        observations=measure != "none" or bool(wanted & at_observation),
    )


def _sort(structure: Structure, at: str, text: str | None) -> tuple[Order, ...]:
    """The order asked for; in a URL its plus signs may have become spaces."""
    if text is None:
        return ()
    dimensions = [one.id for one in structure.dimensions]
    series: Sequence[str] = [one for one in [*dimensions, TIME] if one != at]
    groups = {"*": [*dimensions, TIME], _SERIES_KEY: series}
    known = {one.id for one in structure.components}
    orders: dict[str, Order] = {}
    for part in text.replace(" ", "+").split("+"):
        word, _, way = part.partition(":")
        if way not in {"", "asc", "desc"} or (word not in groups and word not in known):
            raise syntax(
                f"sort={shown(part)}: expected *, {_SERIES_KEY} or a component, "
                "with :asc or :desc"
            )
        for id_ in groups.get(word, [word]):
            orders.setdefault(id_, Order(id=id_, down=way == "desc"))
    return tuple(orders.values())
