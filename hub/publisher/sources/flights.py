"""One passenger or crew list: where the flight goes, who crosses the border on it.

Rules:

- A person crosses where their own way, from the port they board at to the port they
  leave at, holds exactly one leg between a home port and one abroad. Who stays inside,
  outside, or passes through is not counted.
- A flight of one leg carries everybody over it. On several legs a person whose ports
  are not on the way is not counted, and the list is not complete: nothing is guessed.
- The date is that of the port at home; the port is the one abroad.
- Only counts are kept: by way, role and sex.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import pairwise

WAYS_MAX = 10_000
"""Different ways of persons on one flight; no aircraft has as many seats."""
LEGS_MAX = 50

_FLIGHT = re.compile(r"([A-Z]{3}|[A-Z][A-Z0-9]|[0-9][A-Z])(?=\d)\s*(\d{1,4}[A-Z]?)")
_PORT = re.compile(r"[A-Z]{3}")
_DATES = {"101": "%y%m%d", "201": "%y%m%d%H%M", "102": "%Y%m%d", "203": "%Y%m%d%H%M"}
_LENGTHS = {6: "101", 10: "201", 8: "102", 12: "203"}

PASSENGER, CREW, TRANSIT = "passenger", "crew", "transit"


@dataclass(slots=True)
class Stop:
    """A port of the way, with what is said of its times."""

    port: str
    arrives: dt.date | None = None
    departs: dt.date | None = None


@dataclass(slots=True)
class Sector:
    """What one TDT says: a flight number and the ports under it."""

    carrier: str
    flight: str
    stops: list[Stop] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """From one stop to the next."""

    carrier: str
    flight: str
    start: Stop
    end: Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Counts of one leg over the border.

    Attributes:
        leg: The leg.
        inward: Whether it comes home.
        date: At the port at home; None if the list does not say it.
        port: Abroad.
        passengers: By ``F``, ``M`` and the empty text for every other code.
    """

    leg: Leg
    inward: bool
    date: dt.date | None
    port: str
    passengers: Counter[str]
    crew: int


def flight_of(journey: str, carrier: str) -> tuple[str, str]:
    """Carrier and number of a flight such as ``T5702``; empty where it is unclear."""
    text = journey.replace(" ", "").upper()
    carrier = carrier.upper()
    if carrier and text.startswith(carrier):
        return carrier, text[len(carrier) :]
    found = _FLIGHT.fullmatch(text)
    if carrier or found is None:
        return carrier, text
    return found[1], found[2]


def port_of(said: str) -> str:
    """A port's three letters, or empty."""
    text = said.replace(" ", "").upper()
    return text if _PORT.fullmatch(text) else ""


def date_of(said: str, form: str) -> dt.date | None:
    """The day of a DTM; the length tells the form where none is given."""
    text = said.replace(" ", "")
    layout = _DATES.get(form or _LENGTHS.get(len(text), ""))
    if layout is None or not text.isascii() or not text.isdigit():
        return None
    try:
        return dt.datetime.strptime(text, layout).date()  # noqa: DTZ007 - local to the port
    except ValueError:
        return None


@dataclass(slots=True)
class Manifest:
    """One list while it is read.

    Attributes:
        sectors: As they are said.
        people: How many, by (role, sex, boarding port, leaving port).
        deviations: By kind.
    """

    sectors: list[Sector] = field(default_factory=list)
    people: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    deviations: Counter[str] = field(default_factory=Counter)

    def stop(self, port: str) -> Stop | None:
        """The next stop of the sector; the last one where it is the same port."""
        if not self.sectors:
            self.deviations["port_without_flight"] += 1
            return None
        stops = self.sectors[-1].stops
        if not port:
            self.deviations["port_unreadable"] += 1
            return None
        if not stops or stops[-1].port != port:
            if len(stops) >= LEGS_MAX or len(self.sectors) > LEGS_MAX:
                self.deviations["too_many_ports"] += 1
                return None
            stops.append(Stop(port))
        return stops[-1]

    def add(self, role: str, sex: str, ways: tuple[str, str]) -> None:
        """One person."""
        key = (role, sex, *ways)
        if key not in self.people and len(self.people) >= WAYS_MAX:
            self.deviations["too_many_ways"] += 1
            return
        self.people[key] += 1

    def total(self, role: str) -> int:
        """Persons of a role."""
        return sum(number for key, number in self.people.items() if key[0] == role)

    def legs(self) -> list[Leg]:
        """The way of the flight; a gap between two sectors is a deviation."""
        found: list[Leg] = []
        for sector in self.sectors:
            stops = sector.stops
            if found and stops and found[-1].end.port != stops[0].port:
                self.deviations["legs_apart"] += 1
            found.extend(
                Leg(carrier=sector.carrier, flight=sector.flight, start=a, end=b)
                for a, b in pairwise(stops)
            )
        return found

    def crossings(self, home: Collection[str]) -> list[Crossing]:
        """Counts over the border, leg by leg."""
        legs = self.legs()
        over = [
            index
            for index, leg in enumerate(legs)
            if (leg.start.port in home) != (leg.end.port in home)
        ]
        tally: dict[int, Counter[tuple[str, str]]] = {one: Counter() for one in over}
        for (role, sex, *ways), number in self.people.items():
            taken = self._taken(legs, over, ways[0], ways[1], number)
            if taken is not None and role != TRANSIT:
                tally[taken][role, sex] += number
        return [_crossing(legs[one], tally[one], home) for one in over]

    def _taken(
        self, legs: list[Leg], over: list[int], start: str, end: str, number: int
    ) -> int | None:
        """The leg over which these persons cross; None: they do not, or who knows."""
        first = next((n for n, leg in enumerate(legs) if leg.start.port == start), None)
        last = None
        if first is not None:
            last = next(
                (n for n in range(first, len(legs)) if legs[n].end.port == end), None
            )
        if len(legs) == 1:
            if (start or end) and last is None:
                self.deviations["ports_elsewhere"] += number
            return over[0] if over else None
        if first is None or last is None:
            self.deviations["leg_unknown"] += number
            return None
        crossed = [one for one in over if first <= one <= last]
        return crossed[0] if len(crossed) == 1 else None


def _crossing(
    leg: Leg, tally: Counter[tuple[str, str]], home: Collection[str]
) -> Crossing:
    inward = leg.end.port in home
    passengers: Counter[str] = Counter()
    crew = 0
    for (role, sex), number in tally.items():
        if role == CREW:
            crew += number
        else:
            passengers[sex] += number
    return Crossing(
        leg=leg,
        inward=inward,
        date=leg.end.arrives if inward else leg.start.departs,
        port=leg.start.port if inward else leg.end.port,
        passengers=passengers,
        crew=crew,
    )
