"""Data as messages hold them: series with observations, and other ways to cut them.

Rules (SDMX information model; REST, ``dimensionAtObservation``):

- A data set is series in the order of their keys, observations in the order of time.
- A *view* says which dimensions stand at the observation: time (the default), any
  other one (a cross-section), or all (a flat table). In all but the first, attributes
  of the series stand at the observation, since the series is cut up.
- Nothing is computed here: values pass as they were published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from hub.core.sdmx.model import (
    ALL_DIMENSIONS,
    TIME,
    Component,
    Level,
    Structure,
)
from hub.core.sdmx.refusal import shown, syntax

Values = tuple[str | None, ...]
"""Attribute values, in the order of the structure."""


class Observation(NamedTuple):
    """One value at one time."""

    period: str
    value: float | None
    attributes: Values


class Series(NamedTuple):
    """One key and what was observed."""

    key: tuple[str, ...]
    attributes: Values
    observations: Sequence[Observation]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Series of one structure, and what they are to their receiver.

    Attributes:
        action: Information, Replace, Append or Delete.
        since_ms: From when on they were so, where that is part of the answer.
        until_ms: Until when.
    """

    series: Sequence[Series]
    action: str = "Information"
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What of the data is wanted.

    Attributes:
        attributes: Ids of attributes; None: all of them.
        measure: Whether values are.
        observations: Whether anything below the series is.
    """

    attributes: frozenset[str] | None = None
    measure: bool = True
    observations: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a writer writes: a pure function of the store's state and the query.

    Attributes:
        id: Of the message; the same for the same content.
        prepared_ms: When its newest content was released.
        at: Dimension at the observation, or ``AllDimensions``.
    """

    id: str
    prepared_ms: int
    flow_id: str
    flow_urn: str
    structure: Structure
    sets: Sequence[DataSet]
    at: str = TIME
    detail: Detail = Detail()


class Point(NamedTuple):
    """An observation in a view: codes of the dimensions that stand there."""

    at: tuple[str, ...]
    value: float | None
    attributes: Values


class Group(NamedTuple):
    """What has one key in a view; without key in a flat one."""

    key: tuple[str, ...]
    attributes: Values
    points: Sequence[Point]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A structure as a message with one way of cutting shows it.

    Attributes:
        above: Dimensions of the group, in order.
        below: Dimensions of the observation.
        group: Attributes of the group that are wanted.
        point: Attributes of the observation that are wanted.
    """

    structure: Structure
    above: tuple[Component, ...]
    below: tuple[Component, ...]
    group: tuple[Component, ...]
    point: tuple[Component, ...]
    detail: Detail

    @property
    def flat(self) -> bool:
        """Whether there are no groups."""
        return not self.above

    def groups(self, series: Iterable[Series]) -> Iterator[Group]:
        """The series, cut as this view does."""
        chosen = _chooser(self.structure.series, self.detail)
        below = _chooser(self.structure.observation, self.detail)
        if self.below == (self.structure.time,):
            for one in series:
                points = [
                    Point((o.period,), o.value, below(o.attributes))
                    for o in one.observations
                ]
                yield Group(one.key, chosen(one.attributes), points)
            return
        places = {c.id: at for at, c in enumerate(self.structure.dimensions)}
        places[TIME] = len(places)
        up = [places[one.id] for one in self.above]
        down = [places[one.id] for one in self.below]
        found: dict[tuple[str, ...], list[Point]] = {}
        for one in series:
            mine = chosen(one.attributes)
            for o in one.observations:
                whole = (*one.key, o.period)
                found.setdefault(tuple(whole[at] for at in up), []).append(
                    Point(
                        tuple(whole[at] for at in down),
                        o.value,
                        (*mine, *below(o.attributes)),
                    )
                )
        for key, points in found.items():
            yield Group(key, (), points)


def view(structure: Structure, at: str, detail: Detail) -> View:
    """The view with `at` at the observation.

    Raises:
        RefusalError: SYNTAX; there is no such dimension.
    """
    above: tuple[Component, ...] = structure.dimensions
    below: tuple[Component, ...] = (structure.time,)
    if at == ALL_DIMENSIONS:
        above, below = (), (*structure.dimensions, structure.time)
    elif at != TIME:
        below = tuple(one for one in structure.dimensions if one.id == at)
        if not below:
            known = ", ".join(one.id for one in (*structure.dimensions, structure.time))
            raise syntax(
                f"dimensionAtObservation={shown(at)}: expected {ALL_DIMENSIONS} or one "
                f"of {known}"
            )
        rest = tuple(one for one in structure.dimensions if one.id != at)
        above = (*rest, structure.time)
    group = tuple(one for one in structure.series if _wanted(one, detail))
    point = tuple(one for one in structure.observation if _wanted(one, detail))
    if below != (structure.time,):
        moved = (replace(one, level=Level.OBSERVATION) for one in group)
        group, point = (), (*moved, *point)
    return View(
        structure=structure,
        above=above,
        below=below,
        group=group,
        point=point,
        detail=detail,
    )


def _wanted(one: Component, detail: Detail) -> bool:
    return detail.attributes is None or one.id in detail.attributes


def _chooser(
    components: Sequence[Component], detail: Detail
) -> Callable[[Values], Values]:
    """What takes the wanted attributes out of all."""
    wanted = [_wanted(one, detail) for one in components]
    if all(wanted):
        return lambda values: values
    places = [at for at, one in enumerate(wanted) if one]
    return lambda values: tuple(values[at] for at in places)


def figure(value: float) -> str:
    """A value as it is written everywhere: no exponent where a plain number will do."""
    if value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return repr(value)
