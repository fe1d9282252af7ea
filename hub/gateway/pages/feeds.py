"""News and dates for programs: Atom, iCalendar.

Rules (docs/dashboard.md, "Reuse"; RFC 4287, RFC 5545):

- The feed has one entry a release or withdrawal of an open table, the newest first;
  its id is the release's marker, so no reader shows it twice.
- The calendar has one event a planned day, vintage and period; when it is released, or
  moved, the event keeps its id.
- Lines of a calendar are folded at 75 bytes and end as the standard says; nothing that
  stands in them can end a line or begin a property.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from hub.core.catalogue.calendar import Due, hour_ms
from hub.core.sdmx.times import iso
from hub.gateway.gateway import Gateway
from hub.gateway.lookup import Release
from hub.gateway.pages.texts import Words

ATOM = "application/atom+xml; charset=utf-8"
ICS = "text/calendar; charset=utf-8"
ENTRIES_MAX = 100
FOLD_BYTES = 75
_SPACE = "http://www.w3.org/2005/Atom"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One entry of the feed."""

    id: str
    title: str
    link: str
    moment_ms: int


def news(gateway: Gateway, words: Words) -> list[News]:
    """What came and what was taken back, the newest first."""
    vintages = gateway.catalogue.codelists["CL_VINTAGE"].codes
    found: list[News] = []
    for table in gateway.tables():
        if table.access != "public":
            continue
        for one in gateway.states[table.id].releases:
            if one.refused is None:
                said = {
                    "title": words.of(table.title),
                    "period": one.period,
                    "vintage": words.of(vintages[one.vintage]),
                }
                found += _told(words, table.id, one, said)
    found.sort(key=lambda one: (-one.moment_ms, one.id))
    return found[:ENTRIES_MAX]


def _told(
    words: Words, table: str, one: Release, said: dict[str, str]
) -> Iterator[News]:
    link = f"/tables/{table}?lang={words.language}&tab=revisions"
    name = f"urn:kerwen:release:{table}:{one.marker}"
    title = words("reuse.news_release", **said)
    yield News(id=name, title=title, link=link, moment_ms=one.seen_ms)
    if one.withdrawn_ms is not None:
        title = words("reuse.news_withdraw", **said)
        yield News(
            id=f"{name}:withdrawn", title=title, link=link, moment_ms=one.withdrawn_ms
        )


def atom(entries: Iterable[News], words: Words, here: str, changed_ms: int) -> bytes:
    """The feed.

    Args:
        entries: The newest first.
        words: Its language.
        here: Address of the gateway, without a slash at the end.
        changed_ms: When anything last changed.
    """
    feed = ET.Element("feed", {"xmlns": _SPACE, "xml:lang": words.language})
    _add(feed, "id", "urn:kerwen:releases")
    _add(feed, "title", f"{words('shell.brand')} – {words('shell.tagline')}")
    _add(feed, "updated", iso(changed_ms))
    _add(feed, "link", href=f"{here}/releases.atom?lang={words.language}", rel="self")
    _add(feed, "link", href=f"{here}/?lang={words.language}", rel="alternate")
    author = _add(feed, "author")
    _add(author, "name", words("shell.brand"))
    for one in entries:
        entry = _add(feed, "entry")
        _add(entry, "id", one.id)
        _add(entry, "title", one.title)
        _add(entry, "updated", iso(one.moment_ms))
        _add(entry, "link", href=f"{here}{one.link}", rel="alternate")
        _add(entry, "summary", one.title)
    text: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return text


def _add(above: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
    made = ET.SubElement(above, name, attributes)
    made.text = text or None
    return made


def ics(
    dues: Iterable[Due], words: Words, here: str, hour: int, titles: dict[str, str]
) -> bytes:
    """The calendar of what is planned or due.

    Args:
        dues: Of the release calendar.
        words: Its language.
        here: Address of the gateway.
        hour: Of releases, in Ashgabat.
        titles: Vintage → its name.
    """
    lines = [
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Kerwen//releases//EN"),
        *("CALSCALE:GREGORIAN", "METHOD:PUBLISH"),
        f"X-WR-CALNAME:{_text(words('reuse.calendar_title'))}",
    ]
    for one in dues:
        moment = dt.datetime.fromtimestamp(hour_ms(one.day, hour) / 1000, dt.UTC)
        title = words(
            "reuse.due_event",
            vintage=titles[one.vintage],
            period=one.period,
            n=len(one.tables),
        )
        lines += [
            "BEGIN:VEVENT",
            f"UID:{one.period}-{one.vintage}@kerwen",
            f"DTSTAMP:{moment:%Y%m%dT%H%M%SZ}",
            f"DTSTART:{moment:%Y%m%dT%H%M%SZ}",
            f"SUMMARY:{_text(title)}",
            f"DESCRIPTION:{_text(', '.join(one.tables))}",
            f"URL:{here}/calendar?lang={words.language}",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return b"".join(_folded(one) for one in lines)


def _text(text: str) -> str:
    """RFC 5545, 3.3.11."""
    for one in "\\;,":
        text = text.replace(one, f"\\{one}")
    return " ".join(text.split())


def _folded(line: str) -> bytes:
    """A line in parts of at most 75 bytes, none of which cuts a letter."""
    parts: list[bytes] = []
    part = b""
    for letter in line:
        more = letter.encode()
        if len(part) + len(more) > FOLD_BYTES - (1 if parts else 0):
            parts.append(part)
            part = b""
        part += more
    return b"\r\n ".join([*parts, part]) + b"\r\n"
