"""Bounds of a worker: when a chunk is closed, what memory holds, how long it waits.

Rules (design: delivery, rule 12): everything that can grow or wait has a bound here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.edge.tables import BUFFER_BYTES

OPEN_SECONDS = 10.0
"""How long an assignment waits for its states; the rest follow one by one."""

RECOVER_SECONDS = 0.5
"""The least time between two seeks back of one partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkPolicy:
    """When a chunk is closed; whichever comes first.

    The runtime does not see rows. With messages of 1,000 rows a full chunk holds 32,000
    of them, with messages of 20,000 rows two to four messages: enough to fold at full
    speed, and small enough for the memory of a step.

    Attributes:
        messages: So many.
        size_bytes: So much.
        linger_seconds: So long after the first came.
        rest: A partition rests this many times what its last step took, unless a full
            chunk waits: a stage whose step costs much whatever is in it then folds more
            at once under load, and a message that comes alone does not wait.
        rest_seconds_max: But no longer.
    """

    messages: int = 32
    size_bytes: int = 4 << 20
    linger_seconds: float = 0.05
    rest: float = 0.0
    rest_seconds_max: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a worker holds and how long a chunk's outputs may take.

    Attributes:
        chunk: When a chunk is closed.
        buffer_bytes: Input held in memory, over all partitions.
        table_bytes: What a family of a state holds in memory before it is written out.
        ack_seconds: Deadline for the broker to acknowledge a chunk's outputs.
        checkpoint_seconds: How often states are copied to their shelves.
        sync: Whether every batch is fsynced (see :mod:`hub.edge.state`).
    """

    chunk: ChunkPolicy = field(default_factory=ChunkPolicy)
    buffer_bytes: int = 8 << 20
    table_bytes: int = BUFFER_BYTES
    ack_seconds: float = 30.0
    checkpoint_seconds: float = 900.0
    sync: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long nothing may happen before the process ends itself.

    Attributes:
        stall_seconds: Without progress while there is lag and the broker answers.
        step_seconds: In one step; a close of a cut may take long.
        loop_seconds: Without a beat of the loop, or of the one that fetches.
    """

    stall_seconds: float = 30.0
    step_seconds: float = 300.0
    loop_seconds: float = 30.0
