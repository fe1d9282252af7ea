"""Person keys: what a row says about who it is, as hashes that dedupe can compare.

Rules (design §5):

- The composites are a table, :data:`COMPOSITES`; adding one is adding a line. A tier is
  a composite's number, least first = strongest, and never changes its meaning.
- A composite with an empty, placeholder or unusable component is absent from the row.
- Birth dates: registry defaults (1900-01-01 …) are empty. 1 January stands for "only
  the year is known" too often to carry a composite without a patronymic.
- Sex is not part of the family-name composite: a wrongly typed sex code must not make
  two people, and given names tell twins of different sex apart.
- A slip in a document number or in a name is bridged by what is left: the first half
  of the digits, three letters of one name, and the birth date. Any two of the three
  are not enough at the size of a country (benchmarks/linkage).
- A row without any composite is its own person: one entry of tier :data:`LONE`.
- Unlinked domains: one key, H(domain secret, member, case number), tier 0.

Output columns: ``keys`` = entries of tier byte ‖ 16 bytes, sorted, unique; ``sig`` =
keyed hash of ``keys``, by which dedupe knows a key set it has seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import polars as pl

from hub.core.identity import hashing
from hub.core.identity.letters import LOOK_ALIKES, SERIES_LETTERS
from hub.core.identity.names import Part, normal_forms

LONE = 0xFF
ENTRY_BYTES = 1 + hashing.HASH_BYTES
DIGITS_MIN = 4
HALVED_DIGITS_MIN = 6
"""Half of a shorter number says too little."""
HEAD_LETTERS = 3
NUMBERS = ("personal_no", "doc_no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """One combination of prepared components that identifies a person."""

    tier: int
    components: tuple[str, ...]


COMPOSITES = (
    Composite(tier=0, components=("personal_no",)),
    Composite(tier=1, components=("doc_state", "doc_no")),
    Composite(tier=2, components=("family", "given", "birth_day")),
    Composite(tier=3, components=("given", "patronymic", "sex", "birth_date")),
    Composite(tier=4, components=("names", "birth_day")),
    Composite(tier=5, components=("number_head", "given_head", "birth_day")),
    Composite(tier=6, components=("number_head", "family_head", "birth_day")),
)
"""Tier 3 has no family name: marriage changes it. Tier 4 knows the names in either
order: forms and zones swap them."""

# Entries are written in tier order, so distinct ascending tiers make them sorted and
# unique without looking at a row.
assert [c.tier for c in COMPOSITES] == sorted({c.tier for c in COMPOSITES})  # noqa: S101
assert all(c.tier < LONE for c in COMPOSITES)  # noqa: S101

PLACEHOLDER_DATES = (date(1900, 1, 1), date(1901, 1, 1), date(1970, 1, 1))

_UP, _DOWN = "01234567890123456789", "98765432109876543210"
_SEQUENCES = sorted(
    {
        row[start:end]
        for row in (_UP, _DOWN)
        for start in range(10)
        for end in range(start + DIGITS_MIN, len(row) + 1)
    }
)
"""Digits in a row, up or down, such as 123456: typed to get past a form."""


def number_forms(numbers: pl.Series) -> pl.Series:
    """Personal or document numbers in one spelling; null for a placeholder.

    Upper case, Latin for Cyrillic look-alikes, letters and digits only. A placeholder
    has fewer than four digits, or its digits are all alike, in a row or all but zero.
    """
    # Step by step: one expression would work out its common parts several times.
    spelt = (
        numbers.str.to_uppercase()
        .str.replace_many(LOOK_ALIKES | SERIES_LETTERS)
        .str.replace_all("[^0-9A-Z]", "")
    )
    frame = pl.DataFrame(
        {"number": spelt, "digits": spelt.str.replace_all("[A-Z]", "")}
    )
    digits = pl.col("digits")
    usable = (
        (digits.str.len_bytes() >= DIGITS_MIN)
        & (digits.str.strip_chars(digits.str.head(1)) != "")
        & ~digits.is_in(_SEQUENCES)
        & (digits.str.strip_chars_start("0").str.len_bytes() > 1)
    )
    form = pl.when(usable).then(pl.col("number")).alias(numbers.name)
    return frame.select(form).to_series()


def with_number_forms(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with its personal and document numbers in their normal form."""
    return frame.with_columns(
        number_forms(frame[name]) for name in NUMBERS if name in frame.columns
    )


def linked(frame: pl.DataFrame, secret: bytes) -> pl.DataFrame:
    """`frame` with ``keys`` and ``sig`` made from block P; needs ``record``.

    Numbers are in their normal form (:func:`with_number_forms`).
    """
    prepared = _prepared(frame)
    entries = [_entry(composite, secret) for composite in COMPOSITES]
    joined = prepared.select(pl.concat_str(entries, ignore_nulls=True)).to_series()
    if (joined == "").any():
        lone = pl.lit(f"{LONE:02x}") + pl.col("record").bin.encode("hex")
        own = frame.select(lone).to_series()
        joined = joined.zip_with(joined != "", own)
    return _with_keys(frame, joined, secret)


def unlinked(frame: pl.DataFrame, secret: bytes) -> pl.DataFrame:
    """`frame` with ``keys`` and ``sig`` from ``member`` and ``case_ref`` (block U)."""
    case = [pl.col("member"), pl.col("case_ref").str.strip_chars()]
    entry = pl.lit("00") + hashing.keyed_hex(secret, "person/case", case)
    return _with_keys(frame, frame.select(entry).to_series(), secret)


def _prepared(frame: pl.DataFrame) -> pl.DataFrame:
    """Every component that a composite names, and what those are taken from."""
    wanted = set().union(*(row.components for row in COMPOSITES))
    needed = wanted | {of for name in wanted & set(_PARTS) for of in _PARTS[name][0]}
    whole = frame.select(
        make(frame).alias(name) for name, make in _PREPARED.items() if name in needed
    )
    return whole.with_columns(
        part.alias(name) for name, (_, part) in _PARTS.items() if name in wanted
    )


def _with_keys(frame: pl.DataFrame, keys: pl.Series, secret: bytes) -> pl.DataFrame:
    """`frame` with the hex texts `keys` as bytes, and their hash."""
    made = pl.DataFrame({"keys": keys}).select(
        pl.col("keys").str.decode("hex"),
        hashing.keyed(secret, "sig", [pl.col("keys")]).alias("sig"),
    )
    return frame.with_columns(made)


def _entry(composite: Composite, secret: bytes) -> pl.Expr:
    """Tier and key of one composite in hex; null where a component is."""
    label = "person/" + "+".join(composite.components)
    components = [pl.col(component) for component in composite.components]
    tier = pl.lit(f"{composite.tier:02x}")
    return tier + hashing.keyed_hex(secret, label, components)


def _head(name: str) -> pl.Expr:
    """The letters a name begins with."""
    return pl.col(name).str.slice(0, HEAD_LETTERS)


def _either_order(one: str, other: str) -> pl.Expr:
    """Two names, whichever stands first; null if one is missing."""
    names = pl.min_horizontal(one, other) + " " + pl.max_horizontal(one, other)
    return pl.when(pl.col(one).is_not_null() & pl.col(other).is_not_null()).then(names)


def _half() -> pl.Expr:
    """The first half of a document number's digits, with the middle one."""
    length = pl.col("digits").str.len_bytes()
    half = pl.col("digits").str.head((length + 1) // 2)
    return pl.when(length >= HALVED_DIGITS_MIN).then(half)


def _name(field: str, part: Part) -> Callable[[pl.DataFrame], pl.Expr]:
    """The normal form of a name field."""

    def prepare(frame: pl.DataFrame) -> pl.Expr:
        return pl.lit(normal_forms(frame[field], part))

    return prepare


def _born(*, whole: bool) -> Callable[[pl.DataFrame], pl.Expr]:
    """The birth date; with `whole`, only if day and month are surely known."""
    born = pl.col("birth_date")
    usable = ~born.is_in(PLACEHOLDER_DATES)
    if whole:
        usable &= (born.dt.month() != 1) | (born.dt.day() != 1)
    return lambda _: pl.when(usable).then(born)


_PREPARED: dict[str, Callable[[pl.DataFrame], pl.Expr]] = {
    "personal_no": lambda _: pl.col("personal_no"),
    "doc_state": lambda _: pl.col("doc_state"),
    "doc_no": lambda _: pl.col("doc_no"),
    "digits": lambda _: pl.col("doc_no").str.replace_all("[A-Z]", ""),
    "family": _name("family_name", Part.FAMILY),
    "given": _name("given_name", Part.GIVEN),
    # A given name that stands in the other field loses a family's ending there.
    "given_as_family": _name("given_name", Part.FAMILY),
    "patronymic": _name("patronymic", Part.PATRONYMIC),
    "birth_date": _born(whole=False),
    "birth_day": _born(whole=True),
    "sex": lambda _: pl.col("sex").replace_strict({"F": "F", "M": "M"}, default=None),
    "citizenship": lambda _: pl.col("citizenship"),
    "birth_country": lambda _: pl.col("birth_country"),
}
"""Components a composite may name, each from the fields of block P."""

_PARTS: dict[str, tuple[tuple[str, ...], pl.Expr]] = {
    "names": (
        ("family", "given_as_family"),
        _either_order("family", "given_as_family"),
    ),
    "given_head": (("given",), _head("given")),
    "family_head": (("family",), _head("family")),
    "number_head": (("digits",), _half()),
}
"""Components made of prepared ones: what they are made of, and how."""
