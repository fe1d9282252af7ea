"""The guard of one input partition: which message is next, and whose log it is.

Rules (design: delivery, rules 3, 7 and 12):

- A message is folded only if its offset is exactly the next one. Below is a replay and
  is skipped; above is a gap and is fetched again.
- The position is stored with the state, in the same batch: the offset, the uuid of the
  log, a digest of the message at that offset, and the inbound clock.
- On assignment the message at the position is read again and must be the same, and so
  must whatever comes again later; a log that was re-created or truncated stops its
  partition.
- A message at which the worker died three times stops its partition as well, and it
  stays stopped, whoever is given it, until a person skips the message or has it tried
  again: a partition that goes from worker to worker must not kill them one after the
  other.
- Deaths that leave no exception may have come from outside: after many of them the
  partition is left alone for a while, ever longer, and then tried again.

Invariant: state at position p is the fold of messages 0 to p of one log.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from hub.core.errors import EnvelopeError, LogError
from hub.core.keys import KeyRegistry
from hub.core.log import Incoming, Source
from hub.core.messages import Genesis, decode, verify

POSITION_KEY = b"@"
"""Where a state keeps its :class:`Position`."""

ATTEMPT_KEY = b"@attempt"
"""Where a state keeps its :class:`Attempt`."""

MORE_KEY = b"@more"
"""There while the message at the position has more outputs (see ``Result.more``)."""

DEATHS_MAX = 3
"""Deaths by an exception at the same place, after which the partition stops."""

STARTS_MAX = 12
"""Starts of the same chunk without an end, for deaths that leave no exception.

Larger than `DEATHS_MAX`: a worker killed from outside is no sign of a bad message.
"""

REST_MS, REST_MS_MAX = 60_000, 3_600_000
"""How long a message is left alone that stopped its partition again; doubles."""

DIGEST_BYTES = 16

_POSITION = struct.Struct(f">Bq16s{DIGEST_BYTES}sq")
_ATTEMPT = struct.Struct(">Bqqiiiq")
_VERSION = 1


class Verdict(Enum):
    """What to do with a message."""

    NEXT = auto()
    REPLAY = auto()
    GAP = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a state stands in its log.

    Attributes:
        offset: Offset of the last message folded in.
        log: Genesis uuid of the log, 16 bytes.
        digest: Digest of the message at `offset`.
        clock_ms: Newest append time seen so far; never goes back.
    """

    offset: int
    log: bytes
    digest: bytes
    clock_ms: int

    def after(self, messages: Sequence[Incoming]) -> Position:
        """The position after folding `messages`, which follow this one."""
        last = messages[-1]
        newest = max(message.time_ms for message in messages)
        return Position(
            offset=last.offset,
            log=self.log,
            digest=digest(last),
            clock_ms=max(self.clock_ms, newest),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A chunk that was begun; while it stands, the chunk has not ended.

    Attributes:
        first: Offset of the first message of the chunk.
        last: Offset of the last one.
        starts: How often it was begun.
        deaths: How often it ended the process with an exception.
        stops: How often it stopped the partition.
        stopped_ms: Wall clock of the stop that stands; 0 if none does.
    """

    first: int
    last: int
    starts: int = 0
    deaths: int = 0
    stops: int = 0
    stopped_ms: int = 0

    @property
    def suspect(self) -> bool:
        """Whether to go on one message at a time, so that the bad one is found."""
        return self.deaths > 0 or self.starts >= DEATHS_MAX

    @property
    def hopeless(self) -> bool:
        """Whether to stop the partition instead of trying once more."""
        return self.deaths >= DEATHS_MAX or self.starts >= STARTS_MAX

    @property
    def rest_ms(self) -> int:
        """How long a stop stands before it is tried again; the first one not at all."""
        if self.stops < 2:
            return 0
        return min(REST_MS << min(self.stops - 2, 16), REST_MS_MAX)


def begin(before: Attempt | None, first: int, last: int) -> Attempt:
    """The attempt to note down before a chunk from `first` to `last` is begun."""
    if before is not None and before.first == first:
        return replace(before, last=last, starts=before.starts + 1)
    return Attempt(first=first, last=last, starts=1)


def died(attempt: Attempt) -> Attempt:
    """The attempt to note down when its step raised."""
    return replace(attempt, deaths=attempt.deaths + 1)


def judged(attempt: Attempt, now_ms: int) -> Attempt:
    """A hopeless attempt at an assignment: stopped from now on, or tried once more.

    It is tried once more if its `stopped_ms` is 0 afterwards: never by itself if an
    exception ended the process each time. A clock that went back does not keep the
    others stopped.
    """
    if not attempt.stopped_ms:
        return replace(attempt, stops=attempt.stops + 1, stopped_ms=now_ms)
    if attempt.deaths >= DEATHS_MAX:
        return attempt
    if 0 <= now_ms - attempt.stopped_ms < attempt.rest_ms:
        return attempt
    return replace(
        attempt,
        starts=min(attempt.starts, STARTS_MAX - 1),
        stopped_ms=0,
    )


def poisoned(name: str, attempt: Attempt) -> str:
    """Why a partition does not go on, and what a person may do."""
    rest = attempt.rest_ms // 60_000 if attempt.deaths < DEATHS_MAX else 0
    return (
        f"{name}: the worker died {attempt.deaths} times (and began {attempt.starts}"
        f" times) at offset {attempt.first}; `kerwen topics skip --partition {name}"
        f" --offset {attempt.first} --reason TEXT` sets that message aside, `kerwen"
        f" topics resume --partition {name}` has it tried again"
        + (f"; or in {rest} min by itself" if rest else "")
    )


def decide(offset: int, following: int) -> Verdict:
    """Compare a message's offset with the offset that has to follow."""
    if offset == following:
        return Verdict.NEXT
    return Verdict.REPLAY if offset < following else Verdict.GAP


def digest(message: Incoming) -> bytes:
    """What tells one message of a log from another: offset, append time and value."""
    head = struct.pack(">qq", message.offset, message.time_ms)
    return hashlib.blake2b(head + message.value, digest_size=DIGEST_BYTES).digest()


def encode_position(position: Position) -> bytes:
    """The stored form of a position."""
    return _POSITION.pack(
        _VERSION, position.offset, position.log, position.digest, position.clock_ms
    )


def decode_position(stored: bytes) -> Position:
    """The position in its stored form.

    Raises:
        LogError: If it was written by another version, or is damaged.
    """
    if len(stored) != _POSITION.size or stored[0] != _VERSION:
        raise LogError("the stored position is unreadable; rebuild this state")
    _, offset, log, digest_, clock_ms = _POSITION.unpack(stored)
    return Position(offset=offset, log=log, digest=digest_, clock_ms=clock_ms)


def encode_attempt(attempt: Attempt) -> bytes:
    """The stored form of an attempt."""
    return _ATTEMPT.pack(
        _VERSION,
        attempt.first,
        attempt.last,
        attempt.starts,
        attempt.deaths,
        attempt.stops,
        attempt.stopped_ms,
    )


def decode_attempt(stored: bytes | None) -> Attempt | None:
    """The attempt in its stored form; an unreadable one counts as none."""
    if stored is None or len(stored) != _ATTEMPT.size or stored[0] != _VERSION:
        return None
    _, first, last, starts, deaths, stops, stopped_ms = _ATTEMPT.unpack(stored)
    return Attempt(
        first=first,
        last=last,
        starts=starts,
        deaths=deaths,
        stops=stops,
        stopped_ms=stopped_ms,
    )


def adopt(
    topic: str,
    partition: int,
    message: Incoming,
    trusted: KeyRegistry | None = None,
) -> Source:
    """The identity of a log, from its first message.

    Args:
        topic: Name of the topic.
        partition: Its number.
        message: The first message.
        trusted: Knows the control keys that may have signed it; None: nobody is asked.

    Raises:
        LogError: If the first message is no genesis record of this very partition, or
            control did not sign it.
    """
    name = f"{topic}/{partition}"
    if message.offset != 0:
        raise LogError(
            f"{name}: begins at offset {message.offset} and this worker has no state; "
            f"{REBUILD}"
        )
    try:
        genesis = decode(message.value)
    except EnvelopeError as error:
        raise LogError(
            f"{name}: the first message is no genesis record; {CREATE}"
        ) from error
    if not isinstance(genesis, Genesis):
        raise LogError(f"{name}: the first message is no genesis record; {CREATE}")
    if (genesis.topic, genesis.partition) != (topic, partition):
        raise LogError(
            f"{name}: the genesis record belongs to "
            f"{genesis.topic}/{genesis.partition}; {CREATE}"
        )
    if trusted is not None:
        try:
            verify(genesis, trusted.signed_once(genesis.key_id, "control"))
        except EnvelopeError as error:
            raise LogError(
                f"{name}: control did not sign the genesis record; {CREATE}"
            ) from error
    return Source(topic=topic, partition=partition, log=genesis.log)


def recognise(
    topic: str, partition: int, position: Position, message: Incoming
) -> None:
    """Compare the message at the stored position with the one the state was made from.

    Raises:
        LogError: If they differ: the topic was re-created or its log was rewritten.
    """
    if digest(message) != position.digest:
        raise LogError(
            f"{topic}/{partition}: the message at offset {position.offset} is not the "
            f"one this state was made from: the topic was re-created; {REBUILD}"
        )


def replayed(
    topic: str, partition: int, position: Position | None, log: bytes, message: Incoming
) -> None:
    """Compare a message that comes again with the log it has to be of.

    A topic that is made again under a running worker is read from its beginning.

    Raises:
        LogError: If it is another log's.
    """
    if position is not None and message.offset == position.offset:
        recognise(topic, partition, position, message)
    elif message.offset == 0 and adopt(topic, partition, message).log != log:
        raise LogError(f"{topic}/{partition}: the topic was re-created; {REBUILD}")


def placed(topic: str, partition: int, following: int, start: int, end: int) -> None:
    """Check that the log, from `start` to before `end`, still holds the next message.

    Raises:
        LogError: If the log was truncated, at its tail or at its head.
    """
    name = f"{topic}/{partition}"
    if end < following:
        raise LogError(
            f"{name}: the log ends at {end}, this state stands at {following - 1}: "
            f"the log was truncated or re-created; {REBUILD}"
        )
    if start > following:
        raise LogError(
            f"{name}: the log begins at {start}, messages from {following} on are "
            f"gone; {REBUILD}"
        )


CREATE = "create it with `kerwen topics apply`"
REBUILD = "bring the log back from a replica or a backup, then `kerwen topics resume`"
