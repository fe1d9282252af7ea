"""Who holds which state: opening states, handing them over, shutting them.

Rules (design: delivery, rule 4):

- A state is opened in a thread; while another worker holds it, a new owner tries again
  until it lets go. A stopped process holds its states until it is woken or killed.
- A full disk is waited for in the same way: a person makes room, not a restart.
- A state that is lost comes back from its newest intact checkpoint (rule 11), and so
  does one that another worker has left behind: the log may no longer reach back to it.
- Whoever gives a partition away shuts its state before the group hears of it.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from agents.condition import Condition
from agents.partition import Partition
from hub.core import guard
from hub.core.errors import LogError, RetriableError
from hub.edge import checkpoints
from hub.edge.state import Budget, State, folder_name, open_state
from hub.edge.tables import BUFFER_BYTES

logger = logging.getLogger(__name__)

SUCCESSOR_SECONDS = 0.2
"""How often a new owner tries the lock of the old one."""


class Custody:
    """The states of one worker, below one folder, within one budget of memory."""

    def __init__(
        self, folder: Path, shelves: Path, *, buffer_bytes: int = BUFFER_BYTES
    ) -> None:
        self._folder = folder
        self._shelves = shelves
        self._budget = Budget.of(buffer_bytes=buffer_bytes)
        self._files = ThreadPoolExecutor(4, thread_name_prefix="state")

    async def load(self, one: Partition) -> bool:
        """Open a state as soon as its old owner lets go; false if gone meanwhile."""
        loop = asyncio.get_running_loop()
        while one.condition is Condition.OPENING:
            why = "its state is held by another worker"
            state = None
            try:
                state = await loop.run_in_executor(self._files, self._try, one)
            except RetriableError as error:
                why = str(error)
            if state is not None:
                await loop.run_in_executor(self._files, one.load, state)
                # In the loop again, so it is sure whether the partition is still ours.
                if one.condition is Condition.OPENING:
                    one.condition = Condition.CHECKING
                    one.error = ""
                return one.flowing
            if one.error != why:
                one.error = why
                logger.warning("%s: %s", one.name, why)
            await asyncio.sleep(SUCCESSOR_SECONDS)
        return False

    async def shut(self, one: Partition) -> None:
        """Give a state up; waits for a write under way."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._files, one.shut)

    async def overtaken(self, one: Partition) -> bool:
        """Whether a checkpoint has come further than an open state."""
        loop = asyncio.get_running_loop()
        newer = partial(self._newer, one, one.state)
        return await loop.run_in_executor(self._files, newer) is not None

    async def drop(self, one: Partition) -> None:
        """Give a state up for good, and its checkpoints."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._files, self._drop, one)

    def _drop(self, one: Partition) -> None:
        shutil.rmtree(self._shelf(one), ignore_errors=True)
        one.shut()
        checkpoints.discard(self._folder / folder_name(one.tp.topic, one.tp.partition))

    async def checkpoint(self, one: Partition, floor: int = 0) -> None:
        """Copy a state to its shelf; the log begins at `floor`."""
        if one.position is None or not one.flowing:
            return
        loop = asyncio.get_running_loop()
        take = partial(
            checkpoints.take,
            one.state,
            self._shelf(one),
            offset=one.position.offset,
            log=one.position.log.hex(),
            floor=floor,
        )
        await loop.run_in_executor(self._files, take)

    async def prune(self, one: Partition, floor: int) -> None:
        """Of a state that stands still, drop the checkpoints that became too old."""
        loop = asyncio.get_running_loop()
        shelf = self._shelf(one)
        await loop.run_in_executor(self._files, checkpoints.prune, shelf, floor)

    def _try(self, one: Partition) -> State | None:
        """In a thread: open a state; where there is none, its newest checkpoint."""
        folder = self._folder / folder_name(one.tp.topic, one.tp.partition)
        if not folder.exists():
            self._restore(one, folder)
        state = open_state(folder, self._budget)
        newer = None if state is None else self._newer(one, state)
        if state is None or newer is None:
            return state
        logger.warning(
            "%s: another worker went on from here; its checkpoint at offset %d takes"
            " the place of this state",
            one.name,
            newer.offset,
        )
        state.close()
        checkpoints.supersede(newer, folder)
        return open_state(folder, self._budget)

    def _newer(self, one: Partition, state: State) -> checkpoints.Checkpoint | None:
        """A checkpoint of the same log that has come further than a state."""
        shelf = self._shelf(one)
        (stored,) = state.get_many([guard.POSITION_KEY])
        try:
            position = None if stored is None else guard.decode_position(stored)
        except LogError:
            return None  # said when it is loaded
        reached = -1 if position is None else position.offset
        if all(offset <= reached for offset in checkpoints.claimed(shelf)):
            return None
        logs = None if position is None else {position.log.hex()}
        return next(
            (
                found
                for found in checkpoints.kept(shelf)
                if found.offset > reached and (logs is None or found.log in logs)
            ),
            None,
        )

    def _restore(self, one: Partition, folder: Path) -> None:
        shelf = self._shelf(one)
        for found in checkpoints.kept(shelf):
            logger.warning(
                "%s: state is lost, restored from offset %d", one.name, found.offset
            )
            checkpoints.restore(found, folder)
            return
        if checkpoints.claimed(shelf):
            logger.warning("%s: state is lost, and no checkpoint is intact", one.name)

    def _shelf(self, one: Partition) -> Path:
        return self._shelves / folder_name(one.tp.topic, one.tp.partition)
