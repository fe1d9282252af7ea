"""The people: who they are, what papers they carry, and what they are about to do.

Rules:

- One row of every array is one person; numbers are drawn from named generators, so a
  change in one part leaves the others as they were.
- Shares of women are given by group, from what is known of the corridors: men lead in
  labour and transport, women in family moves and small trade, and none is empty.
- A person may renew a document and a woman may marry in the year; from that day on the
  papers show the new number and family name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
import numpy.typing as npt

from hub.trials.sample.names import Ints, tables
from hub.trials.sample.pools import POOLS
from hub.trials.sample.weights import Weights, pick, weights

EPOCH = np.datetime64("1970-01-01")
VELAYATS = ("TM-A", "TM-B", "TM-D", "TM-L", "TM-M", "TM-S")
VELAYAT_WEIGHTS = (0.14, 0.09, 0.22, 0.22, 0.20, 0.13)
DOCUMENTS = 100_000_000
"""Document numbers have eight digits; more people than half of it do not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """People who move alike.

    Attributes:
        share: Of the population.
        women: Share of women.
        citizens: Citizenship -> weight.
        ages: Least and greatest age, and the two shapes of the beta law between.
    """

    share: float
    women: float
    citizens: Weights
    ages: tuple[int, int, float, float] = (18, 70, 1.6, 2.6)


_OWN = weights("TKM 1")
_NEAR = weights("UZB 50 KAZ 20 AFG 14 IRN 16")

GROUPS: dict[str, Group] = {
    "trader": Group(share=0.09, women=0.58, citizens=_OWN),
    "worker_out": Group(share=0.11, women=0.34, citizens=_OWN, ages=(18, 60, 1.8, 3.4)),
    "student_out": Group(
        share=0.05, women=0.43, citizens=_OWN, ages=(17, 30, 1.4, 4.0)
    ),
    "traveller": Group(share=0.15, women=0.52, citizens=_OWN, ages=(0, 85, 1.5, 2.2)),
    "emigrant": Group(share=0.03, women=0.54, citizens=_OWN, ages=(0, 80, 1.5, 2.4)),
    "returnee": Group(share=0.035, women=0.42, citizens=_OWN, ages=(1, 70, 2.0, 3.0)),
    "home": Group(share=0.075, women=0.51, citizens=_OWN, ages=(0, 90, 1.1, 2.0)),
    "neighbour": Group(share=0.08, women=0.51, citizens=_NEAR, ages=(5, 75, 1.6, 2.2)),
    "driver": Group(
        share=0.06,
        women=0.04,
        citizens=weights("TUR 35 IRN 25 KAZ 14 UZB 16 RUS 6 GEO 4"),
        ages=(22, 64, 2.0, 2.2),
    ),
    "worker_in": Group(
        share=0.075,
        women=0.17,
        citizens=weights(
            "TUR 34.0 CHN 14.0 RUS 9.0 BLR 4.0 IND 10.0 "
            "UZB 14.0 KAZ 5.0 AZE 4.0 UKR 3.0 PAK 3.0"
        ),
        ages=(20, 64, 2.0, 2.6),
    ),
    "family_in": Group(
        share=0.05,
        women=0.66,
        citizens=weights("RUS 22 UZB 30 TUR 14 KAZ 12 AFG 14 IRN 8"),
        ages=(0, 70, 1.0, 1.9),
    ),
    "student_in": Group(
        share=0.03,
        women=0.40,
        citizens=weights("AFG 46 UZB 20 KAZ 12 TUR 8 TJK 8 IRN 6"),
        ages=(17, 32, 1.3, 3.5),
    ),
    "resident_in": Group(
        share=0.06,
        women=0.55,
        citizens=weights("RUS 34 UZB 28 KAZ 10 AFG 12 UKR 6 TUR 10"),
        ages=(0, 88, 1.8, 1.8),
    ),
    "immigrant": Group(
        share=0.03,
        women=0.51,
        citizens=weights("UZB 30 RUS 24 AFG 14 TUR 14 KAZ 12 IRN 6"),
        ages=(0, 75, 1.5, 2.4),
    ),
    "visitor": Group(
        share=0.067,
        women=0.43,
        citizens=weights(
            "IRN 20 TUR 18 UZB 18 KAZ 9 RUS 12 CHN 6 "
            "IND 5 DEU 4 GBR 3 USA 2 KOR 2 XXX 1"
        ),
        ages=(3, 80, 2.0, 2.4),
    ),
    "stateless": Group(
        share=0.008, women=0.53, citizens=weights("XXA 1"), ages=(0, 80, 1.6, 2.0)
    ),
}
NAMES_OF_GROUPS = tuple(GROUPS)

# Citizenship -> culture (index into POOLS) and weight; the rest write Latin names.
_CULTURES: dict[str, dict[int, float]] = {
    "TKM": {0: 0.83, 2: 0.09, 1: 0.06, 3: 0.02},
    "UZB": {2: 0.95, 0: 0.05},
    **{code: {1: 1.0} for code in ("RUS", "BLR", "UKR")},
    **{code: {3: 0.8, 1: 0.2} for code in ("KAZ", "KGZ")},
    **{code: {4: 1.0} for code in ("AFG", "IRN", "TJK")},
    **{code: {5: 1.0} for code in ("TUR", "AZE")},
    "XXA": {2: 0.4, 0: 0.3, 1: 0.3},
}
_LATIN = len(POOLS) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Arrays by person.

    Attributes:
        group: Index into ``NAMES_OF_GROUPS``.
        sex: What the papers say: F, M, or ``_U`` where they say X, rarely ``_O``.
        born: Days since 1970.
        father: Number of the father's given name, -1 where papers carry none.
        personal: Number of the personal number, -1 where there is none.
        renewed: Day from which the second document is shown; far away for most.
        married: Day from which the second family name is shown; far away for most.
    """

    first_day: int
    last_day: int
    group: Ints
    woman: npt.NDArray[np.bool_]
    sex: npt.NDArray[np.str_]
    born: Ints
    citizenship: npt.NDArray[np.str_]
    birth_country: npt.NDArray[np.str_]
    velayat: npt.NDArray[np.str_]
    culture: Ints = field(repr=False)
    given: Ints = field(repr=False)
    family: Ints = field(repr=False)
    family_married: Ints = field(repr=False)
    father: Ints = field(repr=False)
    personal: Ints = field(repr=False)
    renewed: Ints = field(repr=False)
    married: Ints = field(repr=False)

    @property
    def size(self) -> int:
        """How many people."""
        return len(self.group)

    def of(self, *names: str) -> Ints:
        """Numbers of the people in these groups."""
        wanted = [NAMES_OF_GROUPS.index(name) for name in names]
        return np.flatnonzero(np.isin(self.group, wanted))

    def age(self, people: Ints, day: Ints | int) -> Ints:
        """Whole years at a day, as calendars without leap days have them."""
        return np.asarray((day - self.born[people]) // 365.2425).astype(np.int64)


def generator(seed: int, part: str) -> np.random.Generator:
    """The generator of one part of the sample."""
    return np.random.default_rng([seed, crc32(part.encode())])


def day(year: int, month: int = 1, date: int = 1) -> int:
    """Days since 1970."""
    there = np.datetime64(f"{year:04d}-{month:02d}-{date:02d}")
    return int((there - EPOCH).astype(np.int64))


def make(seed: int, persons: int, first_year: int, years: int) -> Population:
    """A population of `persons` people who live through `years` years."""
    rng = generator(seed, "population")
    start, end = day(first_year), day(first_year + years) - 1
    shares = np.array([group.share for group in GROUPS.values()])
    group = rng.choice(len(GROUPS), persons, p=shares / shares.sum())
    women = np.array([one.women for one in GROUPS.values()])
    woman = rng.random(persons) < women[group]
    sex = np.where(woman, "F", "M")
    rare = rng.random(persons)
    sex = np.where(rare < 0.004, "_U", np.where(rare < 0.005, "_O", sex))
    born = start - _ages(rng, group)
    # Some of those at home are born in these years.
    newborn = (group == NAMES_OF_GROUPS.index("home")) & (rng.random(persons) < 0.35)
    born = np.where(newborn, rng.integers(start, end - 30, persons), born)
    citizenship = _citizenship(rng, group)
    culture = _culture(rng, citizenship)
    names = tables()
    given = np.where(
        woman, names.women.draw(rng, culture), names.men.draw(rng, culture)
    )
    father = names.men.draw(rng, culture)
    papered = np.array([pool.patronymics for pool in POOLS])[culture]
    known = (citizenship == "TKM") | (
        np.isin(group, [NAMES_OF_GROUPS.index("resident_in")])
        & (rng.random(persons) < 0.6)
    )
    adult = woman & (start - born > 18 * 366) & (start - born < 42 * 365)
    weds = adult & (rng.random(persons) < 0.035)
    wedding = rng.integers(start, end, persons)
    renews = rng.random(persons) < 0.06
    far = end + 100_000
    married = np.where(weds, wedding, far)
    return Population(
        first_day=start,
        last_day=end,
        group=group,
        woman=woman,
        sex=sex,
        born=born,
        citizenship=citizenship,
        birth_country=_birth_country(rng, citizenship),
        velayat=rng.choice(VELAYATS, persons, p=VELAYAT_WEIGHTS),
        culture=culture,
        given=given,
        family=names.families_men.draw(rng, culture),
        family_married=names.families_men.draw(rng, culture),
        father=np.where(papered, father, -1),
        personal=np.where(known, np.arange(persons), -1),
        renewed=np.where(renews, rng.integers(start, end, persons), married),
        married=married,
    )


def _ages(rng: np.random.Generator, group: Ints) -> Ints:
    """Ages at the first day, in days, by the law of each group."""
    laws = np.array([one.ages for one in GROUPS.values()])[group]
    share = rng.beta(laws[:, 2], laws[:, 3])
    years = laws[:, 0] + share * (laws[:, 1] - laws[:, 0])
    return np.asarray(years * 365.2425 + rng.integers(0, 365, len(group))).astype(
        np.int64
    )


def _citizenship(rng: np.random.Generator, group: Ints) -> npt.NDArray[np.str_]:
    """A citizenship for each person, by group."""
    chosen = np.full(len(group), "TKM")
    for number, one in enumerate(GROUPS.values()):
        people = np.flatnonzero(group == number)
        chosen[people] = pick(rng, one.citizens, len(people))
    return chosen


def _culture(rng: np.random.Generator, citizenship: npt.NDArray[np.str_]) -> Ints:
    """The culture whose names a person carries."""
    culture = np.full(len(citizenship), _LATIN, dtype=np.int64)
    for code, mix in _CULTURES.items():
        people = np.flatnonzero(citizenship == code)
        share = np.array(list(mix.values()))
        culture[people] = rng.choice(list(mix), len(people), p=share / share.sum())
    return culture


def _birth_country(
    rng: np.random.Generator, citizenship: npt.NDArray[np.str_]
) -> npt.NDArray[np.str_]:
    """Mostly the country of citizenship; else a neighbour of the old union."""
    moved = rng.random(len(citizenship)) < 0.07
    other = rng.choice(np.array(["UZB", "RUS", "KAZ", "TKM", "AFG"]), len(citizenship))
    known = np.where(np.isin(citizenship, ["XXA", "XXX"]), "TKM", citizenship)
    return np.where(moved, other, known)
