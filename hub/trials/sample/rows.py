"""Rows of a dataflow on their way into files.

Columns that begin with ``_`` are for the sample only: ``_person`` (-1: none), ``_day``
(when the ministry sends the row) and, where the dataflow has several providers,
``_member``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from hub.trials.sample import papers
from hub.trials.sample.names import Ints
from hub.trials.sample.papers import Office
from hub.trials.sample.population import EPOCH, Population

Texts = npt.NDArray[np.str_]
NEVER = -(2**31)
"""A day that is not there."""


def dates(days: Ints) -> pl.Series:
    """Days since 1970 as dates; :data:`NEVER` is null."""
    missing = pl.Series(days == NEVER)
    whole = pl.Series(np.where(days == NEVER, 0, days).astype(np.int32))
    return whole.cast(pl.Date).set(missing, None)


def optional(texts: Texts) -> pl.Series:
    """Texts, the empty ones null."""
    series = pl.Series(texts)
    return series.set(series == "", None)


def numbered(prefix: str, count: int, first: int = 0) -> pl.Series:
    """Record ids in order."""
    number = pl.int_range(first, first + count, eager=True).cast(pl.String)
    return prefix + "-" + number.str.zfill(8)


def with_papers(
    people: Population,
    who: Ints,
    days: Ints,
    *,
    office: Office,
    rng: np.random.Generator,
    fields: dict[str, pl.Series],
) -> pl.DataFrame:
    """Block P of each person and the dataflow's own fields."""
    return pl.DataFrame(
        {
            **papers.show(people, who, days, office, rng),
            **fields,
            "_person": who,
            "_day": days,
        }
    )


def year_of(days: Ints) -> Ints:
    """Calendar years of days."""
    moments = EPOCH + days.astype("timedelta64[D]")
    return moments.astype("datetime64[Y]").astype(np.int64) + 1970


def first_of_month(days: Ints) -> Ints:
    """The first day of the month of each day."""
    moments = EPOCH + days.astype("timedelta64[D]")
    months = moments.astype("datetime64[M]").astype("datetime64[D]")
    return (months - EPOCH).astype(np.int64)


def months(first: int, last: int) -> list[tuple[str, int]]:
    """Months from day `first` to day `last`: label and first day."""
    days = np.unique(first_of_month(np.arange(first, last + 1)))
    labels = (EPOCH + days.astype("timedelta64[D]")).astype("datetime64[M]")
    return [(str(label), int(day)) for label, day in zip(labels, days, strict=True)]
