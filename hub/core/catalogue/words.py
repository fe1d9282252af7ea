"""The closed lists of words that a catalogue is written with."""

from __future__ import annotations

from enum import StrEnum


class Domain(StrEnum):
    """Linkage domains (identity: linked, flow-local, or no persons)."""

    MOBILITY = "MOBILITY"
    PROTECTION = "PROTECTION"
    HEALTH = "HEALTH"
    FAMILY = "FAMILY"
    CONSULAR = "CONSULAR"
    NONE = "NONE"


class Role(StrEnum):
    """What a field may be used for; a field without one is refused."""

    KEY = "key"
    IDENTIFIER = "identifier"  # ends at intake
    QUASI = "quasi"
    DIMENSION = "dimension"
    MEASURE = "measure"
    DATE = "date"
    SENSITIVE = "sensitive"
    ATTRIBUTE = "attribute"


class Kind(StrEnum):
    """Value kinds of a field.

    Money is a long in minor units; a period is text such as ``2025``, ``2025-Q1`` or
    ``2025-03`` (see :mod:`hub.core.period`).
    """

    STRING = "string"
    CODE = "code"
    INT = "int"
    LONG = "long"
    DATE = "date"
    BOOLEAN = "boolean"
    MONEY = "money"
    PERIOD = "period"


class Measure(StrEnum):
    """How a table counts."""

    EVENTS = "events"
    PERSONS = "persons"
    SUM = "sum"
    MEAN = "mean"
    STOCK = "stock"
    RATE = "rate"
    RATIO = "ratio"
    COMPLETENESS = "completeness"
    DISAGGREGATION = "disaggregation"
