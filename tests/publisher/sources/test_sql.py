"""Databases: SQLite and a real PostgreSQL, read by marks, within a time, in silence."""

from __future__ import annotations

import datetime as dt
import decimal
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.core.errors import InvalidError, RetriableError
from hub.publisher import mapping
from hub.publisher.filling import Filler
from hub.publisher.sources import sql
from hub.publisher.watch_sql import Poll, Polled, mark_of
from tests.publisher.sources import postgres
from tests.publisher.sources.book import flow
from tests.publisher.sources.postgres import PASSWORD, Postgres

SQL = """
[sql]
table = "register.crossings"
mark = "changed_at"
"""
FIELDS = """
[fields.record_id]
column = "id"
[fields.family_name]
column = "name"
[fields.birth_date]
column = "born"
[fields.declared_stay_days]
column = "days"
"""
COLUMNS = "id, name, born, days, changed_at"
NOON = dt.datetime(2025, 3, 4, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One server for the module."""
    with postgres.running() as found:
        engine = sa.create_engine(found.url(), poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA register")
        yield found


@pytest.fixture
def table(server: Postgres) -> Iterator[sa.Engine]:
    """An empty table of crossings."""
    engine = sa.create_engine(server.url(), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE register.crossings (id bigint, name text, born date, "
            "days numeric, changed_at timestamptz)"
        )
    yield engine
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE register.crossings")


def put(engine: sa.Engine, *rows: tuple[Any, ...]) -> None:
    """Rows into the table."""
    with engine.begin() as connection:
        for row in rows:
            connection.exec_driver_sql(
                "INSERT INTO register.crossings VALUES (%s, %s, %s, %s, %s)", row
            )


def row(number: int, minutes: float = 0, name: str = "KARIMOVA") -> tuple[Any, ...]:
    """A row that changed so many minutes after noon."""
    born = dt.date(1990, 2, 1)
    return (number, name, born, 30, NOON + dt.timedelta(minutes=minutes))


def poll(desk: Any, url: str, text: str = SQL + FIELDS, **options: Any) -> Polled:
    """One poll in a session of its own."""
    with desk.session() as session:
        known = mapping.load(text, "m.toml", flow())
        return Poll(
            filler=session.filler,
            flow=flow(),
            mapping=known,
            url=url,
            listing=desk.settings.home.root / "rejected" / "crossings",
        ).run(**options)


def taken(url: str, text: str = SQL + FIELDS) -> list[sql.Piece]:
    """What the database gives, without a spool."""
    known = mapping.load(text, "m.toml", flow())
    return list(sql.pieces(url, flow(), known, None))


def records(desk: Any) -> list[tuple[str, int]]:
    """What the spool knows: records and their revisions."""
    with desk.session() as session:
        return list(
            session.spool.connection.execute("SELECT record, revision FROM records")
        )


def test_only_news_are_spooled(desk: Any, server: Postgres, table: sa.Engine) -> None:
    """New and changed rows, once; equal marks are read again and say nothing new."""
    put(table, row(1), row(2, 1), row(3, 1))
    first = poll(desk, server.url())
    second = poll(desk, server.url())
    put(table, row(4, 1))
    with table.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE register.crossings SET name = 'ORAZOWA', "
            "changed_at = changed_at + interval '4 minutes' WHERE id = 2"
        )
    third = poll(desk, server.url())

    assert (first.read, first.spooled) == (3, 3)
    assert (second.read, second.spooled) == (2, 0)
    assert (third.read, third.spooled) == (3, 2)
    assert records(desk) == [("1", 0), ("2", 1), ("3", 0), ("4", 0)]


def test_late_commits_are_caught_by_the_overlap(
    desk: Any, server: Postgres, table: sa.Engine
) -> None:
    """A transaction that began earlier and committed later is below the mark."""
    text = SQL + "overlap = 600\n" + FIELDS
    put(table, row(1, 10))
    poll(desk, server.url(), text)
    put(table, row(2, 5), row(3, -30))

    done = poll(desk, server.url(), text)

    assert done.spooled == 1
    assert [record for record, _ in records(desk)] == ["1", "2"]


def test_a_poll_cut_short_goes_on(
    desk: Any, server: Postgres, table: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between two pieces, the next poll begins at the spool's mark."""
    monkeypatch.setattr(sql, "FETCH_ROWS", 10)
    put(table, *(row(number, number) for number in range(25)))

    first = poll(desk, server.url(), stopping=lambda: True)
    second = poll(desk, server.url())

    assert (first.spooled, second.spooled) == (10, 15)
    assert second.read == 16
    assert len(records(desk)) == 25


KILLED = """
import os, sys
from pathlib import Path
from hub.publisher.sources import sql
from tests.publisher.sources import test_sql
from tests.publisher.conftest import Desk
from hub.edge.files import read_catalogue
sql.FETCH_ROWS = 10
desk = Desk(Path(sys.argv[1]), read_catalogue())
def tell(what, done, total):
    if done >= 50:
        os.kill(os.getpid(), 9)
test_sql.poll(desk, sys.argv[2], tell=tell)
"""


def test_killed_in_the_middle_nothing_is_lost_or_twice(
    desk: Any, server: Postgres, table: sa.Engine
) -> None:
    """After kill -9 the mark and the batches agree."""
    put(table, *(row(number, number) for number in range(100)))
    home = desk.settings.home.root

    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(home), server.url()], check=False
    )
    done = poll(desk, server.url())

    assert ended.returncode == -signal.SIGKILL
    assert (done.read, done.spooled) == (51, 50)
    assert len(records(desk)) == 100
    with desk.session() as session:
        rows = session.spool.connection.execute(
            "SELECT sum(rows), count(DISTINCT file) FROM batches"
        ).fetchone()
    assert rows == (100, 2)


def test_types_become_texts_and_bad_rows_are_listed(
    desk: Any, server: Postgres, table: sa.Engine
) -> None:
    """Decimals keep their digits; a row is refused, not its piece."""
    put(table, row(1), (2, "X", None, decimal.Decimal("1.50"), NOON), row(3))

    done = poll(desk, server.url())

    assert (done.spooled, done.rejected) == (2, 1)
    assert done.rejected_file is not None
    assert '3,3,days,"not a whole number' in done.rejected_file.read_text()
    assert PASSWORD not in done.rejected_file.read_text()


def test_a_query_may_join_and_rename(
    desk: Any, server: Postgres, table: sa.Engine
) -> None:
    """What a query gives is read like a table, by its own mark."""
    put(table, row(1), row(2, 1))
    text = FIELDS + (  # noqa: S608 - the query is the point
        '[sql]\nquery = """SELECT id, upper(name) AS name, born, days, '
        'extract(epoch FROM changed_at)::bigint AS stamp FROM register.crossings"""\n'
        'mark = "stamp"\n'
    )

    first, second = poll(desk, server.url(), text), poll(desk, server.url(), text)

    assert (first.spooled, second.spooled, second.read) == (2, 0, 1)


def test_rows_without_a_mark_are_told(
    desk: Any, server: Postgres, table: sa.Engine
) -> None:
    """A null mark is never greater than another: such rows are not read, and said."""
    put(table, row(1), (2, "X", None, 1, None))

    done = poll(desk, server.url())

    assert (done.spooled, done.notes) == (
        1,
        ("rows without a mark are not read; fill the mark column",),
    )


def test_nothing_is_written(desk: Any, server: Postgres, table: sa.Engine) -> None:
    """A query that writes is refused by the database itself."""
    put(table, row(1))
    text = FIELDS + (  # noqa: S608 - the query is the point
        '[sql]\nquery = "WITH gone AS (DELETE FROM register.crossings RETURNING *) '
        'SELECT * FROM gone"\n'
    )

    with pytest.raises(
        InvalidError, match=r"ReadOnlySqlTransaction|FeatureNotSupported"
    ):
        poll(desk, server.url(), text)

    with table.connect() as connection:
        counted = connection.exec_driver_sql("SELECT count(*) FROM register.crossings")
        assert counted.scalar() == 1


def test_a_query_has_a_time(desk: Any, server: Postgres) -> None:
    """Past it, it is ended on the server, and the error says what helps."""
    text = FIELDS + (
        "[sql]\nquery = \"SELECT 1 AS id, 'X' AS name, NULL AS born, 1 AS days, "
        'pg_sleep(60)::text AS slept"\ntimeout = 1\n'
    )
    started = time.monotonic()

    with pytest.raises(RetriableError, match="longer than 1 s"):
        poll(desk, server.url(), 'ignore = ["slept"]\n' + text)

    assert time.monotonic() - started < 20


WRONG: dict[str, tuple[str, str, type[Exception]]] = {
    "no table": ('table = "register.nothing"', "UndefinedTable", InvalidError),
    "no column": (
        'query = "SELECT nothing FROM register.crossings"',
        "UndefinedColumn",
        InvalidError,
    ),
    "no SQL": ('query = "SELECT FROM WHERE"', "SyntaxError", InvalidError),
    "a value that cannot be cast": (
        'query = "SELECT name::date AS born FROM register.crossings"',
        "InvalidDatetimeFormat",
        InvalidError,
    ),
    "a column too many": (
        'query = "SELECT *, 1 AS extra FROM register.crossings"',
        "extra is no field",
        InvalidError,
    ),
    "a column too few": (
        'query = "SELECT id, name, born FROM register.crossings"',
        "days is missing",
        InvalidError,
    ),
    "a column twice": (
        'query = "SELECT *, name FROM register.crossings"',
        "name stands twice",
        InvalidError,
    ),
    "a mark that is none": (
        'table = "register.crossings"\nmark = "nothing"',
        "UndefinedColumn",
        InvalidError,
    ),
    "two statements": (
        'query = "SELECT 1; DROP TABLE register.crossings"',
        "one SELECT",
        InvalidError,
    ),
    "no SELECT": (
        'query = "DELETE FROM register.crossings"',
        "one SELECT",
        InvalidError,
    ),
    "a name with a quote": ('table = "a\'b"', "a name such as", InvalidError),
    "a name of three": ('table = "a.b.c"', "a name such as", InvalidError),
    "table and query": ('table = "a"\nquery = "SELECT 1"', "either", InvalidError),
    "neither": ('mark = "a"', "either", InvalidError),
    "an unknown key": ('table = "a"\nwhere = "1 = 1"', "where", InvalidError),
    "a timeout of none": ('table = "a"\ntimeout = 0', "timeout", InvalidError),
    "a timeout in words": ('table = "a"\ntimeout = "long"', "timeout", InvalidError),
    "a negative overlap": ('table = "a"\noverlap = -1', "overlap", InvalidError),
}
"""Wrong queries, and what is said."""


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_query_says_why_and_no_more(
    server: Postgres, table: sa.Engine, name: str
) -> None:
    """One line, without a value, a password or the address."""
    put(table, row(1, name="SECRETNAME"))
    said, words, kind = WRONG[name]
    ignore = 'ignore = ["changed_at"]\n'

    with pytest.raises(kind, match=words) as caught:
        taken(server.url(), f"{ignore}{FIELDS}\n[sql]\n{said}\n")

    text = str(caught.value)
    assert [
        one for one in (PASSWORD, "SECRETNAME", "kerwen-pg", "\n") if one in text
    ] == []
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://ministry:hunter2@/postgres?host=/nowhere/hunter2",
        "postgresql+psycopg://ministry:hunter2@127.0.0.1:1/postgres",
        "wrong password",
    ],
)
def test_a_database_that_is_away_is_tried_again(server: Postgres, url: str) -> None:
    """Refused or away: nothing of the address is in the error."""
    address = server.url("hunter2") if url == "wrong password" else url

    with pytest.raises(RetriableError, match="away or refuses") as caught:
        taken(address)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "nonsense hunter2", "hunter2://x", "sqlite:////nowhere/hunter2.db"]
)
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    """It may hold a password even when it is wrong."""
    with pytest.raises(Exception, match=r"address|driver|not there") as caught:
        taken(url)

    assert "hunter2" not in str(caught.value)


def test_a_server_that_goes_away_in_between(desk: Any) -> None:
    """What was read stays read; the error says to come again."""
    with postgres.running() as server:
        engine = sa.create_engine(server.url(), poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE t AS SELECT n AS id, 'X' AS name, NULL::date AS born, "
                "1 AS days FROM generate_series(1, 20000) n"
            )

        def tell(*_: object) -> None:
            pid = int(
                (server.folder / "data" / "postmaster.pid").read_text().split()[0]
            )
            os.kill(pid, signal.SIGKILL)
            time.sleep(1)

        text = f'{FIELDS}[sql]\ntable = "t"\n'
        with pytest.raises(RetriableError, match="away"):
            poll(desk, server.url(), text, tell=tell)

    assert 0 < len(records(desk)) < 20_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A SQLite database with a table of crossings."""
    path = tmp_path / "register.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE crossings ({COLUMNS})")
        connection.executemany(
            "INSERT INTO crossings VALUES (?, 'X', '1990-02-01', 30, ?)",
            [(n, f"2025-03-04 12:00:{n:02d}") for n in range(5)],
        )
    return path


def test_sqlite_is_read_the_same_way(desk: Any, file: Path) -> None:
    """Times are texts there and still are marks."""
    text = SQL.replace("register.", "") + FIELDS
    url = f"sqlite:///{file}"

    first = poll(desk, url, text)
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT INTO crossings SELECT 9, 'Y', NULL, 1, '2025-03-05'")
    second = poll(desk, url, text)

    assert (first.spooled, second.spooled) == (5, 1)
    with pytest.raises(InvalidError, match="overlap: the mark is a text"):
        poll(
            desk,
            url,
            text.replace("[fields.record_id]", "overlap = 5\n[fields.record_id]", 1),
        )


def test_sqlite_has_a_time_and_is_not_written(desk: Any, file: Path) -> None:
    """The watchdog interrupts what has no server to ask; writing is switched off."""
    endless = (
        "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) "
        "SELECT max(id) AS id, 'X' AS name, NULL AS born, 1 AS days FROM n"
    )
    text = f'{FIELDS}[sql]\nquery = "{endless}"\ntimeout = 1\n'

    with pytest.raises(RetriableError, match="longer than 1 s"):
        poll(desk, f"sqlite:///{file}", text)
    with pytest.raises(InvalidError, match=r"no such table|OperationalError"):
        poll(desk, f"sqlite:///{file}", f'{FIELDS}[sql]\ntable = "nothing"\n')


@pytest.mark.parametrize(
    "mark",
    [
        7,
        decimal.Decimal("7.50"),
        "0x1F",
        dt.date(2025, 3, 4),
        NOON,
        NOON.replace(tzinfo=None),
    ],
)
def test_marks_survive_as_what_they_were(desk: Any, mark: Any) -> None:
    """A mark that is read again is equal, and of the same kind."""
    again = sql.read_mark(sql.written(mark))

    assert again == mark
    assert type(again) is type(mark)
    with pytest.raises(InvalidError, match="do not grow"):
        sql.written(bool(mark))
    with desk.session() as session:
        assert isinstance(session.filler, Filler)
        assert mark_of(session.spool.connection, "nothing") is None
