"""Person keys: what a row says about who it is, as hashes that dedupe can compare.

Rules (design §5):

- The composites of a linkage domain come from the catalogue
  (:mod:`hub.core.identity.composites`); what a component is, from
  :mod:`hub.core.identity.forms`.
- A composite with an empty, placeholder or unusable component is absent from the row.
- The label of a key is the definition of its composite: no two definitions, and no two
  versions of one, ever make the same key.
- A row without any composite is its own person: one entry of tier :data:`LONE`.

Output columns: ``keys`` = entries of tier byte ‖ 10 bytes, sorted, unique; ``sig`` =
keyed hash of ``keys``, by which dedupe knows a key set it has seen.
"""

from __future__ import annotations

import polars as pl

from hub.core.identity import hashing
from hub.core.identity.composites import Component, Composite, Linkage
from hub.core.identity.forms import FORMS

LONE = 0xFF
ENTRY_BYTES = 1 + hashing.KEY_BYTES


def with_keys(frame: pl.DataFrame, linkage: Linkage, secret: bytes) -> pl.DataFrame:
    """`frame` with ``keys`` and ``sig``; needs ``record`` and the fields named.

    Numbers are in their normal form (:func:`~hub.core.identity.forms.number_forms`).
    """
    prepared = _prepared(frame, linkage)
    # Composites come in tier order, so the entries of a row are sorted and unique.
    entries = [_entry(composite, secret) for composite in linkage.composites]
    joined = prepared.select(pl.concat_str(entries, ignore_nulls=True)).to_series()
    if (joined == "").any():
        record = pl.col("record").bin.head(hashing.KEY_BYTES)
        lone = pl.lit(f"{LONE:02x}") + record.bin.encode("hex")
        joined = joined.zip_with(joined != "", frame.select(lone).to_series())
    made = pl.DataFrame({"keys": joined}).select(
        pl.col("keys").str.decode("hex"),
        hashing.keyed(secret, "sig", [pl.col("keys")]).alias("sig"),
    )
    return frame.with_columns(made)


def _prepared(frame: pl.DataFrame, linkage: Linkage) -> pl.DataFrame:
    """Every component of the composites, each in a column named by its definition."""
    made: dict[str, pl.Series] = {}

    def column(part: Component) -> pl.Series:
        known = made.get(part.text)
        if known is None:
            inner = [frame[name] for name in part.fields]
            inner += [column(one) for one in part.of]
            expression = FORMS[part.form].make(part, inner, linkage.placeholders)
            known = pl.select(expression.alias(part.text)).to_series()
            made[part.text] = known
        return known

    parts = {one.text: one for each in linkage.composites for one in each.components}
    return pl.DataFrame([column(part) for part in parts.values()])


def _entry(composite: Composite, secret: bytes) -> pl.Expr:
    """Tier and key of one composite in hex; null where a component is."""
    components = [pl.col(component.text) for component in composite.components]
    tier = pl.lit(f"{composite.tier:02x}")
    label = f"person/{composite.text}"
    return tier + hashing.keyed_hex(secret, label, components, hashing.KEY_BYTES)
