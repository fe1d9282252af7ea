"""Every artefact of a catalogue, and what refers to what.

Rules (docs/gateway.md, "Structures"):

- One dataflow and one data structure a published table; id and version are the
  table's own. Key: FREQ.REF_AREA.SEX.<dimensions in catalogue order>.
- One concept scheme for all; a dimension that has a label in ``CL_CONCEPT`` bears it,
  any other the title of its codelist.
- A codelist holds the codes of its file and the margins (``_T``, ``_U``) that some
  dimension shows, so that every code of a message is in it.
- References are followed as the REST API says: children, parents, and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hub.core import codelists
from hub.core.catalogue.model import Catalogue, Table, Text
from hub.core.sdmx.model import (
    AGENCY,
    MEASURE,
    TIME,
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

CONCEPTS = Ref(kind=Kind.CONCEPTS, id="CS_KERWEN")
AGENCIES = Ref(kind=Kind.AGENCIES, id="AGENCIES", agency="SDMX", version="1.0")
CONCEPT_LABELS = "CL_CONCEPT"
_HUB = Text(en="Kerwen", ru="Kerwen", tk="Kerwen")

ATTRIBUTES = (
    ("UNIT_MEASURE", Level.SERIES, "CL_UNIT", "String", True),
    ("RESIDENCE_RULE", Level.SERIES, "CL_RESIDENCE_RULE", "String", False),
    ("OBS_STATUS", Level.OBSERVATION, "CL_OBS_STATUS", "String", True),
    ("CONF_STATUS", Level.OBSERVATION, "CL_CONF_STATUS", "String", True),
    ("VINTAGE", Level.OBSERVATION, "CL_VINTAGE", "String", True),
    ("RELEASE", Level.OBSERVATION, "", "String", True),
    ("RELEASED_MS", Level.OBSERVATION, "", "Long", True),
)
"""Attributes of every table: id, level, codelist, type, mandatory."""


def flow_ref(table: str) -> Ref:
    """The dataflow of a table."""
    return Ref(kind=Kind.FLOW, id=table)


def constraint_ref(flow: Ref) -> Ref:
    """The constraint that says what data a dataflow has."""
    return replace(flow, kind=Kind.CONSTRAINT, id=f"CR_{flow.id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Artefacts by reference, in a fixed order."""

    artefacts: Mapping[Ref, Artefact]

    def flow(self, ref: Ref) -> Flow | None:
        """The dataflow of this reference."""
        found = self.artefacts.get(ref)
        return found if isinstance(found, Flow) else None

    def structure(self, flow: Flow) -> Structure:
        """The data structure of a dataflow."""
        found = self.artefacts[flow.structure]
        if not isinstance(found, Structure):
            raise TypeError(f"{flow.structure.urn} is no data structure")
        return found

    def of_kind(self, kind: Kind) -> list[Ref]:
        """Every reference of a kind."""
        return [ref for ref in self.artefacts if ref.kind is kind]

    def children(self, ref: Ref) -> list[Ref]:
        """What an artefact refers to, one step."""
        found = self.artefacts[ref]
        if isinstance(found, Flow):
            return [found.structure]
        if isinstance(found, Structure):
            return [*found.codelists, found.concepts]
        if isinstance(found, Constraint):
            return [found.flow]
        return []

    def parents(self, ref: Ref) -> list[Ref]:
        """What refers to an artefact, one step."""
        return [one for one in self.artefacts if ref in self.children(one)]

    def also(self, more: Iterable[Artefact]) -> Shelf:
        """This shelf with artefacts beside or instead of those it has."""
        added = {one.ref: one for one in more}
        return Shelf(artefacts={**self.artefacts, **added})


def shelf(catalogue: Catalogue) -> Shelf:
    """Every artefact that a catalogue's published tables need."""
    tables = [one for one in catalogue.tables.values() if not one.internal]
    made: list[Artefact] = []
    for table in tables:
        structure = structure_of(catalogue, table)
        flow = Flow(
            ref=flow_ref(table.id),
            name=table.title,
            description=table.definition,
            structure=structure.ref,
        )
        made += [flow, structure]
    structures = [one for one in made if isinstance(one, Structure)]
    made += _codelists(catalogue, structures)
    made.append(_concepts(structures))
    made.append(Scheme(ref=AGENCIES, name=_HUB, items={AGENCY: _HUB}, partial=True))
    return Shelf(artefacts={one.ref: one for one in made})


def structure_of(catalogue: Catalogue, table: Table) -> Structure:
    """The data structure of a table."""
    fixed = [("FREQ", "CL_FREQ"), ("REF_AREA", codelists.AREA), ("SEX", codelists.SEX)]
    dimensions = [
        _component(catalogue, id_, Level.KEY, codelist) for id_, codelist in fixed
    ]
    for one in table.dimensions:
        codes = codelists.published(catalogue, one)
        made = _component(catalogue, one.id, Level.KEY, one.codelist)
        dimensions.append(replace(made, codes=codes))
    return Structure(
        ref=Ref(kind=Kind.STRUCTURE, id=table.id),
        name=table.title,
        concepts=CONCEPTS,
        dimensions=tuple(dimensions),
        time=_component(catalogue, TIME, Level.KEY, "", "ObservationalTimePeriod"),
        measure=_component(catalogue, MEASURE, Level.OBSERVATION, "", "Double"),
        attributes=tuple(
            replace(
                _component(catalogue, id_, level, codelist, kind), mandatory=mandatory
            )
            for id_, level, codelist, kind, mandatory in ATTRIBUTES
        ),
    )


def _component(
    catalogue: Catalogue, id_: str, level: Level, codelist: str, kind: str = "String"
) -> Component:
    """A component; not coded where the catalogue has no such codelist."""
    known = catalogue.codelists.get(codelist)
    labels = catalogue.codelists.get(CONCEPT_LABELS)
    plain = Text(en=id_, ru=id_, tk=id_) if known is None else known.title
    return Component(
        id=id_,
        level=level,
        name=plain if labels is None else labels.codes.get(id_, plain),
        codelist=None if known is None else Ref(kind=Kind.CODELIST, id=known.id),
        kind=kind,
        codes={} if known is None else known.codes,
    )


def _codelists(catalogue: Catalogue, structures: Iterable[Structure]) -> list[Scheme]:
    """Codes of each codelist: the file's, then the margins that are shown."""
    codes: dict[Ref, dict[str, Text]] = {}
    for structure in structures:
        for one in structure.components:
            if one.codelist is not None:
                file = catalogue.codelists[one.codelist.id].codes
                known = codes.setdefault(one.codelist, dict(file))
                known |= {code: one.codes[code] for code in one.codes}
    return [
        Scheme(ref=ref, name=catalogue.codelists[ref.id].title, items=codes[ref])
        for ref in sorted(codes)
    ]


def _concepts(structures: Iterable[Structure]) -> Scheme:
    found = {
        one.id: one.name for structure in structures for one in structure.components
    }
    name = Text(en="Concepts", ru="Понятия", tk="Düşünjeler")
    return Scheme(ref=CONCEPTS, name=name, items=found)
