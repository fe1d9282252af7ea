"""A sample year in pieces: small files of a ministry, in the order they are published.

Rules:

- Every row of the sample is in exactly one piece; a piece has the header of its file.
- Ministries and dataflows take turns all the time, so that every topic has traffic
  from the first cycle to the last; within one dataflow the order of the files stays:
  corrections come after what they correct.
- A dataflow with enough pieces goes through two installations of its ministry, that is
  through two lanes.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

INSTALLATIONS = 2
_LANES_FROM = 4
"""Pieces from which a dataflow is shared between the installations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One small file to publish.

    Attributes:
        installation: Which of the ministry's publishers sends it.
        resend: Its sealed batches are sent twice.
        again: It was published before, and is published anew.
    """

    member: str
    dataflow: str
    path: Path
    installation: int = 0
    resend: bool = False
    again: bool = False


def cut(
    sample: Path, files: list[dict[str, Any]], folder: Path, rows: int, seed: int
) -> list[Piece]:
    """Write the pieces of a sample's files to `folder`; in publishing order.

    Args:
        sample: The sample's folder.
        files: As its manifest lists them.
        folder: Made here.
        rows: Rows in a piece, at most.
        seed: Shuffles the turns.
    """
    groups: dict[tuple[str, str], list[Piece]] = {}
    for number, file in enumerate(files):
        group = groups.setdefault((file["member"], file["dataflow"]), [])
        group += _of(sample, file, folder / f"{number:03d}", rows)
    dice = random.Random(seed)  # noqa: S311 - an order, no secret
    turns: list[tuple[float, Piece]] = []
    for group in groups.values():
        shared = INSTALLATIONS if len(group) >= _LANES_FROM else 1
        for place, piece in enumerate(group):
            turn = (place + dice.random()) / len(group)
            turns.append((turn, replace(piece, installation=place % shared)))
    turns.sort(key=lambda one: one[0])
    return [piece for _, piece in turns]


def _of(
    sample: Path, file: Mapping[str, Any], folder: Path, rows: int
) -> Iterator[Piece]:
    folder.mkdir(parents=True)
    with (sample / file["path"]).open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        header = next(reader)
        number = 0
        while part := list(islice(reader, rows)):
            path = folder / f"{number:04d}.csv"
            number += 1
            with path.open("w", encoding="utf-8", newline="") as out:
                csv.writer(out).writerows([header, *part])
            yield Piece(
                member=file["member"],
                dataflow=file["dataflow"],
                path=path,
                resend=file["resend"],
                again=file["again"],
            )
