"""Snapshots on their way: rows of a partition until complete, cuts until whole.

State (keys are the letter and what follows):

- ``b`` source|place → snapshot rows of a partition that has not said "complete";
- ``m`` marker, source|place → rows of a complete snapshot;
- ``k`` marker, source → empty: that snapshot is complete;
- ``n`` marker → what is known of its cut while that is not released; ``o`` → how many
  cuts were given a turn;
- ``d`` marker → empty: released, or void.

Rules (delivery, rule 8):

- Rows belong to the marker whose "complete" follows them in the same source; the number
  it states must be there.
- A cut is whole when every partition that its tables need is complete. What comes for a
  released marker is dropped.
- A cut has its turn in the order in which one partition, which every cut needs, is
  complete for them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

import ormsgpack
import polars as pl

from hub.core import avro, blocks, cells
from hub.core.catalogue.model import Domain
from hub.core.coverage import unseen
from hub.core.ending import Ending
from hub.core.errors import LogError
from hub.core.log import Coordinate, Source
from hub.core.messages import INFLATED_BYTES_MAX, Close, Section, decode_as, encode
from hub.core.state import Overlay
from hub.core.topics import facts_topic, parse_ministry

BUFFERED, KEPT, COMPLETE, WAITING, TURNS, DONE = b"b", b"m", b"k", b"n", b"o", b"d"
FIRST = f"{facts_topic(Domain.NONE)}/0"
"""The partition whose order is the order of cuts."""

MARKER_SIZE = 16
_PLACE = struct.Struct(">qi")
_COUNT = struct.Struct("<I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A cut that is not released.

    Attributes:
        config: Digest of the bundle it is computed under.
        turn: Its place in the order of cuts; 0 before it has one.
        absent: (member, dataflow) that it goes on without.
    """

    close: Close
    config: bytes
    turn: int = 0
    absent: frozenset[tuple[str, str]] = frozenset()


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


def complete(overlay: Overlay, source: Source, ending: Ending) -> None:
    """Hand a partition's rows to their cut, or forget a cut that is void.

    Raises:
        LogError: Rows of the snapshot are missing.
    """
    prefix = _buffer(source)
    held = list(overlay.scan(prefix))
    found = sum(_COUNT.unpack_from(value)[0] for _, value in held)
    if found != ending.count:
        raise LogError(
            f"{source.name}: {found} snapshot rows of {ending.count} are here; rebuild"
            " release from the start of the cells topic"
        )
    close = ending.close
    if ending.void:
        finish(overlay, close.marker)
        return
    released = overlay.get(DONE + close.marker) is not None
    for key, value in held:
        overlay.delete(key)
        if not released:
            name = KEPT + close.marker + key[len(BUFFERED) :]
            overlay.put(name, value)
    if not released:
        overlay.put(COMPLETE + close.marker + source.name.encode(), b"")
        _wait(overlay, source, ending)


def _wait(overlay: Overlay, source: Source, ending: Ending) -> None:
    """Keep what a partition says about its cut."""
    key = WAITING + ending.close.marker
    stored = overlay.get(key)
    turn, absent = 0, frozenset[tuple[str, str]]()
    if stored is not None:
        known = unpack(stored)
        turn, absent = known.turn, known.absent
    if source.name == FIRST:
        turn = int.from_bytes(overlay.get(TURNS) or b"", "big") + 1
        overlay.put(TURNS, turn.to_bytes(8, "big"))
    names = {parse_ministry(one.source.rpartition("/")[0]) for one in ending.absent}
    found = Waiting(
        close=ending.close, config=ending.config, turn=turn, absent=absent | names
    )
    overlay.put(key, pack(found))


def pack(waiting: Waiting) -> bytes:
    """A cut as it is kept; see :func:`unpack`."""
    absent = sorted(waiting.absent)
    close = encode(waiting.close)
    return ormsgpack.packb((close, waiting.config, waiting.turn, absent))


def unpack(stored: bytes) -> Waiting:
    """The opposite of :func:`pack`."""
    close, config, turn, absent = ormsgpack.unpackb(stored)
    return Waiting(
        close=decode_as(Close, close),
        config=config,
        turn=turn,
        absent=frozenset((member, flow) for member, flow in absent),
    )


def waiting(overlay: Overlay) -> list[Waiting]:
    """The cuts that are not released, by turn; those without one at the end."""
    found = [unpack(value) for _, value in overlay.scan(WAITING)]
    return sorted(found, key=lambda one: (not one.turn, one.turn, one.close.marker))


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


def set_aside(overlay: Overlay, marker: bytes) -> None:
    """Keep nothing of a cut but its rows and its name; it has had its turn."""
    _forget(overlay, marker, (COMPLETE, WAITING))


def finish(overlay: Overlay, marker: bytes) -> None:
    """Forget a cut but for its name."""
    _forget(overlay, marker, (KEPT, COMPLETE, WAITING))


def _forget(overlay: Overlay, marker: bytes, kinds: Iterable[bytes]) -> None:
    for kind in kinds:
        for key, _ in list(overlay.scan(kind + marker)):
            overlay.delete(key)
    overlay.put(DONE + marker, b"")


def _buffer(source: Source) -> bytes:
    return BUFFERED + source.name.encode() + b"|"
