"""How each group crosses borders: how often, when, for how long, where and why."""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.trials.sample.weights import Weights, weights

SEASONS: dict[str, tuple[float, ...]] = {
    "flat": (1.0,) * 12,
    "summer": (0.6, 0.6, 0.9, 1.0, 1.1, 1.5, 1.9, 1.8, 1.2, 0.9, 0.6, 0.8),
    "spring": (0.8, 1.1, 1.6, 1.6, 1.2, 0.9, 0.7, 0.8, 1.1, 1.0, 0.7, 0.5),
    "school": (0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.3, 2.2, 4.5, 0.9, 0.2, 0.1),
    "harvest": (0.7, 0.8, 1.0, 1.1, 1.1, 1.0, 1.0, 1.1, 1.4, 1.3, 0.9, 0.7),
}
"""Weight of each month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """One group's crossings.

    Attributes:
        first: Direction of the first crossing of a trip.
        trips: Mean number of trips in a year; at least one for `each`.
        stay: Median days between the two crossings; 0: no way back.
        spread: Spread of the logarithm of the stay.
        abroad: Countries of the other side; empty: the country of citizenship.
        rights: Right of residence shown at the border.
        lookback: Days before the first year in which trips may begin (history).
        stays_on: Share of the last trips that never come back.
        overstays: Share of people whose one trip lasts longer than a year.
        declared: Least declared stay in days.
    """

    first: str
    trips: float
    stay: float
    purposes: Weights
    spread: float = 0.6
    season: str = "flat"
    abroad: Weights = field(default_factory=dict)
    rights: Weights = field(default_factory=lambda: weights("CITIZEN 1"))
    lookback: int = 0
    stays_on: float = 0.0
    overstays: float = 0.0
    declared: int = 0
    each: bool = True


_TRADE = weights("TUR 0.26 IRN 0.24 UZB 0.28 KAZ 0.12 RUS 0.06 CHN 0.04")
_WORK = weights("TUR 0.58 RUS 0.24 KAZ 0.06 UZB 0.05 ARE 0.05 KOR 0.02")
_LEISURE = weights("TUR 0.4 UZB 0.18 IRN 0.14 RUS 0.14 ARE 0.08 KAZ 0.06")
_HOSTS = weights("TUR 0.34 RUS 0.3 BLR 0.12 CHN 0.08 UZB 0.1 KAZ 0.06")

HABITS: dict[str, Habit] = {
    "trader": Habit(
        first="EXIT",
        trips=5.4,
        stay=4,
        purposes=weights("BUSINESS 0.7 OTHER 0.2 FAMILY 0.1"),
        abroad=_TRADE,
        season="harvest",
    ),
    "worker_out": Habit(
        first="EXIT",
        trips=0.75,
        stay=260,
        purposes=weights("WORK 1"),
        abroad=_WORK,
        season="spring",
        lookback=500,
        declared=90,
    ),
    "student_out": Habit(
        first="EXIT",
        trips=1.0,
        stay=275,
        spread=0.15,
        purposes=weights("STUDY 1"),
        abroad=_HOSTS,
        season="school",
        lookback=400,
        declared=200,
    ),
    "traveller": Habit(
        first="EXIT",
        trips=1.7,
        stay=12,
        spread=0.7,
        purposes=weights("TOURISM 0.45 FAMILY 0.3 MEDICAL 0.13 PILGRIMAGE 0.12"),
        abroad=_LEISURE,
        season="summer",
    ),
    "emigrant": Habit(
        first="EXIT",
        trips=0,
        stay=0,
        purposes=weights("FAMILY 0.5 WORK 0.35 OTHER 0.15"),
        abroad=weights("RUS 0.4 TUR 0.35 DEU 0.05 KAZ 0.12 UZB 0.08"),
        season="summer",
        declared=400,
    ),
    "neighbour": Habit(
        first="ENTRY",
        trips=9.5,
        stay=2,
        spread=0.8,
        purposes=weights("FAMILY 0.62 BUSINESS 0.2 MEDICAL 0.08 OTHER 0.1"),
        rights=weights("NONE 1"),
        stays_on=0.012,
        overstays=0.08,
    ),
    "driver": Habit(
        first="ENTRY",
        trips=8.0,
        stay=4,
        spread=0.4,
        purposes=weights("TRANSIT 0.55 CREW 0.45"),
        rights=weights("VISA 1"),
        season="harvest",
    ),
    "worker_in": Habit(
        first="ENTRY",
        trips=1.3,
        stay=170,
        purposes=weights("WORK 1"),
        rights=weights("TEMP 0.85 VISA 0.15"),
        season="spring",
        lookback=300,
        declared=60,
    ),
    "family_in": Habit(
        first="ENTRY",
        trips=1.1,
        stay=130,
        spread=0.8,
        purposes=weights("FAMILY 0.9 OTHER 0.1"),
        rights=weights("TEMP 0.7 VISA 0.3"),
        season="summer",
        lookback=200,
        stays_on=0.05,
    ),
    "student_in": Habit(
        first="ENTRY",
        trips=1.0,
        stay=285,
        spread=0.1,
        purposes=weights("STUDY 1"),
        rights=weights("TEMP 0.8 VISA 0.2"),
        season="school",
        lookback=380,
        declared=200,
    ),
    "resident_in": Habit(
        first="EXIT",
        trips=0.9,
        stay=24,
        spread=0.7,
        purposes=weights("FAMILY 0.7 TOURISM 0.2 MEDICAL 0.1"),
        rights=weights("PERM 0.75 TEMP 0.25"),
        season="summer",
        each=False,
    ),
    "immigrant": Habit(
        first="ENTRY",
        trips=0,
        stay=0,
        purposes=weights("FAMILY 0.5 WORK 0.35 OTHER 0.15"),
        rights=weights("TEMP 0.7 PERM 0.3"),
        season="spring",
        declared=400,
    ),
    "visitor": Habit(
        first="ENTRY",
        trips=1.3,
        stay=14,
        spread=1.1,
        purposes=weights(
            "TOURISM 0.4 BUSINESS 0.28 FAMILY 0.18 MEDICAL 0.04 "
            "OFFICIAL 0.08 PILGRIMAGE 0.02"
        ),
        rights=weights("VISA 0.97 NONE 0.03"),
        season="summer",
        stays_on=0.01,
        overstays=0.08,
    ),
    "stateless": Habit(
        first="EXIT",
        trips=0.4,
        stay=20,
        purposes=weights("FAMILY 0.8 OTHER 0.2"),
        abroad=weights("UZB 0.7 RUS 0.3"),
        rights=weights("PERM 0.8 TEMP 0.2"),
        each=False,
    ),
}

BY_AIR = weights(
    "AIR_ASB .74 AIR_CRZ .1 AIR_TAZ .05 AIR_MYP .05 AIR_KRW .05 AIR_KEA .01"
)
ROUTES: dict[str, Weights] = {
    "UZB": weights(
        "ROAD_FARAP .29 RAIL_FARAP .05 ROAD_TALLYMERJEN .1 ROAD_GAZOJAK .1 "
        "ROAD_DASOGUZ .21 RAIL_DASOGUZ .04 ROAD_KONEURGENC .16 AIR_ASB .05"
    ),
    "KAZ": weights("ROAD_GARABOGAZ .5 RAIL_SERHETYAKA .2 AIR_ASB .2 SEA_TMB .1"),
    "AFG": weights(
        "ROAD_SERHETABAT .45 RAIL_SERHETABAT .05 ROAD_YMAMNAZAR .35 "
        "RAIL_YMAMNAZAR .05 AIR_ASB .1"
    ),
    "IRN": weights(
        "ROAD_HOWDAN .25 ROAD_ARTYK .25 ROAD_SARAHS .2 RAIL_SARAHS .05 "
        "ROAD_ALTYNASYR .1 RAIL_AKYAYLA .03 AIR_ASB .12"
    ),
    "AZE": weights("SEA_TMB .75 AIR_ASB .25"),
    "GEO": weights("SEA_TMB .75 AIR_ASB .25"),
}
"""Checkpoints towards a country; every other country is reached by air."""
LORRIES: dict[str, Weights] = {
    **{country: ROUTES[country] for country in ("UZB", "KAZ", "IRN")},
    "TUR": weights("ROAD_HOWDAN .33 ROAD_ARTYK .3 SEA_TMB .37"),
    "GEO": weights("SEA_TMB 1"),
    "RUS": weights("ROAD_GARABOGAZ .8 SEA_TMB .2"),
}
"""The same for drivers."""

_CHECKPOINTS = {
    "TM-S": "AIR_ASB",
    "TM-A": "ROAD_HOWDAN ROAD_ARTYK ROAD_SARAHS RAIL_SARAHS",
    "TM-B": "AIR_KRW SEA_TMB ROAD_GARABOGAZ RAIL_SERHETYAKA ROAD_ALTYNASYR "
    "RAIL_AKYAYLA",
    "TM-D": "AIR_TAZ ROAD_DASOGUZ RAIL_DASOGUZ ROAD_KONEURGENC ROAD_GAZOJAK",
    "TM-L": "AIR_CRZ AIR_KEA ROAD_FARAP RAIL_FARAP ROAD_TALLYMERJEN ROAD_YMAMNAZAR "
    "RAIL_YMAMNAZAR",
    "TM-M": "AIR_MYP ROAD_SERHETABAT RAIL_SERHETABAT",
}
PLACES = {
    checkpoint: velayat
    for velayat, listed in _CHECKPOINTS.items()
    for checkpoint in listed.split()
}
"""Checkpoint -> velayat."""
