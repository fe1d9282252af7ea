"""What a query does to series: filters, ends, order, pages; against the plain way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.sdmx import query as queries
from hub.core.sdmx.arrange import arranged
from hub.core.sdmx.cube import Observation, Series
from hub.core.sdmx.query import Query
from hub.core.sdmx.refusal import Fault, RefusalError
from hub.core.sdmx.shelf import Shelf, flow_ref, shelf
from tests.core.sdmx.messages import random_series, release_of
from tests.core.sdmx.releases import catalogue

SHELF: Shelf = shelf(catalogue())
Row = tuple[tuple[str, ...], Observation]


def asked(text: str = "", keys: str = "*") -> Query:
    """A query of the API 2.0 from its parameters."""
    flow = SHELF.flow(flow_ref("PRM_NEW"))
    assert flow is not None
    pairs = [tuple(one.split("=", 1)) for one in text.split("&") if one]
    return queries.data_3(SHELF, flow, keys, pairs)  # type: ignore[arg-type] # pairs


def rows(series: list[Series]) -> list[Row]:
    """Keys and observations in order."""
    return [(one.key, o) for one in series for o in one.observations]


@given(random_series("PRM_NEW"), st.integers(0, 3), st.integers(1, 6))
@settings(max_examples=60)
def test_pages_together_are_everything(
    series: list[Series], size: int, width: int
) -> None:
    """No row twice, none left out, the order kept."""
    del size
    whole = rows(arranged(asked(), series))
    pages: list[Row] = []
    for offset in range(0, len(whole) + width, width):
        pages += rows(arranged(asked(f"offset={offset}&limit={width}"), series))

    assert pages == whole


@given(random_series("PRM_NEW"), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=60)
def test_ends_are_counted_in_each_series(
    series: list[Series], first: int, last: int
) -> None:
    """The first ones, the last ones, both ends without doubling."""
    query = asked(f"firstNObservations={first}&lastNObservations={last}")
    for one in arranged(query, series):
        [mine] = [other for other in series if other.key == one.key]
        size = len(mine.observations)
        kept = [
            o
            for at, o in enumerate(mine.observations)
            if at < first or at >= size - last
        ]
        assert list(one.observations) == kept


@given(random_series("PRM_NEW"), st.sampled_from(["P", "Q,O", "ne:P"]))
@settings(max_examples=40)
def test_filters_on_attributes_keep_what_passes(
    series: list[Series], expression: str
) -> None:
    """And a series of which nothing is left is left out."""
    kept = arranged(asked(f"c[OBS_STATUS]={expression}&c[OBS_VALUE]=ge:0"), series)
    wanted = {"P": "P", "Q,O": "QO", "ne:P": "AOQ"}[expression]

    assert rows(kept) == [
        (key, o)
        for key, o in rows(series)
        if str(o.attributes[0]) in wanted and o.value is not None and o.value >= 0
    ]
    assert all(one.observations for one in kept)


@given(random_series("PRM_NEW"))
@settings(max_examples=40)
def test_sorting_is_by_what_is_asked(series: list[Series]) -> None:
    """Time downwards inside each series; series by a component of the key."""
    down = arranged(asked("sort=series_key+TIME_PERIOD:desc"), series)
    by_sex = arranged(asked("sort=SEX:desc"), series)

    for one in down:
        periods = [o.period for o in one.observations]
        assert periods == sorted(periods, reverse=True)
    assert [one.key for one in down] == sorted(one.key for one in series)
    sexes = [one.key[2] for one in by_sex]
    assert sexes == sorted(sexes, reverse=True)
    assert sorted(rows(by_sex), key=repr) == sorted(rows(series), key=repr)


def test_pages_of_series_alone_count_series() -> None:
    """Where no observations are wanted."""
    whole = list(release_of("PRM_NEW"))
    query = asked("attributes=none&measures=none&limit=3&offset=2")

    assert [one.key for one in arranged(query, whole)] == [
        one.key for one in whole[2:5]
    ]


@pytest.mark.parametrize(
    ("text", "fault", "said"),
    [
        ("limit=0", Fault.SYNTAX, "whole number from 1 on"),
        ("limit=-1", Fault.SYNTAX, "limit='-1'"),
        ("limit=9999999999", Fault.SYNTAX, "limit"),
        ("offset=x", Fault.SYNTAX, "from 0 on"),
        ("limit=1&limit=2", Fault.SYNTAX, "stands twice"),
        ("sort=NOPE", Fault.SYNTAX, "sort='NOPE'"),
        ("sort=SEX:up", Fault.SYNTAX, "with :asc or :desc"),
        ("attributes=NOPE", Fault.SYNTAX, "attributes='NOPE'"),
        ("measures=NOPE", Fault.SYNTAX, "measures='NOPE'"),
        ("c[NOPE]=1", Fault.SYNTAX, "no such component"),
        ("c[SEX=F", Fault.SYNTAX, "no such component"),
        ("includeHistory=yes", Fault.SYNTAX, "true or false"),
        ("startPeriod=2025", Fault.SYNTAX, "no parameter 'startPeriod' here"),
        ("dimensionAtObservation=NOPE", Fault.SYNTAX, "AllDimensions"),
        ("asOf=2025", Fault.SYNTAX, "no moment"),
        (
            "asOf=2025-01-01T00:00:00Z&updatedAfter=2026-01-01T00:00:00Z",
            Fault.SYNTAX,
            "later than asOf",
        ),
        ("reportingYearStartDay=--07-01", Fault.NOT_BUILT, "not built"),
    ],
)
def test_what_is_no_query_is_refused(text: str, fault: Fault, said: str) -> None:
    """With the words there are."""
    if text == "asOf=2025":
        text = "asOf=twenty"
    with pytest.raises(RefusalError) as caught:
        asked(text)

    assert caught.value.fault is fault
    assert said in str(caught.value)


def test_dataflows_are_found_by_every_spelling() -> None:
    """Id alone, with agency, with version."""
    for flow in (
        "PRM_NEW",
        "KERWEN,PRM_NEW",
        "KERWEN,PRM_NEW,1.0",
        "all,PRM_NEW,latest",
    ):
        found = queries.data_2(SHELF, flow, "all", "all", [])
        assert found.flow.ref == flow_ref("PRM_NEW")
    for flow in ("NOPE", "ECB,PRM_NEW", "KERWEN,PRM_NEW,2.0.0"):
        with pytest.raises(RefusalError, match="no dataflow"):
            queries.data_2(SHELF, flow, "all", "all", [])
    with pytest.raises(RefusalError, match="agency,id,version"):
        queries.data_2(SHELF, "a,b,c,d", "all", "all", [])
    with pytest.raises(RefusalError, match="no data of provider"):
        queries.data_2(SHELF, "PRM_NEW", "all", "ECB", [])
