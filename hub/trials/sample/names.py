"""Tables of names in every spelling, to be gathered by number.

Rules:

- A name is a number; a row shows it in one :class:`~hub.trials.sample.spelling.Form`.
- Feminine endings and patronymics are formed in the owner's language, then spelled.
- A person's numbers never change, except the family name at a marriage.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from hub.trials.sample.pools import POOLS, Pool
from hub.trials.sample.spelling import VOWELS_LATIN, Form, spell

Ints = npt.NDArray[np.int64]

_HARD = ("ов", "ев", "ёв", "ин", "ын")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Names by form and number.

    Attributes:
        forms: One flat column: form 0 of every name, form 1 of every name, and so on.
        starts: First number of each culture.
        counts: How many numbers each culture has.
    """

    forms: pl.Series
    starts: Ints
    counts: Ints

    def show(self, numbers: Ints, forms: Ints) -> pl.Series:
        """Each number in the form wanted; a number below 0 is null."""
        size = len(self.forms) // len(Form)
        places = pl.Series(forms * size + np.maximum(numbers, 0))
        shown = self.forms.gather(places)
        return shown.set(pl.Series(numbers < 0), None) if (numbers < 0).any() else shown

    def draw(self, rng: np.random.Generator, cultures: Ints) -> Ints:
        """A number for each culture; names that stand first are commoner."""
        share = rng.random(len(cultures)) ** 1.6
        return self.starts[cultures] + (share * self.counts[cultures]).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """All tables; a man and a woman of one family share its number."""

    men: Table
    women: Table
    families_men: Table
    families_women: Table
    sons: Table
    daughters: Table


@cache
def tables() -> Names:
    """Every name in every spelling; made once a process."""
    fathers = [pool.men for pool in POOLS]
    return Names(
        men=_table(fathers),
        women=_table([pool.women for pool in POOLS]),
        families_men=_table([[_family(n, p)[0] for n in p.families] for p in POOLS]),
        families_women=_table([[_family(n, p)[1] for n in p.families] for p in POOLS]),
        sons=_table([[_patronymic(n, p)[0] for n in p.men] for p in POOLS]),
        daughters=_table([[_patronymic(n, p)[1] for n in p.men] for p in POOLS]),
    )


def _table(cultures: Iterable[Iterable[str]]) -> Table:
    """A table of names given by culture, each in its pool's script."""
    spelled: list[tuple[str, ...]] = []
    counts = []
    for pool, names in zip(POOLS, cultures, strict=True):
        forms = [spell(name, pool.script) for name in names]
        spelled.extend(forms)
        counts.append(len(forms))
    sizes = np.array(counts, dtype=np.int64)
    return Table(
        forms=pl.Series([one[form] for form in Form for one in spelled]),
        starts=np.concatenate(([0], np.cumsum(sizes)[:-1])),
        counts=sizes,
    )


def _family(name: str, pool: Pool) -> tuple[str, str]:
    """A family name as men and as women carry it."""
    if pool.script == "turkmen":
        man = _stem(name) + ("ýew" if name[-1] in VOWELS_LATIN else "ow")
        return man, man + "a"
    if name.endswith("ский"):
        return name, name.removesuffix("ий") + "ая"
    return name, name + "а" if name.endswith(_HARD) else name


def _patronymic(father: str, pool: Pool) -> tuple[str, str]:
    """A father's name as his son's and his daughter's patronymic."""
    if pool.script == "turkmen":
        stem = _stem(father) + ("ýew" if father[-1] in VOWELS_LATIN else "ow")
        return stem + "iç", stem + "na"
    for ending, soft in (("ий", "ьев"), ("й", "ев"), ("ь", "ев")):
        if father.endswith(ending):
            stem = father.removesuffix(ending) + soft
            return stem + "ич", stem + "на"
    stem = father + ("ев" if father[-1] in "аеёиоуыэюяө" else "ов")
    return stem + "ич", stem + "на"


def _stem(name: str) -> str:
    """A Turkmen name before an ending: a final t is voiced."""
    return name.removesuffix("t") + "d" if name.endswith("t") else name
