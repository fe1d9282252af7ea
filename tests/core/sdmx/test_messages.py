"""Every data format against the official schemas, and back to the same figures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from lxml import etree

from hub.core.sdmx import csv_data, json_data, ml_data
from hub.core.sdmx.cube import DataSet, Detail, Message, Series, figure
from hub.core.sdmx.refusal import RefusalError
from tests.core.sdmx.messages import (
    json_faults,
    message,
    random_series,
    release_of,
    xml_faults,
)

TABLES = ["PRM_NEW", "STK_VEL", "REM_COST", "HTF_DET", "QLT_CMP"]
VIEWS = ["TIME_PERIOD", "SEX", "AllDimensions"]
DETAILS = {
    "full": Detail(),
    "dataonly": Detail(attributes=frozenset()),
    "nodata": Detail(measure=False, observations=False),
    "keys": Detail(attributes=frozenset(), measure=False, observations=False),
    "one": Detail(attributes=frozenset({"OBS_STATUS"})),
}
DIALECTS = {
    "generic": (ml_data.GENERIC, "sdmx21"),
    "generic-series": (ml_data.GENERIC_SERIES, "sdmx21"),
    "specific": (ml_data.SPECIFIC, "sdmx21"),
    "specific-series": (ml_data.SPECIFIC_SERIES, "sdmx21"),
    "xml3": (ml_data.SPECIFIC_3, "sdmx30"),
}
Figures = dict[tuple[tuple[str, ...], str], tuple[float | None, str | None]]
"""Key and period → value and status."""


def figures(series: list[Series]) -> Figures:
    """What a message has to say."""
    return {
        (one.key, o.period): (o.value, o.attributes[0])
        for one in series
        for o in one.observations
    }


def ml(found: Message, name: str) -> str:
    """An XML message."""
    return "".join(ml_data.write(found, DIALECTS[name][0]))


def js(found: Message, version: str) -> str:
    """A JSON message."""
    return "".join(json_data.write(found, version, "en"))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("at", VIEWS)
def test_messages_of_a_release_are_valid(table: str, at: str) -> None:
    """Of every kind of table, in every way of cutting."""
    found = message(table, at=at)
    for name, (_, schema) in DIALECTS.items():
        if at == "TIME_PERIOD" or not name.endswith("series"):
            assert xml_faults(ml(found, name), schema) == [], name
    for version, schemas in (
        ("1.0.0", ["sdmx10"]),
        ("2.0.0", ["sdmx20", "sdmx21"]),
        ("2.1.0", ["sdmx21"]),
    ):
        for schema in schemas:
            assert json_faults(js(found, version), schema) == [], version


@pytest.mark.parametrize("detail", DETAILS)
def test_less_detail_is_valid_too(detail: str) -> None:
    """Without attributes, without values, without both."""
    found = message("PRM_NEW", detail=DETAILS[detail])

    assert xml_faults(ml(found, "generic"), "sdmx21") == []
    assert xml_faults(ml(found, "specific"), "sdmx21") == []
    assert xml_faults(ml(found, "xml3"), "sdmx30") == []
    assert json_faults(js(found, "1.0.0"), "sdmx10") == []
    assert json_faults(js(found, "2.0.0"), "sdmx20") == []


def test_several_data_sets_say_what_they_are() -> None:
    """What replaces and what deletes, and when it was so."""
    first, second, *_ = release_of("STK_VEL")
    gone = second._replace(
        attributes=(None, None),
        observations=[
            o._replace(value=None, attributes=(None,) * 5) for o in second.observations
        ],
    )
    found = message(
        "STK_VEL",
        sets=[
            DataSet(series=[first], action="Replace", since_ms=1_000),
            DataSet(series=[gone], action="Delete", until_ms=2_500),
        ],
    )

    for name in ("generic", "specific"):
        text = ml(found, name)
        assert xml_faults(text, "sdmx21") == []
        assert 'validFromDate="1970-01-01T00:00:01Z"' in text
        assert 'validToDate="1970-01-01T00:00:02.500Z"' in text
    assert json_faults(js(found, "1.0.0"), "sdmx10") == []
    body = js(found, "2.0.0")
    assert json_faults(body, "sdmx20") == []
    actions = [one["action"] for one in json.loads(body)["data"]["dataSets"]]
    assert actions == ["Replace", "Delete"]
    rows = list(csv.DictReader(io.StringIO("".join(csv_data.write(found, "2.0.0")))))
    assert {row["ACTION"] for row in rows} == {"R", "D"}


def from_generic(text: str) -> Figures:
    """The figures in a generic message, time series or flat."""
    space = {"g": "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/generic"}
    found: Figures = {}
    for obs in etree.fromstring(text.encode()).iterfind(".//g:Obs", space):
        parent = obs.getparent()
        assert parent is not None
        key = [
            str(one.get("value"))
            for one in parent.iterfind("g:SeriesKey/g:Value", space)
        ]
        time = obs.find("g:ObsDimension", space)
        if time is None:
            key = [str(o.get("value")) for o in obs.iterfind("g:ObsKey/g:Value", space)]
        else:
            key.append(str(time.get("value")))
        value = obs.find("g:ObsValue", space)
        status = obs.find("g:Attributes/g:Value[@id='OBS_STATUS']", space)
        found[tuple(key[:-1]), key[-1]] = (
            None if value is None else float(str(value.get("value"))),
            None if status is None else status.get("value"),
        )
    return found


def from_json(text: str) -> Figures:
    """The figures in a JSON 2.0 message, by its own numbers."""
    data = json.loads(text)["data"]
    [structure] = data["structures"]
    places = structure["dimensions"]
    order = [*places["series"], *places["observation"]]
    values = [[value["id"] for value in one["values"]] for one in order]
    names = [one["id"] for one in structure["attributes"]["observation"]]
    at = names.index("OBS_STATUS")
    statuses = structure["attributes"]["observation"][at]["values"]
    found: Figures = {}
    for key, cells in _cells(data["dataSets"][0]):
        numbers = [int(one) for one in key.split(":")]
        codes = [values[place][number] for place, number in enumerate(numbers)]
        ordered = sorted(zip(order, codes, strict=True), key=_position)
        *head, period = [code for _, code in ordered]
        found[tuple(head), period] = (cells[0], statuses[cells[1 + at]]["id"])
    return found


def _position(one: tuple[dict[str, int], str]) -> int:
    return one[0]["keyPosition"]


def _cells(dataset: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    for key, one in dataset.get("series", {}).items():
        for part, cells in one["observations"].items():
            yield f"{key}:{part}", cells
    yield from dataset.get("observations", {}).items()


@given(random_series("PRM_NEW"))
@settings(max_examples=40)
def test_figures_come_back_from_every_format(series: list[Series]) -> None:
    """Exactly: keys, periods, values to the last bit, statuses."""
    expected = figures(series)

    assert from_generic(ml(message("PRM_NEW", series), "generic")) == expected
    for at in VIEWS:
        assert from_json(js(message("PRM_NEW", series, at=at), "2.0.0")) == expected
    flat = message("PRM_NEW", series, at="AllDimensions")
    assert from_generic(ml(flat, "generic")) == expected
    for version in ("1.0.0", "2.0.0"):
        text = "".join(csv_data.write(flat, version))
        names = [one.id for one in flat.structure.dimensions]
        rows = {
            (tuple(row[name] for name in names), row["TIME_PERIOD"]): (
                float(row["OBS_VALUE"]) if row["OBS_VALUE"] else None,
                row["OBS_STATUS"],
            )
            for row in csv.DictReader(io.StringIO(text))
        }
        assert rows == expected


def test_csv_has_labels_and_keys_where_asked() -> None:
    """In the language asked for."""
    series = release_of("STK_VEL")[:1]
    found = message("STK_VEL", series)

    def first(version: str, **more: str) -> dict[str, str]:
        text = "".join(csv_data.write(found, version, language="ru", **more))  # type: ignore[arg-type] # texts all
        return next(iter(csv.DictReader(io.StringIO(text))))

    assert first("1.0.0")["DATAFLOW"] == "KERWEN:STK_VEL(1.0.0)"
    assert first("1.0.0", labels="both")["SEX: Пол"] == "F: Женский"
    named = first("2.0.0", labels="name", keys="both")
    assert (named["SEX"], named["Пол"]) == ("F", "Женский")
    key = ".".join(series[0].key)
    assert (named["SERIES_KEY"], named["OBS_KEY"]) == (key, f"{key}.2025")
    text = "".join(csv_data.write(found, "2.0.0", normalized=True))
    assert ",2025-01-01T00:00:00," in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(5.0, "5"), (0.1, "0.1"), (-2.5, "-2.5"), (1e15, "1000000000000000")],
)
def test_values_are_plain_numbers(value: float, text: str) -> None:
    """And the shortest that are the same number."""
    assert figure(value) == text


def test_there_is_no_other_dimension_at_the_observation() -> None:
    """The sentence names those there are."""
    with pytest.raises(RefusalError, match="AllDimensions or one of FREQ, REF_AREA"):
        ml(message("STK_VEL", at="AGE"), "generic")


def test_hostile_text_stays_text() -> None:
    """Nothing in a value ends its attribute, its field or its string."""
    evil = "\"><!--&'\x00,\r\n=1+1"
    [one, *_] = release_of("STK_VEL")
    o = one.observations[0]
    said = (*o.attributes[:3], evil, o.attributes[4])
    series = [one._replace(observations=[o._replace(attributes=said)])]
    found = message("STK_VEL", series)

    for name in ("generic", "specific"):
        assert evil[:6] not in ml(found, name)
        etree.fromstring(ml(found, name).encode())
    json.loads(js(found, "2.0.0"))
    rows = list(csv.DictReader(io.StringIO("".join(csv_data.write(found, "1.0.0")))))
    assert rows[0]["RELEASE"] == evil
