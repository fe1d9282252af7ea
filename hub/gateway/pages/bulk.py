"""A whole release as one file, with what proves it.

Rules (docs/dashboard.md, "Reuse"; docs/disclosure.md, "Verification"):

- One CSV a table with the columns that the digest of the release is made of, values
  written as there, and the signed manifest beside it; so it proves itself.
- The same release is the same bytes: names sorted, the moment of the release as time.
- Tables for members are in the file of members alone.
"""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime

from hub.gateway.gateway import Gateway
from hub.gateway.lookup import Release

COLUMNS = (
    *("TABLE", "SERIES", "TIME_PERIOD", "OBS_VALUE", "OBS_STATUS", "CONF_STATUS"),
    *("UNIT_MEASURE", "VINTAGE", "RELEASE", "RESIDENCE_RULE"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A release of all its tables."""

    marker: str
    vintage: str
    period: str
    released_ms: int
    tables: int


def markers(gateway: Gateway) -> list[Marker]:
    """Releases that stand, the newest first."""
    found: dict[str, list[Release]] = {}
    for table in gateway.tables():
        for one in gateway.states[table.id].releases:
            if one.stands and table.access == "public":
                found.setdefault(one.marker, []).append(one)
    listed = [
        Marker(
            marker=marker,
            vintage=some[0].vintage,
            period=some[0].period,
            released_ms=some[0].released_ms,
            tables=len(some),
        )
        for marker, some in found.items()
    ]
    return sorted(listed, key=lambda one: (-one.released_ms, one.marker))


def tables(gateway: Gateway, marker: str, *, member: bool) -> dict[str, Release]:
    """Tables of a release that the caller may have."""
    return {
        table.id: one
        for table in gateway.tables()
        if member or table.access == "public"
        for one in gateway.states[table.id].releases
        if one.marker == marker and one.stands
    }


def archive(gateway: Gateway, marker: str, listed: dict[str, Release]) -> bytes:
    """The file of a release."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as made:
        for name in sorted(listed):
            one = listed[name]
            moment = datetime.fromtimestamp(one.released_ms / 1000, UTC)
            for suffix, content in (
                ("csv", _csv(gateway, name, one, marker)),
                ("manifest", gateway.lookup.manifest(one.number)),
            ):
                entry = zipfile.ZipInfo(f"{name}.{suffix}", moment.timetuple()[:6])
                entry.compress_type = zipfile.ZIP_DEFLATED
                made.writestr(entry, content)
    return held.getvalue()


def _csv(gateway: Gateway, name: str, release: Release, marker: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    state = gateway.states[name]
    nothing = [None] * (3 + len(gateway.catalogue.tables[name].dimensions))
    for key, unit, rule, period, value, status, conf, number in gateway.lookup.every(
        state, nothing, None
    ):
        if number == release.number:
            text = "" if value is None else repr(float(value))
            writer.writerow(
                [
                    *(name, key, period, text, status, conf, unit),
                    *(release.vintage, marker, rule or ""),
                ]
            )
    return out.getvalue().encode()
