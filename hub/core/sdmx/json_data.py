"""Data in SDMX-JSON: the draft that Python's client reads, 1.0, 2.0 and 2.1.

Rules (SDMX-JSON field guides 1.0 and 2.0, and their JSON schemas):

- A component lists the values that occur; series and observations point at them by
  number. Codes keep the order of their codelist, periods the order of time.
- Names come in the language asked for, and in 1.0 and 2.0 in all three beside it.
- An attribute without a value anywhere is left out of the draft, where an empty list of
  values is an error to its readers.

They differ in where the structure stands, in how uncoded values are spelt, and in that
2.0 lists its measures; 2.1 is 2.0 under another schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.core.catalogue.model import Text
from hub.core.sdmx.cube import DataSet, Group, Message, View, figure, view
from hub.core.sdmx.model import AGENCY, LANGUAGES, TIME, Component
from hub.core.sdmx.times import iso, span

DRAFT, ONE, TWO, TWO_ONE = "1.0.0-wd", "1.0.0", "2.0.0", "2.1.0"
SCHEMAS = {
    TWO_ONE: "https://json.sdmx.org/2.1/sdmx-json-data-schema.json",
    ONE: "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/data-message/"
    "tools/schemas/1.0/sdmx-json-data-schema.json",
    TWO: "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/data-message/"
    "tools/schemas/2.0.0/sdmx-json-data-schema.json",
}

Table = dict[str | None, int]
"""Value → its number in a component's list."""


@dataclass(slots=True, kw_only=True)
class _Numbers:
    """The values that occur of every component of a view."""

    above: list[Table] = field(default_factory=list)
    below: list[Table] = field(default_factory=list)
    group: list[Table] = field(default_factory=list)
    point: list[Table] = field(default_factory=list)


def write(message: Message, version: str, language: str) -> Iterator[str]:
    """The message as pieces of text.

    Args:
        message: What to write.
        version: ``1.0.0-wd`` (the draft), ``1.0.0``, ``2.0.0`` or ``2.1.0``.
        language: en, ru or tk: what ``name`` is in.
    """
    cut = view(message.structure, message.at, message.detail)
    sets = [list(cut.groups(one.series)) for one in message.sets]
    numbers = _numbers(cut, sets)
    meta = _meta(message, version, language)
    version = TWO if version == TWO_ONE else version
    structure = _structure(message, cut, numbers, version, language)
    if version == DRAFT:
        yield f'{{"header":{_text(meta)},"structure":{_text(structure)},"dataSets":['
    else:
        whole = f'"structures":[{_text(structure)}]'
        if version == ONE:
            whole = f'"structure":{_text(structure)}'
        yield f'{{"meta":{_text(meta)},"data":{{{whole},"dataSets":['
    pointed = _Pointer(cut, numbers, version)
    for at, (one, groups) in enumerate(zip(message.sets, sets, strict=True)):
        yield "," if at else ""
        yield _text(_head(message, one, version))[:-1]
        yield from pointed.whole(groups)
    yield "]}" if version == DRAFT else "]}}"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _numbers(cut: View, sets: Iterable[Sequence[Group]]) -> _Numbers:
    """Number the values that occur."""
    above: list[set[str | None]] = [set() for _ in cut.above]
    below: list[set[str | None]] = [set() for _ in cut.below]
    group: list[set[str | None]] = [set() for _ in cut.group]
    point: list[set[str | None]] = [set() for _ in cut.point]
    for groups in sets:
        for one in groups:
            _note(above, one.key)
            _note(group, one.attributes)
            for o in one.points:
                _note(below, o.at)
                _note(point, o.attributes)
    return _Numbers(
        above=list(map(_numbered, cut.above, above)),
        below=list(map(_numbered, cut.below, below)),
        group=list(map(_numbered, cut.group, group)),
        point=list(map(_numbered, cut.point, point)),
    )


def _note(found: Sequence[set[str | None]], values: Sequence[str | None]) -> None:
    for seen, value in zip(found, values, strict=True):
        seen.add(value)


def _numbered(component: Component, seen: set[str | None]) -> Table:
    values = {one for one in seen if one is not None}
    if component.codes:
        known = [code for code in component.codes if code in values]
        ordered = [*known, *sorted(values.difference(known))]
    elif component.id == TIME:
        ordered = sorted(values, key=lambda one: (span(one).start, one))
    else:
        ordered = sorted(values)
    return {value: at for at, value in enumerate(ordered)}


def _meta(message: Message, version: str, language: str) -> dict[str, Any]:
    sender = {"id": AGENCY, "name": "Kerwen"}
    prepared = iso(message.prepared_ms)
    meta = {"id": message.id, "test": False, "prepared": prepared, "sender": sender}
    if version == DRAFT:
        return meta
    languages = [language, *(one for one in LANGUAGES if one != language)]
    return {"schema": SCHEMAS[version], **meta, "contentLanguages": languages}


def _structure(
    message: Message, cut: View, numbers: _Numbers, version: str, language: str
) -> dict[str, Any]:
    draft = version == DRAFT
    places = {
        one.id: at
        for at, one in enumerate((*cut.structure.dimensions, cut.structure.time))
    }

    def dimension(one: Component, table: Table) -> dict[str, Any]:
        role: dict[str, Any] = {}
        if one.id == TIME:
            role = {"role": "time"} if draft else {"roles": [TIME]}
        return {
            "id": one.id,
            **_named(one.name, version, language),
            "keyPosition": places[one.id],
            **role,
            "values": [_value(one, value, version, language) for value in table],
        }

    def attribute(one: Component, table: Table) -> dict[str, Any]:
        values = [_value(one, value, version, language) for value in table]
        listed = {"values": values} if values or version == ONE else {}
        return {
            "id": one.id,
            **_named(one.name, version, language),
            **({} if draft else {"relationship": _relationship(cut, one)}),
            **listed,
        }

    def attributes(
        components: Sequence[Component], tables: Sequence[Table]
    ) -> list[dict[str, Any]]:
        found = zip(components, tables, strict=True)
        return [attribute(one, table) for one, table in found if table or not draft]

    made: dict[str, Any] = {
        **_named(cut.structure.name, version, language),
        "dimensions": {
            "dataSet": [],
            "series": list(map(dimension, cut.above, numbers.above)),
            "observation": list(map(dimension, cut.below, numbers.below)),
        },
        "attributes": {
            "dataSet": [],
            "series": attributes(cut.group, numbers.group),
            "observation": attributes(cut.point, numbers.point),
        },
    }
    if version == TWO:
        made["dataSets"] = list(range(len(message.sets)))
        measure = cut.structure.measure
        named = {"id": measure.id, **_named(measure.name, version, language)}
        listed = {**named, "format": {"dataType": measure.kind}}
        made["measures"] = {"observation": [listed] if cut.detail.measure else []}
    if not draft:
        made["links"] = [
            {"urn": message.flow_urn, "rel": "dataflow"},
            {"urn": cut.structure.ref.urn, "rel": "structure"},
        ]
    return made


def _named(name: Text, version: str, language: str) -> dict[str, Any]:
    best = {"name": getattr(name, language)}
    if version == DRAFT:
        return best
    return {**best, "names": {one: getattr(name, one) for one in LANGUAGES}}


def _value(
    component: Component, value: str | None, version: str, language: str
) -> dict[str, Any]:
    """An entry of a list of values."""
    if value is None:
        raise ValueError(component.id)
    label = component.codes.get(value)
    if label is not None:
        return {"id": value, **_named(label, version, language)}
    if component.id == TIME:
        found = {"id": value, "name": value}
        if version == DRAFT:
            return found
        days = span(value)
        return {
            **found,
            "start": f"{days.start}T00:00:00Z",
            "end": f"{days.end}T23:59:59Z",
        }
    return {"value": value} if version == TWO else {"name": value}


def _relationship(cut: View, one: Component) -> Mapping[str, Any]:
    if one in cut.group:
        return {"dimensions": [dimension.id for dimension in cut.above]}
    return {"primaryMeasure": cut.structure.measure.id}


def _head(message: Message, one: DataSet, version: str) -> dict[str, Any]:
    """What a data set says of itself."""
    head: dict[str, Any] = {"action": one.action}
    if version == TWO:
        head["structure"] = 0
    if one.since_ms is not None:
        head["validFrom"] = iso(one.since_ms)
    if one.until_ms is not None and version != DRAFT:
        head["validTo"] = iso(one.until_ms)
    if version != DRAFT:
        head["links"] = [{"urn": message.flow_urn, "rel": "dataflow"}]
    return head


class _Pointer:
    """Writes series and observations as numbers."""

    def __init__(self, cut: View, numbers: _Numbers, version: str) -> None:
        self._cut = cut
        self._numbers = numbers
        # The draft does not list empty attributes, so they have no place either.
        keep_all = version != DRAFT
        self._group = [at for at, one in enumerate(numbers.group) if one or keep_all]
        self._point = [at for at, one in enumerate(numbers.point) if one or keep_all]
        # In 2.0 a measure that is not wanted has no place; before, it is null.
        self._value = cut.detail.measure or version != TWO

    def whole(self, groups: Sequence[Group]) -> Iterator[str]:
        """The rest of a data set, after its head."""
        yield ',"observations":{' if self._cut.flat else ',"series":{'
        one = self.observations if self._cut.flat else self.series
        for at, group in enumerate(groups):
            yield ("," if at else "") + one(group)
        yield "}}"

    def series(self, group: Group) -> str:
        """``"0:1":{"attributes":[…],"observations":{…}}``."""
        key = _joined(self._numbers.above, group.key)
        said = _places(self._numbers.group, group.attributes, self._group)
        inside = f'"attributes":[{said}]' if self._group else ""
        if self._cut.detail.observations:
            comma = "," if inside else ""
            inside += f'{comma}"observations":{{{self.observations(group)}}}'
        return f'"{key}":{{{inside}}}'

    def observations(self, group: Group) -> str:
        """``"0":[12,0,1],…``."""
        return ",".join(
            f'"{_joined(self._numbers.below, one.at)}":'
            f"[{self._cells(one.value, one.attributes)}]"
            for one in group.points
        )

    def _cells(self, value: float | None, attributes: Sequence[str | None]) -> str:
        said = _places(self._numbers.point, attributes, self._point)
        if not self._value:
            return said
        shown = value is not None and self._cut.detail.measure
        first = figure(value) if shown and value is not None else "null"
        return f"{first},{said}" if said else first


def _joined(tables: Sequence[Table], codes: Sequence[str]) -> str:
    found = zip(tables, codes, strict=True)
    return ":".join(str(table[code]) for table, code in found)


def _places(
    tables: Sequence[Table], values: Sequence[str | None], places: Sequence[int]
) -> str:
    return ",".join(
        "null" if values[at] is None else str(tables[at][values[at]]) for at in places
    )
