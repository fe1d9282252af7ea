"""Which vintages stand: what was said under one letter is not said again.

Rules (docs/disclosure.md, "Release"):

- A cut is refused whole, with the reason, if of any of its tables and periods the same
  letter stands, or a later one, or one whose marker is dated after this one's: clients
  tell what is newer by that date.
- What was taken back by a signed entry of the cut's bundle stands no longer.
- Tables that the calendar names as repeated are not asked: those of trials.

State: ``s`` table|period|letter → the marker that released it and its date.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Collection, Iterator

from hub.core import cut
from hub.core.catalogue.calendar import VINTAGES
from hub.core.catalogue.model import Catalogue
from hub.core.indicators import timeline
from hub.core.messages import Close
from hub.core.skips import Undone
from hub.core.state import Overlay

KIND = b"s"
_STANDS = struct.Struct(">16sq")


def refusal(
    overlay: Overlay, catalogue: Catalogue, undone: Collection[Undone], close: Close
) -> str:
    """Why a cut may not be released; empty if it may."""
    places = [
        (*place, letter) for place in _places(catalogue, close) for letter in VINTAGES
    ]
    taken = {(one.table, one.marker) for one in undone}
    stored = overlay.get_many([_key(*place) for place in places])
    for (table, period, letter), value in zip(places, stored, strict=True):
        if value is None:
            continue
        marker, at_ms = _STANDS.unpack(value)
        if (table, marker) in taken:
            continue
        name = f"vintage {letter} of {table}, {period} (release {marker.hex()[:8]})"
        if letter == close.vintage:
            return f"{name} stands; withdraw it, or release the next vintage"
        if VINTAGES.index(letter) > VINTAGES.index(close.vintage):
            return f"{name} stands, and {close.vintage} comes before {letter}"
        if at_ms > close.created_ms:
            mine = _date(close.created_ms)
            return (
                f"{name} is dated {_date(at_ms)}, and this marker {mine}: the clock of"
                " the operator's machine went back; set it, and close again"
            )
    return ""


def write(overlay: Overlay, catalogue: Catalogue, close: Close) -> None:
    """Note down that a cut was released."""
    value = _STANDS.pack(close.marker, close.created_ms)
    for table, period in _places(catalogue, close):
        overlay.put(_key(table, period, close.vintage), value)


def _places(catalogue: Catalogue, close: Close) -> Iterator[tuple[str, str]]:
    """Table and period of everything a cut says."""
    for name in cut.published(catalogue, close):
        if catalogue.calendar.repeats(name):
            continue
        for period in timeline.inside(close.period, catalogue.tables[name].frequency):
            yield name, period


def _key(table: str, period: str, letter: str) -> bytes:
    return KIND + f"{table}|{period}|{letter}".encode()


def _date(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).isoformat(timespec="seconds")
