"""Rules of delivery taken away one at a time, to see that the simulator misses them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import polars as pl
from faust.types import TP

from agents.partition import Partition
from hub.core import blocks, coverage, guard
from hub.core.coverage import Verdict
from hub.core.log import START, Coordinate, Incoming, Send
from hub.core.markers import Alignment
from hub.core.messages import BlockHeader
from hub.core.state import Overlay
from tests.simulation.cluster import Host, Pause, SimRuntime, SimState, Ticket


def guarded() -> AbstractContextManager[Any]:
    """Rule 3: every message is taken, whatever its offset."""
    return patch.object(guard, "decide", lambda *_: guard.Verdict.NEXT)


def fence() -> AbstractContextManager[Any]:
    """Rule 4: a state that was taken away can still be written."""
    return patch.object(SimState, "fenced", new=False)


def covering() -> AbstractContextManager[Any]:
    """Rule 5: every block is applied, each time it comes."""

    def admit(_overlay: Overlay, _header: BlockHeader) -> Verdict:
        return Verdict(action="apply", after=START)

    return patch.object(coverage, "admit", admit)


def rows() -> AbstractContextManager[Any]:
    """Rule 5: offsets alone; a message split for size counts by its first part."""
    whole = coverage.admit

    def admit(overlay: Overlay, header: BlockHeader) -> Verdict:
        found = whole(overlay, header)
        if header.to_offset <= found.after.offset:
            return replace(found, action="covered")
        return found

    return patch.object(coverage, "admit", admit)


def seen() -> AbstractContextManager[Any]:
    """Rule 5: a block that is partly covered is applied whole."""

    def unseen(frame: pl.DataFrame, _after: Coordinate) -> pl.DataFrame:
        return frame

    return patch.object(coverage, "unseen", unseen)


def silence() -> AbstractContextManager[Any]:
    """Rule 6: a chunk without rows for a partition sends it nothing."""
    whole = blocks.seal

    def seal(parts: Sequence[blocks.Part], **kwargs: Any) -> list[bytes]:
        spoken = [part for part in parts if part.sections or part.close]
        return whole(spoken, **kwargs)

    return patch.object(blocks, "seal", seal)


def gaps() -> AbstractContextManager[Any]:
    """Rules 2 and 6: nobody waits for acknowledgements, and gaps are stepped over."""
    whole = coverage.admit

    def admit(overlay: Overlay, header: BlockHeader) -> Verdict:
        found = whole(overlay, header)
        return replace(found, action="apply") if found.action == "gap" else found

    @contextmanager
    def both() -> Iterator[None]:
        with acks(), patch.object(coverage, "admit", admit):
            yield

    return both()


def acks() -> AbstractContextManager[Any]:
    """Rule 2: a chunk is written although its outputs may not have arrived."""

    async def send_all(self: Host, sends: Sequence[Send], _seconds: float) -> None:
        for send in sends:
            await Pause(point="before send")
            queue = self.outbox.setdefault(TP(send.topic, send.partition), deque())
            queue.append(Ticket(send))

    return patch.object(Host, "send_all", send_all)


def order() -> AbstractContextManager[Any]:
    """Rule 2: a chunk is written before its outputs are sent."""

    async def fold(self: SimRuntime, one: Partition, chunk: list[Incoming]) -> None:
        call = self._in
        while chunk or one.owing:
            overlay, result, _ = await call(self._steps, self._step, one, chunk)
            taken, silent = chunk[: result.taken], one.silent(chunk[: result.taken])
            position = one.after(taken)
            overlay.put(guard.POSITION_KEY, guard.encode_position(position))
            overlay.pending[guard.MORE_KEY] = b"" if result.more else None
            await call(self._stores, one.state.write, overlay.pending)
            one.stored(position, owing=result.more)
            if not silent:
                await self.app.send_all(result.sends, 1.0)
            chunk = chunk[len(taken) :]

    return patch.object(SimRuntime, "_fold", fold)


def alignment() -> AbstractContextManager[Any]:
    """Rule 8: nothing is held back behind a marker."""
    return patch.object(Alignment, "free", lambda *_: True)
