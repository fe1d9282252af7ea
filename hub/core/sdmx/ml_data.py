"""Data in SDMX-ML: generic 2.1, structure specific 2.1 and 3.0, each also as series.

Rules (SDMX-ML 2.1 and 3.0, the official schemas):

- A message is a sequence of texts, so nobody has to hold it whole.
- What has no value has none: no ``ObsValue``, no ``OBS_VALUE``; its status says why.
- No library wrote it without pandas and a frame in memory; this is why it is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hub.core.sdmx import ml
from hub.core.sdmx.cube import DataSet, Message, Point, View, figure, view
from hub.core.sdmx.model import MEASURE
from hub.core.sdmx.times import iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One of the data formats.

    Attributes:
        root: Name of the message's root element.
        data: Name of the data namespace.
        version: ``2_1`` or ``3_0``.
    """

    root: str
    data: str
    version: str = "2_1"

    @property
    def generic(self) -> bool:
        """Whether components are named by values, not by the structure's own names."""
        return self.data == "data/generic"


GENERIC = Dialect(root="GenericData", data="data/generic")
GENERIC_SERIES = Dialect(root="GenericTimeSeriesData", data="data/generic")
SPECIFIC = Dialect(root="StructureSpecificData", data="data/structurespecific")
SPECIFIC_SERIES = Dialect(
    root="StructureSpecificTimeSeriesData", data="data/structurespecific"
)
SPECIFIC_3 = Dialect(
    root="StructureSpecificData", data="data/structurespecific", version="3_0"
)


def write(message: Message, dialect: Dialect) -> Iterator[str]:
    """The message as pieces of text."""
    cut = view(message.structure, message.at, message.detail)
    yield _begin(message, dialect)
    for one in message.sets:
        yield _set_tag(message, one, dialect)
        if dialect.generic:
            yield from _generic(cut, one)
        else:
            yield from _specific(cut, one)
        yield "</mes:DataSet>"
    yield f"</mes:{dialect.root}>"


def specific_namespace(message: Message) -> str:
    """The namespace of a structure's own schema."""
    return f"{message.structure.ref.urn}:ObsLevelDim:{message.at}"


def _begin(message: Message, dialect: Dialect) -> str:
    ref, version = message.structure.ref, dialect.version
    spaces = {
        "mes": ml.namespace(version, "message"),
        "com": ml.namespace(version, "common"),
        "gen" if dialect.generic else "ss": ml.namespace(version, dialect.data),
        "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    }
    own = ""
    if not dialect.generic:
        spaces["own"] = specific_namespace(message)
        own = f'namespace="{spaces["own"]}" '
    if version == "3_0":
        names = ref.urn
    else:
        names = (
            f'<Ref agencyID="{ref.agency}" id="{ref.id}" version="{ref.version}" '
            'class="DataStructure" package="datastructure"/>'
        )
    structure = (
        f'<mes:Structure structureID="{ref.id}" {own}'
        f'dimensionAtObservation="{message.at}">'
        f"<com:Structure>{names}</com:Structure></mes:Structure>"
    )
    declared = " ".join(f'xmlns:{name}="{uri}"' for name, uri in spaces.items())
    return f"{ml.DECLARATION}<mes:{dialect.root} {declared}>" + ml.header(
        message.id, message.prepared_ms, inside=structure
    )


def _set_tag(message: Message, one: DataSet, dialect: Dialect) -> str:
    ref = message.structure.ref
    prefix = "" if dialect.generic else "ss:"
    said = [
        f'{prefix}action="{one.action}"',
        f'{prefix}structureRef="{ref.id}"',
    ]
    if one.since_ms is not None:
        said.append(f'{prefix}validFromDate="{iso(one.since_ms)}"')
    if one.until_ms is not None:
        said.append(f'{prefix}validToDate="{iso(one.until_ms)}"')
    if not dialect.generic:
        said.append('ss:dataScope="DataStructure" xsi:type="own:DataSetType"')
    return f"<mes:DataSet {' '.join(said)}>"


def _generic(cut: View, one: DataSet) -> Iterator[str]:
    above = [item.id for item in cut.above]
    group = [item.id for item in cut.group]
    below = [item.id for item in cut.below]
    names = [item.id for item in cut.point]

    def point(one: Point) -> str:
        key = f'<gen:ObsDimension value="{ml.quoted(one.at[0])}"/>'
        if cut.flat:
            key = _values("gen:ObsKey", below, one.at)
        value = ""
        if cut.detail.measure and one.value is not None:
            value = f'<gen:ObsValue value="{figure(one.value)}"/>'
        said = _values("gen:Attributes", names, one.attributes)
        return f"<gen:Obs>{key}{value}{said}</gen:Obs>"

    for key, attributes, points in cut.groups(one.series):
        inside = (
            "".join(map(point, points)) if cut.detail.observations or cut.flat else ""
        )
        if cut.flat:
            yield inside
            continue
        said = _values("gen:Attributes", group, attributes)
        yield (
            f"<gen:Series>{_values('gen:SeriesKey', above, key)}{said}{inside}"
            "</gen:Series>"
        )


def _values(tag: str, ids: list[str], values: tuple[str | None, ...]) -> str:
    inside = "".join(
        f'<gen:Value id="{id_}" value="{ml.quoted(value)}"/>'
        for id_, value in zip(ids, values, strict=True)
        if value is not None
    )
    return f"<{tag}>{inside}</{tag}>" if inside else ""


def _specific(cut: View, one: DataSet) -> Iterator[str]:
    above = [item.id for item in cut.above]
    group = [item.id for item in cut.group]
    below = [item.id for item in cut.below]
    names = [item.id for item in cut.point]

    def point(one: Point) -> str:
        value = ""
        if cut.detail.measure and one.value is not None:
            value = f' {MEASURE}="{figure(one.value)}"'
        said = _written(names, one.attributes)
        return f"<Obs{_written(below, one.at)}{value}{said}/>"

    for key, attributes, points in cut.groups(one.series):
        inside = (
            "".join(map(point, points)) if cut.detail.observations or cut.flat else ""
        )
        if cut.flat:
            yield inside
        else:
            tag = f"Series{_written(above, key)}{_written(group, attributes)}"
            yield f"<{tag}>{inside}</Series>"


def _written(ids: list[str], values: tuple[str | None, ...]) -> str:
    return "".join(
        f' {id_}="{ml.quoted(value)}"'
        for id_, value in zip(ids, values, strict=True)
        if value is not None
    )
