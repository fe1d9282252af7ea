"""All logs in memory: appended to, and now and then trimmed, cut or made again.

Rules:

- Offsets never change. Retention moves the beginning of a log; what is behind it can no
  longer be read, but the checks still see it.
- What was on its way when its sender died arrives later or never; the schedule says.
- The brokers' clock stamps what comes from outside (the workload says how); a message
  from inside is stamped with its offset, so that a log does not depend on how long a
  schedule took.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from faust.types import TP

from hub.core.log import Incoming, Send

AGAIN_MS = 1_000_000
"""When logs are made again: no run lasts so long."""


@dataclass(slots=True)
class Log:
    """One partition.

    Attributes:
        messages: All there ever were.
        start: The first offset that can be read.
        born_ms: When the broker made it; a log made again is younger.
        before: What it was when it was cut, or made again.
        cut: The first offset that is another one since.
    """

    uuid: bytes
    messages: list[Incoming] = field(default_factory=list)
    start: int = 0
    born_ms: int = 0
    before: list[Incoming] = field(default_factory=list)
    cut: int = 0

    @property
    def end(self) -> int:
        """The next offset."""
        return len(self.messages)

    def append(self, value: bytes, time_ms: int | None = None) -> None:
        """One more message."""
        at = self.end
        clock_ms = self.born_ms + at if time_ms is None else time_ms
        self.messages.append(Incoming(offset=at, time_ms=clock_ms, value=value))

    def lose(self, at: int) -> None:
        """Everything from `at` on is gone; what comes in its place comes later."""
        self.before, self.cut = [*self.messages], at
        self.born_ms += 1
        del self.messages[at:]
        # Cut below where retention has got to, it is empty, as Kafka has it.
        self.start = min(self.start, self.end)


@dataclass(slots=True)
class Ticket:
    """A message on its way."""

    send: Send
    delivered: bool = False


Queue = deque[Ticket]


class Broker:
    """All logs; genesis records are there from the beginning."""

    def __init__(self, born: Iterable[tuple[TP, bytes, bytes]]) -> None:
        self.logs: dict[TP, Log] = {}
        self.answers: dict[str, list[Send]] = defaultdict(list)
        self.hints: dict[TP, tuple[int, str]] = {}
        self.wire: list[Queue] = []
        for tp, uuid, genesis in born:
            self.make(tp, uuid, genesis)

    def make(self, tp: TP, uuid: bytes, genesis: bytes) -> None:
        """A topic is created, or created again."""
        old = self.logs.get(tp)
        born_ms = AGAIN_MS if old else 0
        before = old.messages if old else []
        self.logs[tp] = Log(uuid, born_ms=born_ms, before=before)
        self.logs[tp].append(genesis, born_ms)

    def receive(self, send: Send) -> None:
        """What a producer delivers."""
        log = self.logs.get(TP(send.topic, send.partition))
        if log is None:
            self.answers[send.topic].append(send)
        else:
            log.append(send.value or b"")

    def arrive(self, queue: Queue) -> None:
        """The next of a dead sender's messages."""
        self.receive(queue.popleft().send)
        if not queue:
            self.wire.remove(queue)
