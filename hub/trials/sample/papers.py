"""What a paper says of a person on a day: block P, with the slips of real offices.

Rules:

- Each office has its usual spelling; about 15 % of rows show another one, or a slip of
  the pen, or given and family name swapped.
- Slips touch names, birth dates and missing numbers only. Who it truly was is kept
  beside the row, in the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from hub.trials.sample.names import Ints, tables
from hub.trials.sample.population import DOCUMENTS, Population
from hub.trials.sample.spelling import Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """How an office writes.

    Attributes:
        forms: Form -> share of its rows.
        slips: Share of rows with a slip in a name.
        swaps: Share of rows with given and family name swapped.
        personal: Share of rows that carry the personal number, where there is one.
        document: Share of rows that carry the document number.
        birth: Share of rows that carry the birth date.
        sex_source: DOC, REG or SELF.
    """

    forms: Mapping[Form, float]
    slips: float = 0.035
    swaps: float = 0.003
    personal: float = 0.9
    document: float = 0.97
    birth: float = 0.985
    sex_source: str = "DOC"


BORDER = Office(
    forms={Form.ZONE: 0.89, Form.ZONE_RUSSIAN: 0.11}, personal=0.75, document=0.995
)
PERMITS = Office(forms={Form.LATIN: 0.89, Form.RUSSIAN: 0.06, Form.ZONE: 0.05})
REGISTRY = Office(
    forms={Form.LATIN: 0.88, Form.CYRILLIC: 0.12}, personal=0.99, sex_source="REG"
)
LABOUR = Office(forms={Form.RUSSIAN: 0.88, Form.LATIN: 0.08, Form.CYRILLIC: 0.04})
STUDENTS = Office(forms={Form.LATIN: 0.88, Form.ZONE: 0.12}, sex_source="SELF")

_SEX_MISSING = 0.006
_BIRTH_SWAPPED = 0.004
_STEP = 48_271  # coprime to DOCUMENTS: every person has another number
_FIRST = 400_000  # no number of the first two million people looks like a placeholder
_SERIES = {"TKM": "A", "XXA": "ST", "XXX": "X"}


def show(
    people: Population,
    who: Ints,
    days: Ints,
    office: Office,
    rng: np.random.Generator,
) -> dict[str, pl.Series]:
    """The columns of block P for people `who`, as written on `days`."""
    count = len(who)
    share = np.array(list(office.forms.values()))
    forms = rng.choice(
        np.array([int(form) for form in office.forms]), count, p=share / share.sum()
    )
    woman = people.woman[who]
    names = tables()
    family = np.where(
        days >= people.married[who], people.family_married[who], people.family[who]
    )
    father = np.where(rng.random(count) < 0.94, people.father[who], -1)
    family_text = _by_sex(
        woman,
        names.families_women.show(family, forms),
        names.families_men.show(family, forms),
    )
    given_text = _by_sex(
        woman,
        names.women.show(np.where(woman, people.given[who], 0), forms),
        names.men.show(np.where(woman, 0, people.given[who]), forms),
    )
    family_text = _slipped(family_text, office.slips * 0.6, rng)
    given_text = _slipped(given_text, office.slips * 0.4, rng)
    swapped = pl.Series(rng.random(count) < office.swaps)
    patronymic = _by_sex(
        woman, names.daughters.show(father, forms), names.sons.show(father, forms)
    )
    sex = np.where(rng.random(count) < _SEX_MISSING, "_U", people.sex[who])
    return {
        "personal_no": _personal(people, who, rng.random(count) < office.personal),
        "doc_state": pl.Series(people.citizenship[who]),
        "doc_no": _document(people, who, days, rng.random(count) < office.document),
        "family_name": _either(swapped, given_text, family_text),
        "given_name": _either(swapped, family_text, given_text),
        "patronymic": patronymic,
        "birth_date": _birth(people.born[who], office, rng),
        "sex": pl.Series(sex),
        "sex_source": pl.Series([office.sex_source]).new_from_index(0, count),
        "citizenship": pl.Series(people.citizenship[who]),
        "birth_country": pl.Series(people.birth_country[who]),
    }


def _either(choice: pl.Series, yes: pl.Series, no: pl.Series) -> pl.Series:
    """`yes` where `choice` holds, else `no`."""
    return yes.zip_with(choice, no)


def _by_sex(woman: np.ndarray, hers: pl.Series, his: pl.Series) -> pl.Series:
    return hers.zip_with(pl.Series(woman), his)


def _personal(people: Population, who: Ints, present: np.ndarray) -> pl.Series:
    """Eleven digits for those who have a personal number."""
    number = people.personal[who]
    return personal_numbers(number).set(pl.Series((number < 0) | ~present), None)


def personal_numbers(numbers: Ints) -> pl.Series:
    """Of the people with these numbers; eleven digits."""
    digits = 10_000_000_000 + (numbers * 104_729 + 7_919) % 80_000_000_000
    return pl.Series(digits).cast(pl.String)


def _document(
    people: Population, who: Ints, days: Ints, present: np.ndarray
) -> pl.Series:
    """Series and eight digits; another number once the document is renewed."""
    renewed = days >= people.renewed[who]
    series = pl.Series(people.citizenship[who]).replace_strict(_SERIES, default="P")
    digits = document_numbers(who + renewed * (DOCUMENTS // 2))
    return (series + digits).set(pl.Series(~present), None)


def document_numbers(documents: Ints) -> pl.Series:
    """Of these documents, of which a person has one, and another half of all later."""
    number = (_FIRST + documents) * _STEP % DOCUMENTS
    return pl.Series(number).cast(pl.String).str.zfill(8)


def _birth(born: Ints, office: Office, rng: np.random.Generator) -> pl.Series:
    """Birth dates; a few with day and month swapped, a few not known."""
    count = len(born)
    dates = pl.Series(born.astype(np.int32)).cast(pl.Date)
    frame = pl.DataFrame(
        {
            "date": dates,
            "swap": rng.random(count) < _BIRTH_SWAPPED,
            "known": rng.random(count) < office.birth,
        }
    )
    date = pl.col("date")
    swaps = pl.col("swap") & (date.dt.day() <= 12)
    safe = pl.when(swaps).then(date).otherwise(pl.date(2000, 1, 1))
    swapped = pl.date(safe.dt.year(), safe.dt.day(), safe.dt.month())
    chosen = pl.when(swaps).then(swapped).otherwise(date)
    return frame.select(pl.when("known").then(chosen).alias("birth_date")).to_series()


def _slipped(text: pl.Series, share: float, rng: np.random.Generator) -> pl.Series:
    """Names with a letter doubled, dropped, swapped or taken from its neighbour."""
    places = np.flatnonzero(rng.random(len(text)) < share)
    if not len(places):
        return text
    kinds = rng.integers(0, 4, len(places))
    where = rng.random(len(places))
    wrong = [
        _slip(name, int(kind), place)
        for name, kind, place in zip(
            text.gather(places).to_list(), kinds, where, strict=True
        )
    ]
    return text.scatter(places, wrong)


def _slip(name: str, kind: int, where: float) -> str:
    """One slip of the pen, never in the first letter."""
    if len(name) < 4:
        return name
    at = 1 + int(where * (len(name) - 2))
    if kind == 0:
        return name[:at] + name[at] + name[at:]
    if kind == 1:
        return name[:at] + name[at + 1 :]
    if kind == 2:
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return name[:at] + name[at - 1].lower() + name[at + 1 :]
