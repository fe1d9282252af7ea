"""An event loop driven by hand; stands in for asyncio in the modules under test.

Rules:

- Every await is a :class:`Pause`. Who goes on next, the schedule says; a timeout may be
  over at any time.
- A thread is a call with a pause before it and a pause after it. If its task is
  cancelled in between, nobody calls the thread back: it may come to its call any time
  later (an *orphan*).
- Tasks belong to the process that made them and die with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable
from functools import partial
from typing import Any, ClassVar, Protocol


class Pause:
    """An await; its task goes on when the schedule says so and `ready` is true."""

    __slots__ = ("point", "ready")

    def __init__(self, point: str, ready: Callable[[], bool] | None = None) -> None:
        self.point = point
        self.ready = ready

    def __await__(self) -> Generator[Pause, None, None]:
        yield self


class Process(Protocol):
    """What a task and a thread need of the process they are in."""

    orphans: list[Callable[[], object]]

    def start(self, work: Coroutine[Any, Any, Any]) -> Task:
        """Begin a task."""

    def reached(self, point: str) -> None:
        """A task stands at a point."""

    def broke(self, error: BaseException) -> None:
        """A task ended with an exception that nobody caught."""


class Task:
    """A coroutine of one process; stands in for :class:`asyncio.Task`."""

    current: ClassVar[Process | None] = None
    """The process whose code runs."""

    def __init__(self, process: Process, work: Coroutine[Any, Any, Any]) -> None:
        self.process = process
        self.at = Pause("start")
        self._work = work
        self._done = self._cancelled = False

    def done(self) -> bool:
        """Whether it has ended."""
        return self._done

    @property
    def ready(self) -> bool:
        """Whether it could go on."""
        ready = self.at.ready
        return not self._done and (self._cancelled or ready is None or ready())

    def cancel(self) -> bool:
        """As asyncio does: the coroutine hears of it when it would go on."""
        self._cancelled = True
        return True

    def run(self) -> None:
        """Go on to the next pause."""
        cancelled, self._cancelled = self._cancelled, False
        Task.current = self.process
        try:
            if cancelled:
                self.at = self._work.throw(asyncio.CancelledError())
            else:
                self.at = self._work.send(None)
        except (StopIteration, asyncio.CancelledError):
            self._done = True
        except Exception as error:  # noqa: BLE001 - as a task, it keeps what ended it
            self._done = True
            self.process.broke(error)
        else:
            self.process.reached(self.at.point)

    def end(self) -> None:
        """The process is no more."""
        self._done = True
        self._work.close()


class Threads:
    """Stands in for a thread pool: a name is all there is to it."""

    def __init__(self, _workers: int, thread_name_prefix: str) -> None:
        self.name = thread_name_prefix


WORDS = {"_step": "step", "_try": "open"}
"""What the calls in threads are called in a schedule, where not by their own name."""


class Clock:
    """Stands in for the module time; moves with the schedule."""

    seconds: ClassVar[float] = 0.0

    @classmethod
    def monotonic(cls) -> float:
        """Seconds."""
        return cls.seconds

    time = monotonic


class Lock:
    """Stands in for :class:`asyncio.Lock`; the schedule says who is next."""

    def __init__(self) -> None:
        self._held = False

    async def __aenter__(self) -> None:
        while self._held:
            await Pause("turn", lambda: not self._held)
        self._held = True

    async def __aexit__(self, *_: object) -> None:
        self._held = False


class Loop:
    """Stands in for the module asyncio, and for its running loop."""

    CancelledError = asyncio.CancelledError
    Event = asyncio.Event
    Lock = Lock

    @staticmethod
    def create_task(work: Coroutine[Any, Any, Any]) -> Task:
        """A task of the process whose code runs."""
        return _process().start(work)

    @staticmethod
    async def wait(tasks: Iterable[Task], timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncio's own signature
        """Wait for tasks; with a timeout, perhaps not to their end."""
        waited = list(tasks)

        def over() -> bool:
            return all(task.done() for task in waited)

        await Pause("wait", over if timeout is None else None)

    @staticmethod
    async def sleep(_seconds: float) -> None:
        """A moment."""
        await Pause("sleep")

    @staticmethod
    async def to_thread(call: Callable[..., Any], *args: object) -> Any:
        """A look at something outside."""
        await Pause("outside")
        return call(*args)

    @staticmethod
    async def wait_for(work: Coroutine[Any, Any, Any], _seconds: float) -> Any:
        """An answer that comes in time."""
        return await work

    def get_running_loop(self) -> Loop:
        """This one."""
        return self

    @staticmethod
    async def run_in_executor(
        _threads: Threads, call: Callable[..., Any], *args: object
    ) -> Any:
        """A call in a thread."""
        named = call.func if isinstance(call, partial) else call
        word = WORDS.get(named.__name__, named.__name__)
        process = _process()
        try:
            await Pause(f"before {word}")
        except asyncio.CancelledError:
            process.orphans.append(partial(call, *args))
            raise
        result = call(*args)
        await Pause(f"after {word}")
        return result


def _process() -> Process:
    if Task.current is None:
        raise AssertionError("code of a process runs outside of any")
    return Task.current
