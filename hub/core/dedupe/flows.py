"""Dataflows as dedupe sees them: schemas, attributes, and facts kept as blobs.

Rules:

- A *blob* is the fact of a record without its person: dataflow, member and attribute
  values in schema order as text, a unit separator between them. It is all that a later
  retraction or a move to another person needs. It is made and read in columns; a
  MessagePack tuple a row took three times as long (measured).
- A blob and the row it came from make the same fact, value for value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from hub.core import avro
from hub.core.catalogue.model import Catalogue, Dataflow, Domain
from hub.core.catalogue.schemas import attributes, facts_schema, records_schema
from hub.core.errors import InvalidError
from hub.core.persons import RULES, Rules

UNIT, NULL = "\x1f", "\x1e"
Types = Mapping[str, type[pl.DataType]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One dataflow.

    Attributes:
        records: Schema of its rows from intake.
        facts: Schema of its facts.
        types: Column types of its facts.
        attributes: Member and attribute columns, in order.
        texts: What makes them texts.
        values: The inverse.
        quiet: Nothing about it may be counted aloud.
    """

    id: str
    domain: Domain
    records: str = field(repr=False)
    facts: str = field(repr=False)
    types: Types = field(repr=False)
    attributes: tuple[str, ...] = field(repr=False)
    texts: tuple[pl.Expr, ...] = field(repr=False)
    values: tuple[pl.Expr, ...] = field(repr=False)
    quiet: bool

    @classmethod
    def of(cls, dataflow: Dataflow) -> Flow:
        """The flow of a dataflow of the catalogue."""
        facts = facts_schema(dataflow)
        types = avro.polars_schema(facts)
        names = ("member", *(one.name for one in attributes(dataflow)))
        return cls(
            id=dataflow.id,
            domain=dataflow.domain,
            records=records_schema(dataflow),
            facts=facts,
            types=types,
            attributes=names,
            texts=tuple(_text(name, types[name]) for name in names),
            values=tuple(_value(name, types[name]) for name in names),
            quiet=dataflow.quiet,
        )

    def blobs(self, rows: pl.DataFrame, places: Sequence[int]) -> list[bytes]:
        """The blobs of the rows at `places`."""
        if not places:
            return []
        chosen = rows if len(places) == rows.height else rows[places]
        texts = chosen.select(self.texts)
        if any(texts.select(pl.all().str.contains("[\x1e\x1f]").any()).row(0)):
            # Intake refuses control characters; without them a blob has one reading.
            raise InvalidError(f"{self.id}: a text holds a control character")
        blob = pl.concat_str(
            pl.lit(self.id), pl.all().fill_null(NULL), separator=UNIT
        ).cast(pl.Binary)
        return texts.select(blob.alias("blob")).to_series().to_list()

    def facts_of(self, blobs: Sequence[bytes]) -> pl.DataFrame:
        """The attribute columns of the facts in `blobs`, all of this flow."""
        names = ["", *self.attributes]
        texts = pl.Series("blob", blobs, pl.Binary).cast(pl.String).to_frame()
        parts = texts.select(
            pl.col("blob")
            .str.split_exact(UNIT, len(names) - 1)
            .struct.rename_fields(names)
        ).unnest("blob")
        return parts.select(self.values)


def flows(catalogue: Catalogue) -> dict[str, Flow]:
    """Every dataflow of a catalogue, by id."""
    return {name: Flow.of(one) for name, one in catalogue.dataflows.items()}


def rules_of(catalogue: Catalogue, domain: Domain) -> Rules:
    """How the persons of a domain are joined."""
    linkage = catalogue.linkage.get(domain)
    if linkage is None:
        return RULES
    return Rules(cap=linkage.cap, exclusive=linkage.exclusive)


def dataflow_in(blob: bytes) -> str:
    """The dataflow of a blob."""
    return blob[: blob.index(UNIT.encode())].decode()


def _text(name: str, kind: type[pl.DataType]) -> pl.Expr:
    column = pl.col(name)
    if kind is pl.Boolean:
        column = column.cast(pl.UInt8)
    return column.to_physical().cast(pl.String)


def _value(name: str, kind: type[pl.DataType]) -> pl.Expr:
    text = pl.col(name)
    text = pl.when(text != NULL).then(text)
    if kind is pl.String:
        return text.alias(name)
    number = text.cast(pl.Int64)
    return (
        number.cast(pl.Int32).cast(kind) if kind is pl.Date else number.cast(kind)
    ).alias(name)
