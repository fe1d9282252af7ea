"""Dataflows as dedupe sees them: schemas, attributes, and facts kept as blobs.

Rules:

- A *blob* is the fact of a record without its person: MessagePack of (dataflow, member,
  attribute values in schema order), dates as days. It is all that a later retraction
  or a move to another person needs.
- A blob and the row it came from make the same fact, value for value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import ormsgpack
import polars as pl

from hub.core import avro
from hub.core.catalogue.model import Catalogue, Dataflow, Domain
from hub.core.catalogue.schemas import attributes, facts_schema, records_schema

Types = Mapping[str, type[pl.DataType]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One dataflow.

    Attributes:
        records: Schema of its rows from intake.
        facts: Schema of its facts.
        types: Column types of its facts.
        attributes: Member and attribute columns, in order.
        quiet: Nothing about it may be counted aloud.
    """

    id: str
    domain: Domain
    records: str = field(repr=False)
    facts: str = field(repr=False)
    types: Types = field(repr=False)
    attributes: tuple[str, ...] = field(repr=False)
    quiet: bool

    @classmethod
    def of(cls, dataflow: Dataflow) -> Flow:
        """The flow of a dataflow of the catalogue."""
        facts = facts_schema(dataflow)
        return cls(
            id=dataflow.id,
            domain=dataflow.domain,
            records=records_schema(dataflow),
            facts=facts,
            types=avro.polars_schema(facts),
            attributes=("member", *(one.name for one in attributes(dataflow))),
            quiet=dataflow.quiet,
        )

    def blobs(self, rows: pl.DataFrame, places: Sequence[int]) -> list[bytes]:
        """The blobs of the rows at `places`."""
        if not places:
            return []
        chosen = rows if len(places) == rows.height else rows[places]
        plain = chosen.select(
            pl.lit(self.id).alias(""),
            *(pl.col(name).to_physical() for name in self.attributes),
        )
        pack = ormsgpack.packb
        return [pack(values) for values in plain.rows()]

    def facts_of(self, blobs: Iterable[bytes]) -> pl.DataFrame:
        """The attribute columns of the facts in `blobs`, all of this flow."""
        kinds = {name: self.types[name] for name in self.attributes}
        plain = {name: _physical(kind) for name, kind in kinds.items()}
        values = [ormsgpack.unpackb(blob)[1:] for blob in blobs]
        frame = pl.DataFrame(values, schema=plain, orient="row")
        return frame.with_columns(pl.col(name).cast(kinds[name]) for name in kinds)


def flows(catalogue: Catalogue) -> dict[str, Flow]:
    """Every dataflow of a catalogue, by id."""
    return {name: Flow.of(one) for name, one in catalogue.dataflows.items()}


def dataflow_in(blob: bytes) -> str:
    """The dataflow of a blob."""
    return str(ormsgpack.unpackb(blob)[0])


def _physical(kind: type[pl.DataType]) -> type[pl.DataType]:
    return pl.Int32 if kind is pl.Date else kind
