"""One input partition during one assignment: its state, its guard, its buffer.

Rules (design: delivery, rules 3, 4 and 7):

- A new assignment makes a new object, even for the same partition and worker.
- The first message is the one at the stored position; it is compared, not folded. In a
  partition without state it is the genesis record, which gives the log its identity.
- Messages wait in a buffer and are taken out as chunks. A chunk is closed by its size,
  by its count, or when its first message has waited long enough.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque

from faust.types import TP

from agents.condition import Condition
from agents.limits import ChunkPolicy
from hub.core import guard
from hub.core.errors import FencedError, LogError
from hub.core.guard import Attempt, Position, Verdict
from hub.core.keys import KeyRegistry
from hub.core.log import Incoming, Source
from hub.edge.state import State

PATIENCE_SECONDS, PATIENCE_SECONDS_MAX = 0.5, 30.0
"""How often a partition looks for the bundle it waits for."""


class Partition:
    """One input partition during one assignment; lives in the loop of the app."""

    def __init__(self, tp: TP, generation: int, policy: ChunkPolicy) -> None:
        self.tp = tp
        self.name = f"{tp.topic}/{tp.partition}"
        self.generation = generation
        self.condition = Condition.OPENING
        self.error = ""
        self.held_back = False
        self.source: Source | None = None
        self.position: Position | None = None
        self.following = 0
        self.end = 0
        self.gaps: tuple[str, ...] = ()
        self.owing = False
        self.rows = 0
        self.hint: tuple[int, str] = (0, "")
        self.hinted = 0
        self.kept = -1
        self.trusted: KeyRegistry | None = None
        self.poison = -1
        self.wants = b""
        self.patience = PATIENCE_SECONDS
        self.due = 0.0
        self.opening: asyncio.Task[None] | None = None
        self.working: asyncio.Task[None] | None = None
        self.folding = asyncio.Lock()
        self.recovering: asyncio.Task[None] | None = None
        self.attempt: Attempt | None = None
        self.progress = time.monotonic()
        self.stepping = 0.0
        self._short = False
        self.pending_bytes = 0
        self.pending_since_ms = self.stamped_ms = 0
        self._policy = policy
        self._state: State | None = None
        self._suspect_until = -1
        self._buffer: deque[Incoming] = deque()
        self._buffer_bytes = 0
        self._first_at = self._rested_at = 0.0
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()

    @property
    def state(self) -> State:
        """The open state."""
        if self._state is None:
            raise FencedError(f"{self.name}: its state is not open")
        return self._state

    @property
    def open(self) -> bool:
        """Whether there is a state to go on from."""
        return self._state is not None

    @property
    def flowing(self) -> bool:
        """Whether messages are wanted."""
        return self.condition in (Condition.CHECKING, Condition.RUNNING)

    @property
    def folded(self) -> int:
        """Offset of the last message folded in; -1 before the first."""
        return self.position.offset if self.position else -1

    @property
    def acknowledged(self) -> int:
        """The message whose outputs are not all acknowledged yet."""
        return self.folded if self.owing else self.folded + 1

    @property
    def lag(self) -> int:
        """Messages in the log that are not folded in, as far as known."""
        return max(0, self.end - self.folded - 1)

    @property
    def rebuild(self) -> int:
        """Messages until the state is where a lost one had been."""
        return max(0, self._silent_until - self.folded - 1)

    def load(self, state: State) -> None:
        """Take the state over; runs in a thread, before anything flows.

        Raises:
            LogError: If its position is unreadable, or the next message killed the
                worker too often.
        """
        self._state = state
        position, attempt, more = state.get_many(
            [guard.POSITION_KEY, guard.ATTEMPT_KEY, guard.MORE_KEY]
        )
        self.owing = more is not None
        if position is not None:
            self.position = guard.decode_position(position)
            self.following = self.position.offset
            self.source = Source(
                topic=self.tp.topic,
                partition=self.tp.partition,
                log=self.position.log,
            )
        self.attempt = guard.decode_attempt(attempt)
        if self.attempt is not None and self.attempt.first == self.folded + 1:
            self._doubt(self.attempt, state)

    def _doubt(self, attempt: Attempt, state: State) -> None:
        if attempt.hopeless:
            self.attempt = guard.judged(attempt, round(time.time() * 1000))
            state.write({guard.ATTEMPT_KEY: guard.encode_attempt(self.attempt)})
            if self.attempt.stopped_ms:
                self.poison = attempt.first
                raise LogError(guard.poisoned(self.name, self.attempt))
        if attempt.suspect:
            self._suspect_until = attempt.last

    def offer(self, message: Incoming) -> Verdict:
        """Guard one message; the next one is buffered (or compared, see module).

        Raises:
            LogError: If this is not the log the state was made from.
        """
        verdict = guard.decide(message.offset, self.following)
        topic, number = self.tp
        if verdict is Verdict.REPLAY and self.source is not None:
            guard.replayed(topic, number, self.position, self.source.log, message)
        if verdict is not Verdict.NEXT:
            return verdict
        self.following += 1
        if self.condition is Condition.CHECKING:
            if self.position is not None:
                guard.recognise(topic, number, self.position, message)
                self.condition = Condition.RUNNING
                return verdict
            self.source = guard.adopt(topic, number, message, self.trusted)
            self.condition = Condition.RUNNING
        self.stamped_ms = max(self.stamped_ms, message.time_ms)
        self._append(message)
        return verdict

    def placed(self, start: int, end: int) -> None:
        """Compare the guard with what the log holds, before a seek back.

        Raises:
            LogError: If the log lost what has to follow.
        """
        following = self.following
        if self.condition is Condition.CHECKING and self.position is not None:
            # Retention may have taken the message at the position, not the next one.
            following = self.position.offset + 1
        guard.placed(self.tp.topic, self.tp.partition, following, start, end)
        if start > self.following:
            self.following = following
            self.condition = Condition.RUNNING

    def ended(self, end: int, following: int) -> None:
        """Note where the log ends, as asked when `following` was to follow.

        Raises:
            LogError: If it ends before that a second time: what was read is gone, or
                what had been read when the state was lost.
        """
        self.end = end
        following = max(following, self.folded + 1, self._silent_until)
        short, self._short = self._short, self.flowing and end < following
        if short and self._short:
            guard.placed(self.tp.topic, self.tp.partition, following, 0, end)

    async def ready(self) -> None:
        """Wait until there is a chunk to take."""
        await self._arrived.wait()
        due = max(self._first_at + self._policy.linger_seconds, self._rested_at)
        wait = due - time.monotonic()
        if wait > 0 and not self._full.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), wait)

    def rest(self, seconds: float) -> None:
        """A step took so long; what comes next may have to wait for more."""
        longest = self._policy.rest_seconds_max
        rest = min(seconds * self._policy.rest, longest)
        self._rested_at = time.monotonic() + rest

    def again(self, chunk: list[Incoming]) -> None:
        """Put a refused chunk back, to be taken one message at a time.

        So what stands before the refused message is folded, and the partition stops
        exactly there.
        """
        self._suspect_until = chunk[-1].offset
        self._buffer.extendleft(reversed(chunk))
        self._buffer_bytes += sum(len(message.value) for message in chunk)
        self._arrived.set()

    def silent(self, chunk: list[Incoming]) -> bool:
        """Whether the outputs of `chunk` were acknowledged before a state was lost.

        Of an empty one: those that the last message still owed.
        """
        last = chunk[-1].offset if chunk else self.folded
        return last < self._silent_until

    def stored(self, position: Position, *, owing: bool = False) -> None:
        """A step is done: its batch is written."""
        self.position = position
        self.owing = owing
        self.attempt = None
        self.patience = PATIENCE_SECONDS
        self.pending_bytes = self._buffer_bytes
        self.pending_since_ms = self._buffer[0].time_ms if self._buffer else 0
        self.progress = time.monotonic()

    def after(self, chunk: list[Incoming]) -> Position:
        """The position once `chunk` is folded in; as it is after an empty one."""
        if self.position is not None:
            return self.position.after(chunk) if chunk else self.position
        if self.source is None:
            raise FencedError(f"{self.name}: has no identity yet")
        start = Position(offset=-1, log=self.source.log, digest=b"", clock_ms=0)
        return start.after(chunk)

    def stop(self, error: str) -> None:
        """Stop and wait for a person."""
        self.condition = Condition.STOPPED
        # What is wrong with an origin is told of whom it stops.
        self.error = error if self.name in error else f"{self.name}: {error}"
        self._clear()

    def wait(self, error: str, wants: bytes) -> None:
        """Wait for a bundle; ever longer if it is not the one."""
        self.condition = Condition.WAITING
        self.error, self.wants = error, wants
        self.due = time.monotonic() + self.patience
        self.patience = min(2 * self.patience, PATIENCE_SECONDS_MAX)
        self._clear()

    def revive(self) -> None:
        """Begin again from where the state stands; whoever asks seeks there."""
        self.condition = Condition.CHECKING
        self.error, self.poison = "", -1
        self.attempt = None
        self._suspect_until = self.folded + 1
        self.following = max(0, self.folded)
        self.progress = time.monotonic()

    def kill(self) -> None:
        """The partition is taken away: fence the state, drop what waits."""
        self.condition = Condition.GONE
        if self._state is not None:
            self._state.kill()
        for task in (self.working, self.recovering):
            if task is not None:
                task.cancel()
        self._clear()

    def shut(self) -> None:
        """Give up the state; runs in a thread, after :meth:`kill`."""
        if self._state is not None:
            self._state.close()

    @property
    def _silent_until(self) -> int:
        offset, log = self.hint
        return offset if self.source and log == self.source.log.hex() else 0

    def _append(self, message: Incoming) -> None:
        if not self._buffer:
            self._first_at = time.monotonic()
        if not self.pending_bytes:
            self.pending_since_ms = message.time_ms
        size = len(message.value)
        self._buffer.append(message)
        self._buffer_bytes += size
        self.pending_bytes += size
        self._arrived.set()
        if (
            len(self._buffer) >= self._policy.messages
            or self._buffer_bytes >= self._policy.size_bytes
        ):
            self._full.set()

    def take(self) -> list[Incoming]:
        """Take a chunk out of the buffer; empty if there is nothing any more."""
        first = self._buffer[0].offset if self._buffer else 0
        most = 1 if first <= self._suspect_until else self._policy.messages
        chunk: list[Incoming] = []
        size = 0
        while self._buffer and len(chunk) < most and size < self._policy.size_bytes:
            # A chunk is wholly silent or wholly spoken.
            if chunk and self._buffer[0].offset == self._silent_until:
                break
            chunk.append(self._buffer.popleft())
            size += len(chunk[-1].value)
        self._buffer_bytes -= size
        self._full.clear()
        if not self._buffer:
            self._arrived.clear()
        return chunk

    def _clear(self) -> None:
        self._buffer.clear()
        self._buffer_bytes = self.pending_bytes = self.pending_since_ms = 0
        self._arrived.clear()
        self._full.clear()

    def begun(self, chunk: list[Incoming]) -> Attempt:
        """The attempt to note down for `chunk`, or for what is still owed."""
        first = self.folded + 1
        last = max(chunk[-1].offset if chunk else first, self._suspect_until)
        self.attempt = guard.begin(self.attempt, first, last)
        return self.attempt
