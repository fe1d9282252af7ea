"""Rows of a file as the contents of batches."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from hub.core import avro
from hub.core.catalogue.model import Dataflow
from hub.publisher.sealing import DECLARATION, RECORDS, Content
from hub.publisher.sources.rows import Chunk

_NUMBER = "\0number"


def cut(
    chunks: Iterator[Chunk], size: int, after: int
) -> Iterator[tuple[pl.DataFrame, list[int]]]:
    """Batches of `size` rows with their numbers, beginning after row `after`."""
    frames: list[pl.DataFrame] = []
    for chunk in chunks:
        numbered = chunk.frame.with_columns(pl.Series(_NUMBER, chunk.rows, pl.Int64))
        frames.append(numbered.filter(pl.col(_NUMBER) > after))
        while sum(frame.height for frame in frames) >= size:
            whole = pl.concat(frames)
            frames = [whole.slice(size)]
            yield _split(whole.head(size))
    rest = pl.concat(frames) if frames else pl.DataFrame()
    if rest.height:
        yield _split(rest)


def records(
    flow: Dataflow, rows: pl.DataFrame, numbers: list[int], file: int | None
) -> Content:
    """The content of a batch of records."""
    return Content(
        kind=RECORDS,
        schema=flow.schema,
        container=avro.container(rows, flow.schema),
        rows=rows.height,
        records=tuple(rows["record_id"]),
        numbers=tuple(numbers),
        file=file,
    )


def declaration(
    declared: Dataflow, label: str, *, complete: bool, nil: bool
) -> Content:
    """The content of a period declaration.

    Args:
        declared: The reserved dataflow.
        label: The period.
        complete: Everything of the period was published.
        nil: There was nothing to publish.
    """
    row = pl.DataFrame({"period": [label], "complete": [complete], "nil": [nil]})
    return Content(
        kind=DECLARATION,
        schema=declared.schema,
        container=avro.container(row, declared.schema),
        rows=1,
    )


def _split(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[int]]:
    return frame.drop(_NUMBER), frame[_NUMBER].to_list()
