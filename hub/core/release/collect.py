"""Snapshots on their way: rows of a partition until complete, cuts until whole.

State (keys are the letter and what follows):

- ``b`` source|place → snapshot rows of a partition that has not said "complete";
- ``m`` marker, source|place → rows of a complete snapshot;
- ``k`` marker, source → empty: that snapshot is complete;
- ``n`` marker → the marker, while its cut is not whole;
- ``d`` marker → empty: released.

Rules (delivery, rule 8):

- Rows belong to the marker whose "complete" follows them in the same source; the number
  it states must be there.
- A cut is whole when every partition that its tables need is complete. What comes for a
  released marker is dropped.
"""

from __future__ import annotations

import struct

import polars as pl

from hub.core import avro, blocks, cells
from hub.core.catalogue.model import Domain
from hub.core.coverage import unseen
from hub.core.errors import LogError
from hub.core.log import Coordinate, Source
from hub.core.messages import INFLATED_BYTES_MAX, Close, Section, decode, encode
from hub.core.state import Overlay
from hub.core.topics import facts_topic

BUFFERED, KEPT, COMPLETE, WAITING, DONE = b"b", b"m", b"k", b"n", b"d"
MARKER_SIZE = 16
_PLACE = struct.Struct(">qi")
_COUNT = struct.Struct("<I")


def hold(
    overlay: Overlay,
    source: Source,
    to: Coordinate,
    section: Section,
    after: Coordinate,
) -> None:
    """Keep snapshot rows of a partition until it says which cut they are of."""
    rows = unseen(blocks.rows(section, cells.SCHEMA), after)
    container, count = section.container, rows.height
    if count < section.count:
        container = avro.container(rows, cells.SCHEMA)
    key = _buffer(source) + _PLACE.pack(to.offset, to.row)
    overlay.put(key, _COUNT.pack(count) + container)


def complete(overlay: Overlay, source: Source, close: Close, count: int) -> None:
    """Hand a partition's rows to their cut.

    Raises:
        LogError: Rows of the snapshot are missing.
    """
    prefix = _buffer(source)
    held = list(overlay.scan(prefix))
    found = sum(_COUNT.unpack_from(value)[0] for _, value in held)
    if found != count:
        raise LogError(
            f"{source.name}: {found} snapshot rows of {count} are here; rebuild"
            " release from the start of the cells topic"
        )
    released = overlay.get(DONE + close.marker) is not None
    for key, value in held:
        overlay.delete(key)
        if not released:
            name = KEPT + close.marker + key[len(BUFFERED) :]
            overlay.put(name, value)
    if not released:
        overlay.put(COMPLETE + close.marker + source.name.encode(), b"")
        overlay.put(WAITING + close.marker, encode(close))


def waiting(overlay: Overlay) -> list[Close]:
    """The markers whose cut is not released, by marker."""
    found = [decode(value) for _, value in overlay.scan(WAITING)]
    return [close for close in found if isinstance(close, Close)]


def arrived(overlay: Overlay, marker: bytes) -> set[tuple[Domain, int]]:
    """The partitions that are complete for a marker."""
    domains = {facts_topic(domain): domain for domain in Domain}
    prefix = COMPLETE + marker
    found = set()
    for key, _ in overlay.scan(prefix):
        topic, _, partition = key[len(prefix) :].decode().rpartition("/")
        found.add((domains[topic], int(partition)))
    return found


def rows_of(overlay: Overlay, marker: bytes) -> pl.DataFrame:
    """All snapshot rows of a cut."""
    frames = [pl.DataFrame(schema=avro.polars_schema(cells.SCHEMA))]
    for _, value in overlay.scan(KEPT + marker):
        (count,) = _COUNT.unpack_from(value)
        container = value[_COUNT.size :]
        frames.append(
            avro.frame(
                container,
                cells.SCHEMA,
                rows_max=count,
                bytes_max=INFLATED_BYTES_MAX,
            )
        )
    return pl.concat(frames)


def finish(overlay: Overlay, marker: bytes) -> None:
    """Forget a released cut but for its name."""
    for kind in (KEPT, COMPLETE, WAITING):
        for key, _ in list(overlay.scan(kind + marker)):
            overlay.delete(key)
    overlay.put(DONE + marker, b"")


def _buffer(source: Source) -> bytes:
    return BUFFERED + source.name.encode() + b"|"
