"""Mending: refused rows out to a person, corrections in, corrected rows to the hub.

Rules (design: envelope, quarantine):

- The file to mend has the provider's columns and, before them, what names the row and
  what is wrong with it. It may come back in any form that can be published.
- A correction counts when the row passes every check of the dataflow here; the checks
  are the hub's own, so it is not refused for the same reason again.
- A corrected row keeps its record id and revision, unless those were what was wrong.
- Sending puts rows into batches like any others; batch and account change together.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from hub.core import avro
from hub.core.catalogue.model import Dataflow, Field, Kind, Role
from hub.core.errors import InvalidError
from hub.core.validate import Refused, checks_of, validate
from hub.publisher import accounts, batches, mapping, revisions
from hub.publisher.entries import Fate, Held, Parcel, Place, Publication
from hub.publisher.quarantine import Shelf
from hub.publisher.sources import fields, files
from hub.publisher.sources.rows import NOTHING_SAID, Rejected, Said, Strings

REFERENCE = "quarantine"
COLUMNS = (REFERENCE, "quarantine_reason", "quarantine_field", "quarantine_hint")
"""What stands before the provider's columns; the first names the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """What a correction came to.

    Attributes:
        rows: Rows that are ready to be sent.
        failing: Rows that still fail a check, and which.
        rejected: Rows of the corrected file that could not be read.
    """

    rows: int
    failing: tuple[tuple[Held, Refused], ...] = ()
    rejected: tuple[Rejected, ...] = ()


def write(
    shelf: Shelf, rows: Sequence[Held], path: Path, hints: Mapping[str, str]
) -> None:
    """Write rows of one dataflow as a file to correct; only its owner may read it.

    Raises:
        InvalidError: The file cannot be written.
    """
    frame = shelf.contents(rows)
    said = pl.DataFrame(
        [
            (one.reference, one.reason, one.field, hints.get(one.reason, ""))
            for one in rows
        ],
        schema=dict.fromkeys(COLUMNS, pl.String),
        orient="row",
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow((*COLUMNS, *frame.columns))
            for row in pl.concat([said, frame], how="horizontal").iter_rows():
                writer.writerow("" if value is None else value for value in row)
    except OSError as error:
        raise InvalidError(f"{path}: cannot be written ({error.strerror})") from error


def from_file(
    shelf: Shelf, flow: Dataflow, path: Path, said: Said = NOTHING_SAID
) -> Mended:
    """Take corrections from a file that :func:`write` made and somebody changed.

    Raises:
        InvalidError: The file or its columns are unusable, or it names rows that are
            not open.
    """
    named = [
        Field(name=name, kind=Kind.STRING, role=Role.ATTRIBUTE, required=False)
        for name in COLUMNS
    ]
    reading = files.read(path, replace(flow, fields=(*named, *flow.fields)), None, said)
    frames: list[pl.DataFrame] = []
    rejected: list[Rejected] = []
    for chunk in reading.chunks:
        frames.append(chunk.frame)
        rejected += chunk.rejected
    frame = pl.concat(frames) if frames else pl.DataFrame()
    waiting = {
        one.reference: one
        for one in accounts.rows(shelf.spool, Fate.OPEN, Fate.MENDED, dataflow=flow.id)
    }
    wanted = frame[REFERENCE].to_list() if frame.height else []
    twice = [one for one, number in Counter(wanted).items() if number > 1]
    strange = [one for one in wanted if one not in waiting]
    if twice or strange:
        what = "stands twice" if twice else f"is no open row of {flow.id}"
        raise InvalidError(
            f"{path}: {REFERENCE} {(twice or strange)[0] or '(empty)'} {what}; "
            "`kerwen quarantine list` shows what is open"
        )
    rows = [waiting[one] for one in wanted]
    made = keep(shelf, flow, rows, frame.drop(COLUMNS)) if rows else Mended(rows=0)
    return replace(made, rejected=tuple(rejected))


def assigned(
    flow: Dataflow, frame: pl.DataFrame, assignments: Sequence[str]
) -> pl.DataFrame:
    """`frame` with ``field=value`` put in every row; an empty value is no value.

    Raises:
        InvalidError: There is no such field, or the value cannot be read.
    """
    known = {one.name: one for one in flow.fields}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            raise InvalidError(
                f"--set {text}: expected field=value with a field of {flow.id}: "
                f"{', '.join(known)}"
            )
        if name == "record_id" and frame.height > 1:
            raise InvalidError(
                "--set record_id: one id for several rows; choose one with --row"
            )
        strings = Strings(
            frame=pl.DataFrame({name: [value or None]}, schema={name: pl.String}),
            rows=np.array([1]),
            lines=np.array([1]),
        )
        one = replace(flow, fields=(known[name],))
        chunk = fields.apply(mapping.by_name(one, [name]), one, strings)
        for wrong in chunk.rejected:
            raise InvalidError(f"--set {name}: {wrong.what}; {wrong.mend}")
        frame = frame.with_columns(
            pl.lit(chunk.frame[name][0], frame.schema[name]).alias(name)
        )
    return frame


def keep(
    shelf: Shelf, flow: Dataflow, rows: Sequence[Held], frame: pl.DataFrame
) -> Mended:
    """Keep the corrections that pass; the other rows stay as they were.

    Args:
        shelf: Where the rows are.
        flow: Whose they are.
        rows: Which rows.
        frame: What they say now, in the same order.

    Raises:
        InvalidError: They are no records.
    """
    if flow.reserved:
        raise InvalidError(
            "a declaration is not mended but made again with `kerwen declare`"
        )
    frame = frame.select(avro.polars_schema(flow.schema).keys())
    bad = {one.row: one for one in failing(shelf, flow, frame)}
    good = [number for number in range(len(rows)) if number not in bad]
    if good:
        copy = shelf.sealer.copy(avro.container(frame[good], flow.schema))
        with shelf.spool.change() as connection:
            made = connection.execute(
                "INSERT INTO mends (copy) VALUES (?)", (copy,)
            ).lastrowid
            connection.executemany(
                "UPDATE held_rows SET state = 'mended', mend = ?, mend_place = ? "
                "WHERE digest = ? AND row = ?",
                [
                    (made, place, rows[number].digest, rows[number].row)
                    for place, number in enumerate(good)
                ],
            )
    return Mended(
        rows=len(good),
        failing=tuple((rows[number], one) for number, one in sorted(bad.items())),
    )


def failing(shelf: Shelf, flow: Dataflow, frame: pl.DataFrame) -> list[Refused]:
    """Rows that intake would refuse, judged by its checks and this machine's clock."""
    clock = frame.with_columns(
        pl.lit(0, pl.Int64).alias("origin_offset"),
        pl.int_range(pl.len(), dtype=pl.Int32).alias("origin_row"),
        pl.lit(shelf.sealer.now_ms(), pl.Int64).alias("clock_ms"),
    )
    _, bad = validate(clock, flow, checks_of(flow, shelf.catalogue.codelists))
    return bad


def send(shelf: Shelf, flow: Dataflow, batch_rows: int) -> Publication | None:
    """Put every mended row of a dataflow into batches; None if there is none."""
    rows = accounts.rows(shelf.spool, Fate.MENDED, dataflow=flow.id)
    if not rows:
        return None
    sealer, spool = shelf.sealer, shelf.spool
    key = sealer.entropy(32)
    begun = spool.begin(flow.id, key, "quarantine", sealer.now_ms(), again=False)
    for start in range(0, len(rows), batch_rows):
        some = rows[start : start + batch_rows]
        frame = shelf.mended(some)
        numbers = list(range(start + 1, start + 1 + frame.height))

        def make(
            place: Place,
            some: Sequence[Held] = some,
            frame: pl.DataFrame = frame,
            numbers: list[int] = numbers,
        ) -> Parcel:
            revisions.remember(spool.connection, flow, frame)
            fates = {(one.digest, one.row): begun.id for one in some}
            accounts.settle(spool, Fate.RESENT, fates, sealer.now_ms())
            return sealer.seal(
                flow, batches.records(flow, frame, numbers, begun.id), place
            )

        spool.put(flow.id, sealer.entropy, make)
    spool.finish(begun, sealer.now_ms())
    return begun
