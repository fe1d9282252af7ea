"""Valid rows to pseudonymised rows: here direct identifiers end.

Rules (design §5):

- ``record`` = H(member, dataflow, record id); ``digest`` = keyed hash of everything the
  provider said in the row but its record id and revision, ``action`` included: a
  replay says the same thing again, whatever number it carries.
- ``nkey`` = keyed hash of the dataflow's natural key without the member, because the
  same event reported by two ministries is what it is for; numbers in one spelling. A
  natural key with an empty part is none.
- Names, numbers, case numbers and the birth date leave no column; the birth year stays.
  Dates that only matter to the month keep its first day.
- A period declaration has no control fields: its record is (member, dataflow, period),
  its revision the second it arrived, so that the latest one counts.
- Every use and domain has its own key; see :mod:`hub.core.identity.hashing`.

Input: validated rows with ``origin_offset``, ``origin_row``, ``clock_ms``, ``member``
and ``named`` (the dataflow in the header). Output: ``records_schema(dataflow)``.
"""

from __future__ import annotations

import polars as pl

from hub.core import avro, period
from hub.core.catalogue.model import Dataflow, Derived, Field, Kind
from hub.core.catalogue.schemas import records_schema
from hub.core.identity.composites import Linkage
from hub.core.identity.forms import with_number_forms
from hub.core.identity.hashing import keyed, keyed_whole
from hub.core.identity.keys import with_keys

REVISION_EPOCH_MS = 1_577_836_800_000
"""2020-01-01: declarations count seconds from here, which fit an int until 2088."""


def pseudonymise(
    frame: pl.DataFrame, flow: Dataflow, linkage: Linkage | None, secret: bytes
) -> pl.DataFrame:
    """Rows of ``hub.records.<domain>``; `secret` and `linkage` are the domain's own."""
    known = frame.with_columns(
        *_control(flow),
        _record(flow, secret).alias("record"),
        _digest(flow, secret).alias("digest"),
    )
    # The digest is of what was said; everything after it compares spellings.
    if linkage is not None:
        known = with_number_forms(known, linkage.placeholders)
    known = known.with_columns(_natural_key(flow, secret).alias("nkey"))
    if linkage is not None:
        known = with_keys(known, linkage, secret)
    else:
        none = pl.lit(None, dtype=pl.Binary)
        known = known.with_columns(none.alias("keys"), none.alias("sig"))
    columns = avro.polars_schema(records_schema(flow))
    made = {field.name: _kept(field) for field in flow.fields}
    made |= {one.field.name: _derived(one) for one in flow.derived}
    if "birth_date" in made:
        made["birth_year"] = pl.col("birth_date").dt.year()
    return known.select(
        made.get(name, pl.col(name)).cast(kind, strict=False).alias(name)
        for name, kind in columns.items()
    )


def _control(flow: Dataflow) -> list[pl.Expr]:
    """Revision and action of a flow that does not carry them."""
    if not flow.reserved:
        return []
    revision = (pl.col("clock_ms") - REVISION_EPOCH_MS) // 1_000
    return [
        revision.cast(pl.Int32).alias("revision"),
        pl.lit("NEW").alias("action"),
    ]


def _record(flow: Dataflow, secret: bytes) -> pl.Expr:
    """The record key."""
    if flow.reserved:
        return keyed(secret, f"record/{flow.id}", _columns("member", "named", "period"))
    return keyed(
        secret, "record", [pl.col("member"), pl.lit(flow.id), pl.col("record_id")]
    )


def _digest(flow: Dataflow, secret: bytes) -> pl.Expr:
    """What the row says, record id and revision aside."""
    said = [f.name for f in flow.fields if f.name not in ("record_id", "revision")]
    return keyed_whole(secret, f"content/{flow.id}", _columns(*said))


def _natural_key(flow: Dataflow, secret: bytes) -> pl.Expr:
    """The natural key, null where the flow or the row has none."""
    if not flow.unique:
        return pl.lit(None, dtype=pl.Binary)
    return keyed(secret, f"natural/{flow.id}", _columns(*flow.unique))


def _columns(*names: str) -> list[pl.Expr]:
    return [pl.col(name) for name in names]


def _kept(field: Field) -> pl.Expr:
    """A field as it goes on."""
    column = pl.col(field.name)
    if field.keep == "month" and field.kind is Kind.DATE:
        return column.dt.month_start()
    return column


def _derived(derived: Derived) -> pl.Expr:
    """An attribute that intake computes."""
    match derived.rule:
        case "ratio":
            return _ratio(derived)
        case "dataflow":
            return pl.col("named")
        case "clock":
            return pl.col("clock_ms")
        case "lag":
            end = period.last_day(pl.col(derived.of[0]))
            return (period.local_day(pl.col("clock_ms")) - end).dt.total_days()
    raise AssertionError(derived.rule)  # the catalogue loader refuses any other


def _ratio(derived: Derived) -> pl.Expr:
    """First × scale ÷ second in integers, rounded half up; null without a divisor."""
    first, second = (pl.col(name).cast(pl.Int128) for name in derived.of)
    rounded = (2 * derived.scale * first + second) // (2 * second)
    return pl.when(second > 0).then(rounded)
