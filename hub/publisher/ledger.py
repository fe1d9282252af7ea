"""What became of each batch of a spool: sent, answered, receipted, sent again.

Rules:

- A change is one transaction of the spool, so a kill leaves a batch in one state.
- With a final receipt a batch's content is deleted; sequence, digest and receipt stay,
  so the chain of a lane can be checked for good. If rows were refused, the ministry's
  own copy stays until they are in quarantine here: what is mended is what was sent.
- What waits may be a day's work: it is read a window at a time, never as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from hub.core.messages import Receipt
from hub.edge.kafka import Ack
from hub.publisher.entries import Item, State
from hub.publisher.spool import Spool

_ITEM = (
    "id, dataflow, lane, sequence, previous, digest, batch, kind, file, rows, state, "
    "sends, answers, receipt"
)


def items(
    spool: Spool,
    *states: State,
    file: int | None = None,
    lane: bytes | None = None,
    dataflow: str | None = None,
) -> list[Item]:
    """Batches in lane order, of these states (none given: all)."""
    given = {"file": file, "lane": lane, "dataflow": dataflow}
    wanted = {name: value for name, value in given.items() if value is not None}
    clauses = [f"{name} = ?" for name in wanted]
    if states:
        clauses.append(f"state IN ({', '.join('?' * len(states))})")
    where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
    rows = spool.connection.execute(
        f"SELECT {_ITEM} FROM batches {where} ORDER BY id",  # noqa: S608 - names only
        (*wanted.values(), *states),
    )
    return [Item(*row) for row in rows]


def each(spool: Spool) -> Iterator[Item]:
    """Every batch, lane by lane in sequence; reads as it goes."""
    rows = spool.connection.execute(
        f"SELECT {_ITEM} FROM batches ORDER BY lane, sequence"  # noqa: S608 - names only
    )
    return (Item(*row) for row in rows)


def later(spool: Spool, dataflow: str, after: int) -> Iterator[Item]:
    """Batches of a dataflow that were sealed after the one of id `after`."""
    rows = spool.connection.execute(
        f"SELECT {_ITEM} FROM batches "  # noqa: S608 - names only
        "WHERE dataflow = ? AND id > ? ORDER BY id",
        (dataflow, after),
    )
    return (Item(*row) for row in rows)


def count(spool: Spool, *states: State, but: Collection[str] = ()) -> int:
    """How many batches are in one of these states, without those of some dataflows."""
    marks, others = ", ".join("?" * len(states)), ", ".join("?" * len(but))
    clause = f"state IN ({marks}) AND dataflow NOT IN ({others})"
    return _count(spool, clause, (*states, *sorted(but)), ())


def lanes(spool: Spool) -> list[bytes]:
    """Lanes with batches to be sent, by dataflow."""
    rows = spool.connection.execute(
        "SELECT DISTINCT dataflow, lane FROM batches WHERE state = 'spooled' "
        "ORDER BY dataflow, lane"
    )
    return [lane for _, lane in rows]


def window(
    spool: Spool, lane: bytes, after: int, *, batches_max: int, bytes_max: int
) -> list[Item]:
    """The next batches of a lane to be sent, in sequence; at least one if there is.

    Args:
        spool: Where they wait.
        lane: Whose.
        after: Sequence behind which to look.
        batches_max: Most batches.
        bytes_max: Most bytes, unless the first alone is larger.
    """
    rows = spool.connection.execute(
        f"SELECT {_ITEM}, length(envelope) FROM batches "  # noqa: S608 - names only
        "WHERE lane = ? AND sequence > ? AND state = 'spooled' "
        "ORDER BY sequence LIMIT ?",
        (lane, after, batches_max),
    )
    found: list[Item] = []
    size = 0
    for *row, length in rows:
        size += length or 0
        if found and size > bytes_max:
            break
        found.append(Item(*row))
    return found


def find(spool: Spool, digest: bytes) -> Item | None:
    """The batch of a digest."""
    row = spool.connection.execute(
        f"SELECT {_ITEM} FROM batches WHERE digest = ?",  # noqa: S608 - names only
        (digest,),
    ).fetchone()
    return None if row is None else Item(*row)


def at(spool: Spool, topic: str, partition: int, offset: int) -> Item | None:
    """The batch that the hub took at a place of a ministry topic."""
    row = spool.connection.execute(
        f"SELECT {_ITEM} FROM batches "  # noqa: S608 - names only
        "WHERE topic = ? AND partition = ? AND offset = ?",
        (topic, partition, offset),
    ).fetchone()
    return None if row is None else Item(*row)


def content(spool: Spool, item: Item, column: str) -> bytes:
    """``envelope``, ``copy`` or ``listing`` of a batch; empty when deleted."""
    row = spool.connection.execute(
        f"SELECT {column} FROM batches WHERE id = ?",  # noqa: S608 - three names
        (item.id,),
    ).fetchone()
    return row[0] or b""


def sent(spool: Spool, sends: Sequence[Item], acks: Sequence[Ack], now_ms: int) -> None:
    """The broker has these batches; `now_ms` is this machine's clock."""
    with spool.change() as connection:
        connection.executemany(
            "UPDATE batches SET sends = sends + 1, sent_offset = ?, "
            "first_ms = COALESCE(first_ms, ?), sent_ms = ?, state = "
            "CASE state WHEN 'spooled' THEN 'sent' ELSE state END WHERE id = ?",
            [
                (ack.offset, now_ms, now_ms, item.id)
                for item, ack in zip(sends, acks, strict=True)
            ],
        )
        if acks:
            note(spool, CLOCK_MS, now_ms - acks[-1].time_ms)


CLOCK_MS = "clock_ms"
"""Figure: by how much this machine's clock is ahead of the brokers'."""


def note(spool: Spool, name: str, value: int) -> None:
    """Remember a number; inside a transaction."""
    spool.connection.execute(
        "INSERT INTO figures (name, value) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def figure(spool: Spool, name: str) -> int:
    """A number that was remembered; 0 if it never was."""
    row = spool.connection.execute(
        "SELECT value FROM figures WHERE name = ?", (name,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def remind(spool: Spool, now_ms: int, patience_ms: int) -> int:
    """Send again what was sent and not answered in time; how many batches.

    The first of each lane is enough: if it was lost, the answers to what came after it
    ask for the rest; if it was not, its original receipt comes again.
    """
    with spool.change() as connection:
        rows = connection.execute(
            "SELECT id, sent_ms, min(sequence) FROM batches WHERE state = 'sent' "
            "GROUP BY lane"
        ).fetchall()
        # A clock that was set back must not make them wait for years.
        late = [id_ for id_, at, _ in rows if abs(now_ms - (at or 0)) > patience_ms]
        connection.executemany(
            "UPDATE batches SET state = 'spooled' WHERE id = ?",
            [(id_,) for id_ in late],
        )
    return len(late)


def overdue(
    spool: Spool, now_ms: int, patience_ms: int, *, but: Collection[str] = ()
) -> tuple[int, int]:
    """Batches the brokers have had for longer, unanswered, and how long the first.

    Those of the dataflows in `but` are left out.
    """
    marks = ", ".join("?" * len(but))
    row = spool.connection.execute(
        "SELECT count(*), max(abs(? - COALESCE(first_ms, 0))) "  # noqa: S608 - marks
        "FROM batches WHERE state IN ('spooled', 'sent') AND sends > 0 "
        "AND abs(? - COALESCE(first_ms, 0)) > ? "
        f"AND dataflow NOT IN ({marks})",
        (now_ms, now_ms, patience_ms, *sorted(but)),
    ).fetchone()
    return int(row[0]), int(row[1] or 0)


def receipted(
    spool: Spool, item: Item, receipt: Receipt, encoded: bytes, *, refused: bool
) -> None:
    """The first final receipt of a batch; its content goes unless it was refused.

    A batch that was replaced meanwhile and was taken after all counts as taken.
    """
    some = any(rows for _, rows in receipt.refused)
    with spool.change() as connection:
        connection.execute(
            "UPDATE batches SET state = CASE WHEN ? THEN "
            "CASE state WHEN 'replaced' THEN 'replaced' ELSE 'refused' END "
            "ELSE 'final' END, receipt = ?, answers = answers + 1, "
            "topic = ?, partition = ?, offset = ? WHERE id = ?",
            (
                refused,
                *(encoded, receipt.topic, receipt.partition, receipt.offset, item.id),
            ),
        )
        if not refused:
            connection.execute(
                "UPDATE batches SET envelope = NULL, copy = CASE WHEN ? THEN copy END "
                "WHERE id = ?",
                (some, item.id),
            )


def forget(spool: Spool, item: Item) -> None:
    """A batch's copy goes: its refused rows are in quarantine."""
    with spool.change() as connection:
        connection.execute("UPDATE batches SET copy = NULL WHERE id = ?", (item.id,))


def answered(spool: Spool, item: Item) -> None:
    """Another receipt came for a batch that has its final one."""
    with spool.change() as connection:
        connection.execute(
            "UPDATE batches SET answers = answers + 1 WHERE id = ?", (item.id,)
        )


def back(
    spool: Spool, lane: bytes, sequence: int, offset: int, *, early: int = 0
) -> bool:
    """Go back: batches of the lane from `sequence` on are to be sent again.

    The hub read the batch that was too early at `offset`: if the expected one was sent
    after that, the answer to it is already on its way and nothing is done. If it has
    been answered, and the other one was not sent again since, its place was in a log
    that is lost: offsets tell nothing then.

    Args:
        spool: Where it stands.
        lane: Whose batches.
        sequence: The batch that the hub expects.
        offset: Where it read another one.
        early: Number of that one; 0: of none.

    Returns:
        False if the spool no longer holds the expected batch.
    """
    with spool.change() as connection:
        last = connection.execute(
            "SELECT 1 FROM batches WHERE id = ? AND sent_offset = ? "
            "AND receipt IS NULL",
            (early, offset),
        ).fetchone()
        row = connection.execute(
            "SELECT sent_offset, envelope IS NOT NULL FROM batches "
            "WHERE lane = ? AND sequence = ?",
            (lane, sequence),
        ).fetchone()
        if row is None or ((last or row[0] < offset) and not row[1]):
            return False
        if row[0] < offset:
            connection.execute(
                "UPDATE batches SET state = 'spooled' "
                "WHERE lane = ? AND sequence >= ? AND state = 'sent'",
                (lane, sequence),
            )
    return True


def waiting(
    spool: Spool, stopped: Collection[bytes], resting: Collection[bytes] = ()
) -> int:
    """Batches without a final receipt, in lanes that are not stopped.

    In a lane that rests, what was not sent yet is not waited for.
    """
    spooled = "state = 'spooled'"
    silent = {*stopped, *resting}
    held = _count(spool, spooled, (), stopped) - _count(spool, spooled, (), silent)
    return _count(spool, "state IN ('spooled', 'sent')", (), stopped) - held


def unanswered(spool: Spool, file: int, stopped: Collection[bytes]) -> int:
    """Batches of a publication that were sent more often than they were answered."""
    return _count(
        spool, "file = ? AND state = 'final' AND answers < sends", (file,), stopped
    )


def unrepeated(spool: Spool, file: int) -> int:
    """Batches of a publication that were sent once only."""
    return _count(spool, "file = ? AND sends < 2", (file,), ())


def _count(
    spool: Spool,
    clause: str,
    values: Sequence[int | str],
    stopped: Collection[bytes],
) -> int:
    marks = ", ".join("?" * len(stopped))
    row = spool.connection.execute(
        f"SELECT count(*) FROM batches WHERE {clause} "  # noqa: S608 - fixed clauses
        f"AND lane NOT IN ({marks})",
        (*values, *stopped),
    ).fetchone()
    return int(row[0])


def position(spool: Spool, topic: str) -> int:
    """Offset from which a topic of answers is to be read."""
    row = spool.connection.execute(
        "SELECT offset FROM positions WHERE topic = ?", (topic,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def move(spool: Spool, topic: str, offset: int) -> None:
    """Answers before `offset` were noted."""
    with spool.change() as connection:
        connection.execute(
            "INSERT INTO positions (topic, offset) VALUES (?, ?) "
            "ON CONFLICT (topic) DO UPDATE SET offset = excluded.offset",
            (topic, offset),
        )
