"""A small catalogue and facts for the tests of statistics."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from hub.core.avro import polars_schema
from hub.core.catalogue.model import (
    Catalogue,
    Codelist,
    Component,
    Condition,
    Dataflow,
    Dimension,
    Domain,
    Field,
    Kind,
    Measure,
    Member,
    Policy,
    Role,
    Table,
    Text,
)
from hub.core.catalogue.schemas import facts_schema

TEXT = Text(en="x", ru="x", tk="x")
BANDS = (("Y0T17", 0, 17), ("Y_GE18", 18, None))
CHILDREN = (("Y0T4", 0, 4), ("Y5T17", 5, 17))
GROUPS = {"KAZ": "KZ", "UZB": "UZ", "RUS": "OTH", "TUR": "OTH"}
DAY0 = dt.date(2024, 11, 1)


def member(name: str, *provides: str) -> Member:
    """A ministry."""
    return Member(
        id=name, member=f"TM/GOV/{name}", title=TEXT, provides=provides, reads=False
    )


def dataflow(name: str, domain: Domain, fields: str, *, reserved: bool = False) -> Any:
    """A dataflow from ``name:kind`` words."""
    return Dataflow(
        id=name,
        title=TEXT,
        domain=domain,
        person="" if domain is Domain.NONE else "P",
        quiet=False,
        schema="{}",
        fields=tuple(_field(word) for word in fields.split()),
        rules=(),
        unique=(),
        event_date="",
        declare="M",
        legal_basis=TEXT,
        purpose=TEXT,
        retention_days=3650,
        reserved=reserved,
    )


def _field(word: str) -> Field:
    name, kind = word.split(":")
    codelist = "CL_COUNTRY" if name == "citizenship" else None
    return Field(
        name=name,
        kind=Kind(kind),
        role=Role.DIMENSION,
        required=False,
        codelist=codelist,
    )


def codelist(name: str, codes: str, groups: Mapping[str, Any] | None = None) -> Any:
    """A codelist with codes in one text."""
    return Codelist(
        id=name,
        title=TEXT,
        codes=dict.fromkeys(codes.split(), TEXT),
        groups=groups or {},
    )


DATAFLOWS = [
    dataflow(
        "stay",
        Domain.MOBILITY,
        "sex:code birth_year:int citizenship:code since:date until:date area:code",
    ),
    dataflow(
        "crossing",
        Domain.MOBILITY,
        "sex:code birth_year:int citizenship:code day:date direction:code days:int"
        " area:code means:string wage:money",
    ),
    dataflow(
        "transfer",
        Domain.NONE,
        "person_sex:code month:period corridor:code amount:money persons:int"
        " largest1:money largest2:money",
    ),
    dataflow(
        "declaration",
        Domain.NONE,
        "period:period complete:boolean nil:boolean dataflow:string late_days:int",
        reserved=True,
    ),
    dataflow("population", Domain.NONE, "year:period sex:code value:long"),
    dataflow("civil", Domain.MOBILITY, "kind:code on:date"),
    dataflow(
        "flight",
        Domain.NONE,
        "day:date area:code pax_f:int pax_m:int pax_oun:int late:boolean full:boolean",
    ),
]

AGE = Dimension(id="AGE_M", codelist="CL_AGE_M", field=None, bands=BANDS)
AGE_C = Dimension(id="AGE_C", codelist="CL_AGE_C", field=None, bands=CHILDREN)
CITIZENSHIP = Dimension(
    id="CITIZENSHIP_G",
    codelist="citizenship_g",
    field="citizenship",
    grouping="citizenship_g",
)
DIRECTION = Dimension(id="DIRECTION", codelist="CL_DIRECTION", field="direction")
MEMBER = Dimension(
    id="MEMBER",
    codelist="CL_MEMBER",
    field="member",
    mapping={"TM/GOV/sms": "sms", "TM/GOV/mef": "mef"},
)
DATAFLOW = Dimension(id="DATAFLOW", codelist="CL_DATAFLOW", field="dataflow")
CORRIDOR = Dimension(id="CORRIDOR", codelist="CL_CORRIDOR", field="corridor")
MEANS = Dimension(
    id="MEANS", codelist="CL_MEANS", field="means", mapping={"a": "A", "b": "B"}
)

_EMPTY = Table(
    id="",
    title=TEXT,
    definition=TEXT,
    measure=Measure.EVENTS,
    dataflow="crossing",
    where=(),
    time="day",
    until=None,
    frequency="M",
    assign="",
    dimensions=(),
    area=None,
    sex=True,
    sex_field="sex",
    value=None,
    value_parts=(),
    count=None,
    largest=None,
    numerator=None,
    denominator=None,
    scale=1,
    unit="NUMBER",
    internal=False,
    policy="C",
    custodian="sms",
    residence_rule=None,
    population_base=TEXT,
    references=(),
    esms={},
)


def table(name: str, **kwargs: Any) -> Table:
    """A table; events of crossings by month unless said otherwise."""
    return replace(_EMPTY, id=name, **kwargs)


def stock(name: str, frequency: str, *dimensions: Dimension, **kwargs: Any) -> Table:
    """A stock of stays."""
    return table(
        name,
        measure=Measure.STOCK,
        dataflow="stay",
        time="since",
        until="until",
        frequency=frequency,
        dimensions=dimensions,
        **kwargs,
    )


def persons(name: str, assign: str, *dimensions: Dimension, **kwargs: Any) -> Table:
    """Persons by their crossings of a year."""
    return table(
        name,
        measure=Measure.PERSONS,
        frequency="A",
        assign=assign,
        dimensions=dimensions,
        **kwargs,
    )


def declared(name: str, frequency: str, *more: Condition) -> Table:
    """Declarations complete, by member and dataflow."""
    return table(
        name,
        dataflow="declaration",
        time="period",
        frequency=frequency,
        sex=False,
        dimensions=(MEMBER, DATAFLOW),
        policy="N",
        internal=True,
        where=(Condition(field="complete", op="eq", value=True), *more),
    )


IN_TIME = Condition(field="late_days", op="le", value=20)
ENTRY = Condition(field="direction", op="eq", value="ENTRY")
TABLES = [
    declared("DECLARED", "M"),
    declared("DECLARED_Q", "Q"),
    declared("DECLARED_A", "A"),
    declared("DECLARED_ON_TIME", "M", IN_TIME),
    table("EVT", dimensions=(DIRECTION, CITIZENSHIP), area="area", policy="E"),
    table("WAGE", measure=Measure.MEAN, value="wage", frequency="A", policy="S"),
    persons("FIRST", "first", CITIZENSHIP, AGE, where=(ENTRY,)),
    persons("LAST", "last", CITIZENSHIP, area="area"),
    persons("MAIN", "main", DIRECTION, value="days"),
    persons("MULTI", "multi", MEANS, policy="T"),
    stock("STK", "Q", CITIZENSHIP, area="area"),
    stock("AGED", "A", AGE, CITIZENSHIP),
    stock("CHILDREN", "M", AGE_C, policy="T"),
    table(
        "VOL",
        measure=Measure.SUM,
        dataflow="transfer",
        time="month",
        frequency="Q",
        dimensions=(CORRIDOR,),
        sex_field="person_sex",
        value="amount",
        count="persons",
        largest=("largest1", "largest2"),
        policy="S",
        unit="USD",
    ),
    table(
        "POP",
        measure=Measure.SUM,
        dataflow="population",
        time="year",
        frequency="A",
        value="value",
        policy="N",
        internal=True,
    ),
    table(
        "RATE",
        measure=Measure.RATE,
        dataflow=None,
        time=None,
        frequency="A",
        numerator=Component(table="FIRST", where={}),
        denominator=Component(table="POP", where={}),
        scale=1000,
        policy="R",
        unit="PER_1000_POP",
    ),
    table(
        "CMP",
        measure=Measure.COMPLETENESS,
        dataflow=None,
        time=None,
        dimensions=(Dimension(id="MEMBER", codelist="CL_MEMBER", field=None),),
        sex=False,
        numerator=Component(table="DECLARED_ON_TIME", where={}),
        scale=100,
        policy="N",
        unit="PT",
    ),
]

CODELISTS = [
    codelist("CL_COUNTRY", "KAZ UZB RUS TUR", {"citizenship_g": GROUPS}),
    codelist("citizenship_g", "KZ UZ OTH _U"),
    codelist("CL_DIRECTION", "ENTRY EXIT"),
    codelist("CL_CORRIDOR", "RUS TUR"),
    codelist("CL_AGE_M", "Y0T17 Y_GE18 _U"),
    codelist("CL_AGE_C", "Y0T4 Y5T17 _U"),
    codelist("CL_MEANS", "A B _U"),
    codelist("CL_AREA", "TM TM-A TM-M"),
    codelist("CL_MEMBER", "sms mef"),
    codelist("CL_DATAFLOW", "stay crossing transfer population civil flight"),
    codelist("CL_REMARK", "LATE FULL"),
]

COUNTS = {"D": 5, "V": 3, "js": 2, "hold": 3}
POLICIES = [
    Policy(id="C", title=TEXT, params=COUNTS),
    Policy(id="E", title=TEXT, params={**COUNTS, "persons_min": 11, "p": 10}),
    Policy(id="T", title=TEXT, params={**COUNTS, "threshold": 11}),
    Policy(
        id="S", title=TEXT, params={**COUNTS, "js": 0, "contributors_min": 11, "p": 10}
    ),
    Policy(id="R", title=TEXT, params={"component_min": 30, "decimals": 1}),
    Policy(id="W", title=TEXT, params={"n_min": 30, "decimals": 0}),
    Policy(id="N", title=TEXT, params={"decimals": 1}),
]


def catalogue(tables: Sequence[Table] = TABLES) -> Catalogue:
    """Two ministries, the dataflows above, the given tables."""
    return Catalogue(
        digest=bytes(32),
        instance="TM",
        codelists={one.id: one for one in CODELISTS},
        dataflows={one.id: one for one in DATAFLOWS},
        members={
            "sms": member("sms", "stay", "crossing"),
            "mef": member("mef", "transfer", "population"),
        },
        tables={one.id: one for one in tables},
        policies={one.id: one for one in POLICIES},
    )


def ident(name: str) -> bytes:
    """A 16-byte id."""
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def facts(name: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Facts of a dataflow; `person` and `record` are given as words.

    Columns that a row does not name are empty; sign is +1 unless named.
    """
    flow = next(one for one in DATAFLOWS if one.id == name)
    schema = polars_schema(facts_schema(flow))
    filled = [
        {
            **dict.fromkeys(schema),
            "sign": 1,
            "origin_offset": 0,
            "origin_row": at,
            "clock_ms": 0,
            "member": "TM/GOV/sms",
            **row,
            "person": ident(str(row.get("person", row["record"]))),
            "record": ident(str(row["record"])),
        }
        for at, row in enumerate(rows)
    ]
    return pl.DataFrame(filled, schema=schema)
