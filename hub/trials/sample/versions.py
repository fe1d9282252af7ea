"""What happens to rows after they were written: changed, cancelled, late, twice, wrong.

Rules:

- A row has at most one of these fates, so what is true of it stays simple to say.
- An amendment is the whole row again with the next revision; a cancellation repeats the
  last one. Both come in a file of their own, after the rows they speak of.
- A duplicate is the same event under another record id, where the natural key is
  complete: the hub must find it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from hub.core.catalogue.model import Dataflow, Kind
from hub.trials.sample import broken

LATE, AMENDED, CANCELLED, DUPLICATED, BROKEN = 0.007, 0.008, 0.002, 0.003, 0.005
"""Share of the rows with each fate."""

# Dataflow -> field and values among which an amendment corrects.
_CORRECTED = {
    "border_crossing": ("purpose", ("TOURISM", "FAMILY", "OTHER")),
    "residence_permit": ("velayat", ("TM-A", "TM-L", "TM-S")),
    "labour_migration": ("activity", ("ISIC4_C", "ISIC4_F", "ISIC4_G")),
    "student_mobility": ("field", ("ISCEDF_04", "ISCEDF_06", "ISCEDF_07")),
    "civil_status": ("velayat", ("TM-A", "TM-L", "TM-S")),
    "remittance": ("channel", ("BANK", "OPERATOR")),
    "passenger_flow": ("carrier", ("T5", "TK", "OTH")),
    "trafficking_case": ("assistance", ("SHELTER", "LEGAL", "SEVERAL")),
    "service_contact": ("velayat", ("TM-A", "TM-L", "TM-S")),
    "consular_case": ("outcome", ("RESOLVED", "REFERRED")),
    "family_child": ("support", ("CASH", "SCHOOL")),
    "nap_activity": ("topic", ("RIGHTS", "RETURN")),
    "dtm_survey": ("education", ("ISCED11_3", "ISCED11_4")),
    "policy_answer": ("answer", ("PARTIAL", "COMPLETE")),
}
_EXEMPT = frozenset({"denominator"})
"""Official figures are not spoiled: rates need them whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """The rows of one part, all text, by the file they belong in.

    Attributes:
        main: For the part's own file; ``_fate`` says what is expected of each.
        late: For the file of late rows.
        corrections: Amendments and cancellations.
        final: Good rows as they stand after everything, once each.
    """

    main: pl.DataFrame = field(repr=False)
    late: pl.DataFrame = field(repr=False)
    corrections: pl.DataFrame = field(repr=False)
    final: pl.DataFrame = field(repr=False)


def complete(frame: pl.DataFrame, flow: Dataflow) -> pl.DataFrame:
    """The provider's columns in order, missing ones null, natural keys once."""
    have = set(frame.columns)
    kinds = {Kind.DATE: pl.Date, Kind.BOOLEAN: pl.Boolean}
    full = frame.with_columns(
        pl.lit(None, kinds.get(one.kind, pl.String)).alias(one.name)
        for one in flow.fields
        if one.name not in have
    ).with_columns(revision=pl.lit("0"), action=pl.lit("NEW"))
    if flow.unique:
        whole = pl.all_horizontal(pl.col(name).is_not_null() for name in flow.unique)
        full = full.filter(~whole | pl.struct(flow.unique).is_first_distinct())
    inner = [name for name in full.columns if name.startswith("_")]
    return full.select(*(one.name for one in flow.fields), *inner)


def spoil(
    rows: pl.DataFrame,
    follow: pl.DataFrame | None,
    flow: Dataflow,
    rng: np.random.Generator,
) -> Versions:
    """Give some rows a fate.

    Args:
        rows: From :func:`complete`.
        follow: Amendments that are already known, revision and action not set.
        flow: The dataflow.
        rng: Decides.
    """
    share = np.full(rows.height, 1.0) if flow.id in _EXEMPT else rng.random(rows.height)
    if follow is not None:
        follow = text(follow.with_columns(revision=pl.lit("1"), action=pl.lit("AMEND")))
        followed = rows["record_id"].is_in(follow["record_id"].implode()).to_numpy()
        share = np.where(followed, 1.0, share)
    limits = np.cumsum([LATE, AMENDED, CANCELLED, DUPLICATED, BROKEN])
    fate = np.searchsorted(limits, share, side="right")
    texts = text(rows).with_columns(_fate=pl.lit("good"))
    kept = {name: texts.filter(pl.Series(fate == n)) for n, name in enumerate(_FATES)}
    amended = _amended(kept["amended"], flow, rng)
    cancelled = kept["cancelled"].with_columns(
        revision=pl.lit("1"), action=pl.lit("CANCEL"), _fate=pl.lit("cancel")
    )
    doubles = _whole(kept["duplicated"], flow).with_columns(
        pl.col("record_id") + "-D", _fate=pl.lit("duplicate")
    )
    copies = kept["broken"].with_columns(pl.col("record_id") + "-X")
    kinds = pl.Series(rng.integers(0, 1 << 16, copies.height))
    wrong = broken.apply(copies.drop("_fate"), kinds, flow)
    on_time = texts.filter(pl.Series(fate != 0))
    corrections = [amended, cancelled]
    final = [texts.filter(pl.Series(~np.isin(fate, (1, 2)))), amended]
    if follow is not None:
        follow = follow.with_columns(_fate=pl.lit("amend")).select(texts.columns)
        corrections.append(follow)
        changed = follow["record_id"].implode()
        final = [part.filter(~pl.col("record_id").is_in(changed)) for part in final]
        final.append(follow)
    return Versions(
        main=_among(on_time, [doubles, wrong.select(texts.columns)], rng),
        late=kept["late"],
        corrections=pl.concat(corrections),
        final=pl.concat(final),
    )


_FATES = ("late", "amended", "cancelled", "duplicated", "broken", "good")


def _whole(rows: pl.DataFrame, flow: Dataflow) -> pl.DataFrame:
    """The rows whose natural key is complete; none where there is no natural key."""
    if not flow.unique:
        return rows.clear()
    return rows.filter(pl.all_horizontal(pl.col(*flow.unique).is_not_null()))


def _among(
    rows: pl.DataFrame, others: list[pl.DataFrame], rng: np.random.Generator
) -> pl.DataFrame:
    """Rows with others strewn among them, not behind them."""
    more = pl.concat(others)
    places = np.concatenate(
        [np.arange(rows.height), rng.uniform(0, max(rows.height, 1), more.height)]
    )
    return pl.concat([rows, more])[np.argsort(places, kind="stable")]


def text(rows: pl.DataFrame) -> pl.DataFrame:
    """Every column of the provider as the text of a file."""
    return rows.with_columns(
        _yes_no(name) if kind == pl.Boolean else pl.col(name).cast(pl.String)
        for name, kind in rows.schema.items()
        if not name.startswith("_")
    )


def _yes_no(name: str) -> pl.Expr:
    truth = pl.when(pl.col(name)).then(pl.lit("true"))
    return truth.when(~pl.col(name)).then(pl.lit("false")).alias(name)


def _amended(
    rows: pl.DataFrame, flow: Dataflow, rng: np.random.Generator
) -> pl.DataFrame:
    """The rows again, with a field corrected and the next revision."""
    known = rows.with_columns(
        revision=pl.lit("1"), action=pl.lit("AMEND"), _fate=pl.lit("amend")
    )
    if flow.id not in _CORRECTED:
        return known
    name, values = _CORRECTED[flow.id]
    return known.with_columns(
        pl.Series(name, rng.choice(values, rows.height), pl.String)
    )
