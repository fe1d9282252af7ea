"""``kerwen release import``: figures of earlier years as signed vintages.

Rules (docs/adr/0006-history.md):

- One table, one file (CSV, workbook or JSON Lines) with the columns of its structure.
- All of it or nothing: one wrong row, and nothing is signed; every wrong row is listed
  by number and column. A period that stands already is refused, not covered.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from hub.cli import vintages
from hub.cli.vintages import Desk
from hub.core.catalogue import calendar
from hub.core.catalogue.calendar import Released
from hub.core.catalogue.model import Catalogue, Dataflow, Field, Kind, Role, Table
from hub.core.errors import InvalidError
from hub.core.release import history
from hub.core.release.history import Fault, Release, Row
from hub.edge import imports
from hub.publisher.sources import files

SHOWN_MAX = 20
"""Wrong rows that are shown to a person."""
FILE_BYTES_MAX = 256 << 20


def bring(desk: Desk, name: str, path: Path, source: str) -> int:
    """Read, check, sign, send; 1 where rows are wrong."""
    table = history.table_of(desk.catalogue, name)
    rows, faults = read(desk.catalogue, table, path)
    found, more = history.releases(
        desk.catalogue,
        table,
        rows,
        source=source,
        signer=imports.signer(desk.settings),
        now_ms=time.time_ns() // 1_000_000,
    )
    faults = sorted([*faults, *more])
    if faults or not found:
        return _refused(desk, faults)
    _refuse_standing(desk, table, found)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    imports.send(desk.settings, found, f"{table.id} {digest[:16]}")
    figures = sum(len(one.observations) for one in found)
    periods = [one.manifest.period for one in found]
    desk.out.result(
        {
            "table": table.id,
            "periods": periods,
            "observations": figures,
            "markers": [one.manifest.marker.hex() for one in found],
        },
        f"{table.id}: {figures} observations of {len(periods)} periods, signed "
        f"({periods[0]} to {periods[-1]})",
    )
    return 0


def read(
    catalogue: Catalogue, table: Table, path: Path
) -> tuple[list[Row], list[Fault]]:
    """Rows of a file as texts; any form a ministry may publish in will do."""
    if not path.is_file() or path.stat().st_size > FILE_BYTES_MAX:
        raise InvalidError(f"{path}: no such file, or too large for a table")
    reading = files.read(path, _shape(catalogue, table))
    rows: list[Row] = []
    faults: list[Fault] = []
    for chunk in reading.chunks:
        texts = chunk.frame.to_dicts()
        rows += map(Row, chunk.rows.tolist(), texts)
        faults += (
            Fault(one.row, one.column, f"{one.what}; {one.mend}")
            for one in chunk.rejected
        )
    return rows, faults


def _shape(catalogue: Catalogue, table: Table) -> Dataflow:
    """The table's structure in the form that adapters read."""
    fields = tuple(
        Field(
            name=name,
            kind=Kind.STRING,
            role=Role.ATTRIBUTE,
            required=name != history.COLUMNS[-1],
        )
        for name in history.columns(table)
    )
    any_flow = next(iter(catalogue.dataflows.values()))
    return replace(any_flow, id=table.id, fields=fields)


def standing(
    table: Table, periods: Sequence[str], released: Collection[Released]
) -> list[str]:
    """Periods of which any vintage stands, or of a part of them, or of a longer one."""
    return [
        period
        for period in periods
        if any(
            calendar.standing([table.id], period, letter, released)
            for letter in calendar.VINTAGES
        )
    ]


def _refuse_standing(desk: Desk, table: Table, found: Sequence[Release]) -> None:
    """What was published stands; it is withdrawn by name, never covered."""
    released = {
        Released(one.table, one.period, one.vintage) for one in vintages.standing(desk)
    }
    taken = standing(table, [one.manifest.period for one in found], released)
    if taken:
        raise InvalidError(
            f"{table.id}: {', '.join(taken[:5])} stands already; take these periods "
            "out of the file, or withdraw them first (`kerwen release show`)"
        )


def _refused(desk: Desk, faults: Sequence[Fault]) -> int:
    """Every wrong row, and that nothing was imported."""
    desk.out.table(
        "Nothing was imported",
        ("row", "column", "what is wrong"),
        faults[:SHOWN_MAX],
        right=("row",),
    )
    desk.out.result(
        {"observations": 0, "faults": [one._asdict() for one in faults]},
        f"{len(faults)} rows are wrong; nothing was imported",
    )
    return 1
