"""How a cut ends: its marker on the way through the stages, and what it goes without.

Rules (design: delivery, rule 8):

- A marker that is *void* crossed another one: nothing is released for it, and it is
  issued again under a new id.
- A source that a signed skip lets a cut go on without is *absent*: what was folded of
  it by then counts, up to a place that every later stage, and the audit, is told.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from hub.core import avro
from hub.core.log import Coordinate
from hub.core.messages import Close, Section

SECTION, VOID = "absent", "void"
ABSENT_MAX = 10_000
_BYTES_MAX = 1 << 20
SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "absent",
        "namespace": "kerwen",
        "fields": [
            {"name": name, "type": ["null", kind], "default": None}
            for name, kind in (("source", "string"), ("offset", "long"), ("row", "int"))
        ],
    },
    separators=(",", ":"),
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Absent:
    """A source without its marker; rows of it count up to `to`.

    Attributes:
        source: ``topic/partition`` of a ministry.
    """

    source: str
    to: Coordinate


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of a cut in one partition.

    Attributes:
        config: Digest of the bundle the cut is computed under.
        count: With "complete": how many rows the snapshot before it holds.
    """

    close: Close
    config: bytes
    count: int = 0
    void: bool = False
    absent: tuple[Absent, ...] = ()


def sections(*, void: bool, absent: Sequence[Absent]) -> list[Section]:
    """What a block says beside its marker; nothing of an ordinary one."""
    found = []
    if void:
        found.append(Section(name=VOID, count=0, container=b""))
    if absent:
        rows = [(one.source, one.to.offset, one.to.row) for one in sorted(absent)]
        schema = avro.polars_schema(SCHEMA)
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        container = avro.container(frame, SCHEMA, codec="null")
        found.append(Section(name=SECTION, count=len(rows), container=container))
    return found


def read(found: Sequence[Section]) -> tuple[bool, tuple[Absent, ...]]:
    """Whether a block's marker is void, and who is absent."""
    absent: list[Absent] = []
    for section in found:
        if section.name == SECTION:
            frame = avro.frame(
                section.container, SCHEMA, rows_max=ABSENT_MAX, bytes_max=_BYTES_MAX
            )
            absent += [
                Absent(source=source, to=Coordinate(offset=offset, row=row))
                for source, offset, row in frame.iter_rows()
            ]
    return any(section.name == VOID for section in found), tuple(absent)
