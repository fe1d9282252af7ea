"""One loop for all stages: guard, step, send, acknowledge, store.

Rules (design: delivery, rules 2 to 7 and 12):

- Order of a chunk: compute, send, await every acknowledgement, write the batch, and
  only later commit the offset as a hint. Past the deadline for acknowledgements the
  process ends: a new producer would send twice.
- A step runs in a thread, one at a time; the loop stays free for the group. A chunk is
  taken when its turn has come: what arrives while others step is folded with it, so
  chunks grow with the load and nobody waits for that.
- :class:`~hub.core.errors.LogError` stops its partition and
  :class:`~hub.core.errors.BundleError` lets it wait; any other exception ends the
  process.
- What a signed skip sets aside is marked before the step, and the position moves on.
- Nothing is taken from a partition that is not ours in this very assignment.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from faust.types import TP, Message

from agents import group, recounting, stepping
from agents.account import Account
from agents.condition import Condition
from agents.custody import Custody
from agents.frame import HubApp, WorkerError
from agents.limits import OPEN_SECONDS, RECOVER_SECONDS, Limits
from agents.partition import Partition
from hub.core import errors, guard
from hub.core.guard import Verdict
from hub.core.log import Incoming
from hub.core.stage import Result, Stage
from hub.edge.bundles import Library
from hub.edge.metrics import Metrics

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Runtime:
    """Drives one stage over the partitions of this worker."""

    def __init__(
        self,
        app: HubApp,
        stage: Stage,
        custody: Custody,
        metrics: Metrics,
        limits: Limits,
        *,
        account: Account | None = None,
        library: Library | None = None,
    ) -> None:
        self.app = app
        self.library = library
        self.account = account or Account()
        self.stage = stage
        self.metrics = metrics
        self.limits = limits
        self.partitions: dict[TP, Partition] = {}
        self.custody = custody
        self._roomy = asyncio.Event()
        self.turn = asyncio.Lock()
        self._steps = ThreadPoolExecutor(1, thread_name_prefix="step")
        self._stores = ThreadPoolExecutor(1, thread_name_prefix="store")

    # What the frame asks for (agents.frame.Hooks).

    async def assigned(self, partitions: set[TP], generation: int) -> None:
        """Make the partitions of this assignment and begin to open their states."""
        self.metrics.count("rebalances_total")
        logger.info(
            "assigned %d partitions, generation %d", len(partitions), generation
        )
        await self._take_away(list(self.partitions.values()))
        for tp in partitions:
            self.begin(tp, generation)

    def begin(self, tp: TP, generation: int) -> Partition:
        """Make a partition and begin to open its state."""
        one = Partition(tp, generation, self.limits.chunk)
        one.trusted = self.library.trusted if self.library else None
        one.folding = asyncio.Lock()
        self.partitions[tp] = one
        one.opening = asyncio.create_task(self._open(one))
        return one

    async def revoked(self, _partitions: set[TP]) -> None:
        """Let go of everything: a rebalance of this group always takes all."""
        await self._take_away(list(self.partitions.values()))

    async def seeks(self, partitions: set[TP]) -> Mapping[TP, int | None]:
        """Wait for the states, then say where each partition begins."""
        mine = [self.partitions[tp] for tp in partitions if tp in self.partitions]
        opening = [one.opening for one in mine if one.opening is not None]
        if opening:
            await asyncio.wait(opening, timeout=OPEN_SECONDS)
        await group.learn(self.app, mine)
        for one in mine:
            one.held_back = not one.flowing
        return {one.tp: one.following if one.flowing else None for one in mine}

    async def stopping(self) -> None:
        """Leave nothing open: the next owner is waiting."""
        await group.tell(self.app, self.partitions.values())
        await self._take_away(list(self.partitions.values()))

    # Messages in.

    async def take(self, message: Message) -> None:
        """Guard one message; waits while too much is buffered."""
        one = self.partitions.get(message.tp)
        generation = getattr(message, "generation_id", None)
        if one is None or one.generation != generation or not one.flowing:
            self.metrics.count("messages_total", outcome="stale")
            return
        incoming = Incoming(
            offset=message.offset,
            time_ms=round(message.timestamp * 1000),
            value=message.value or b"",
        )
        try:
            verdict = one.offer(incoming)
        except errors.LogError as error:
            self.stop(one, error)
            return
        if verdict is Verdict.NEXT:
            await self._room()
            return
        self.metrics.count("messages_total", outcome=verdict.name.lower())
        if verdict is Verdict.GAP or one.condition is Condition.CHECKING:
            self._recover_soon(one)

    async def _room(self) -> None:
        ones, most = self.partitions, self.limits.buffer_bytes
        while sum(one.pending_bytes for one in ones.values()) >= most:
            self._roomy.clear()
            await self._roomy.wait()

    # Opening and shutting.

    async def _open(self, one: Partition) -> None:
        try:
            if not await self.custody.load(one):
                return
            self.account.opened(one)
            one.working = asyncio.create_task(self._work(one))
            if one.held_back:
                await group.learn(self.app, [one])
                consumer = self.app.consumer
                await consumer.seek_wait({one.tp: one.following})
                consumer.resume_partitions({one.tp})
        except errors.FencedError:
            pass
        except (errors.LogError, errors.MachineError) as error:
            self.stop(one, error)
        except Exception as error:  # noqa: BLE001 - whatever it is ends the process
            await self._end(one, error)

    async def _take_away(self, victims: Sequence[Partition]) -> None:
        before = self._gaps()
        for one in victims:
            self.partitions.pop(one.tp, None)
            self.account.gone(one)
            one.kill()
        self.metrics.gaps(before, self._gaps())
        self._roomy.set()
        for one in victims:
            if one.opening is not None:
                await asyncio.wait([one.opening])
            await self.custody.shut(one)

    def stop(self, one: Partition, error: Exception) -> None:
        """Stop one partition; the others go on."""
        if one.condition is Condition.GONE:
            return
        logger.error("%s stops: %s", one.name, error)
        one.stop(str(error))
        self.app.consumer.pause_partitions({one.tp})
        self._roomy.set()

    def wait(self, one: Partition, error: errors.BundleError) -> None:
        """Let one partition wait for a bundle; the others go on."""
        if one.condition is Condition.GONE:
            return
        if one.error != str(error):
            logger.error("%s waits: %s", one.name, error)
        one.wait(str(error), error.digest)
        self.app.consumer.pause_partitions({one.tp})
        self._roomy.set()

    async def revive(self, one: Partition) -> None:
        """Have a partition that stands still go on from its stored position."""
        if not one.condition.stands:
            return
        if not one.open:
            one.condition, one.error, one.held_back = Condition.OPENING, "", True
            one.opening = asyncio.create_task(self._open(one))
            return
        async with one.folding:  # a chunk under way moves the position it goes on from
            if not one.condition.stands:
                return
            one.revive()
            self.account.opened(one)
            # Who stopped while it waited for messages waits still: two would fold.
            if one.working is None or one.working.done():
                one.working = asyncio.create_task(self._work(one))
        await self.app.consumer.seek_wait({one.tp: one.following})
        if one.flowing:
            self.app.consumer.resume_partitions({one.tp})

    # Seeking back.

    def _recover_soon(self, one: Partition) -> None:
        if one.recovering is None or one.recovering.done():
            one.recovering = asyncio.create_task(self._recover(one))

    async def _recover(self, one: Partition) -> None:
        consumer = self.app.consumer
        try:
            start = (await consumer.earliest_offsets(one.tp))[one.tp]
            end = (await consumer.highwaters(one.tp))[one.tp]
            one.placed(start, end)
            if one.flowing:
                await consumer.seek_wait({one.tp: one.following})
                self.metrics.count("seeks_total")
        except errors.LogError as error:
            one.opening = asyncio.create_task(recounting.behind(self, one, error))
        except Exception as error:  # noqa: BLE001 - the next gap tries again
            logger.warning("%s: seek failed: %s", one.name, type(error).__name__)
        await asyncio.sleep(RECOVER_SECONDS)

    # Chunks.

    async def _work(self, one: Partition) -> None:
        try:
            while one.flowing:
                if not one.owing:
                    await one.ready()
                async with one.folding:
                    await self._fold(one)
        except errors.FencedError:
            logger.info("%s: a chunk was fenced", one.name)
        except errors.BundleError as error:
            self.wait(one, error)
        except errors.LogError as error:
            self.stop(one, error)
        except errors.RecountError as error:
            one.opening = asyncio.create_task(recounting.anew(self, one, error))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - a panic in Rust is one of these
            await self._end(one, error)

    async def _end(self, one: Partition, error: BaseException) -> None:
        """End the process; the error's own text may quote data and is not logged."""
        logger.critical("%s: the worker ends", one.name, exc_info=error)
        text = f"{one.name}: {type(error).__name__} after offset {one.folded}"
        await self.app.die(WorkerError(text))

    async def _fold(self, one: Partition) -> None:
        """Fold a chunk, in as many steps as the stage asks for."""
        chunk: list[Incoming] | None = None
        while chunk is None or chunk or one.owing:
            async with self.turn:
                if chunk is None:
                    chunk = [] if one.owing else one.take()
                    if not chunk and not one.owing:
                        return
                one.stepping = began = time.monotonic()
                try:
                    folded = await self._in(self._steps, self._step, one, chunk)
                except (errors.LogError, errors.BundleError):
                    if len(chunk) <= 1:
                        raise
                    one.again(chunk)
                    return
                finally:
                    one.stepping = 0.0
            overlay, result, seconds = folded
            one.rest(seconds)
            taken = chunk if result.taken is None else chunk[: result.taken]
            chunk = chunk[len(taken) :]
            await self._send(one, result, one.silent(taken))
            acked = time.monotonic()
            position = one.after(taken)
            self.account.add(one, overlay, result.counts)
            overlay.put(guard.POSITION_KEY, guard.encode_position(position))
            if result.more:
                overlay.put(guard.MORE_KEY, b"")
            elif one.owing:
                overlay.delete(guard.MORE_KEY)
            write = one.state.write
            await self._in(self._stores, write, overlay.pending, self.limits.sync)
            one.stored(position, owing=result.more)
            one.rows += stepping.rows_in(result.counts)
            self.account.folded(one, overlay)
            self._roomy.set()
            self._show_gaps(one, stepping.gaps_after(one.gaps, overlay, result.gaps))
            stepping.show(self.metrics, taken, result, seconds, (began, acked))
            del folded, overlay, result  # a step's many entries: not two at a time

    async def _send(self, one: Partition, result: Result, silent: bool) -> None:
        """Send a step's outputs and wait for every acknowledgement."""
        began = time.monotonic()
        if result.sends and not silent:
            if one.state.dead:
                text = f"{one.name}: taken away before its outputs went out"
                raise errors.FencedError(text)
            await self.app.send_all(result.sends, self.limits.ack_seconds)
            self.metrics.count("sends_total", len(result.sends))
        self.metrics.time("ack_seconds", time.monotonic() - began)

    def _show_gaps(self, one: Partition, now: tuple[str, ...]) -> None:
        before = self._gaps()
        one.gaps = now
        self.metrics.gaps(before, self._gaps())

    def _gaps(self) -> set[str]:
        return {name for one in self.partitions.values() for name in one.gaps}

    def _step(self, one: Partition, chunk: list[Incoming]) -> stepping.Folded:
        """In a thread: one step, and how long it took."""
        return stepping.step(self.stage, self.library, one, chunk)

    async def _in(
        self, executor: ThreadPoolExecutor, call: Callable[..., T], *args: object
    ) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, call, *args)
