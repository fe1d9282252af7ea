"""Visas and residence permits: an opening stock, then a year of decisions.

Rules:

- The opening file holds every permit that is valid on the first day, as ordinary rows.
- An application is sent as APPLIED; its decision is an AMEND of the same record. A
  permit that is revoked is amended too, and ends that day.
- A permit that runs out in the year is renewed, or its holder leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from hub.trials.sample.names import Ints
from hub.trials.sample.papers import PERMITS
from hub.trials.sample.population import NAMES_OF_GROUPS, Population, generator
from hub.trials.sample.rows import NEVER, Texts, dates, numbered, optional, with_papers
from hub.trials.sample.weights import pick, pick_by

_REASONS = {
    "worker_in": "WORK .93 BUSINESS .07",
    "family_in": "FAMILY 1",
    "student_in": "STUDY 1",
    "resident_in": "FAMILY .5 WORK .2 HUMANITARIAN .08 OTHER .22",
    "immigrant": "FAMILY .55 WORK .3 BUSINESS .05 OTHER .1",
    "stateless": "OTHER .8 HUMANITARIAN .2",
}
_VISAS = {
    "driver": "DRIVER 1",
    "worker_in": "WORK 1",
    "family_in": "FAMILY .7 PRIVATE .3",
    "student_in": "STUDENT 1",
    "visitor": "TOURIST .4 BUSINESS .26 PRIVATE .18 OFFICIAL .06 MEDICAL .04 TRANSIT "
    ".04 SPORT .02",
}
_VISA_REASONS = {
    "WORK": "WORK",
    "DRIVER": "WORK",
    "BUSINESS": "BUSINESS",
    "FAMILY": "FAMILY",
    "STUDENT": "STUDY",
}
_STAYS = {"TEMPORARY": 365, "PERMANENT": 5 * 365, "VISA": 60, "REGISTRATION": 90}


@dataclass(frozen=True, slots=True, kw_only=True)
class Permits:
    """Permits before they are rows; every array is by permit."""

    who: Ints
    kind: Texts
    visa: Texts
    reason: Texts
    status: Texts
    decided: Ints
    start: Ints
    end: Ints

    def rows(
        self, people: Population, prefix: str, rng: np.random.Generator
    ) -> pl.DataFrame:
        """As rows of the provider schema."""
        count = len(self.who)
        applied = self.decided - rng.integers(3, 45, count)
        spouse = np.where(rng.random(count) < 0.8, "SPOUSE", "PARENT")
        child = people.age(self.who, self.decided) < 18
        relation = np.where(child, "CHILD", spouse)
        relation = np.where(rng.random(count) < 0.06, "OTHER", relation)
        previous = np.where(
            rng.random(count) < 0.1, "RUS", people.citizenship[self.who]
        )
        fields = {
            "record_id": numbered(prefix, count),
            "kind": pl.Series(self.kind),
            "visa_class": optional(self.visa),
            "reason": pl.Series(self.reason),
            "status": pl.Series(self.status),
            "applied_on": dates(np.where(rng.random(count) < 0.05, NEVER, applied)),
            "decided_on": dates(self.decided),
            "valid_from": dates(self.start),
            "valid_to": dates(self.end),
            "velayat": pl.Series(people.velayat[self.who]),
            "prev_country": pl.Series(np.where(previous == "TKM", "UZB", previous)),
            "family_relation": optional(
                np.where(self.reason == "FAMILY", relation, "")
            ),
        }
        frame = with_papers(
            people, self.who, self.decided, office=PERMITS, rng=rng, fields=fields
        )
        member = np.where(
            (self.kind == "VISA") & (rng.random(count) < 0.7), "mfa", "sms"
        )
        return frame.with_columns(pl.Series("_member", member))


def opening(people: Population, seed: int) -> pl.DataFrame:
    """Every permit valid on the first day."""
    rng = generator(seed, "permits/opening")
    return _opening(people, seed).rows(people, "RP-OPEN", rng)


def year(people: Population, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of the year, and the amendments that follow them or the opening rows."""
    rng = generator(seed, "permits/year")
    parts = [
        _new(people, seed),
        _renewed(people, seed),
        _refused(people, seed),
        _visas(people, seed),
        _registrations(people, seed),
    ]
    rows = pl.concat(
        part.rows(people, f"RP-{index}-{people.first_day}", rng)
        for index, part in enumerate(parts)
    )
    rows = rows.filter(pl.col("_day") <= people.last_day)
    asked = (
        (pl.Series(rng.random(rows.height)) < 0.12)
        & (rows["kind"] != "VISA")
        & rows["applied_on"].is_not_null()
    )
    decided = rows.filter(asked)
    empty = pl.lit(None, pl.Date)
    first = decided.with_columns(
        _day=pl.col("applied_on").cast(pl.Int32).cast(pl.Int64),
        status=pl.lit("APPLIED"),
        decided_on=empty,
        valid_from=empty,
        valid_to=empty,
    )
    return pl.concat([rows.filter(~asked), first]), pl.concat(
        [decided, _revoked(people, seed)]
    )


def _revoked(people: Population, seed: int) -> pl.DataFrame:
    """One in eighty opening permits is revoked in the year."""
    rng = generator(seed, "permits/revoked")
    open_rows = opening(people, seed)
    picked = open_rows.filter(pl.Series(rng.random(open_rows.height)) < 0.0125)
    days = rng.integers(people.first_day + 1, people.last_day, picked.height)
    day = dates(days).alias("decided_on")
    return picked.with_columns(
        day,
        pl.min_horizontal(day, pl.col("valid_to")).alias("valid_to"),
        status=pl.lit("REVOKED"),
        _day=pl.Series(days),
    )


def _opening(people: Population, seed: int) -> Permits:
    """Who already has a permit, and how long it still holds."""
    rng = generator(seed, "permits/holders")
    shares = {"worker_in": 0.45, "family_in": 0.5, "student_in": 0.5}
    groups = [
        people.of(name)[rng.random(len(people.of(name))) < share]
        for name, share in (*shares.items(), ("resident_in", 1.0), ("stateless", 0.9))
    ]
    who = np.concatenate(groups)
    who = who[people.born[who] < people.first_day - 30]
    settled = np.isin(who, np.concatenate(groups[3:]))
    permanent = settled & (rng.random(len(who)) < 0.66)
    kind = np.where(permanent, "PERMANENT", "TEMPORARY")
    length = np.where(permanent, 5 * 365, 365)
    start = people.first_day - rng.integers(1, length - 5)
    start = np.maximum(start, people.born[who] + 1)
    end = np.where(permanent & (rng.random(len(who)) < 0.4), NEVER, start + length)
    return Permits(
        who=who,
        kind=kind,
        visa=_none(who),
        reason=_reasons(people, who, rng),
        status=np.full(len(who), "GRANTED"),
        decided=start - rng.integers(0, 8, len(who)),
        start=start,
        end=end,
    )


def _new(people: Population, seed: int) -> Permits:
    """First permits of those who come in the year."""
    rng = generator(seed, "permits/new")
    held = set(_opening(people, seed).who.tolist())
    coming = people.of("worker_in", "family_in", "student_in", "immigrant")
    who = coming[[one not in held for one in coming.tolist()]]
    decided = rng.integers(people.first_day, people.last_day + 1, len(who))
    autumn = people.first_day + 235 + rng.integers(0, 60, len(who))
    student = np.isin(who, people.of("student_in"))
    decided = np.where(student, autumn, decided)
    settles = np.isin(who, people.of("immigrant")) & (rng.random(len(who)) < 0.3)
    kind = np.where(settles, "PERMANENT", "TEMPORARY")
    start = decided + rng.integers(0, 10, len(who))
    return Permits(
        who=who,
        kind=kind,
        visa=_none(who),
        reason=_reasons(people, who, rng),
        status=np.full(len(who), "GRANTED"),
        decided=decided,
        start=start,
        end=start + np.where(settles, 5 * 365, 365),
    )


def _renewed(people: Population, seed: int) -> Permits:
    """Temporary permits that run out in the year, most of them renewed."""
    rng = generator(seed, "permits/renewed")
    held = _opening(people, seed)
    ends = (held.end >= people.first_day) & (held.end < people.last_day)
    stays = np.flatnonzero(ends & (rng.random(len(held.who)) < 0.75))
    start = held.end[stays] + 1
    return Permits(
        who=held.who[stays],
        kind=held.kind[stays],
        visa=_none(stays),
        reason=held.reason[stays],
        status=np.full(len(stays), "RENEWED"),
        decided=np.maximum(start - rng.integers(1, 20, len(stays)), people.first_day),
        start=start,
        end=start + 365,
    )


def _refused(people: Population, seed: int) -> Permits:
    """Applications that were refused."""
    rng = generator(seed, "permits/refused")
    asking = people.of("visitor", "neighbour", "driver")
    who = asking[rng.random(len(asking)) < 0.08]
    nothing = np.full(len(who), NEVER)
    return Permits(
        who=who,
        kind=np.full(len(who), "TEMPORARY"),
        visa=_none(who),
        reason=pick(rng, "WORK .45 FAMILY .25 BUSINESS .2 OTHER .1", len(who)),
        status=np.full(len(who), "REFUSED"),
        decided=rng.integers(people.first_day, people.last_day + 1, len(who)),
        start=nothing,
        end=nothing,
    )


def _visas(people: Population, seed: int) -> Permits:
    """Visas of those who come for a while."""
    rng = generator(seed, "permits/visas")
    who = people.of(*_VISAS)
    settled = ~np.isin(who, people.of("visitor", "driver"))
    who = who[~settled | (rng.random(len(who)) < 0.3)]
    groups = _groups(people, who)
    visa = pick_by(rng, groups, _VISAS, "TOURIST 1")
    reason = pl.Series(visa).replace_strict(_VISA_REASONS, default="OTHER").to_numpy()
    decided = rng.integers(people.first_day, people.last_day + 1, len(who))
    refused = rng.random(len(who)) < 0.04
    start = decided + rng.integers(0, 14, len(who))
    length = np.where(visa == "DRIVER", 365, _STAYS["VISA"])
    return Permits(
        who=who,
        kind=np.full(len(who), "VISA"),
        visa=visa,
        reason=reason.astype(str),
        status=np.where(refused, "REFUSED", "GRANTED"),
        decided=decided,
        start=np.where(refused, NEVER, start),
        end=np.where(refused, NEVER, start + length),
    )


def _registrations(people: Population, seed: int) -> Permits:
    """Registrations of visitors at their place of stay."""
    rng = generator(seed, "permits/registrations")
    who = people.of("visitor")
    who = who[rng.random(len(who)) < 0.45]
    start = rng.integers(people.first_day, people.last_day + 1, len(who))
    return Permits(
        who=who,
        kind=np.full(len(who), "REGISTRATION"),
        visa=_none(who),
        reason=np.full(len(who), "OTHER"),
        status=np.full(len(who), "GRANTED"),
        decided=start,
        start=start,
        end=start + rng.integers(4, _STAYS["REGISTRATION"], len(who)),
    )


def _groups(people: Population, who: Ints) -> Texts:
    """The name of each person's group."""
    return np.array(NAMES_OF_GROUPS)[people.group[who]]


def _reasons(people: Population, who: Ints, rng: np.random.Generator) -> Texts:
    return pick_by(rng, _groups(people, who), _REASONS, "OTHER 1")


def _none(like: Ints) -> Texts:
    """No visa class."""
    return np.full(len(like), "")
