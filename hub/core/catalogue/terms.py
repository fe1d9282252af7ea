"""The terms that tables and dataflows are declared in: conditions, dimensions, parts.

Rules:

- Everything here is frozen and knows no dataflow, table or code by name.
- What a term does is said in docs/catalogue.md, where each has its example; who reads
  it from a file is :mod:`hub.core.catalogue.phrases`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One text in the three languages."""

    en: str
    ru: str
    tk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What a member and the hub agreed on.

    Attributes:
        since: First day.
        until: Last day; after it doctor asks for a new agreement or for the end.
        purpose: What the member takes part for.
    """

    since: dt.date
    until: dt.date
    purpose: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """``field op value``: op in eq ne in not_in null not_null le ge lt gt within_days.

    `value` is a literal, a tuple of literals for in/not_in, or another field as
    ``"@name"``. For ``within_days`` it is a number, and `of` names the date from which
    the field lies 0 to that many days on.
    """

    field: str
    op: str
    value: str | int | bool | tuple[str | int, ...] | None = None
    of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """A table dimension beside SEX and area, derived from a field.

    Attributes:
        id: Concept id in the DSD, e.g. CITIZENSHIP_G; its codelist id is `codelist`.
        field: Field it is read from; None for AGE dimensions (age at the reference
            date from birth_year). ``member`` reads the member column of a fact; its
            codes are the members' short ids.
        grouping: Name of the grouping in the field's codelist, or None (code as is).
        mapping: Explicit code map (overrides grouping).
        bands: For ages: (code, low, high) with high None for open; year - birth_year.
        other: Code for values the map does not name, usually ``_U`` or ``OTH``.
        flags: Instead of a field: (code, boolean field); a row counts in every code
            whose field is true.
    """

    id: str
    codelist: str
    field: str | None
    grouping: str | None = None
    mapping: Mapping[str, str] | None = None
    bands: tuple[tuple[str, int, int | None], ...] = ()
    other: str = "_U"
    flags: tuple[tuple[str, str], ...] = ()

    @property
    def aged(self) -> bool:
        """Whether its codes are age bands."""
        return self.field is None and not self.flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One side of a rate or ratio: published cells of another table.

    A dimension of the rate (SEX and area too) is matched by id; where the component
    lacks it, the same component cell serves every code.

    Attributes:
        table: Table id (may be an internal one).
        where: Dimension id -> codes kept (summed when more than one; ``SEX`` and
            ``REF_AREA`` may be named too); a dimension neither named here nor one of
            the rate's own is taken at ``_T``.
    """

    table: str
    where: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One code of a stacked ratio: a numerator and a denominator of its own.

    Attributes:
        code: Of the ratio's first dimension.
    """

    code: str
    numerator: Component
    denominator: Component


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A fact counts only if its person has another fact soon after.

    Attributes:
        dataflow: Where the other fact is, of the same linkage domain.
        time: Its date.
        where: What it must satisfy.
        within_days: It lies 0 to so many days after the date of the first.
    """

    dataflow: str
    time: str
    where: tuple[Condition, ...]
    within_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """A fact of the same person ends a stay in a stock.

    Attributes:
        dataflow: Where it is, of the same linkage domain.
        time: Its date: the first day on which the person is no longer counted.
        where: What it must satisfy.
        final: It also ends what begins later, as death does.
    """

    dataflow: str
    time: str
    where: tuple[Condition, ...]
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Residence:
    """A table of what crossings say about where a person lives.

    Attributes:
        event: ``immigration``, ``emigration``, ``visit`` (a stay of a person who does
            not reside here) or ``stay`` (anybody's).
        direction: Field with the direction.
        inward: Its code for an entry; every other code is an exit.
        declared: Field with the days declared on the other side, or None.
        home: Who belongs here.
        settled: Whose first exit shows that they resided here.
        away_days: Absence that rule R12 overlooks.
        least_days: Least length of a stay that counts.
        below_days: Length from which a stay no longer counts, or None.
    """

    event: str
    direction: str
    inward: str
    declared: str | None
    home: tuple[Condition, ...]
    settled: tuple[Condition, ...]
    away_days: int
    least_days: int
    below_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdg:
    """How a table stands in the data structure of the SDG indicators.

    Attributes:
        series: Code of `dimension` → series; ``_T`` alone where no dimension is named.
        dimension: Whose codes choose the series.
        age: Dimension that becomes AGE; its codes are the same there.
        composite: Code of COMPOSITE_BREAKDOWN, e.g. ``MS_MIGRANT``.
        sex: False where only the total is that series.
        differs: The concept is the series', the figure is not: OBS_STATUS is D.
    """

    series: Mapping[str, str]
    dimension: str | None = None
    age: str | None = None
    composite: str = "_T"
    sex: bool = True
    differs: bool = False
