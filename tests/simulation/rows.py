"""Rows that ministries send: few persons, and now and then a wrong key.

Persons merge and split: a row may carry another person's document or number, and an
amendment moves its record from one to the other.
"""

from __future__ import annotations

import datetime as dt
from random import Random
from typing import Any

from tests.core import ministry
from tests.simulation.world import World

NAMES = (
    ("Garajaýewa", "Maral", "F"),
    ("Orazow", "Myrat", "M"),
    ("Berdiýewa", "Ogulgerek", "F"),
    ("Nuryýew", "Serdar", "M"),
    ("Ataýewa", "Jeren", "F"),
    ("Hojaýew", "Batyr", "_U"),
)
CITIZENSHIPS = ("UZB", "KAZ", "RUS")
MONTHS = ("2025-07", "2025-08", "2025-09")
NOTHING = "NOTHING"
"""An action that no dataflow knows: its row is refused."""


def row(world: World, rng: Random, flow: str, record: int) -> dict[str, Any]:
    """A new record, or one more word about a known one."""
    told = {
        "record_id": f"R-{record}",
        "revision": rng.choice([0, 0, 1, 2, 3]),
        "action": rng.choice(["NEW"] * 6 + ["AMEND"] * 2 + ["CANCEL"]),
    }
    if rng.random() < 0.12:
        told["action"] = NOTHING
    match flow:
        case "remittance":
            return told | _transfer(rng)
        case "residence_permit":
            return told | _person(world, rng, record) | _permit(rng)
        case _:
            return ministry.crossing(record) | told | _person(world, rng, record)


def _person(world: World, rng: Random, record: int) -> dict[str, Any]:
    """Who a row is about: mostly the record's person, at times with a wrong key."""
    people = world.people
    person = record % people if rng.random() < 0.75 else rng.randrange(people)
    paper = person if rng.random() < 0.7 else rng.randrange(people)
    family, given, sex = NAMES[person]
    return {
        "personal_no": f"77{paper:07d}3" if rng.random() < 0.3 else None,
        "doc_no": f"AB{paper:05d}71",
        "family_name": family,
        "given_name": given,
        "birth_date": dt.date(1980 + person, 3, 7),
        "sex": sex,
        "citizenship": CITIZENSHIPS[person % 3],
        "birth_country": CITIZENSHIPS[person % 3],
    }


def _permit(rng: Random) -> dict[str, Any]:
    start = dt.date(2025, rng.randint(6, 9), rng.randint(1, 3))
    return {
        "doc_state": "UZB",
        "patronymic": None,
        "sex_source": "DOC",
        "kind": rng.choice(["TEMPORARY", "PERMANENT"]),
        "visa_class": None,
        "reason": rng.choice(["WORK", "STUDY"]),
        "status": rng.choice(["GRANTED", "RENEWED"]),
        "applied_on": None,
        "decided_on": start,
        "valid_from": start,
        "valid_to": start + dt.timedelta(rng.choice([40, 200])),
        "velayat": rng.choice(["TM-A", "TM-S"]),
        "prev_country": None,
        "family_relation": None,
    }


def _transfer(rng: Random) -> dict[str, Any]:
    largest = rng.randint(100, 900)
    return {
        "kind": "VOLUME",
        "period_month": rng.choice(MONTHS),
        "institution_code": rng.choice(["TDDB", "WU", "RYSGAL"]),
        "corridor_country": rng.choice(["TUR", "RUS"]),
        "direction": rng.choice(["RECEIVED", "RECEIVED", "SENT"]),
        "channel": "BANK",
        "person_sex": rng.choice(["F", "M"]),
        "transfers": 30,
        "persons": rng.randint(5, 20),
        "amount_usd": largest * 9,
        "largest1_usd": largest,
        "largest2_usd": largest // 2,
    }
