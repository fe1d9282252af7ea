"""Revisions and actions for sources that have none.

Rules:

- A record id seen for the first time is NEW with revision 0.
- Other content under a known id is AMEND with the next revision.
- The same content again keeps its revision and action: dedupe sees a replay.
- A source that says the action but not the revision (CANCEL, for one) keeps its own
  actions; they are part of the content.
- A row mended in quarantine keeps its revision; what it says now is what is known.
"""

from __future__ import annotations

import sqlite3

import polars as pl
import polars_hash as plh

from hub.core.catalogue.model import Dataflow

NEW, AMEND = "NEW", "AMEND"

Known = dict[str, tuple[int, bytes, str]]


def fill(
    connection: sqlite3.Connection, dataflow: Dataflow, frame: pl.DataFrame
) -> pl.DataFrame:
    """`frame` with `revision` and `action`, remembering them in the transaction."""
    acted = frame["action"].null_count() < frame.height
    own = ["action"] if acted else []
    names = [one.name for one in dataflow.fields if one.name not in _CONTROL]
    digests = frame.select(_digest([*names, *own])).to_series()
    contents = [bytes.fromhex(text) for text in digests]
    # Ids as they are, not hashed: they come in order, and so do the pages they touch.
    records = frame["record_id"].fill_null("").to_list()
    actions = frame["action"].to_list()
    known = _known(connection, dataflow.id, records)
    changed: Known = {}
    rows: list[tuple[int, str]] = []
    for record, content, said in zip(records, contents, actions, strict=True):
        before = changed.get(record) or known.get(record)
        entry = _next(before, content, said)
        if entry != before:
            changed[record] = entry
        rows.append((entry[0], entry[2]))
    connection.executemany(
        "INSERT INTO records (dataflow, record, revision, content, action) "
        "VALUES (?, ?, ?, ?, ?) ON CONFLICT (dataflow, record) DO UPDATE SET "
        "revision = excluded.revision, content = excluded.content, "
        "action = excluded.action",
        ((dataflow.id, record, *entry) for record, entry in changed.items()),
    )
    return frame.with_columns(
        pl.Series("revision", [row[0] for row in rows], pl.Int32),
        pl.Series("action", [row[1] for row in rows], pl.String),
    )


def fresh(
    connection: sqlite3.Connection, dataflow: Dataflow, frame: pl.DataFrame
) -> pl.Series:
    """Which rows say something that the spool does not know yet.

    For sources that are read over and over. Of a record that changed in this frame
    every row is fresh: its last one decides, even if it says what was known before.
    """
    acted = frame["action"].null_count() < frame.height
    names = [one.name for one in dataflow.fields if one.name not in _CONTROL]
    digests = frame.select(_digest([*names, "action"] if acted else names)).to_series()
    records = frame["record_id"].fill_null("").to_list()
    known = _known(connection, dataflow.id, records)
    changed = {
        record
        for record, digest in zip(records, digests, strict=True)
        if record not in known or known[record][1] != bytes.fromhex(digest)
    }
    return pl.Series([record in changed for record in records], dtype=pl.Boolean)


def remember(
    connection: sqlite3.Connection, dataflow: Dataflow, frame: pl.DataFrame
) -> None:
    """Note what mended rows say, where the spool keeps their revision."""
    names = [one.name for one in dataflow.fields if one.name not in _CONTROL]
    digests = frame.select(_digest(names)).to_series()
    connection.executemany(
        "UPDATE records SET content = ? "
        "WHERE dataflow = ? AND record = ? AND revision = ?",
        [
            (bytes.fromhex(text), dataflow.id, record, revision)
            for text, record, revision in zip(
                digests, frame["record_id"], frame["revision"], strict=True
            )
        ],
    )


def act(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with the action that its revision implies."""
    first = pl.col("revision") == 0
    return frame.with_columns(
        pl.when(first).then(pl.lit(NEW)).otherwise(pl.lit(AMEND)).alias("action")
    )


_CONTROL = ("record_id", "revision", "action")


def _next(
    before: tuple[int, bytes, str] | None, content: bytes, said: str | None
) -> tuple[int, bytes, str]:
    """The entry of a record after this row."""
    if before is None:
        return 0, content, said or NEW
    if before[1] == content:
        return before
    return before[0] + 1, content, said or AMEND


def _digest(names: list[str]) -> pl.Expr:
    """128 bits over columns, as hex; null and empty differ, and no two rows meet."""
    parts = []
    for name in names:
        text = pl.col(name).cast(pl.String)
        size = text.str.len_bytes().cast(pl.String).fill_null("-")
        parts += [size, pl.lit(":"), text.fill_null("")]
    joined = pl.concat_str(parts)
    hashed: pl.Expr = plh.concat_str(joined).chash.blake3()
    return hashed.str.slice(0, 32)


def _known(connection: sqlite3.Connection, dataflow: str, records: list[str]) -> Known:
    """What the spool remembers of these records."""
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (record TEXT)")
    connection.execute("DELETE FROM wanted")
    connection.executemany(
        "INSERT INTO wanted VALUES (?)", ((record,) for record in set(records))
    )
    found = connection.execute(
        "SELECT r.record, r.revision, r.content, r.action FROM wanted w "
        # CROSS keeps the order: a look-up for each of these, never a scan of all.
        "CROSS JOIN records r ON r.dataflow = ? AND r.record = w.record",
        (dataflow,),
    )
    return {
        record: (revision, content, act) for record, revision, content, act in found
    }
