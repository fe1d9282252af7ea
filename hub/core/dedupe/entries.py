"""The entry of a record in state: rank, flags, signature, natural key, blob.

Rules (design: delivery, rule 9):

- A record's *rank* is (revision, content digest, cancelled), written so that bytes
  compare as ranks do.
- A cancelled record keeps its rank and no more.
- Flags say whether the record is shadowed and which keys follow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeGuard, TypeVar

import numpy as np
import polars as pl

from hub.core.persons import SIGNATURE_SIZE

RANK_SIZE = 11
DIGEST_SIZE = 6
NATURAL_SIZE = 10
"""State keeps what it takes to tell things apart, not whole hashes: 48 bits between
contents of one revision, 80 between natural keys, 96 between signatures."""

HASH_SIZE = 16
SORTED_SIZE = 8
HEAD_SIZE = RANK_SIZE + 1
CANCELLED = RANK_SIZE - 1
FLAGS = RANK_SIZE
HIDDEN, HAS_NATURAL, HAS_SIGNATURE = 1, 2, 4
T = TypeVar("T")
_FLAGS = [bytes((flags,)) for flags in range(8)]


def ranks(rows: pl.DataFrame) -> list[bytes]:
    """The rank of every row; ranks compare as bytes."""
    count = rows.height
    table = np.empty((count, RANK_SIZE), np.uint8)
    revisions = rows["revision"].to_numpy().astype(">u4")
    digests = b"".join(rows["digest"].to_list())
    table[:, :4] = revisions.view(np.uint8).reshape(count, 4)
    table[:, 4:CANCELLED] = np.frombuffer(digests, np.uint8).reshape(count, HASH_SIZE)[
        :, :DIGEST_SIZE
    ]
    table[:, CANCELLED] = (rows["action"] == "CANCEL").to_numpy()
    text = table.tobytes()
    return [text[at : at + RANK_SIZE] for at in range(0, len(text), RANK_SIZE)]


def entry_of(
    rank: bytes,
    hidden: int,
    signature: bytes | None,
    natural: bytes | None,
    blob: bytes,
) -> bytes:
    """The entry of a live record; `hidden` is HIDDEN or 0."""
    if signature is not None and natural is not None:
        flags = _FLAGS[hidden | HAS_SIGNATURE | HAS_NATURAL]
        return b"".join((rank, flags, signature, natural, blob))
    if signature is not None:
        return b"".join((rank, _FLAGS[hidden | HAS_SIGNATURE], signature, blob))
    if natural is not None:
        return b"".join((rank, _FLAGS[hidden | HAS_NATURAL], natural, blob))
    return b"".join((rank, _FLAGS[hidden], blob))


def repeated(hashes: Iterable[bytes]) -> frozenset[bytes]:
    """Those that come more than once."""
    counted = Counter(hashes)
    return frozenset(one for one, count in counted.items() if count > 1)


def in_order(hashes: Sequence[bytes]) -> list[int]:
    """Places of hashes, all of one length, in the order of their first eight bytes."""
    if not hashes:
        return []
    table = np.frombuffer(b"".join(hashes), np.uint8).reshape(len(hashes), -1)
    first = np.ascontiguousarray(table[:, :SORTED_SIZE]).view(">u8").ravel()
    order: list[int] = np.argsort(first.astype(np.uint64)).tolist()
    return order


def ordered(pairs: Sequence[tuple[bytes, T]]) -> list[tuple[bytes, T]]:
    """Pairs in the order of :func:`in_order` of what stands first in them."""
    return [pairs[place] for place in in_order([first for first, _ in pairs])]


def live(entry: bytes | None) -> TypeGuard[bytes]:
    """Whether a record's entry stands and is not cancelled."""
    return entry is not None and not entry[CANCELLED]


def counts(entry: bytes | None) -> TypeGuard[bytes]:
    """Whether a record's entry is live and not shadowed."""
    return entry is not None and not entry[CANCELLED] and not entry[FLAGS] & HIDDEN


def signature_of(entry: bytes) -> bytes | None:
    """The signature in the entry of a live record."""
    if entry[FLAGS] & HAS_SIGNATURE:
        return entry[HEAD_SIZE : HEAD_SIZE + SIGNATURE_SIZE]
    return None


def natural_of(entry: bytes | None) -> bytes | None:
    """The natural key in a record's entry."""
    if entry is None or not entry[FLAGS] & HAS_NATURAL:
        return None
    start = HEAD_SIZE + (SIGNATURE_SIZE if entry[FLAGS] & HAS_SIGNATURE else 0)
    return entry[start : start + NATURAL_SIZE]


def blob_of(entry: bytes) -> bytes:
    """The attribute values in the entry of a live record."""
    flags = entry[FLAGS]
    start = HEAD_SIZE
    if flags & HAS_SIGNATURE:
        start += SIGNATURE_SIZE
    if flags & HAS_NATURAL:
        start += NATURAL_SIZE
    return entry[start:]


def fact_of(entry: bytes) -> tuple[bytes | None, bytes]:
    """What a record's entry says, apart from its revision."""
    return signature_of(entry), blob_of(entry)
