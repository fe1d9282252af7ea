"""The lane machine: what intake does with the next envelope of a lane.

Rules (design §4):

- A lane is one publisher installation × dataflow: a hash chain of envelopes, sequence
  from 1, each naming the digest of the one before; the first names zeros and so opens
  the lane, whoever signed it.
- Only verified envelopes come here; a bad signature or address leaves the chain as it
  is. What comes here as *new* always advances the chain, also if its content then
  proves unusable: its final negative receipt says so, and the rows come again under a
  new sequence.
- *Duplicate*: the same digest under a sequence already taken gets the original
  receipt again.
- *Gap*: not final; the sender goes back to ``expected``. A sender that no longer has
  that envelope opens a new lane.
- *Fork*: another envelope under a taken sequence, or one that names another
  predecessor. Final: this digest can never be taken. The sender opens a new lane and
  sends the rows again under their old record ids, which dedupe recognises.
- Receipts are kept for the last :data:`KEPT` sequences. Older ones cannot be told from
  forks and are *stale*: refused for good, rows again under a new sequence.

Invariant: no envelope is new twice, and from every state the envelope (expected, digest
of the last one) is new: there is always a way forward.

State entries (kind ``l``): ``l`` ‖ lane → :class:`Lane`, ``l`` ‖ lane ‖ sequence →
:class:`Kept`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import StrEnum

from hub.core.log import PARTITIONS_MINISTRY
from hub.core.messages import DIGEST_NONE
from hub.core.state import Overlay

KIND = b"l"
KEPT = 256

_LANE = struct.Struct(">q32s")
_SEQUENCE = struct.Struct(">q")


class Outcome(StrEnum):
    """What an envelope is to its lane."""

    NEW = "new"
    DUPLICATE = "duplicate"
    GAP = "gap"
    FORK = "fork"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Where a lane stands: its last sequence and that envelope's digest."""

    sequence: int = 0
    digest: bytes = DIGEST_NONE

    @property
    def expected(self) -> int:
        """The sequence that comes next."""
        return self.sequence + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is remembered of a taken sequence; `receipt` is its encoded receipt.

    The receipt is empty while the chunk that took the sequence is under way.
    """

    digest: bytes
    receipt: bytes = field(default=b"", repr=False)


def partition_of(lane: bytes) -> int:
    """The partition of the ministry topic that a lane keeps to."""
    return int.from_bytes(lane, "big") % PARTITIONS_MINISTRY


def judge(
    lane: Lane, sequence: int, previous: bytes, digest: bytes, kept: Kept | None
) -> Outcome:
    """What the envelope is; `kept` is what is remembered of its sequence."""
    if sequence == lane.expected:
        return Outcome.NEW if previous == lane.digest else Outcome.FORK
    if sequence > lane.expected:
        return Outcome.GAP
    if kept is None:
        return Outcome.STALE
    return Outcome.DUPLICATE if kept.digest == digest else Outcome.FORK


class Lanes:
    """Lanes in the state of one input partition."""

    def __init__(self, overlay: Overlay, remember: int = KEPT) -> None:
        """Read and write through `overlay`; remember so many receipts a lane."""
        self._overlay = overlay
        self._remember = remember

    def lane(self, lane: bytes) -> Lane:
        """Where the lane stands; before its first envelope if it is unknown."""
        entry = self._overlay.get(KIND + lane)
        if entry is None:
            return Lane()
        sequence, digest = _LANE.unpack(entry)
        return Lane(sequence=sequence, digest=digest)

    def kept(self, lane: bytes, sequence: int) -> Kept | None:
        """What is remembered of a sequence."""
        entry = self._overlay.get(_kept_key(lane, sequence))
        if entry is None:
            return None
        size = len(DIGEST_NONE)
        return Kept(digest=entry[:size], receipt=entry[size:])

    def take(
        self, lane: bytes, sequence: int, previous: bytes, digest: bytes
    ) -> tuple[Outcome, Lane]:
        """Judge an envelope and, if it is new, advance the lane.

        Returns:
            The outcome and the lane after it.
        """
        stands = self.lane(lane)
        kept = self.kept(lane, sequence)
        outcome = judge(stands, sequence, previous, digest, kept)
        if outcome is not Outcome.NEW:
            return outcome, stands
        self._overlay.put(KIND + lane, _LANE.pack(sequence, digest))
        self._overlay.put(_kept_key(lane, sequence), digest)
        if sequence > self._remember:
            self._overlay.delete(_kept_key(lane, sequence - self._remember))
        return outcome, Lane(sequence=sequence, digest=digest)

    def keep(self, lane: bytes, sequence: int, digest: bytes, receipt: bytes) -> None:
        """Remember the receipt of an envelope taken in this chunk."""
        if sequence > self.lane(lane).sequence - self._remember:
            self._overlay.put(_kept_key(lane, sequence), digest + receipt)


def _kept_key(lane: bytes, sequence: int) -> bytes:
    return KIND + lane + _SEQUENCE.pack(sequence)
