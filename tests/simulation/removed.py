"""Rules of delivery taken away one at a time, to see that the simulator misses them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any, cast
from unittest.mock import patch

import polars as pl
from faust.types import TP

from agents.account import Account
from agents.partition import Partition
from agents.runtime import Runtime
from hub.core import answers, blocks, coverage, guard, intake
from hub.core import validate as validation
from hub.core.coverage import Verdict
from hub.core.dedupe import ledger
from hub.core.dedupe.entries import CANCELLED
from hub.core.log import START, Coordinate, Incoming, Send
from hub.core.markers import Alignment
from hub.core.messages import BlockHeader
from hub.core.stage import Result
from hub.core.state import Overlay
from hub.core.validate import Refused
from tests.simulation.broker import Ticket
from tests.simulation.disk import Shelf, SimState
from tests.simulation.host import Host, SimRuntime
from tests.simulation.loop import Pause
from tests.simulation.steps import PoisonError, Steps
from tests.simulation.strikes import Striker

Without = AbstractContextManager[Any]


def batch() -> Without:
    """Rule 1: the position is written first, the rest of the batch after it."""
    whole = Runtime._in

    async def in_(self: Any, executor: Any, call: Any, *args: Any) -> Any:
        if executor is not self._stores:
            return await whole(self, executor, call, *args)
        pending, sync = args
        first = {key: pending[key] for key in pending if key == guard.POSITION_KEY}
        await whole(self, executor, call, first, sync)
        rest = {key: value for key, value in pending.items() if key not in first}
        return await whole(self, executor, call, rest, sync)

    return patch.object(SimRuntime, "_in", in_)


def acks() -> Without:
    """Rule 2: a chunk is written although its outputs may not have arrived."""

    async def send_all(self: Host, sends: Sequence[Send], _seconds: float) -> None:
        for send in sends:
            await Pause("before send")
            queue = self.outbox.setdefault(TP(send.topic, send.partition), deque())
            queue.append(Ticket(send))

    return patch.object(Host, "send_all", send_all)


def order() -> Without:
    """Rule 2: a chunk is written before its outputs are sent."""

    async def send(*_: Any) -> None:
        """Nothing yet."""

    sends: list[tuple[Any, Any]] = []

    def step(self: Any, one: Partition, chunk: list[Incoming]) -> Any:
        overlay, result, seconds = Runtime._step(self, one, chunk)
        if not one.silent(chunk):
            sends.append((one, result.sends))
        return overlay, result, seconds

    async def fold(self: Any, one: Partition) -> None:
        await Runtime._fold(self, one)
        mine = [each for each in sends if each[0] is one]
        for each in mine:
            sends.remove(each)
            await self.app.send_all(each[1], 1.0)

    return _all(
        (SimRuntime, "_send", send),
        (SimRuntime, "_step", step),
        (SimRuntime, "_fold", fold),
    )


def guarded() -> Without:
    """Rule 3: every message is taken, whatever its offset."""
    return patch.object(guard, "decide", lambda *_: guard.Verdict.NEXT)


def fence() -> Without:
    """Rule 4: a state that was taken away can still be written."""
    return patch.object(SimState, "fenced", new=False)


def covering() -> Without:
    """Rule 5: every block is applied, each time it comes."""

    def admit(_overlay: Overlay, _header: BlockHeader) -> Verdict:
        return Verdict(action="apply", after=START)

    return patch.object(coverage, "admit", admit)


def rows() -> Without:
    """Rule 5: offsets alone; a message split for size counts by its first part."""
    whole = coverage.admit

    def admit(overlay: Overlay, header: BlockHeader) -> Verdict:
        found = whole(overlay, header)
        if header.to_offset <= found.after.offset:
            return replace(found, action="covered")
        return found

    return patch.object(coverage, "admit", admit)


def seen() -> Without:
    """Rule 5: a block that is partly covered is applied whole."""

    def unseen(frame: pl.DataFrame, _after: Coordinate) -> pl.DataFrame:
        return frame

    return patch.object(coverage, "unseen", unseen)


def silence() -> Without:
    """Rule 6: a chunk without rows for a partition sends it nothing."""
    whole = blocks.seal

    def seal(parts: Sequence[blocks.Part], **kwargs: Any) -> list[bytes]:
        spoken = [part for part in parts if part.sections or part.close]
        return whole(spoken, **kwargs)

    return patch.object(blocks, "seal", seal)


def gaps() -> Without:
    """Rules 2 and 6: nobody waits for acknowledgements, and gaps are stepped over."""

    @contextmanager
    def both() -> Iterator[None]:
        with acks(), holding():
            yield

    return both()


def holding() -> Without:
    """Rule 6: gaps are stepped over."""
    whole = coverage.admit

    def admit(overlay: Overlay, header: BlockHeader) -> Verdict:
        found = whole(overlay, header)
        return replace(found, action="apply") if found.action == "gap" else found

    return patch.object(coverage, "admit", admit)


def identity() -> Without:
    """Rule 7: a log is known by the name of its topic."""

    def nothing(*_: Any) -> None:
        """No comparison."""

    return _all(
        (guard, "recognise", nothing),
        (guard, "replayed", nothing),
        (guard, "placed", nothing),
    )


def alignment() -> Without:
    """Rule 8: nothing is held back behind a marker."""
    return patch.object(Alignment, "free", lambda *_: True)


def sets() -> Without:
    """Rule 9: of two revisions of a record the one that arrives last stands."""
    whole = ledger.Batch.accept

    def accept(self: ledger.Batch) -> list[int]:
        whole(self)
        kinds = self.turn.outcomes
        for place, rank in enumerate(self.ranks):
            if kinds[place] == ledger.REPLAY:
                kinds[place] = (
                    ledger.CANCELLATION if rank[CANCELLED] else ledger.AMENDMENT
                )
        return list(range(len(self.records)))

    return patch.object(ledger.Batch, "accept", accept)


def clock() -> Without:
    """Rule 10: time is the worker's, not the brokers'."""
    whole = Steps.step

    def step(
        self: Steps, overlay: Overlay, source: Any, messages: Sequence[Incoming]
    ) -> Result:
        day_ms = 86_400_000 * (id(self) % 3 - 1)
        told = [replace(one, time_ms=one.time_ms + day_ms) for one in messages]
        return whole(self, overlay, source, told)

    return patch.object(Steps, "step", step)


def checkpoints() -> Without:
    """Rule 11: retention does not wait for checkpoints."""

    def retain(self: Striker, stage: str) -> bool:
        schedule = self._schedule
        for host in schedule.of(stage):
            for tp, one in host.partitions():
                schedule.broker.logs[tp].start = max(one.folded, 0)
        return True

    return _all((Striker, "_retain", retain), (Shelf, "add", lambda *_: None))


def limping() -> Without:
    """Rule 12: a chunk that raises is passed over."""
    chunks: dict[Partition, list[Incoming]] = {}

    def step(self: Any, one: Partition, chunk: list[Incoming]) -> Any:
        chunks[one] = chunk
        return Runtime._step(self, one, chunk)

    async def fold(self: Any, one: Partition) -> None:
        try:
            await Runtime._fold(self, one)
        except PoisonError:
            one.stored(one.after(chunks[one]))

    return _all((SimRuntime, "_step", step), (SimRuntime, "_fold", fold))


def looping() -> Without:
    """Rule 12: a message that kills is tried for ever."""
    return patch.object(guard.Attempt, "hopeless", new=False)


def conservation() -> Without:
    """Rule 13: refused rows are dropped without a word."""
    whole = validation.validate

    def validate(*args: Any) -> Any:
        accepted, _ = cast("Any", whole)(*args)
        return accepted, []

    return patch.object(intake, "validate", validate)


def others() -> Without:
    """Rule 13: the first row of a batch comes back instead of those refused."""
    whole = answers._extract

    def extract(rows: pl.DataFrame, refused: Sequence[Refused], schema: str) -> bytes:
        return whole(rows, [replace(one, row=0) for one in refused], schema)

    return patch.object(answers, "_extract", extract)


def sums() -> Without:
    """Rule 13: what was counted is forgotten with the process."""
    return patch.object(Account, "add", lambda *_: None)


def _all(*patches: tuple[Any, str, Any]) -> Without:
    @contextmanager
    def every() -> Iterator[None]:
        with ExitStack() as stack:
            for where, name, stand_in in patches:
                stack.enter_context(patch.object(where, name, stand_in))
            yield

    return every()
