"""The forms a field can take as part of a person key: a closed list, :data:`FORMS`.

Rules (design §5):

- A form gives null for what is empty, a placeholder or unusable: a composite with a
  null part is absent from the row.
- Numbers are in one spelling: upper case, Latin for Cyrillic look-alikes, letters and
  digits only. A placeholder has too few digits, digits all alike, in a row or all but
  zero, or stands in the catalogue's list.
- 1 January as a day of birth says that only the year is known; ``day`` is null then.
- A form reads a field, or components that are there already; it never changes what it
  gives. Another rule is another form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import polars as pl

from hub.core.identity.composites import Component, Placeholders
from hub.core.identity.letters import LOOK_ALIKES, SERIES_LETTERS
from hub.core.identity.names import Part, normal_forms

NUMBERS = ("personal_no", "doc_no")
NAMES = ("family_name", "given_name", "patronymic")
SEQUENCE_DIGITS_MIN = 4
DIGITS_MAX = 18
COUNT_BITS = 5
assert DIGITS_MAX < 1 << COUNT_BITS  # noqa: S101
assert 10 * COUNT_BITS < 63  # noqa: S101 - ten counts in one integer

_UP, _DOWN = "01234567890123456789", "98765432109876543210"
_SEQUENCES = sorted(
    {
        row[start:end]
        for row in (_UP, _DOWN)
        for start in range(10)
        for end in range(start + SEQUENCE_DIGITS_MIN, len(row) + 1)
    }
)
"""Digits in a row, up or down, such as 123456: typed to get past a form."""

Make = Callable[[Component, Sequence[pl.Series], Placeholders], pl.Expr]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One form.

    Attributes:
        make: The expression, from the component, the columns it is made of and the
            placeholders of the domain; columns are named as in the prepared frame.
        fields: Fields it can read; empty: any that no other form claims.
        of: How many components it is made of; 0: it reads a field.
        length: Whether it needs a number.
    """

    make: Make
    fields: tuple[str, ...] = ()
    of: int = 0
    length: bool = False


def spelt(numbers: pl.Series) -> pl.Series:
    """Personal or document numbers in one spelling, placeholders too."""
    return (
        numbers.str.to_uppercase()
        .str.replace_many(LOOK_ALIKES | SERIES_LETTERS)
        .str.replace_all("[^0-9A-Z]", "")
    )


def number_forms(numbers: pl.Series, none: Placeholders) -> pl.Series:
    """Numbers in one spelling; null for a placeholder."""
    # Step by step: one expression would work out its common parts several times.
    number = spelt(numbers)
    frame = pl.DataFrame(
        {"number": number, "digits": number.str.replace_all("[A-Z]", "")}
    )
    digits = pl.col("digits")
    usable = (
        (digits.str.len_bytes() >= none.digits_min)
        & (digits.str.strip_chars(digits.str.head(1)) != "")
        & ~digits.is_in(_SEQUENCES)
        & (digits.str.strip_chars_start("0").str.len_bytes() > 1)
    )
    if none.numbers:
        usable &= ~pl.col("number").is_in(sorted(none.numbers))
    form = pl.when(usable).then(pl.col("number")).alias(numbers.name)
    return frame.select(form).to_series()


def with_number_forms(frame: pl.DataFrame, none: Placeholders) -> pl.DataFrame:
    """`frame` with its personal and document numbers in their normal form."""
    return frame.with_columns(
        number_forms(frame[name], none) for name in NUMBERS if name in frame.columns
    )


def _as_is(_: Component, columns: Sequence[pl.Series], __: Placeholders) -> pl.Expr:
    return pl.lit(columns[0])


def _code(part: Component, columns: Sequence[pl.Series], _: Placeholders) -> pl.Expr:
    """A code; with `only`, no other than those."""
    column = pl.lit(columns[0])
    if not part.only:
        return column
    return pl.when(column.is_in(part.only)).then(column)


def _text(_: Component, columns: Sequence[pl.Series], __: Placeholders) -> pl.Expr:
    return pl.lit(columns[0].str.strip_chars())


def _name(part_of_name: Part) -> Make:
    """The normal form of a name."""

    def make(_: Component, columns: Sequence[pl.Series], none: Placeholders) -> pl.Expr:
        return pl.lit(normal_forms(columns[0], part_of_name, none.names))

    return make


def _born(*, whole: bool) -> Make:
    """The birth date; with `whole`, only if day and month are surely known."""

    def make(_: Component, columns: Sequence[pl.Series], none: Placeholders) -> pl.Expr:
        born = pl.lit(columns[0])
        usable = ~born.is_in(none.dates) if none.dates else born.is_not_null()
        if whole:
            usable &= (born.dt.month() != 1) | (born.dt.day() != 1)
        return pl.when(usable).then(born)

    return make


def _head(part: Component, columns: Sequence[pl.Series], _: Placeholders) -> pl.Expr:
    """The letters a name begins with."""
    return pl.lit(columns[0]).str.slice(0, part.length)


def _either_order(
    _: Component, columns: Sequence[pl.Series], __: Placeholders
) -> pl.Expr:
    """Two names, whichever stands first; null if one is missing."""
    both = [pl.lit(column) for column in columns]
    names = pl.min_horizontal(both) + " " + pl.max_horizontal(both)
    there = reduce(lambda one, other: one & other, [one.is_not_null() for one in both])
    return pl.when(there).then(names)


def _sorted_digits(
    part: Component, columns: Sequence[pl.Series], _: Placeholders
) -> pl.Expr:
    """How often each digit stands in a number: the same when two change places."""
    digits = columns[0].str.replace_all("[A-Z]", "")
    size = pl.lit(digits.str.len_bytes())
    left = digits.str.tail(DIGITS_MAX).cast(pl.Int64).fill_null(0).to_numpy()
    counts = np.zeros(len(left), np.int64)
    for _place in range(DIGITS_MAX):
        left, digit = np.divmod(left, 10)
        counts += 1 << (COUNT_BITS * digit)
    # Leading zeros are counted to the full width; the size tells how many are meant.
    form = pl.concat_str(pl.Series(counts), size, separator="/")
    return pl.when(size >= part.length).then(form)


def _last_digits(
    part: Component, columns: Sequence[pl.Series], _: Placeholders
) -> pl.Expr:
    """The digits a number ends in, where they are at most half of it."""
    digits = columns[0].str.replace_all("[A-Z]", "")
    long = pl.lit(digits.str.len_bytes()) >= 2 * part.length
    return pl.when(long).then(pl.lit(digits.str.tail(part.length)))


def _or_none(_: Component, columns: Sequence[pl.Series], __: Placeholders) -> pl.Expr:
    """A component of which "not known" is a value: it equals itself and no other."""
    return pl.lit(columns[0].cast(pl.String).fill_null(""))


def _either_day(
    _: Component, columns: Sequence[pl.Series], __: Placeholders
) -> pl.Expr:
    """A date, whichever of month and day stands first."""
    month, day = columns[0].dt.month(), columns[0].dt.day()
    both = [pl.lit(part).cast(pl.Int32) for part in (month, day)]
    ordered = 100 * pl.max_horizontal(both) + pl.min_horizontal(both)
    return 10_000 * pl.lit(columns[0].dt.year()) + ordered


FORMS = {
    "number": Form(make=_as_is, fields=NUMBERS),
    "family": Form(make=_name(Part.FAMILY), fields=NAMES),
    "given": Form(make=_name(Part.GIVEN), fields=NAMES),
    "patronymic": Form(make=_name(Part.PATRONYMIC), fields=NAMES),
    "date": Form(make=_born(whole=False), fields=("birth_date",)),
    "day": Form(make=_born(whole=True), fields=("birth_date",)),
    "text": Form(make=_text, fields=("case_ref",)),
    "code": Form(make=_code),
    "head": Form(make=_head, of=1, length=True),
    "sorted_digits": Form(make=_sorted_digits, of=1, length=True),
    "last_digits": Form(make=_last_digits, of=1, length=True),
    "either_day": Form(make=_either_day, of=1),
    "or_none": Form(make=_or_none, of=1),
    "either_order": Form(make=_either_order, of=2),
}
"""By the name the catalogue uses. Numbers are in one spelling before any form is made
(:func:`with_number_forms`), because natural keys compare spellings too."""
