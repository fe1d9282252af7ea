"""Structures in SDMX-ML 3.0 and 3.1, written by pysdmx.

Rules:

- pysdmx writes names in one language: the one asked for. (2.1 and JSON, which most
  clients read, are ours and hold all three.)
- The model is translated, nothing is decided here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from pysdmx.io import write_sdmx
from pysdmx.io.format import Format
from pysdmx.model import (
    Agency,
    AgencyScheme,
    Code,
    Codelist,
    Component,
    Components,
    Concept,
    ConceptScheme,
    Dataflow,
    DataStructureDefinition,
    DataType,
    ItemReference,
    Role,
)
from pysdmx.model.__base import MaintainableArtefact
from pysdmx.model.constraint import (
    ConstraintAttachment,
    CubeKeyValue,
    CubeRegion,
    CubeTimeRange,
    CubeValue,
    DataConstraint,
    TimePeriodBoundary,
)
from pysdmx.model.message import Header

from hub.core.catalogue.model import Text
from hub.core.sdmx import model
from hub.core.sdmx.ask import Answer
from hub.core.sdmx.model import AGENCY, Artefact, Kind, Level, Ref, Scheme

FORMATS = {"3.0.0": Format.STRUCTURE_SDMX_ML_3_0, "3.1.0": Format.STRUCTURE_SDMX_ML_3_1}

_EMPTY = re.compile(r"<str:DataStructureComponents>\s*</str:DataStructureComponents>")


def write(
    answer: Answer, version: str, *, id_: str, prepared_ms: int, language: str
) -> str:
    """The message of an answer.

    Args:
        answer: Artefacts and stubs.
        version: ``3.0.0`` or ``3.1.0``.
        id_: Of the message.
        prepared_ms: When its content was last changed.
        language: en, ru or tk.
    """
    translated = [
        _Translator(language, stub=one.ref in answer.stubs).artefact(one)
        for one in answer.artefacts
    ]
    header = Header(
        id=id_,
        prepared=datetime.fromtimestamp(prepared_ms / 1000, UTC),
        sender=Agency(id=AGENCY),
    )
    text = write_sdmx(translated, FORMATS[version], prettyprint=False, header=header)
    # A stub has no components, and the schema no empty list of them.
    return _EMPTY.sub("", text or "")


class _Translator:
    """Our artefacts in pysdmx's words."""

    def __init__(self, language: str, *, stub: bool) -> None:
        self._language = language
        self._stub = stub

    def artefact(self, one: Artefact) -> MaintainableArtefact:
        """Any of them."""
        if isinstance(one, Scheme):
            return self._scheme(one)
        if isinstance(one, model.Structure):
            return self._structure(one)
        if isinstance(one, model.Flow):
            return Dataflow(
                id=one.ref.id,
                agency=one.ref.agency,
                version=one.ref.version,
                name=self._say(one.name),
                description=None if self._stub else self._say(one.description),
                structure=None if self._stub else one.structure.urn,
                is_external_reference=self._stub,
            )
        return self._constraint(one)

    def _say(self, text: Text) -> str:
        return str(getattr(text, self._language))

    def _scheme(self, one: Scheme) -> MaintainableArtefact:
        ref, partial = one.ref, one.partial and not self._stub
        items = {} if self._stub else one.items
        said: dict[str, Any] = {
            "id": ref.id,
            "agency": ref.agency,
            "version": ref.version,
            "name": self._say(one.name),
            "is_partial": partial,
            "is_external_reference": self._stub,
        }
        if ref.kind is Kind.CODELIST:
            codes = [Code(id=id_, name=self._say(t)) for id_, t in items.items()]
            return Codelist(**said, items=codes)
        if ref.kind is Kind.CONCEPTS:
            found = [Concept(id=id_, name=self._say(t)) for id_, t in items.items()]
            return ConceptScheme(**said, items=found)
        agencies = [Agency(id=id_, name=self._say(t)) for id_, t in items.items()]
        return AgencyScheme(**said, items=agencies)

    def _structure(self, one: model.Structure) -> DataStructureDefinition:
        ref = one.ref
        components = [] if self._stub else _components(one)
        return DataStructureDefinition(
            id=ref.id,
            agency=ref.agency,
            version=ref.version,
            name=self._say(one.name),
            components=Components(components),
            is_external_reference=self._stub,
        )

    def _constraint(self, one: model.Constraint) -> DataConstraint:
        values = [
            CubeKeyValue(id=id_, values=[CubeValue(value=code) for code in codes])
            for id_, codes in one.values.items()
            if codes
        ]
        if one.start is not None and one.end is not None:
            bounds = CubeTimeRange(
                start_period=TimePeriodBoundary(period=one.start),
                end_period=TimePeriodBoundary(period=one.end),
            )
            values.append(CubeKeyValue(id=model.TIME, time_range=bounds))
        flow = ConstraintAttachment(data_provider=None, dataflows=[one.flow.urn])
        return DataConstraint(
            id=one.ref.id,
            agency=one.ref.agency,
            version=one.ref.version,
            name=self._say(one.name),
            is_external_reference=self._stub,
            constraint_attachment=None if self._stub else flow,
            cube_regions=[] if self._stub else [CubeRegion(key_values=values)],
        )


def _components(one: model.Structure) -> list[Component]:
    dimensions = ",".join(item.id for item in one.dimensions)
    found = [
        _component(item, Role.DIMENSION, one.concepts)
        for item in (*one.dimensions, one.time)
    ]
    found.append(_component(one.measure, Role.MEASURE, one.concepts))
    for item in one.attributes:
        level = dimensions if item.level is Level.SERIES else "O"
        found.append(_component(item, Role.ATTRIBUTE, one.concepts, level))
    return found


def _component(
    item: model.Component, role: Role, concepts: Ref, level: str | None = None
) -> Component:
    concept = ItemReference(
        sdmx_type="Concept",
        agency=concepts.agency,
        id=concepts.id,
        version=concepts.version,
        item_id=item.id,
    )
    coded = item.codelist is not None
    return Component(
        id=item.id,
        required=item.mandatory,
        role=role,
        concept=concept,
        local_dtype=None if coded else DataType(item.kind),
        local_enum_ref=None if item.codelist is None else item.codelist.urn,
        attachment_level=level,
    )
