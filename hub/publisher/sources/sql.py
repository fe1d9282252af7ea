"""Rows of a ministry's database, by a table or query named in the mapping.

Rules:

- Read only: one SELECT, in a transaction that may not write, within a time.
- With a mark (a column that grows with every change) only rows from the last mark on
  are read, in its order. Equal marks are read again, and `overlap` reaches further
  back for transactions that commit late; rows that say nothing new are not sent.
- Address and password come from outside the mapping and are in no text, log or error:
  a driver's message may hold either, or a value, so only its class and code are told.
- Rows stream from the server; memory holds one piece.

Example::

    [sql]
    table = "register.permits"     # or query = "SELECT …"
    mark = "changed_at"
    overlap = 600                  # seconds, or units of a number
    timeout = 300                  # seconds
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import re
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from hub.core.catalogue.model import Dataflow
from hub.core.errors import InvalidError, MachineError, RetriableError
from hub.publisher import mapping as mappings
from hub.publisher.mapping import Mapping
from hub.publisher.sources.fields import apply
from hub.publisher.sources.rows import Chunk
from hub.publisher.sources.table import Table, stamped

FETCH_ROWS = 5_000
"""Rows taken from the server at once, and handed on as one piece."""
TIMEOUT_SECONDS = 300
TIMEOUT_SECONDS_MAX = 86_400
CONNECT_SECONDS = 15

_NAME = re.compile(r"[^\W\d]\w{0,62}(?:\.[^\W\d]\w{0,62})?")
_KEYS = {"table": str, "query": str, "mark": str, "overlap": int, "timeout": int}

Mark = int | decimal.Decimal | str | dt.date
"""A value of the mark column; a datetime is a date too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to read, checked.

    Attributes:
        source: The table's name, or the query in brackets.
        mark: Column that grows with every change, or None: read everything.
        overlap: How far before the last mark reading begins.
    """

    table: str | None
    query: str | None
    mark: str | None
    overlap: int
    timeout_seconds: int

    def statement(self, since: Mark | None) -> sa.Select[Any]:
        """The SELECT from a mark on."""
        source: sa.FromClause
        if self.table is not None:
            schema, _, name = self.table.rpartition(".")
            source = sa.table(name, schema=schema or None)
        else:
            source = sa.text(f"({self.query}) AS source_rows")  # type: ignore[assignment] # a text may stand where a table does
        found = sa.select(sa.text("*")).select_from(source)
        if self.mark is None:
            return found
        mark: sa.ColumnClause[Any] = sa.column(self.mark)
        wanted = mark.is_not(None) if since is None else mark >= since
        return found.where(wanted).order_by(mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Rows, and the mark up to which they, and all before them, go."""

    chunk: Chunk
    mark: Mark | None


def query_of(mapping: Mapping) -> Query:
    """The ``[sql]`` table of a mapping.

    Raises:
        InvalidError: It is missing or wrong, with the key.
    """
    if "sql" not in mapping.tables:
        raise InvalidError(f"{mapping.name}: no [sql] in it: table or query is needed")
    said = dict(mapping.tables["sql"])
    place = f"{mapping.name}: [sql]"
    for key, value in said.items():
        if not isinstance(value, _KEYS.get(key, ())) or isinstance(value, bool):
            raise InvalidError(f"{place} {key}: unknown, or of the wrong kind")
    table, query = said.get("table"), said.get("query")
    if (table is None) == (query is None):
        raise InvalidError(f"{place} needs either table or query")
    if table is not None and not _NAME.fullmatch(str(table)):
        raise InvalidError(f"{place} table: a name such as permits or register.permits")
    if query is not None:
        text = str(query).strip().rstrip(";")
        if not re.match(r"(?i)(select|with)\b", text) or ";" in text:
            raise InvalidError(f"{place} query: must be one SELECT")
        query = text
    timeout = int(str(said.get("timeout", TIMEOUT_SECONDS)))
    overlap = int(str(said.get("overlap", 0)))
    if not 1 <= timeout <= TIMEOUT_SECONDS_MAX or overlap < 0:
        raise InvalidError(f"{place} timeout or overlap: seconds, not negative")
    return Query(
        table=None if table is None else str(table),
        query=None if query is None else str(query),
        mark=str(said["mark"]) if "mark" in said else None,
        overlap=overlap,
        timeout_seconds=timeout,
    )


def pieces(
    url: str, dataflow: Dataflow, mapping: Mapping, since: Mark | None
) -> Generator[Piece]:
    """Rows from a mark on; the connection is closed when they are taken.

    Args:
        url: Where the database is, with user and password.
        dataflow: Whose provider schema the rows are given.
        mapping: With ``[sql]``.
        since: The last mark, None: from the beginning.

    Raises:
        InvalidError: The query does not fit the database, or the mapping the query.
        MachineError: The driver is not installed.
        RetriableError: The database is away or took too long.
    """
    query = query_of(mapping)
    start = _earlier(since, query)
    engine = _engine(url, query)
    with _told(query), engine.connect() as connection, _limited(connection, query):
        streaming = connection.execution_options(yield_per=FETCH_ROWS)
        result = streaming.execute(query.statement(start))
        yield from _rows(result, query, dataflow, mapping)


def _rows(
    result: sa.CursorResult[Any], query: Query, dataflow: Dataflow, mapping: Mapping
) -> Iterator[Piece]:
    """The pieces of a result; its cursor is closed when they are taken, or not."""
    with closing(result):
        columns = tuple(result.keys())
        where = f"{mapping.name}: [sql]"
        known = replace(mapping, ignore=mapping.ignore | {query.mark or ""})
        mappings.check_header(known, dataflow, columns, where)
        if query.mark is not None and query.mark not in columns:
            raise InvalidError(f"{where} mark: no column {query.mark} in the rows")
        table = Table(columns, stamped(mapping, dataflow))
        row = 1
        for rows in result.partitions():
            for values in rows:
                row += 1
                table.add(row, row, list(values))
            last = rows[-1]._mapping[query.mark] if query.mark else None  # noqa: SLF001 - SQLAlchemy's name for a public thing
            yield Piece(chunk=apply(mapping, dataflow, table.take()), mark=last)


def unmarked(url: str, query: Query) -> bool:
    """Whether there are rows without a mark, which are never read."""
    if query.mark is None:
        return False
    column: sa.ColumnClause[Any] = sa.column(query.mark)
    whole = Query(
        table=query.table,
        query=query.query,
        mark=None,
        overlap=0,
        timeout_seconds=query.timeout_seconds,
    )
    wanted = whole.statement(None).where(column.is_(None)).limit(1)
    engine = _engine(url, query)
    with _told(query), engine.connect() as connection, _limited(connection, query):
        return connection.execute(wanted).first() is not None


def _earlier(since: Mark | None, query: Query) -> Mark | None:
    """Where reading begins for a last mark."""
    if since is None or not query.overlap:
        return since
    if isinstance(since, dt.datetime):
        return since - dt.timedelta(seconds=query.overlap)
    if isinstance(since, dt.date):
        return since - dt.timedelta(days=-(-query.overlap // 86_400))
    if isinstance(since, str):
        raise InvalidError(
            "[sql] overlap: the mark is a text; overlap needs a number or a time"
        )
    return since - query.overlap


def written(mark: Mark) -> str:
    """A mark as text that :func:`read_mark` reads.

    Raises:
        InvalidError: The column's values are no marks.
    """
    for kind in (dt.datetime, dt.date, int, decimal.Decimal, str):
        if isinstance(mark, kind) and not isinstance(mark, bool):
            text = mark.isoformat() if isinstance(mark, dt.date) else str(mark)
            return json.dumps([kind.__name__, text])
    raise InvalidError(
        f"[sql] mark: values of kind {type(mark).__name__} do not grow; name a number, "
        "a date or a time"
    )


def read_mark(text: str) -> Mark:
    """A mark out of its text."""
    kind, value = json.loads(text)
    if kind == "datetime":
        return dt.datetime.fromisoformat(value)
    if kind == "date":
        return dt.date.fromisoformat(value)
    if kind == "int":
        return int(value)
    return decimal.Decimal(value) if kind == "Decimal" else str(value)


def _engine(url: str, query: Query) -> sa.Engine:
    """An engine that connects once and shows no values."""
    try:
        parsed = sa.make_url(url)
        options: dict[str, Any] = {}
        if parsed.get_backend_name() == "postgresql":
            limit = query.timeout_seconds * 1_000
            options = {
                "connect_timeout": CONNECT_SECONDS,
                "tcp_user_timeout": CONNECT_SECONDS * 1_000,
                "options": f"-c statement_timeout={limit} "
                "-c default_transaction_read_only=on",
            }
        engine = sa.create_engine(
            parsed, poolclass=sa.NullPool, hide_parameters=True, connect_args=options
        )
    except (NoSuchModuleError, ImportError) as error:
        raise MachineError(
            "the driver for this database is not installed; install it beside kerwen"
        ) from error
    except (SQLAlchemyError, ValueError, TypeError) as error:
        raise InvalidError(
            "the database's address is none; it is driver://user:password@host/name"
        ) from error
    if engine.dialect.name == "sqlite":
        if not Path(parsed.database or "").is_file():  # it would be made, empty
            raise InvalidError("the database file is not there")
        event.listen(engine, "connect", _only_reads)
    return engine


def _only_reads(connection: Any, _: object) -> None:
    connection.execute("PRAGMA query_only = ON")


@contextmanager
def _limited(connection: sa.Connection, query: Query) -> Iterator[None]:
    """Ends what takes too long, on the server where it can be asked to."""
    over = threading.Event()
    raw: Any = connection.connection.dbapi_connection

    def stop() -> None:
        over.set()
        for name in ("cancel_safe", "cancel", "interrupt"):
            if hasattr(raw, name):
                with suppress(Exception):  # it may have ended by itself
                    getattr(raw, name)()
                return

    timer = threading.Timer(query.timeout_seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    except SQLAlchemyError:
        if over.is_set():
            raise _late(query) from None
        raise
    finally:
        timer.cancel()
        timer.join()


def _late(query: Query) -> RetriableError:
    return RetriableError(
        f"the query took longer than {query.timeout_seconds} s; give the table an "
        "index on the mark, or [sql] a longer timeout"
    )


@contextmanager
def _told(query: Query) -> Iterator[None]:
    """Turns a driver's error into a sentence without its text."""
    try:
        yield
    except DBAPIError as error:
        name = type(error.orig).__name__
        code = getattr(error.orig, "sqlstate", None) or ""
        if name == "QueryCanceled":
            raise _late(query) from None
        said = f"{name} {code}".strip()
        if _wrong(error, code):
            raise InvalidError(
                f"the database does not take the query of [sql] ({said}); try it there"
            ) from None
        raise RetriableError(
            f"the database is away or refuses the connection ({said}); what was read "
            "stays read"
        ) from None
    except SQLAlchemyError as error:
        raise InvalidError(
            f"[sql] cannot be used ({type(error).__name__}); look at table and mark"
        ) from None


def _wrong(error: DBAPIError, code: str) -> bool:
    """Whether the query, not the connection, is at fault."""
    if code:
        return code[:2] in {"22", "25", "42", "0A"}
    said = str(error.orig)
    faults: Sequence[str] = ("no such", "syntax error", "readonly", "ambiguous")
    return any(one in said for one in faults)
