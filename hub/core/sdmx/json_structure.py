"""Structures in SDMX-JSON 2.0, every name in three languages.

Rules (SDMX-JSON 2.0 field guide, structure message, and its JSON schema):

- References are URNs; the class of a constraint is DataConstraint, as in SDMX 3.0.
- ``name`` is in the language asked for, ``names`` in all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hub.core.catalogue.model import Text
from hub.core.sdmx.model import (
    AGENCY,
    LANGUAGES,
    Artefact,
    Component,
    Constraint,
    Flow,
    Kind,
    Level,
    Ref,
    Scheme,
    Structure,
)
from hub.core.sdmx.times import iso

SCHEMA = (
    "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/structure-message/"
    "tools/schemas/2.0.0/sdmx-json-structure-schema.json"
)
ROOMS = {
    Kind.FLOW: "dataflows",
    Kind.STRUCTURE: "dataStructures",
    Kind.CODELIST: "codelists",
    Kind.CONCEPTS: "conceptSchemes",
    Kind.CONSTRAINT: "dataConstraints",
    Kind.AGENCIES: "agencySchemes",
}
_ITEMS = {
    Kind.CODELIST: "codes",
    Kind.CONCEPTS: "concepts",
    Kind.AGENCIES: "agencies",
}


def write(
    artefacts: Sequence[Artefact],
    *,
    id_: str,
    prepared_ms: int,
    language: str = "en",
    stubs: frozenset[Ref] = frozenset(),
) -> Iterator[str]:
    """A structure message as pieces of text; see :mod:`hub.core.sdmx.ml_structure`."""
    languages = [language, *(one for one in LANGUAGES if one != language)]
    meta = {
        "schema": SCHEMA,
        "id": id_,
        "test": False,
        "prepared": iso(prepared_ms),
        "contentLanguages": languages,
        "sender": {"id": AGENCY, "name": "Kerwen"},
    }
    data: dict[str, list[dict[str, Any]]] = {}
    for kind, room in ROOMS.items():
        found = [one for one in artefacts if one.ref.kind is kind]
        if found:
            data[room] = [
                _artefact(one, language, stub=one.ref in stubs) for one in found
            ]
    whole = {"meta": meta, "data": data}
    yield json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def urn(ref: Ref) -> str:
    """The URN of SDMX 3.0."""
    return ref.urn.replace(".ContentConstraint=", ".DataConstraint=")


def _artefact(one: Artefact, language: str, *, stub: bool) -> dict[str, Any]:
    ref = one.ref
    made: dict[str, Any] = {
        "id": ref.id,
        "agencyID": ref.agency,
        "version": ref.version,
        **_named("name", one.name, language),
        "links": [{"rel": "self", "urn": urn(ref)}],
    }
    if stub:
        return {**made, "isExternalReference": True}
    if isinstance(one, Flow):
        described = _named("description", one.description, language)
        return {**made, **described, "structure": one.structure.urn}
    if isinstance(one, Scheme):
        items = [
            {"id": id_, **_named("name", name, language)}
            for id_, name in one.items.items()
        ]
        listed = {_ITEMS[ref.kind]: items} if items else {}
        return {**made, "isPartial": one.partial, **listed}
    if isinstance(one, Structure):
        return {**made, "dataStructureComponents": _components(one)}
    return {**made, **_region(one)}


def _named(field: str, text: Text, language: str) -> dict[str, Any]:
    every = {one: getattr(text, one) for one in LANGUAGES}
    return {field: every[language], f"{field}s": every}


def _components(one: Structure) -> dict[str, Any]:
    dimensions = [
        {**_component(item, one), "position": place}
        for place, item in enumerate(one.dimensions)
    ]
    return {
        "dimensionList": {
            "id": "DimensionDescriptor",
            "dimensions": dimensions,
            "timeDimension": _component(one.time, one),
        },
        "attributeList": {
            "id": "AttributeDescriptor",
            "attributes": [_attribute(item, one) for item in one.attributes],
        },
        "measureList": {
            "id": "MeasureDescriptor",
            "measures": [{**_component(one.measure, one), "usage": "optional"}],
        },
    }


def _component(item: Component, one: Structure) -> dict[str, Any]:
    shape: Mapping[str, Any] = {"format": {"dataType": item.kind}}
    if item.codelist is not None:
        shape = {"enumeration": item.codelist.urn}
    return {
        "id": item.id,
        "conceptIdentity": one.concepts.item_urn(item.id),
        "localRepresentation": shape,
    }


def _attribute(item: Component, one: Structure) -> dict[str, Any]:
    related: Mapping[str, Any] = {"observation": {}}
    if item.level is Level.SERIES:
        related = {"dimensions": [dimension.id for dimension in one.dimensions]}
    return {
        **_component(item, one),
        "usage": "mandatory" if item.mandatory else "optional",
        "attributeRelationship": related,
    }


def _region(one: Constraint) -> dict[str, Any]:
    values: list[dict[str, Any]] = [
        {"id": id_, "values": [{"value": code} for code in codes]}
        for id_, codes in one.values.items()
        if codes
    ]
    if one.start is not None and one.end is not None:
        bounds = {
            "startPeriod": {"period": one.start, "isInclusive": True},
            "endPeriod": {"period": one.end, "isInclusive": True},
        }
        values.append({"id": "TIME_PERIOD", "timeRange": bounds})
    counts = {"series_count": one.series, "obs_count": one.observations}
    return {
        "role": "Actual",
        "annotations": [
            {"id": name, "title": str(count), "type": "sdmx_metrics"}
            for name, count in counts.items()
        ],
        "constraintAttachment": {"dataflows": [one.flow.urn]},
        "cubeRegions": [{"include": True, "keyValues": values}],
    }
