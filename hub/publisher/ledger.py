"""What became of each batch of a spool: sent, answered, receipted, sent again.

Rules:

- A change is one transaction of the spool, so a kill leaves a batch in one state.
- With a final receipt a batch's content is deleted; sequence, digest and receipt stay,
  so the chain of a lane can be checked for good.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

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


def sent(spool: Spool, sends: Sequence[Item], acks: Sequence[Ack]) -> None:
    """The broker has these batches."""
    with spool.change() as connection:
        connection.executemany(
            "UPDATE batches SET sends = sends + 1, sent_offset = ?, state = "
            "CASE state WHEN 'spooled' THEN 'sent' ELSE state END WHERE id = ?",
            [(ack.offset, item.id) for item, ack in zip(sends, acks, strict=True)],
        )


def receipted(
    spool: Spool, item: Item, receipt: Receipt, encoded: bytes, *, refused: bool
) -> None:
    """The first final receipt of a batch; its content goes unless it was refused.

    A batch that was replaced meanwhile and was taken after all counts as taken.
    """
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
                "UPDATE batches SET envelope = NULL, copy = NULL WHERE id = ?",
                (item.id,),
            )


def answered(spool: Spool, item: Item) -> None:
    """Another receipt came for a batch that has its final one."""
    with spool.change() as connection:
        connection.execute(
            "UPDATE batches SET answers = answers + 1 WHERE id = ?", (item.id,)
        )


def back(spool: Spool, lane: bytes, sequence: int, offset: int) -> bool:
    """Go back: batches of the lane from `sequence` on are to be sent again.

    The hub read the batch that was too early at `offset`: if the expected one was sent
    after that, the answer to it is already on its way and nothing is done.

    Returns:
        False if the spool no longer holds the expected batch.
    """
    with spool.change() as connection:
        row = connection.execute(
            "SELECT sent_offset, envelope IS NOT NULL FROM batches "
            "WHERE lane = ? AND sequence = ?",
            (lane, sequence),
        ).fetchone()
        if row is None or (row[0] < offset and not row[1]):
            return False
        if row[0] < offset:
            connection.execute(
                "UPDATE batches SET state = 'spooled' "
                "WHERE lane = ? AND sequence >= ? AND state = 'sent'",
                (lane, sequence),
            )
    return True


def waiting(spool: Spool, stopped: Collection[bytes]) -> int:
    """Batches without a final receipt, in lanes that are not stopped."""
    return _count(spool, "state IN ('spooled', 'sent')", (), stopped)


def unanswered(spool: Spool, file: int, stopped: Collection[bytes]) -> int:
    """Batches of a publication that were sent more often than they were answered."""
    return _count(
        spool, "file = ? AND state = 'final' AND answers < sends", (file,), stopped
    )


def unrepeated(spool: Spool, file: int) -> int:
    """Batches of a publication that were sent once only."""
    return _count(spool, "file = ? AND sends < 2", (file,), ())


def _count(
    spool: Spool, clause: str, values: tuple[int, ...], stopped: Collection[bytes]
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
