"""Cases of the protected flows, and a survey: case numbers, no names.

Rules:

- A case number belongs to its custodian and to no document; the truth of who it was is
  a number of its own, never one of the population: these flows are not linked.
- Shares follow what is published for the region: women and girls are the most of
  detected victims of sexual exploitation, men lead in forced labour.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from hub.trials.sample.names import Ints
from hub.trials.sample.population import (
    VELAYAT_WEIGHTS,
    VELAYATS,
    Population,
    generator,
)
from hub.trials.sample.rows import NEVER, dates, numbered, optional, year_of
from hub.trials.sample.weights import Texts, pick, pick_by

_MEANS = (
    *("DebtBondage", "TakesEarnings", "Threats", "PsychologicalAbuse"),
    *("PhysicalAbuse", "SexualAbuse", "FalsePromises", "RestrictsMovement"),
    *("ExcessiveWorkingHours", "WithholdsDocuments", "WithholdsNecessities"),
)
_ORIGINS = "TM .7 UZ .08 AF .08 RU .05 TR .03 IR .02 KZ .02 STLS .02"


class Cases:
    """A set of cases of one flow; `of` gives each its person, sex and birth year."""

    def __init__(self, people: Population, seed: int, flow: str, share: float) -> None:
        self.rng = generator(seed, "cases/" + flow)
        years = (people.last_day - people.first_day + 1) / 365
        self.count = max(int(people.size * share * years), 12)
        self.people = people
        # A tenth of the people come back: a second case under the same number.
        known = max(int(self.count * 0.9), 1)
        number = np.arange(self.count)
        again = self.rng.integers(0, known, self.count)
        self.person = np.where(number < known, number, again)
        self.days = self.rng.integers(people.first_day, people.last_day + 1, self.count)
        self.year = year_of(self.days)

    def per_person(self, chances: str) -> Texts:
        """A code that belongs to the person, not to the case."""
        return pick(self.rng, chances, self.count)[self.person]

    def numbers(self, low: int, high: int) -> Ints:
        """A whole number that belongs to the person."""
        return self.rng.integers(low, high, self.count)[self.person]

    def block(
        self, prefix: str, *, sex: str, ages: tuple[int, int], origins: str = _ORIGINS
    ) -> dict[str, pl.Series]:
        """Block U, record ids and what the sample keeps for itself."""
        first = int(self.year.min())
        born = first - self.numbers(*ages)
        case = pl.Series(self.person).cast(pl.String).str.zfill(6)
        unknown = pl.Series(self.rng.random(self.count) < 0.03)
        return {
            "record_id": numbered(f"{prefix}-{self.people.first_day}", self.count),
            "case_ref": f"{prefix}/{first}/" + case,
            "birth_year": pl.Series(born.astype(np.int32)).set(unknown, None),
            "sex": pl.Series(self.per_person(sex)),
            "sex_source": pl.Series(pick(self.rng, "SELF .7 DOC .3", self.count)),
            "citizenship_g": pl.Series(self.per_person(origins)),
            "_person": pl.Series(self.person),
            "_day": pl.Series(self.days),
        }

    def velayats(self) -> pl.Series:
        """Velayats by their weight."""
        return pl.Series(self.rng.choice(VELAYATS, self.count, p=VELAYAT_WEIGHTS))

    def codes(self, chances: str) -> pl.Series:
        """Codes by weight; ``-`` is null."""
        drawn = pick(self.rng, chances, self.count)
        return optional(np.where(drawn == "-", "", drawn))

    def by(self, keys: pl.Series, chances: Mapping[str, str], other: str) -> pl.Series:
        """Codes by the weights of a key; ``-`` is null."""
        drawn = pick_by(self.rng, keys.to_numpy().astype(str), chances, other)
        return optional(np.where(drawn == "-", "", drawn))

    def holds(self, share: float) -> pl.Series:
        """Yes or no."""
        return pl.Series(self.rng.random(self.count) < share)


def trafficking(people: Population, seed: int) -> pl.DataFrame:
    """Identified victims of trafficking."""
    cases = Cases(people, seed, "trafficking", 0.016)
    block = cases.block("HT", sex="F .61 M .38 _U .01", ages=(13, 48))
    child = cases.year - block["birth_year"].fill_null(1990).to_numpy() < 18
    means = [
        ";".join(sorted(cases.rng.choice(_MEANS, size, replace=False)))
        for size in cases.rng.integers(1, 4, cases.count)
    ]
    sexual = "SEXUAL .62 LABOUR .3 OTHER .08"
    return pl.DataFrame(
        {
            **block,
            "identified_on": dates(cases.days),
            "age_at_exploitation": pl.Series(np.where(child, "CHILD", "ADULT")),
            "exploitation": cases.by(
                block["sex"], {"F": sexual}, "LABOUR .86 SEXUAL .05 OTHER .09"
            ),
            "means_of_control": pl.Series(means),
            "exploit_country_g": cases.codes("TR .46 TM .2 RU .2 OTH .1 KZ .04"),
            "recruiter_relation": cases.codes(
                "EMPLOYER .3 FRIEND .24 FAMILY .12 PARTNER .1 STRANGER .12 _U .06 - .06"
            ),
            "assistance": cases.codes(
                "NONE .16 SHELTER .2 MEDICAL .12 LEGAL .16 RETURN .16 SEVERAL .2"
            ),
            "referred_by": cases.codes(
                "POLICE .34 ASSOCIATION .26 CONSULATE .14 HOTLINE .14 SELF .08 UN .04"
            ),
        }
    )


def services(people: Population, seed: int) -> pl.DataFrame:
    """Contacts with health and social services."""
    cases = Cases(people, seed, "services", 0.25)
    block = cases.block("SC", sex="F .66 M .33 _U .01", ages=(15, 62))
    service = cases.by(
        block["sex"],
        {
            "F": "FAMILY_PLANNING .22 ANTENATAL .2 DELIVERY .06 HIV_TEST .1 "
            "TB_TEST .08 STI .05 GBV_CARE .05 SOCIAL_BENEFIT .14 SHELTER .02 "
            "LEGAL_AID .04 PSYCHOSOCIAL .04"
        },
        "FAMILY_PLANNING .06 HIV_TEST .24 TB_TEST .22 STI .08 SOCIAL_BENEFIT .28 "
        "LEGAL_AID .08 PSYCHOSOCIAL .04",
    )
    social = ("SOCIAL_BENEFIT", "SHELTER", "LEGAL_AID", "PSYCHOSOCIAL")
    reproductive = ("FAMILY_PLANNING", "ANTENATAL", "DELIVERY", "STI", "GBV_CARE")
    area = (
        pl.when(service.is_in(social)).then(pl.lit("SOCIAL"))
        .when(service.is_in(reproductive)).then(pl.lit("SRH"))
        .otherwise(pl.lit("HEALTH"))
    )  # fmt: skip
    pregnant = service.is_in(["ANTENATAL", "DELIVERY"])
    visits = pl.Series(cases.rng.integers(1, 9, cases.count).astype(np.int32))
    benefit = cases.codes(
        "CHILD .3 MATERNITY .2 PENSION .2 DISABILITY .12 SICKNESS .18"
    )
    member = (
        pl.when(area == "SOCIAL").then(pl.lit("molsp"))
        .when(cases.holds(0.1)).then(pl.lit("cso-keik"))
        .otherwise(pl.lit("moh"))
    )  # fmt: skip
    return pl.DataFrame(
        {
            **block,
            "service": service,
            "contact_date": dates(cases.days),
            "migrant_status": cases.codes(
                "FOREIGN .34 RETURNEE .22 FAMILY .26 INTERNAL .18"
            ),
            "pregnant": pregnant,
            "anc_visits": visits.set(~pregnant, None),
            "benefit_g": benefit.set(service != "SOCIAL_BENEFIT", None),
            "velayat": cases.velayats(),
            "referred_to": cases.codes("HEALTH .1 SOCIAL .1 ASSOCIATION .06 - .74"),
            "referral_done": cases.holds(0.7),
        }
    ).with_columns(service_area=area, _member=member)


def consular(people: Population, seed: int) -> pl.DataFrame:
    """Cases of citizens abroad."""
    cases = Cases(people, seed, "consular", 0.05)
    block = cases.block("CC", sex="F .42 M .57 _U .01", ages=(3, 70), origins="TM 1")
    kind = cases.codes(
        "DOCUMENT .44 DETENTION .08 LABOUR .14 TRAFFICKING_SIGN .04 MEDICAL .08 "
        "DEATH .05 RETURN .14 OTHER .03"
    )
    closed = cases.days + cases.rng.integers(0, 90, cases.count)
    is_open = (closed > people.last_day) | (cases.rng.random(cases.count) < 0.05)
    returned = (kind == "RETURN") & cases.holds(0.8)
    return pl.DataFrame(
        {
            **block,
            "opened_on": dates(cases.days),
            "closed_on": dates(np.where(is_open, NEVER, closed)),
            "case_type": kind,
            "country_g": cases.codes(
                "CIS .3 ASIA .5 EUROPE .15 AMERICAS .03 AFRICA .02"
            ),
            "outcome": cases.codes("RESOLVED .6 REFERRED .2 RETURNED .1 OTHER .1"),
            "assisted_return": returned,
        }
    )


def children(people: Population, seed: int) -> pl.DataFrame:
    """Children on the move, and children of parents who are away."""
    cases = Cases(people, seed, "children", 0.09)
    block = cases.block("FC", sex="F .49 M .51", ages=(0, 17))
    group = cases.codes(
        "CHILD_OF_ABSENT .6 MIGRANT_CHILD .28 UNACCOMPANIED .08 SEPARATED .04"
    )
    absent = cases.codes("FATHER .5 MOTHER .34 BOTH .16")
    end = cases.days + cases.rng.integers(30, 700, cases.count)
    open_end = cases.rng.random(cases.count) < 0.7
    member = np.where(cases.rng.random(cases.count) < 0.65, "molsp", "moe")
    return pl.DataFrame(
        {
            **block,
            "noted_on": dates(cases.days),
            "group": group,
            "absent_parent": absent.set(group != "CHILD_OF_ABSENT", None),
            "caregiver": cases.codes(
                "PARENT .4 GRANDPARENT .34 RELATIVE .18 INSTITUTION .04 NONE .04"
            ),
            "at_school": cases.holds(0.91),
            "support": cases.codes("CASH .2 SCHOOL .2 PSYCHOSOCIAL .1 NONE .46 - .04"),
            "valid_to": dates(np.where(open_end, NEVER, end)),
            "velayat": cases.velayats(),
            "_member": pl.Series(member),
        }
    )


def survey(people: Population, seed: int) -> pl.DataFrame:
    """A survey of returnees and stranded migrants, one round a year."""
    cases = Cases(people, seed, "survey", 0.045)
    block = cases.block("DT", sex="F .44 M .55 _N .01", ages=(18, 62))
    del block["case_ref"]
    status = cases.codes("RETURNEE .55 STRANDED .25 INTENDING .2")
    size = cases.rng.integers(1, 9, cases.count)
    needs = {"food": 0.3, "shelter": 0.2, "health": 0.35, "documents": 0.25}
    needs |= {"cash": 0.5, "work": 0.62}
    return pl.DataFrame(
        {
            **block,
            "round": pl.Series(cases.year).cast(pl.String),
            "interview_on": dates(cases.days),
            "status": status,
            "country_g": cases.codes("TR .5 RU .28 KZ .08 UZ .05 OTH .09"),
            "education": cases.codes(
                "ISCED11_2 .1 ISCED11_3 .5 ISCED11_4 .2 ISCED11_6 .2"
            ),
            "household_size": pl.Series(size.astype(np.int32)),
            "children": pl.Series((size * 0.4).astype(np.int32)),
            "reason_leave": cases.codes("WORK .66 STUDY .1 FAMILY .16 OTHER .08"),
            "reason_return": cases.by(
                status,
                {
                    "RETURNEE": "JOB_LOSS .3 CONTRACT_END .3 FAMILY .22 HEALTH .06 "
                    "DOCUMENTS .06 DEPORTED .06"
                },
                "NOT_RETURNED 1",
            ),
            "employed_before": cases.holds(0.6),
            "employed_now": cases.holds(0.35),
            **{f"need_{need}": cases.holds(share) for need, share in needs.items()},
            "covid_effect": cases.codes("NONE .5 INCOME .3 TRAVEL .15 HEALTH .05"),
        }
    )
