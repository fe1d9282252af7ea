"""Figures of earlier years, published elsewhere, as vintages of today's tables.

Rules (docs/adr/0006-history.md):

- A row is one observation: TIME_PERIOD, REF_AREA, SEX, the table's dimensions,
  OBS_VALUE and, if it is not plain, OBS_STATUS (O missing, Q suppressed, D, B). What is
  not in the table's structure is refused, row by row; nothing is computed.
- History ends where the catalogue says that the series breaks: the first period that
  is counted from records bears B, and so does a break inside history.
- The sexes add up: `_T` is the sum of F, M and `_OUN`, or stands alone where a source
  did not divide. Means, rates and ratios do not add up, and are not asked to.
- Of a sensitive table no count below the threshold goes out, wherever it stood before.
- One signed vintage a period, final, with its source; the same rows give the same
  marker, so what is sent again after a crash is the same release.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple

from hub.core import observation
from hub.core.catalogue.model import Catalogue, Measure, Table
from hub.core.codelists import AREA, PUBLISHED_SEX, TOTAL, published
from hub.core.disclosure.figures import BREAK, FREE, MISSING, SMALL, SUPPRESSED
from hub.core.disclosure.rules import SENSITIVE
from hub.core.errors import InvalidError
from hub.core.keys import SigningKey
from hub.core.log import Send
from hub.core.observation import Observation, Vintage
from hub.core.period import Period, parse
from hub.core.release.publish import FINAL, figure_sends, manifest_send

COLUMNS = ("TIME_PERIOD", "REF_AREA", "SEX", "OBS_VALUE", "OBS_STATUS")
"""Columns beside the table's dimensions; all but the last are needed."""
SOURCE_MAX = 200
STATUSES = ("", "A", MISSING, SUPPRESSED, "D", BREAK)
PLAIN = "A"
ROUNDING = 0.01
"""By how much sums of money may miss their total."""

_MARKER_BYTES = 16
_ADDED = frozenset({Measure.EVENTS, Measure.PERSONS, Measure.STOCK, Measure.SUM})
_COUNTED = frozenset({Measure.EVENTS, Measure.PERSONS, Measure.STOCK})


class Row(NamedTuple):
    """One row of a file: its number and its texts by column."""

    number: int
    texts: Mapping[str, str | None]


class Fault(NamedTuple):
    """What is wrong with a row."""

    row: int
    column: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One period's figures with their manifest."""

    table: Table
    observations: tuple[Observation, ...]
    manifest: Vintage

    def sends(self) -> list[Send]:
        """Figures, then the manifest, as release sends its own."""
        figures = figure_sends(self.table, self.observations)
        return [*figures, manifest_send(self.manifest)]


def columns(table: Table) -> tuple[str, ...]:
    """The columns a file of this table has."""
    dimensions = tuple(one.id for one in table.dimensions)
    return (*COLUMNS[:3], *dimensions, *COLUMNS[3:])


def table_of(catalogue: Catalogue, name: str) -> Table:
    """A published table that says where its own series begins.

    Raises:
        InvalidError: There is none, or its file names no break.
    """
    table = catalogue.tables.get(name)
    if table is None or table.internal:
        raise InvalidError(
            f"table {name!r}: not published; `kerwen catalogue list` shows the tables"
        )
    if not table.breaks:
        raise InvalidError(
            f"tables/{name}.toml: says nowhere that the series breaks; add the first "
            'period that is counted from records: breaks = ["2025"]'
        )
    return table


def releases(
    catalogue: Catalogue,
    table: Table,
    rows: Sequence[Row],
    *,
    source: str,
    signer: SigningKey,
    now_ms: int,
) -> tuple[list[Release], list[Fault]]:
    """Signed vintages, one a period in order; none if anything is wrong.

    Args:
        catalogue: Gives codes, policies and its digest.
        table: Of :func:`table_of`.
        rows: Of the file.
        source: Where the figures were published; it goes into every manifest.
        signer: The release key.
        now_ms: Time, which no digest covers.

    Raises:
        InvalidError: The source is missing or too long.
    """
    if not 0 < len(source.strip()) <= SOURCE_MAX:
        raise InvalidError(
            f"the source is missing or longer than {SOURCE_MAX} characters: say where "
            "the figures were published, with --reason"
        )
    found: dict[tuple[str, str], tuple[int, Observation]] = {}
    faults: list[Fault] = []
    reader = _Reader(catalogue, table, now_ms)
    for row in rows:
        try:
            one = reader.read(row)
        except _RowError as error:
            faults.append(Fault(row.number, error.column, error.what))
            continue
        place = (one.series, one.period)
        if place in found:
            before = found[place][0]
            faults.append(Fault(row.number, "(row)", f"the same place as row {before}"))
        found[place] = (row.number, one)
    if table.measure in _ADDED:
        faults += _sums(found.values())
    if faults or not found:
        return [], sorted(faults)
    ordered = sorted(
        (one for _, one in found.values()), key=lambda one: (one.period, one.series)
    )
    made = []
    for _, group in groupby(ordered, key=lambda one: one.period):
        unsigned = _unsigned(catalogue, table, tuple(group), source.strip())
        manifest = replace(unsigned.manifest, key_id=signer.key_id)
        signed = observation.sign(manifest, signer.private)
        made.append(replace(unsigned, manifest=signed))
    return made, []


def _unsigned(
    catalogue: Catalogue, table: Table, found: tuple[Observation, ...], source: str
) -> Release:
    """One period, with the marker that its content gives."""
    period = found[0].period
    content = observation.digest(found)
    said = f"{table.id}|{period}|{source}".encode()
    marker = hashlib.sha256(b"kerwen history\0" + said + b"\0" + content).digest()
    marker = marker[:_MARKER_BYTES]
    named = tuple(replace(one, release=marker.hex()) for one in found)
    vintage = Vintage(
        table=table.id,
        vintage=FINAL,
        marker=marker,
        period=period,
        catalogue=catalogue.digest,
        observations=len(named),
        digest=observation.digest(named),
        reason=f"history: {source}",
        released_ms=found[0].released_ms,
        key_id="",
    )
    return Release(table=table, observations=named, manifest=vintage)


class _RowError(Exception):
    """A row that is no observation of the table."""

    def __init__(self, column: str, what: str) -> None:
        super().__init__(what)
        self.column, self.what = column, what


class _Reader:
    """Reads rows of one table."""

    def __init__(self, catalogue: Catalogue, table: Table, now_ms: int) -> None:
        self._table = table
        self._now_ms = now_ms
        self._last = max(parse(one).index for one in table.breaks)
        self._threshold = _threshold(catalogue, table)
        areas = catalogue.codelists[AREA].codes
        codes: dict[str, set[str]] = {
            "REF_AREA": set(areas) if table.area else {"TM"},
            "SEX": set(PUBLISHED_SEX) if table.sex else {"_T"},
        }
        for one in table.dimensions:
            codes[one.id] = set(published(catalogue, one))
        self._codes = codes

    def read(self, row: Row) -> Observation:
        """The observation of a row."""
        texts = row.texts
        period = self._period(texts.get("TIME_PERIOD") or "")
        place = {name: self._code(name, texts.get(name)) for name in self._codes}
        status = texts.get("OBS_STATUS") or ""
        if status not in STATUSES:
            known = ", ".join(filter(None, STATUSES))
            raise _RowError("OBS_STATUS", f"no status of history; known: {known}")
        value = self._value(texts.get("OBS_VALUE"), status)
        label = str(period)
        if label in self._table.breaks and status in {"", PLAIN}:
            status = BREAK
        return Observation(
            table=self._table.id,
            frequency=self._table.frequency,
            area=place["REF_AREA"],
            sex=place["SEX"],
            dimensions=tuple(place[one.id] for one in self._table.dimensions),
            period=label,
            value=value,
            status=status or PLAIN,
            conf=SMALL if status == SUPPRESSED else FREE,
            unit=self._table.unit,
            vintage=FINAL,
            release="",
            released_ms=self._now_ms,
            residence_rule=self._table.residence_rule,
        )

    def _period(self, text: str) -> Period:
        try:
            found = parse(text)
        except InvalidError:
            found = None
        if found is None or found.frequency != self._table.frequency:
            shape = {"A": "2019", "Q": "2019-Q1", "M": "2019-03"}[self._table.frequency]
            raise _RowError("TIME_PERIOD", f"no period of this table, such as {shape}")
        if found.index >= self._last:
            raise _RowError(
                "TIME_PERIOD", "not before the break: from there on records are counted"
            )
        return found

    def _code(self, name: str, text: str | None) -> str:
        if text not in self._codes[name]:
            known = sorted(self._codes[name])
            listed = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
            raise _RowError(name, f"no code of this table; known: {listed}")
        return str(text)

    def _value(self, text: str | None, status: str) -> float | None:
        if status in {MISSING, SUPPRESSED}:
            if text is not None:
                raise _RowError("OBS_VALUE", f"a value although the status is {status}")
            return None
        try:
            value = float((text or "").replace(",", "."))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise _RowError("OBS_VALUE", "no number, and no status that explains it")
        counted = self._table.measure in _COUNTED
        if counted and (value < 0 or not value.is_integer()):
            raise _RowError("OBS_VALUE", "a count is a whole number, not negative")
        if counted and value < self._threshold:
            raise _RowError(
                "OBS_VALUE",
                f"below {self._threshold}: of a sensitive table no such count goes "
                "out; leave it empty with status Q",
            )
        return value


def _threshold(catalogue: Catalogue, table: Table) -> int:
    """The least count that a sensitive table may show; 0 for the others."""
    policy = catalogue.policies[table.policy]
    return int(policy.params["threshold"]) if policy.id in SENSITIVE else 0


def _sums(found: Iterable[tuple[int, Observation]]) -> Iterator[Fault]:
    """Totals that are not the sum of their sexes."""
    groups: dict[tuple[object, ...], dict[str, tuple[int, Observation]]] = {}
    for number, one in found:
        group = (one.area, one.dimensions, one.period)
        groups.setdefault(group, {})[one.sex] = (number, one)
    for sexes in groups.values():
        parts = [one.value for sex, (_, one) in sexes.items() if sex != TOTAL]
        known = [value for value in parts if value is not None]
        if not parts or len(known) < len(parts):
            continue  # no sex is shown, or one is hidden and nothing follows
        number, total = sexes.get(TOTAL, (next(iter(sexes.values()))[0], None))
        if not {"F", "M"} <= sexes.keys() or total is None:
            yield Fault(number, "SEX", "F, M and _T belong together, or _T alone")
        elif total.value is not None and abs(total.value - sum(known)) > ROUNDING:
            yield Fault(number, "OBS_VALUE", "not the sum of F, M and _OUN")
