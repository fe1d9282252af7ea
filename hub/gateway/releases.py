"""Releases in the store's file: checked, taken in, taken back.

Rules (docs/gateway.md, "The store"):

- Figures are lines in the file, sorted by it, so memory does not grow with them. What a
  manifest signs is the hash of their leaves in order (:mod:`hub.core.observation`).
- The newest figures of a table stand in a table of their own, so that a query need not
  look at older vintages. A release that is not the newest, or is taken back, has them
  worked out again.
"""

from __future__ import annotations

import hashlib
import sqlite3

from hub.core.errors import EnvelopeError
from hub.core.observation import Vintage
from hub.core.reasons import Reason
from hub.gateway.file import DIMENSIONS_MAX

CHUNK_ROWS = 5_000

_Row = tuple[int, str, int, float | None, str, str]


def known(file: sqlite3.Connection, vintage: Vintage) -> bool:
    """Whether a release is in the file, given out or not."""
    found = file.execute(
        'SELECT 1 FROM release WHERE "table" = ? AND marker = ?', _place(vintage)
    )
    return found.fetchone() is not None


def check(file: sqlite3.Connection, vintage: Vintage) -> None:
    """Raise EnvelopeError unless the waiting figures are those of the manifest."""
    digest, count = hashlib.sha256(), 0
    for (leaf,) in file.execute(
        'SELECT leaf FROM pending WHERE "table" = ? AND marker = ? ORDER BY leaf',
        _place(vintage),
    ):
        digest.update(leaf)
        count += 1
    if count != vintage.observations:
        raise EnvelopeError(
            Reason.CONTENT,
            f"{count} figures are here, its manifest says {vintage.observations}",
        )
    if digest.digest() != vintage.digest:
        raise EnvelopeError(Reason.CONTENT, "figures are not those of the manifest")


def take(
    file: sqlite3.Connection,
    vintage: Vintage,
    manifest: bytes,
    seen_ms: int,
    refused: str = "",
) -> None:
    """Take a release in, with its figures unless it is refused."""
    number = file.execute(
        'INSERT INTO release ("table", marker, vintage, period, released_ms, '
        "seen_ms, observations, digest, manifest, refused) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *_place(vintage),
            vintage.vintage,
            vintage.period,
            vintage.released_ms,
            seen_ms,
            vintage.observations,
            vintage.digest,
            manifest,
            refused or None,
        ),
    ).lastrowid
    if number is None or refused:
        return
    _rows(file, vintage, number)
    if _is_newest(file, vintage.table, number):
        file.execute(
            "INSERT OR REPLACE INTO latest SELECT * FROM observation WHERE release = ?",
            (number,),
        )
    else:
        _latest(file, vintage.table)


def withdraw(file: sqlite3.Connection, vintage: Vintage, seen_ms: int) -> bool:
    """Take a release back; whether it stood until now."""
    changed = file.execute(
        'UPDATE release SET withdrawn_ms = ?, reason = ? WHERE "table" = ? '
        "AND marker = ? AND withdrawn_ms IS NULL",
        (seen_ms, vintage.reason, *_place(vintage)),
    ).rowcount
    if changed:
        _latest(file, vintage.table)
    return bool(changed)


def _place(vintage: Vintage) -> tuple[str, str]:
    return vintage.table, vintage.marker.hex()


def _rows(file: sqlite3.Connection, vintage: Vintage, number: int) -> None:
    """Figures of a checked release, from lines into rows."""
    rows = file.execute(
        'SELECT line FROM pending WHERE "table" = ? AND marker = ?',
        _place(vintage),
    )
    mine = 'SELECT key, id FROM series WHERE "table" = ?'
    series = dict(file.execute(mine, (vintage.table,)).fetchall())
    while chunk := rows.fetchmany(CHUNK_ROWS):
        found = [_row(file, line, number, series) for (line,) in chunk]
        file.executemany(
            "INSERT OR REPLACE INTO observation VALUES (?, ?, ?, ?, ?, ?)", found
        )


def _row(
    file: sqlite3.Connection,
    line: str,
    number: int,
    series: dict[str, int],
) -> _Row:
    table, key, period, value, status, conf, unit, _, _, *rule = line.split("|")
    if key not in series:
        codes = key.split(".")
        codes += [""] * (DIMENSIONS_MAX - len(codes))
        made = file.execute(
            'INSERT INTO series ("table", key, unit, rule, d0, d1, d2, d3, d4) '
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (table, key, unit, rule[0] if rule else None, *codes),
        )
        series[key] = made.lastrowid or 0
    figure = float(value) if value else None
    return (series[key], period, number, figure, status, conf)


def _is_newest(file: sqlite3.Connection, table: str, number: int) -> bool:
    (first,) = file.execute(
        'SELECT id FROM release WHERE "table" = ? AND withdrawn_ms IS NULL '
        "AND refused IS NULL ORDER BY released_ms DESC, id DESC LIMIT 1",
        (table,),
    ).fetchone()
    return bool(first == number)


def _latest(file: sqlite3.Connection, table: str) -> None:
    """The newest figures of a table, from all its releases that stand."""
    file.execute(
        'DELETE FROM latest WHERE series IN (SELECT id FROM series WHERE "table" = ?)',
        (table,),
    )
    file.execute(
        "INSERT OR REPLACE INTO latest SELECT o.* FROM observation o "
        "JOIN release r ON r.id = o.release "
        'WHERE r."table" = ? AND r.withdrawn_ms IS NULL '
        "ORDER BY r.released_ms, r.id",  # the last one written stays
        (table,),
    )
