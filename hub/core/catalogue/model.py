"""The catalogue as values: what a statistician declared, ready for every stage.

Rules:

- Everything here is frozen; loaders (``hub.core.catalogue.load``) make it from parsed
  TOML and schemas, and refuse what is wrong with file, key and expectation.
- Texts are :class:`Text`, with English, Russian and Turkmen, none empty; the terms of a
  table are in :mod:`hub.core.catalogue.terms`.
- Ids: dataflows lower snake case, tables upper case, codes printable ASCII without
  ``|`` (cell keys are joined with it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.core.catalogue.calendar import Calendar
from hub.core.catalogue.terms import (
    Agreement,
    Closing,
    Component,
    Condition,
    Dimension,
    Joined,
    Pair,
    Residence,
    Sdg,
    Text,
)
from hub.core.catalogue.words import Domain, Kind, Measure, Role
from hub.core.identity.composites import Linkage

__all__ = [
    "Agreement",
    "Catalogue",
    "Closing",
    "Codelist",
    "Component",
    "Condition",
    "Dataflow",
    "Derived",
    "Dimension",
    "Domain",
    "Field",
    "Joined",
    "Kind",
    "Measure",
    "Member",
    "Pair",
    "Policy",
    "Residence",
    "Role",
    "Rule",
    "Table",
    "Text",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a provider schema.

    Attributes:
        required: False where the catalogue marks the field ``?``.
        codelist: Id of the codelist for codes, else None.
        low: Least allowed number (None: no bound); for text, unused.
        high: Greatest allowed number, or greatest length of a text.
        keep: ``month`` where intake keeps only the first day of the month.
        frequency: For periods, the one frequency allowed (``M``: ``2025-03``), or
            empty: any.
    """

    name: str
    kind: Kind
    role: Role
    required: bool
    codelist: str | None = None
    low: int | None = None
    high: int | None = None
    keep: str = ""
    frequency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """An attribute that intake computes; it is in no provider schema.

    Attributes:
        rule: ``ratio``: `scale` × of[0] / of[1], rounded half up, null if either is
            null or the divisor is 0. ``dataflow``: the dataflow that the header of
            the message names. ``clock``: the append time in milliseconds. ``lag``:
            days from the end of the period in of[0] to the local day of the append.
    """

    field: Field
    rule: str
    of: tuple[str, ...] = ()
    scale: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A row rule: if `when` holds then `then` must.

    Both are tuples of conditions (and-ed); see :class:`Condition`.
    """

    id: str
    when: tuple[Condition, ...]
    then: tuple[Condition, ...]
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataflow:
    """One kind of record a ministry publishes.

    Attributes:
        schema: Registered provider schema, canonical JSON text as in
            ``schemas/avro/provider/<id>.v1.avsc``.
        fields: In schema order.
        person: "P" (block P, linked), "U" (case number, unlinked) or "" (no persons).
        unique: Field names of the natural key; empty: none.
        event_date: Name of the field that dates the event (plausibility, lateness).
        declare: Frequency of period declarations, "M", "Q" or "A".
        quiet: The count of a day is itself a secret.
        retention_days: How long the sealed log is kept.
        derived: Attributes that intake adds after the fields.
        reserved: True for control messages (period declarations): no member provides
            them, `schema` is the payload, there are no control fields.
        probe: Synthetic records of the operator: in no list and no count.
    """

    id: str
    title: Text
    domain: Domain
    person: str
    quiet: bool
    schema: str = field(repr=False)
    fields: tuple[Field, ...] = field(repr=False)
    rules: tuple[Rule, ...] = field(repr=False)
    unique: tuple[str, ...]
    event_date: str
    declare: str
    legal_basis: Text = field(repr=False)
    purpose: Text = field(repr=False)
    retention_days: int
    derived: tuple[Derived, ...] = ()
    reserved: bool = False
    probe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Codelist:
    """Codes in order (append only) with labels.

    Attributes:
        groups: Named groupings, code -> group code; a grouping's own codes are the
            codelist of the same name.
        bands: For age bands: code -> (low, high), high None for an open band.
        hints: Code -> how to mend it (reasons only).
        notes: Code -> further identifiers, e.g. ``{"m49": "004"}``.
    """

    id: str
    title: Text
    codes: Mapping[str, Text]
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    bands: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    hints: Mapping[str, Text] = field(default_factory=dict)
    notes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A ministry, UN member or association.

    Attributes:
        id: Short id used in topics, e.g. ``sms``, ``cso-keik``, ``iom``.
        member: X-Road id ``INSTANCE/CLASS/MEMBER/SUBSYSTEM``, e.g. TM/GOV/SMS/HUB.
        provides: Dataflow ids it may publish (empty: reads only).
        reads: True for members that subscribe to indicators.
        agreement: What was agreed with it; None: an agreement on paper alone.
    """

    id: str
    member: str
    title: Text
    provides: tuple[str, ...]
    reads: bool
    agreement: Agreement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A disclosure policy; `params` are its numbers (D, V, js, threshold, p...)."""

    id: str
    title: Text
    params: Mapping[str, int | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One indicator table.

    Attributes:
        dataflow: Source dataflow; None for rates, ratios, completeness.
        where: Conditions a fact must satisfy.
        time: Field that dates the fact (for stocks: start of validity).
        until: For stocks: field with the end of validity (inclusive, may be null).
        frequency: "M", "Q" or "A".
        assign: "first", "last", "main", "multi" or "" (events and sums).
        dimensions: At most two.
        area: Field with a velayat code for REF_AREA, or None: national only.
        sex: False where SEX is fixed to ``_T``.
        sex_field: Field with the sex code ("sex", or "person_sex" on sums).
        value: Field summed or averaged (sum, mean).
        value_parts: Instead of `value`: (field, weight) pairs, Σ field × weight.
        count: Field that counts contributors of pre-aggregated rows, or None.
        largest: Fields with the two largest contributions of pre-aggregated rows.
        scale: Published value = figure × scale ÷ divisor (rates: 1000, 100000, 100).
        divisor: 100 where minor units of money are published in major ones.
        internal: True for components never published by themselves.
        policy: Policy id.
        references: e.g. ("SDG 10.c.1", "GCM 20", "MGI 6").
        columns: Instead of a sex field and a value: (SEX code, field) pairs of rows
            that hold a number for each sex.
        pool: Periods that are counted together, the named one the last.
        delay_days: Days added to `time`: when what happened afterwards is known.
        residence: The table counts what crossings say about residence.
        joined: A fact counts only together with another one of the same person.
        closes: What ends a stay in a stock before its `until`.
        complement: The published share is 1 − numerator ÷ denominator.
        minus: Taken from the numerator.
        parts: A ratio of several pairs of components, one a code.
        decimals: Of a share without protection; None: those of its policy.
        control: For a stock, the sums that say what it was when their period began.
        access: "public", or "members": given out over HTTP to members alone.
        margins: Of two dimensions, those whose totals over the other are published;
            None: both.
        breaks: Periods that are not comparable with the one before, such as the first
            one that is counted from records.
    """

    id: str
    title: Text
    definition: Text = field(repr=False)
    measure: Measure
    dataflow: str | None
    where: tuple[Condition, ...]
    time: str | None
    until: str | None
    frequency: str
    assign: str
    dimensions: tuple[Dimension, ...]
    area: str | None
    sex: bool
    sex_field: str
    value: str | None
    value_parts: tuple[tuple[str, int], ...]
    count: str | None
    largest: tuple[str, str] | None
    numerator: Component | None
    denominator: Component | None
    scale: int
    unit: str
    internal: bool
    policy: str
    custodian: str
    residence_rule: str | None
    population_base: Text = field(repr=False)
    references: tuple[str, ...]
    esms: Mapping[str, Text] = field(repr=False)
    divisor: int = 1
    columns: tuple[tuple[str, str], ...] = ()
    pool: int = 1
    delay_days: int = 0
    residence: Residence | None = None
    joined: Joined | None = None
    closes: tuple[Closing, ...] = ()
    complement: bool = False
    minus: Component | None = None
    parts: tuple[Pair, ...] = ()
    decimals: int | None = None
    control: str | None = None
    access: str = "public"
    margins: tuple[str, ...] | None = None
    sdg: Sdg | None = None
    breaks: tuple[str, ...] = ()

    @property
    def flows(self) -> tuple[str, ...]:
        """Dataflows at whose facts it looks, its own first; none for components."""
        if self.dataflow is None:
            return ()
        named = [self.dataflow, *(one.dataflow for one in self.closes)]
        if self.joined is not None:
            named.append(self.joined.dataflow)
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Everything declared, with the digest that genesis and config records carry.

    Attributes:
        digest: SHA-256 over the canonical form of all files and schemas, 32 bytes.
        linkage: How persons are told apart, for every domain that has them.
        calendar: When the figures of a period are due.
    """

    digest: bytes
    instance: str
    codelists: Mapping[str, Codelist]
    dataflows: Mapping[str, Dataflow]
    members: Mapping[str, Member]
    tables: Mapping[str, Table]
    policies: Mapping[str, Policy]
    linkage: Mapping[Domain, Linkage] = field(default_factory=dict)
    calendar: Calendar = field(default_factory=Calendar)
