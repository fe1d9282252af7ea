"""The part of the SDMX information model that this hub speaks.

Rules (SDMX 2.1 and 3.0, information model):

- What can be maintained is known by agency, id and version (:class:`Ref`); its URN says
  the same in one word.
- Ids are the same in structure and data; every name is in three languages.
- A component's level says where its value stands: in the key, at the series, at the
  observation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hub.core.catalogue.model import Text

AGENCY = "KERWEN"
VERSION = "1.0.0"
LANGUAGES = ("en", "ru", "tk")
TIME = "TIME_PERIOD"
MEASURE = "OBS_VALUE"
ALL_DIMENSIONS = "AllDimensions"


class Kind(StrEnum):
    """Kinds of artefacts, by the class name of their URN in SDMX 2.1."""

    FLOW = "Dataflow"
    STRUCTURE = "DataStructure"
    CODELIST = "Codelist"
    CONCEPTS = "ConceptScheme"
    CONSTRAINT = "ContentConstraint"
    AGENCIES = "AgencyScheme"


_PACKAGES = {
    Kind.FLOW: "datastructure",
    Kind.STRUCTURE: "datastructure",
    Kind.CODELIST: "codelist",
    Kind.CONCEPTS: "conceptscheme",
    Kind.CONSTRAINT: "registry",
    Kind.AGENCIES: "base",
}
ITEMS = {Kind.CODELIST: "Code", Kind.CONCEPTS: "Concept", Kind.AGENCIES: "Agency"}
"""Class names of the items of schemes."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Ref:
    """What an artefact is known by."""

    kind: Kind
    id: str
    agency: str = AGENCY
    version: str = VERSION

    @property
    def short(self) -> str:
        """``KERWEN:PRM_NEW(1.0.0)``."""
        return f"{self.agency}:{self.id}({self.version})"

    @property
    def urn(self) -> str:
        """The URN; in SDMX 3.0 the class of constraints has another name."""
        return (
            f"urn:sdmx:org.sdmx.infomodel.{_PACKAGES[self.kind]}"
            f".{self.kind}={self.short}"
        )

    def item_urn(self, item: str) -> str:
        """The URN of an item of this scheme."""
        package, name = _PACKAGES[self.kind], ITEMS[self.kind]
        return f"urn:sdmx:org.sdmx.infomodel.{package}.{name}={self.short}.{item}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """A codelist, concept scheme or agency scheme: items in order.

    Attributes:
        partial: Whether items were left out on purpose.
    """

    ref: Ref
    name: Text
    items: Mapping[str, Text]
    partial: bool = False


class Level(StrEnum):
    """Where the value of a component stands."""

    KEY = "key"
    SERIES = "series"
    OBSERVATION = "observation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A dimension, the measure or an attribute.

    Attributes:
        concept: Id in the concept scheme, the component's own id as well.
        codelist: Where its codes are; None: not coded.
        kind: SDMX data type of what is not coded.
        mandatory: Attributes only: every value there is has one.
        codes: What it can be here, with labels; empty where it is not coded.
    """

    id: str
    level: Level
    name: Text
    codelist: Ref | None = None
    kind: str = "String"
    mandatory: bool = True
    codes: Mapping[str, Text] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """A data structure definition: key, time, one measure, attributes.

    Attributes:
        concepts: The concept scheme that its components are taken from.
        dimensions: Those of the series key, in order; time is not among them.
        attributes: Those of the series first, then those of the observation.
    """

    ref: Ref
    name: Text
    concepts: Ref
    dimensions: tuple[Component, ...]
    time: Component
    measure: Component
    attributes: tuple[Component, ...]

    @property
    def series(self) -> tuple[Component, ...]:
        """Attributes of the series."""
        return tuple(one for one in self.attributes if one.level is Level.SERIES)

    @property
    def observation(self) -> tuple[Component, ...]:
        """Attributes of the observation."""
        return tuple(one for one in self.attributes if one.level is Level.OBSERVATION)

    @property
    def components(self) -> tuple[Component, ...]:
        """Everything, in the order of a table with one row an observation."""
        return (*self.dimensions, self.time, self.measure, *self.attributes)

    @property
    def codelists(self) -> tuple[Ref, ...]:
        """Codelists referred to, each once."""
        found = (one.codelist for one in self.components if one.codelist is not None)
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A dataflow."""

    ref: Ref
    name: Text
    description: Text
    structure: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """What data there is: codes that occur, first and last period, counts.

    Attributes:
        values: Dimension id → codes, in the order of the codelist.
        start: First day of which there is something, None where there is nothing.
            Days, because not every client reads quarters there.
        end: Last day.
    """

    ref: Ref
    name: Text
    flow: Ref
    values: Mapping[str, tuple[str, ...]]
    start: str | None = None
    end: str | None = None
    series: int = 0
    observations: int = 0


Artefact = Scheme | Structure | Flow | Constraint
