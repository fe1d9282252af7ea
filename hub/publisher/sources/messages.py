"""PAXLST messages, segment by segment, into lists of counts.

Follows the implementation guide of WCO, IATA and ICAO: BGM says whose list it is, TDT
and LOC the flight, NAD each person, CNT how many they are.

Rules:

- Of a person only role, sex and ports are looked at, and only to count; names,
  documents, birth dates are never cut out of their segments, reservation data (PNR
  locators, seats, bags) are passed over and counted.
- A message that is no whole list (changes, cancellations, who stayed behind, a plan of
  crews) is refused: added to others it would count somebody twice.
- Sex is F or M where the list says so, and else unknown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hub.publisher.sources.edifact import Segment
from hub.publisher.sources.flights import (
    CREW,
    LEGS_MAX,
    PASSENGER,
    TRANSIT,
    Manifest,
    Sector,
    Stop,
    date_of,
    flight_of,
    port_of,
)

_ROLES = {"FL": PASSENGER, "FM": CREW, "DDT": TRANSIT, "DDU": TRANSIT}
_WHOLE = {"745": ("", "9"), "250": None, "266": ("CL", "CLOB")}
"""Documents that are whole lists, and their functions; None: every one."""
_LEGS = ("125", "87", "92", "130")
_SEXES = {"F": "F", "M": "M", "U": "", "X": "", "": ""}
_RESERVATION = {
    *(("RFF", "AV"), ("RFF", "AB"), ("RFF", "SE"), ("RFF", "CR")),
    *(("FTX", "BA"), ("MEA", "CT"), ("MEA", "WT")),
}
"""Tags and the beginning of their qualifiers: locator, seat, ticket, bags."""
_DOUBTS = frozenset(
    {
        "control_count",
        "count_missing",
        "leg_unknown",
        "legs_apart",
        "part_missing",
        "person_unknown",
        "too_many_ways",
    }
)
"""Deviations after which a list may not be whole. A lost segment or a wrong count of
segments is none of them: if a person went with it, the count of persons shows it."""


@dataclass(slots=True, kw_only=True)
class Message:
    """A message while it is read.

    Attributes:
        number: Its place in the file.
        access: What joins the parts of one list.
        part: ``""`` for a whole list, else the number of the part.
        refusal: Why it is no whole list: what, and how to mend it.
        counted: Persons the message says it has, by role.
    """

    number: int
    reference: str = ""
    access: str = ""
    part: str = ""
    refusal: tuple[str, str] | None = None
    crew: bool = False
    counted: dict[str, int] = field(default_factory=dict)
    manifest: Manifest = field(default_factory=Manifest)
    segments: int = 0
    said: bool = False
    _stop: Stop | None = None
    _role: str = ""
    _sexes: set[str] = field(default_factory=set)
    _ways: list[str] = field(default_factory=lambda: ["", ""])

    @property
    def deviations(self) -> Counter[str]:
        """How often what was not as the guide says."""
        return self.manifest.deviations

    @property
    def carrier(self) -> str:
        """Whose list it is, as far as is known."""
        return self.manifest.sectors[0].carrier if self.manifest.sectors else ""

    def take(self, segment: Segment) -> None:
        """One segment of the message."""
        self.segments += 1
        reader = _READERS.get(segment.tag)
        if self._role and (segment.tag, segment.text[4:6]) in _RESERVATION:
            self.deviations["reservation_data_left_out"] += 1
        elif reader is not None:
            reader(self, segment.elements())

    def close(self) -> None:
        """The last person is whole; what the message counts is compared."""
        self._person()
        for role, number in self.counted.items():
            found = self.manifest.total(role)
            if number not in (found, found + self.manifest.total(TRANSIT)):
                self.deviations["control_count"] += 1
        if not self.counted:
            self.deviations["count_missing"] += 1

    @property
    def whole(self) -> bool:
        """Whether nothing speaks against the list being whole."""
        return not _DOUBTS & {kind for kind, n in self.deviations.items() if n}

    def header(self, elements: list[list[str]]) -> None:
        """UNH: reference, type, and which part of a list this is."""
        self.reference = at(elements, 1)
        kind = at(elements, 2).upper()
        if kind == "PNRGOV":
            self.refusal = (
                "PNRGOV carries reservation data",
                "send PAXLST; reservations are never read here",
            )
        elif kind != "PAXLST":
            self.refusal = (f"{kind[:6] or 'nothing'} is no list", "send PAXLST")
        self.access = at(elements, 3)
        number, status = at(elements, 4), at(elements, 4, 1).upper()
        if status == "C" or (status == "F" and number.lstrip("0") not in {"", "1"}):
            self.part = number.lstrip("0") or "1"

    def _beginning(self, elements: list[list[str]]) -> None:
        document, function = at(elements, 1), at(elements, 2).upper()
        self.said = True
        self.crew = document == "250"
        functions = _WHOLE.get(document, ())
        if self.refusal is None and functions is not None and function not in functions:
            self.refusal = (
                f"document {document[:3]} {function[:4]} is not a whole list".strip(),
                "send the list of everybody on board (745, 250 or 266 CLOB)",
            )

    def _flight(self, elements: list[list[str]]) -> None:
        if at(elements, 1) != "20":
            self.deviations["other_transport"] += 1
            self._stop = None
            return
        if len(self.manifest.sectors) > LEGS_MAX:
            self.deviations["too_many_ports"] += 1
            return
        carrier, flight = flight_of(at(elements, 2), at(elements, 5))
        self.manifest.sectors.append(Sector(carrier[:3], flight[:6]))
        self._stop = None

    def _place(self, elements: list[list[str]]) -> None:
        qualifier = at(elements, 1)
        if self._role:
            if qualifier in {"178", "179"}:
                self._ways[qualifier == "179"] = port_of(at(elements, 2))
        elif qualifier in _LEGS:
            self._stop = self.manifest.stop(port_of(at(elements, 2)))

    def _date(self, elements: list[list[str]]) -> None:
        qualifier = at(elements, 1)
        if self._role or self._stop is None or qualifier not in {"189", "232"}:
            return
        day = date_of(at(elements, 1, 1), at(elements, 1, 2))
        if day is None:
            self.deviations["date_unreadable"] += 1
        elif qualifier == "189":
            self._stop.departs = day
        else:
            self._stop.arrives = day

    def _party(self, elements: list[list[str]]) -> None:
        qualifier = at(elements, 1).upper()
        if qualifier in _ROLES:
            self._person()
            self._role = _ROLES[qualifier]
        elif self._role or qualifier != "MS":
            self._person()
            self.deviations["person_unknown"] += 1

    def _attribute(self, elements: list[list[str]]) -> None:
        if self._role and at(elements, 1) == "2":
            self._sexes.add(at(elements, 3).upper()[:3])

    def _count(self, elements: list[list[str]]) -> None:
        role = {"42": PASSENGER, "41": CREW}.get(at(elements, 1))
        number = at(elements, 1, 1).replace(" ", "")
        if role and number.isascii() and number.isdigit() and len(number) < 7:
            self.counted[role] = int(number)
        else:
            self.deviations["count_unreadable"] += 1

    def _person(self) -> None:
        """Count the person whose segments are over."""
        if self._role:
            said = self._sexes
            if not said:
                self.deviations["sex_missing"] += 1
            elif len(said) > 1:
                self.deviations["sex_contradicted"] += 1
            elif not said <= _SEXES.keys():
                self.deviations["sex_code_unknown"] += 1
            sex = _SEXES.get(said.pop(), "") if len(said) == 1 else ""
            self.manifest.add(self._role, sex, (self._ways[0], self._ways[1]))
        self._role, self._sexes, self._ways = "", set(), ["", ""]


def at(elements: list[list[str]], index: int, part: int = 0) -> str:
    """A component, or empty where there is none."""
    if index < len(elements) and part < len(elements[index]):
        return elements[index][part]
    return ""


_READERS = {
    "BGM": Message._beginning,  # noqa: SLF001 - the table is part of the class
    "TDT": Message._flight,  # noqa: SLF001 - as above
    "LOC": Message._place,  # noqa: SLF001 - as above
    "DTM": Message._date,  # noqa: SLF001 - as above
    "NAD": Message._party,  # noqa: SLF001 - as above
    "ATT": Message._attribute,  # noqa: SLF001 - as above
    "CNT": Message._count,  # noqa: SLF001 - as above
}
