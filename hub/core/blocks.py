"""Blocks: sealed rows between stages, and the stretch of the source they cover.

Rules (delivery, rules 5 and 6):

- Consecutive blocks of one call make a dense chain: the first begins at `start`, each
  next where the last ended, the last ends at the last part's `to`.
- A part too large is cut between two coordinates, never inside one; an empty part is
  still a block, because silence is a fault.
- AES-256-GCM under the arrow's internal key of the epoch; the header is the
  associated data, so coverage cannot be changed without the key.

Invariant: every row of a block lies inside its stretch, checked before sealing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.core import avro, ending
from hub.core.coverage import unseen
from hub.core.ending import Absent, Ending
from hub.core.errors import EnvelopeError, InvalidError
from hub.core.log import Coordinate, Source
from hub.core.messages import (
    BLOCK_BYTES_MAX,
    INFLATED_BYTES_MAX,
    Block,
    BlockHeader,
    Close,
    Section,
    Sections,
    decode,
    decode_as,
    encode,
)
from hub.core.reasons import Reason

ROWS_MAX = 20_000
BLOCK_BYTES_AIM = 6 * 1024 * 1024
CLOSE_SECTION = "close"
NONCE_SIZE = 12
_ORIGIN = ["origin_offset", "origin_row"]
assert BLOCK_BYTES_AIM < BLOCK_BYTES_MAX  # noqa: S101 - relation of two constants


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalKey:
    """The key of one arrow; `older` epochs still open blocks, never seal them."""

    key_id: str
    secret: bytes = field(repr=False)
    older: tuple[InternalKey, ...] = field(default=(), repr=False)


Table = tuple[str, pl.DataFrame, str]
"""Section name, rows sorted by origin, registered schema text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a step says about one stretch, from the previous part's end to `to`.

    Attributes:
        kind: "rows", "close" or "complete"; the last two carry `close`.
        count: With "complete": how many rows the snapshot before it holds.
        void: The marker crossed another one and ends without a cut.
        absent: Sources that the cut goes on without.
        config: Digest of the bundle it is made under; None: that of the call.
    """

    kind: str
    to: Coordinate
    clock_ms: int
    sections: tuple[Table, ...] = ()
    close: Close | None = None
    count: int = 0
    void: bool = False
    absent: tuple[Absent, ...] = ()
    config: bytes | None = None


def seal(
    parts: Sequence[Part],
    *,
    stage: str,
    source: Source,
    start: Coordinate,
    config: bytes,
    generation: int,
    key: InternalKey,
    entropy: Callable[[int], bytes],
    rows_max: int = ROWS_MAX,
) -> list[bytes]:
    """The blocks of `parts`, encoded, in order."""
    header = BlockHeader(
        stage=stage,
        kind="rows",
        source=source,
        from_offset=start.offset,
        from_row=start.row,
        to_offset=0,
        to_row=0,
        clock_ms=0,
        config=config,
        generation=generation,
        key_id=key.key_id,
    )
    values = []
    for part in parts:
        _check(part, start)
        for kind, to, plain in _pieces(part, rows_max):
            header = replace(
                header,
                kind=kind,
                clock_ms=part.clock_ms,
                config=config if part.config is None else part.config,
                from_offset=start.offset,
                from_row=start.row,
                to_offset=to.offset,
                to_row=to.row,
            )
            values.append(_seal_one(header, plain, key, entropy))
            start = to
    return values


def open(  # noqa: A001 - the opposite of seal, called as blocks.open
    block: Block, key: InternalKey
) -> tuple[BlockHeader, list[Section]]:
    """The header and sections of a block, or EnvelopeError.

    Args:
        block: As decoded from a message.
        key: The arrow's key with its older epochs.
    """
    header = decode_as(BlockHeader, block.header)
    secrets = {one.key_id: one.secret for one in (*key.older, key)}
    if header.key_id not in secrets:
        raise EnvelopeError(Reason.KEY, f"no internal key {header.key_id}")
    try:
        plain = AESGCM(secrets[header.key_id]).decrypt(
            block.nonce, block.ciphertext, block.header
        )
    except InvalidTag as error:
        text = f"block of {header.source.name} does not open"
        raise EnvelopeError(Reason.KEY, text) from error
    return header, list(decode_as(Sections, plain).sections)


def rows(section: Section, schema: str) -> pl.DataFrame:
    """The rows of a section, as many as it says."""
    frame = avro.frame(
        section.container,
        schema,
        rows_max=section.count,
        bytes_max=INFLATED_BYTES_MAX,
        own=True,
    )
    if frame.height != section.count:
        raise EnvelopeError(Reason.CONTENT, f"section {section.name} lost rows")
    return frame


def close_of(sections: Sequence[Section]) -> tuple[Close, int]:
    """The marker in a close or complete block, and the snapshot's row count."""
    for section in sections:
        if section.name == CLOSE_SECTION:
            message = decode(section.container)
            if isinstance(message, Close):
                return message, section.count
    raise EnvelopeError(Reason.CONTENT, "a close block holds no marker")


def ending_of(header: BlockHeader, sections: Sequence[Section]) -> Ending:
    """Everything a close or complete block says about its cut."""
    close, count = close_of(sections)
    void, absent = ending.read(sections)
    return Ending(
        close=close, config=header.config, count=count, void=void, absent=absent
    )


def _seal_one(
    header: BlockHeader,
    plain: bytes,
    key: InternalKey,
    entropy: Callable[[int], bytes],
) -> bytes:
    head = encode(header)
    nonce = entropy(NONCE_SIZE)
    ciphertext = AESGCM(key.secret).encrypt(nonce, plain, head)
    return encode(Block(header=head, nonce=nonce, ciphertext=ciphertext))


def _pieces(part: Part, rows_max: int) -> Iterator[tuple[str, Coordinate, bytes]]:
    if part.close is None:
        for to, plain in _cut(part.sections, part.to, rows_max):
            yield "rows", to, plain
        return
    marker = Section(name=CLOSE_SECTION, count=part.count, container=encode(part.close))
    tables = [_section(*table) for table in part.sections]
    beside = ending.sections(void=part.void, absent=part.absent)
    yield part.kind, part.to, encode(Sections(sections=(*tables, marker, *beside)))


def _cut(
    tables: Sequence[Table], to: Coordinate, rows_max: int
) -> Iterator[tuple[Coordinate, bytes]]:
    """Encoded sections, halved between coordinates until each piece is small."""
    count = sum(frame.height for _, frame, _ in tables)
    middle = None
    if count > rows_max:
        middle = _middle(tables, rows_max * (-(-count // rows_max) // 2))
    if middle is None:
        sections = tuple(_section(*table) for table in tables)
        size = sum(len(section.container) for section in sections)
        if size > BLOCK_BYTES_AIM and count > 1:
            middle = _middle(tables, count // 2)
        if middle is None:
            # Also a coordinate with very many rows: only the hard bound refuses it.
            yield to, encode(Sections(sections=sections))
            return
    below = [(name, _upto(frame, middle), text) for name, frame, text in tables]
    above = [(name, unseen(frame, middle), text) for name, frame, text in tables]
    yield from _cut(below, middle, rows_max)
    yield from _cut(above, to, rows_max)


def _middle(tables: Sequence[Table], rank: int) -> Coordinate | None:
    """A coordinate near row `rank` with rows at or below it and rows above it."""
    places = _places(tables)
    last = places.row(-1)
    found = places.row(rank - 1)
    if found == last:
        below = places.filter(
            (pl.col("origin_offset") < last[0])
            | ((pl.col("origin_offset") == last[0]) & (pl.col("origin_row") < last[1]))
        )
        if not below.height:
            return None
        found = below.row(-1)
    return Coordinate(offset=found[0], row=found[1])


def _places(tables: Sequence[Table]) -> pl.DataFrame:
    frames = [frame.select(_ORIGIN) for _, frame, _ in tables]
    return pl.concat(frames).sort(_ORIGIN)


def _upto(frame: pl.DataFrame, to: Coordinate) -> pl.DataFrame:
    return frame.head(frame.height - unseen(frame, to).height)


def _section(name: str, frame: pl.DataFrame, schema: str) -> Section:
    # Mostly hashes, which do not shrink: deflating them costs more than carrying them.
    container = avro.container(frame, schema, codec="null")
    return Section(name=name, count=frame.height, container=container)


def _check(part: Part, start: Coordinate) -> None:
    """Refuse rows outside their stretch: a reader would drop them without a word."""
    if not start < part.to:
        raise InvalidError("a part must cover forward")
    for name, frame, _ in part.sections:
        if not frame.height:
            continue
        offsets, places = (frame[name].to_numpy() for name in _ORIGIN)
        same = (offsets[1:] == offsets[:-1]) & (places[1:] >= places[:-1])
        if not ((offsets[1:] > offsets[:-1]) | same).all():
            raise InvalidError(f"section {name} is not sorted by origin")
        first = int(offsets[0]), int(places[0])
        last = int(offsets[-1]), int(places[-1])
        if first <= (start.offset, start.row) or last > (part.to.offset, part.to.row):
            raise InvalidError(f"section {name} has rows outside its stretch")
