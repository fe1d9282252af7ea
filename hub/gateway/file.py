"""The store's file: its tables, and connections to it.

One writer, any number of readers (write-ahead log); every change is one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

FORM = "1"
"""Of the file; one of another form is begun anew."""
CACHE_KIB = 16_384
BUSY_SECONDS = 30.0
DIMENSIONS_MAX = 5

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS position (
  topic TEXT PRIMARY KEY, log BLOB, next INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (
  "table" TEXT, marker TEXT, leaf BLOB, line TEXT,
  PRIMARY KEY ("table", marker, leaf)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting (
  "table" TEXT, marker TEXT, action TEXT, manifest BLOB, seen_ms INTEGER,
  PRIMARY KEY ("table", marker, action)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS release (
  id INTEGER PRIMARY KEY, "table" TEXT, marker TEXT, vintage TEXT, period TEXT,
  released_ms INTEGER, seen_ms INTEGER, observations INTEGER, digest BLOB,
  manifest BLOB, withdrawn_ms INTEGER, reason TEXT, refused TEXT,
  UNIQUE ("table", marker));
CREATE TABLE IF NOT EXISTS series (
  id INTEGER PRIMARY KEY, "table" TEXT, key TEXT, unit TEXT, rule TEXT,
  d0 TEXT, d1 TEXT, d2 TEXT, d3 TEXT, d4 TEXT, UNIQUE ("table", key));
CREATE TABLE IF NOT EXISTS observation (
  series INTEGER, period TEXT, release INTEGER, value REAL, status TEXT, conf TEXT,
  PRIMARY KEY (series, period, release)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS latest (
  series INTEGER, period TEXT, release INTEGER, value REAL, status TEXT, conf TEXT,
  PRIMARY KEY (series, period)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS observation_release ON observation (release);
"""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """The file, for one thread; each statement is its own transaction."""
    mode = "ro" if read_only else "rwc"
    file = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=BUSY_SECONDS,
        check_same_thread=False,
    )
    file.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    if not read_only:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")
    return file


def opened(path: Path) -> sqlite3.Connection:
    """The file for its writer, made where it is missing or of another form."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = connect(path)
    file.executescript(_TABLES)
    found = file.execute("SELECT value FROM meta WHERE name = 'form'").fetchone()
    if found is None:
        file.execute("INSERT INTO meta VALUES ('form', ?)", (FORM,))
    elif found[0] != FORM:
        file.close()
        for one in path.parent.glob(f"{path.name}*"):
            one.unlink()
        return opened(path)
    return file


@contextmanager
def change(file: sqlite3.Connection) -> Iterator[None]:
    """Everything inside, or nothing."""
    file.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        file.execute("ROLLBACK")
        raise
    file.execute("COMMIT")
