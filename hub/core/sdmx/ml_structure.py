"""Structures in SDMX-ML 2.1, every name in three languages.

Rules (SDMX-ML 2.1, the official schemas):

- Kinds stand in the schema's order, each in its own room.
- A stub is what identifies an artefact, and says that the rest is elsewhere.
- The libraries that write structures write one language; this is why this one is ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from hub.core.sdmx import ml
from hub.core.sdmx.model import (
    ITEMS,
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

ROOMS = {
    Kind.AGENCIES: "OrganisationSchemes",
    Kind.FLOW: "Dataflows",
    Kind.CODELIST: "Codelists",
    Kind.CONCEPTS: "Concepts",
    Kind.STRUCTURE: "DataStructures",
    Kind.CONSTRAINT: "Constraints",
}
"""Rooms of the message in the order of its schema."""

_SPACES = {
    "mes": ml.namespace("2_1", "message"),
    "str": ml.namespace("2_1", "structure"),
    "com": ml.namespace("2_1", "common"),
}


def write(
    artefacts: Sequence[Artefact],
    *,
    id_: str,
    prepared_ms: int,
    stubs: frozenset[Ref] = frozenset(),
) -> Iterator[str]:
    """A structure message as pieces of text.

    Args:
        artefacts: What it holds.
        id_: Of the message.
        prepared_ms: When its content was last changed.
        stubs: Those of which only the identification is wanted.
    """
    spaces = " ".join(f'xmlns:{name}="{uri}"' for name, uri in _SPACES.items())
    yield f"{ml.DECLARATION}<mes:Structure {spaces}>"
    yield ml.header(id_, prepared_ms)
    yield "<mes:Structures>"
    for kind, room in ROOMS.items():
        found = [one for one in artefacts if one.ref.kind is kind]
        if found:
            yield f"<str:{room}>"
            for one in found:
                yield _artefact(one, stub=one.ref in stubs)
            yield f"</str:{room}>"
    yield "</mes:Structures></mes:Structure>"


def _artefact(one: Artefact, *, stub: bool) -> str:
    ref = one.ref
    # An agency scheme is never final, says its schema.
    more = "" if ref.kind is Kind.AGENCIES else ' isFinal="true"'
    if stub:
        more = ' isExternalReference="true"'
    if isinstance(one, Scheme) and one.partial and not stub:
        more += ' isPartial="true"'
    if isinstance(one, Constraint):
        more += ' type="Actual"'
    head = (
        f'<str:{ref.kind} id="{ref.id}" agencyID="{ref.agency}" '
        f'version="{ref.version}" urn="{ref.urn}"{more}>'
    )
    counts = "" if stub or not isinstance(one, Constraint) else _counts(one)
    name = counts + ml.names("com:Name", one.name)
    inside = "" if stub else _inside(one)
    return f"{head}{name}{inside}</str:{ref.kind}>"


def _inside(one: Artefact) -> str:
    if isinstance(one, Flow):
        described = ml.names("com:Description", one.description)
        return f"{described}<str:Structure>{_ref(one.structure)}</str:Structure>"
    if isinstance(one, Scheme):
        return _items(one)
    if isinstance(one, Structure):
        return _components(one)
    return _region(one)


def _items(one: Scheme) -> str:
    tag = f"str:{ITEMS[one.ref.kind]}"
    return "".join(
        f'<{tag} id="{ml.quoted(id_)}" urn="{ml.quoted(one.ref.item_urn(id_))}">'
        f"{ml.names('com:Name', name)}</{tag}>"
        for id_, name in one.items.items()
    )


def _ref(ref: Ref) -> str:
    package = ref.urn.partition(".infomodel.")[2].partition(".")[0]
    return (
        f'<Ref id="{ref.id}" agencyID="{ref.agency}" version="{ref.version}" '
        f'package="{package}" class="{ref.kind}"/>'
    )


def _components(one: Structure) -> str:
    places = range(1, len(one.dimensions) + 2)
    dimensions = "".join(
        _component("Dimension", item, one, f' position="{place}"')
        for place, item in zip(places, one.dimensions, strict=False)
    )
    time = _component("TimeDimension", one.time, one, f' position="{places[-1]}"')
    attributes = "".join(_attribute(item, one) for item in one.attributes)
    measure = _component("PrimaryMeasure", one.measure, one)
    return (
        "<str:DataStructureComponents>"
        f'<str:DimensionList id="DimensionDescriptor">{dimensions}{time}'
        "</str:DimensionList>"
        f'<str:AttributeList id="AttributeDescriptor">{attributes}</str:AttributeList>'
        f'<str:MeasureList id="MeasureDescriptor">{measure}</str:MeasureList>'
        "</str:DataStructureComponents>"
    )


def _component(
    tag: str, item: Component, one: Structure, more: str = "", after: str = ""
) -> str:
    scheme = one.concepts
    concept = (
        f'<Ref id="{item.id}" maintainableParentID="{scheme.id}" '
        f'maintainableParentVersion="{scheme.version}" agencyID="{scheme.agency}" '
        'package="conceptscheme" class="Concept"/>'
    )
    if item.codelist is None:
        shape = f'<str:TextFormat textType="{item.kind}"/>'
    else:
        shape = f"<str:Enumeration>{_ref(item.codelist)}</str:Enumeration>"
    return (
        f'<str:{tag} id="{item.id}"{more}>'
        f"<str:ConceptIdentity>{concept}</str:ConceptIdentity>"
        f"<str:LocalRepresentation>{shape}</str:LocalRepresentation>{after}</str:{tag}>"
    )


def _attribute(item: Component, one: Structure) -> str:
    status = "Mandatory" if item.mandatory else "Conditional"
    if item.level is Level.SERIES:
        related = "".join(
            f'<str:Dimension><Ref id="{dimension.id}"/></str:Dimension>'
            for dimension in one.dimensions
        )
    else:
        measure = f'<Ref id="{one.measure.id}"/>'
        related = f"<str:PrimaryMeasure>{measure}</str:PrimaryMeasure>"
    more = f' assignmentStatus="{status}"'
    after = f"<str:AttributeRelationship>{related}</str:AttributeRelationship>"
    return _component("Attribute", item, one, more, after)


def _counts(one: Constraint) -> str:
    """How much there is, as annotations: 2.1 has no other place for it."""
    return _annotations(
        {"series_count": one.series, "obs_count": one.observations}.items()
    )


def _annotations(found: Iterable[tuple[str, int]]) -> str:
    inside = "".join(
        f'<com:Annotation id="{name}"><com:AnnotationTitle>{count}'
        f"</com:AnnotationTitle><com:AnnotationType>sdmx_metrics</com:AnnotationType>"
        "</com:Annotation>"
        for name, count in found
    )
    return f"<com:Annotations>{inside}</com:Annotations>"


def _region(one: Constraint) -> str:
    values = "".join(_key_value(id_, codes) for id_, codes in _said(one.values))
    if one.start is not None and one.end is not None:
        values += (
            '<com:KeyValue id="TIME_PERIOD"><com:TimeRange>'
            f'<com:StartPeriod isInclusive="true">{one.start}</com:StartPeriod>'
            f'<com:EndPeriod isInclusive="true">{one.end}</com:EndPeriod>'
            "</com:TimeRange></com:KeyValue>"
        )
    return (
        f"<str:ConstraintAttachment><str:Dataflow>{_ref(one.flow)}</str:Dataflow>"
        "</str:ConstraintAttachment>"
        f'<str:CubeRegion include="true">{values}</str:CubeRegion>'
    )


def _said(values: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, Sequence[str]]]:
    for id_, codes in values.items():
        if codes:
            yield id_, codes


def _key_value(id_: str, codes: Iterable[str]) -> str:
    inside = "".join(f"<com:Value>{ml.escaped(code)}</com:Value>" for code in codes)
    return f'<com:KeyValue id="{id_}">{inside}</com:KeyValue>'
