"""Passenger lists (EDIFACT PAXLST) as counts by sex, flight and direction.

Rules:

- One row a list, leg and direction. Its id is flight, date, direction, port and kind of
  list, so a list that comes again, or corrected, takes the place of the one before.
- Nothing about a person is in a row, and the columns are fixed: there is none into
  which a mapping could put a name, a document or a reservation.
- Deviations from the standard are counted by kind and carrier. A list that may not be
  whole says so in its last column.
- A file is read in a stream; what is kept is one message's counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from hub.core.catalogue.model import Dataflow
from hub.core.errors import InvalidError
from hub.publisher import mapping as mappings
from hub.publisher.mapping import Mapping
from hub.publisher.sources.edifact import Deviation, Segment, segments
from hub.publisher.sources.fields import apply
from hub.publisher.sources.flights import Crossing, port_of
from hub.publisher.sources.messages import Message, at
from hub.publisher.sources.rows import (
    NOTHING_SAID,
    ROW,
    Chunk,
    Dialect,
    Reading,
    Said,
)
from hub.publisher.sources.table import Table, stamped

COLUMNS = (
    *("list", "date", "direction", "port", "carrier", "flight"),
    *("women", "men", "others", "passengers", "crew", "whole"),
)
"""What a row has; a mapping says which field each becomes."""
CARRIERS_MAX = 1_000
"""Carriers whose deviations are kept apart."""
SERIES_MAX = 1_000
"""Lists in parts that may be open at once."""

_MEND = "correct the list and send it again"


def read(
    path: Path,
    dataflow: Dataflow,
    mapping: Mapping | None = None,
    said: Said = NOTHING_SAID,
) -> Reading:
    """Open a file of passenger lists for a dataflow.

    Raises:
        InvalidError: The file cannot be read, or the mapping does not fit.
    """
    del said
    if mapping is None or "paxlst" not in mapping.tables:
        raise InvalidError(
            f"{path}: passenger lists need a mapping with [paxlst] home = [ports]"
        )
    home = _home(mapping)
    mappings.check_header(mapping, dataflow, COLUMNS, str(path))
    deviations: Counter[tuple[str, str]] = Counter()
    return Reading(
        dialect=Dialect(columns=COLUMNS, mapping=mapping.name, form="paxlst"),
        mapping=mapping,
        chunks=_chunks(
            path,
            dataflow,
            mapping,
            _Desk(home, deviations, Table(COLUMNS, stamped(mapping, dataflow))),
        ),
        deviations=deviations,
    )


def _home(mapping: Mapping) -> frozenset[str]:
    """The ports at home."""
    table = mapping.tables["paxlst"]
    ports = table.get("home")
    unknown = table.keys() - {"home"}
    if unknown:
        raise InvalidError(f"{mapping.name}: [paxlst] {min(unknown)} is not a key here")
    if not isinstance(ports, list) or not ports:
        raise InvalidError(f'{mapping.name}: [paxlst] home must list ports: ["ABC"]')
    found = frozenset(port_of(str(one)) for one in ports)
    if "" in found:
        raise InvalidError(f"{mapping.name}: [paxlst] home: ports have three letters")
    return found


def _chunks(
    path: Path, dataflow: Dataflow, mapping: Mapping, desk: _Desk
) -> Iterator[Chunk]:
    """The rows; the file is open while they are read."""
    table = desk.table
    with closing(path.open("rb")) as stream:
        for event in segments(stream):
            if isinstance(event, Deviation):
                desk.deviate(event.kind)
            else:
                desk.take(event)
            if table.full:
                yield apply(mapping, dataflow, table.take())
    desk.finish()
    yield apply(mapping, dataflow, table.take())


@dataclass(slots=True)
class _Desk:
    """Takes segments, gives rows."""

    home: frozenset[str]
    deviations: Counter[tuple[str, str]]
    table: Table
    _message: Message | None = None
    _messages: int = 0
    _row: int = 1
    _segment: int = 0
    _pending: Counter[str] = field(default_factory=Counter)
    _carriers: set[str] = field(default_factory=set)
    _series: dict[str, int] = field(default_factory=dict)

    def deviate(self, kind: str) -> None:
        """Count a deviation; whose it is shows when the message is known."""
        message = self._message
        if message is None:
            self._pending[kind] += 1
        else:
            message.deviations[kind] += 1

    def take(self, segment: Segment) -> None:
        """One segment."""
        self._segment += 1
        tag = segment.tag
        if tag == "UNH":
            self._end(lost="unt_missing")
            self._open().header(segment.elements())
        elif tag == "UNT":
            self._trailer(segment.elements())
        elif tag in {"UNE", "UNZ", "UNB", "UNG"}:
            self._end(lost="unt_missing")
        elif self._message is not None:
            self._message.take(segment)
        elif tag == "BGM":
            message = self._open()
            message.deviations["unh_missing"] += 1
            message.take(segment)
        else:
            self.deviate("segment_outside")

    def finish(self) -> None:
        """The file ends."""
        self._end(lost="unt_missing")
        for kind, number in self._pending.items():
            self.deviations[kind, ""] += number

    def _open(self) -> Message:
        self._messages += 1
        self._message = Message(number=self._messages, segments=1)
        return self._message

    def _trailer(self, elements: list[list[str]]) -> None:
        message = self._message
        if message is None:
            self.deviate("segment_outside")
            return
        said = at(elements, 1).replace(" ", "").lstrip("0")
        if said != str(message.segments + 1):
            message.deviations["unt_count"] += 1
        if at(elements, 2) != message.reference:
            message.deviations["unt_reference"] += 1
        self._end(lost="")

    def _end(self, *, lost: str) -> None:
        """The message is over: rows, or why there are none."""
        message, self._message = self._message, None
        if message is None:
            return
        if lost:
            message.deviations[lost] += 1
        message.close()
        self._joined(message)
        message.deviations.update(self._pending)
        self._pending.clear()
        refusal = message.refusal
        if refusal is None and not message.said:
            refusal = ("the message does not say what it is (no BGM)", _MEND)
        if refusal is None:
            self._rows(message)
        else:
            self._refuse(message, *refusal)
        carrier = self._known(message.carrier)
        for kind, number in message.deviations.items():
            self.deviations[kind, carrier] += number

    def _joined(self, message: Message) -> None:
        """Whether the parts before this one of the same list were here."""
        if not message.part:
            return
        before = self._series.get(message.access, 0)
        number = int(message.part) if message.part.isdigit() else 0
        if number != before + 1:
            message.deviations["part_missing"] += 1
        if len(self._series) >= SERIES_MAX:
            self._series.clear()
        self._series[message.access] = number

    def _known(self, carrier: str) -> str:
        """A carrier to count under; too many are counted as nobody's."""
        if carrier in self._carriers:
            return carrier
        if len(self._carriers) >= CARRIERS_MAX or not carrier.isalnum():
            return ""
        self._carriers.add(carrier)
        return carrier

    def _rows(self, message: Message) -> None:
        crossings = message.manifest.crossings(self.home)
        if not crossings:
            what = "no leg between a port at home and one abroad"
            self._refuse(message, what, "look at [paxlst] home and the list's ports")
        for one in crossings:
            if not one.leg.flight or not one.leg.carrier:
                self._refuse(message, "no flight number", _MEND)
            elif one.date is None:
                what = "no date at the port at home (DTM 232 or 189)"
                self._refuse(message, what, _MEND)
            else:
                self._row += 1
                self.table.add(self._row, self._segment, _values(message, one))

    def _refuse(self, message: Message, what: str, mend: str) -> None:
        self._row += 1
        column = f"message {message.number}" if message.number else ROW
        self.table.refuse(self._row, self._segment, column, what, mend)


def _values(message: Message, one: Crossing) -> list[object]:
    """The columns of one leg over the border."""
    direction = "in" if one.inward else "out"
    flight = f"{one.leg.carrier}{one.leg.flight}"
    kind = "crew" if message.crew else "pax"
    words = [flight, str(one.date), direction, one.port, kind]
    if message.part:
        words.append(message.part[:3])
    counts = one.passengers
    whole = "true" if message.whole else "false"
    return [
        *("/".join(words), one.date, direction, one.port, one.leg.carrier, flight),
        *(counts["F"], counts["M"], counts[""], counts.total(), one.crew, whole),
    ]
