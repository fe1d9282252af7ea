"""The service of a ministry: folders, databases and pushes into one spool, then sent.

Rules:

- One thread owns the spool; pushes wait for it in a queue that has a bound.
- The spool is held only while there is something to do, and given back at least every
  ``HOLD_SECONDS``: `kerwen publish` of the same member finds its turn.
- What is wrong with one file or query concerns that one: it is told and counted, and
  the others go on. What is wrong with the machine is tried again, later and later.
- Metrics bear dataflow, outcome and reason, never a carrier, a file or a person; of a
  quiet dataflow there is no number of rows, and none of files and pushes but of those
  that failed.
"""

from __future__ import annotations

import math
import queue
import re
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hub.core.errors import HubError, InvalidError, MachineError
from hub.edge.metrics import Metrics
from hub.publisher.courier import Tell
from hub.publisher.publish import Session
from hub.publisher.summary import Summary
from hub.publisher.watch_folder import Folder, Taken
from hub.publisher.watch_plan import Plan, SqlPlan
from hub.publisher.watch_sql import Poll

HOLD_SECONDS = 30.0
YIELD_SECONDS = 0.5
"""Pause between two holds of the spool, in which another may take it."""
RETRY_SECONDS = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Pauses after one failure, two, and so on."""
SETTLE_SECONDS = 2.0
"""How long a round waits for receipts."""
SEND_SECONDS = 15.0
"""Pause between two attempts to send what waits."""
JOBS_MAX = 16

Say = Callable[[str], None]
"""One line for a person: what happened."""


class Job(Protocol):
    """Something that waits for the spool."""

    def run(self, session: Session) -> Summary | None:
        """Do it; its errors are its own to tell."""

    def fail(self, error: HubError) -> None:
        """It cannot be done now."""


_EVENTS = {"files_total": re.compile("failed"), "pushes_total": re.compile("5..")}
"""Counters of what comes when it comes; which outcomes are told of a quiet dataflow."""


@dataclass(slots=True)
class _Query:
    """A query and when it is asked next."""

    plan: SqlPlan
    due: float = 0.0


@dataclass(slots=True, kw_only=True)
class Watch:
    """One service.

    Attributes:
        open: A session of the member; raises while another holds the spool.
        listings: Where refused rows of queries are listed.
        tell: Progress inside a file or a query.
        clock: Seconds that only go forward.
        wall_ms: The time of day, for the slots of quiet dataflows.
        slotted: Whether sessions have slots: then the spool is looked into at once.
        hushed: Quiet dataflows: neither is it counted how often something of them came,
            nor told when; that a file failed, or the service, is.
        waiting: Batches without a receipt.
        failed: Files and queries that were wrong.
        troubled: Whether something around was missing.
    """

    plan: Plan
    open: Callable[[], Session]
    metrics: Metrics
    listings: Path
    say: Say
    tell: Tell | None = None
    clock: Callable[[], float] = time.monotonic
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    slotted: bool = False
    hushed: Collection[str] = ()
    jobs: queue.Queue[Job] = field(default_factory=lambda: queue.Queue(JOBS_MAX))
    stopping: threading.Event = field(default_factory=threading.Event)
    waiting: int = 0
    failed: int = 0
    troubled: bool = False
    _folders: list[Folder] = field(default_factory=list)
    _queries: list[_Query] = field(default_factory=list)
    _failures: int = 0
    _send: float = 0.0
    _slot_ms: float = math.inf
    _notes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._slot_ms = 0 if self.slotted else math.inf
        self._folders = [
            Folder(plan=one, clock=self.clock) for one in self.plan.folders
        ]
        self._queries = [_Query(one) for one in self.plan.queries]

    def run(self) -> None:
        """Work until :attr:`stopping` is set."""
        while not self.stopping.is_set():
            self._wait(self.round())

    def once(self, wait_seconds: float) -> None:
        """Take what is there now, send it, wait for receipts, and end."""
        deadline = self.clock() + wait_seconds
        while not self.stopping.is_set():
            pause = self.round()
            idle = not self.waiting and not any(one.unsettled for one in self._folders)
            asked = all(one.due for one in self._queries)
            if (idle and asked and not self._failures) or self.clock() > deadline:
                return
            self._wait(min(pause, 1.0))

    def round(self) -> float:
        """Everything that is due, once; returns how long there is nothing to do.

        An error of the machine ends the round, not the service.
        """
        try:
            files = [(one, path) for one in self._folders for path in self._whole(one)]
            asked = self._due() or not self.jobs.empty() or self._sending()
            if files or asked or self.wall_ms() >= self._slot_ms:
                self._hold(files)
            self._failures = 0
        except HubError as error:
            self._failures += 1
            self.troubled = True
            self.counted("watch_failures_total")
            self._once_said(f"{error}; tried again")
            self._refuse(error)
            return RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS)) - 1]
        return self.plan.every_seconds

    def _whole(self, folder: Folder) -> list[Path]:
        """Files of a folder that are whole; none where it cannot be looked into."""
        try:
            return folder.whole()
        except MachineError as error:
            self.troubled = True
            self._once_said(str(error))
            return []

    def _wait(self, seconds: float) -> None:
        """Sleep, unless a push comes or the service ends."""
        end = self.clock() + max(seconds, YIELD_SECONDS)
        while (left := end - self.clock()) > 0 and not self.stopping.is_set():
            if not self.jobs.empty() and not self._failures:
                self.stopping.wait(YIELD_SECONDS / 10)
                return
            self.stopping.wait(min(left, 0.1))

    def _due(self) -> bool:
        now = self.clock()
        return any(one.due <= now for one in self._queries)

    def _sending(self) -> bool:
        return self.waiting > 0 and self.clock() >= self._send

    def _hold(self, files: list[tuple[Folder, Path]]) -> None:
        """Work with the spool."""
        end = self.clock() + HOLD_SECONDS
        with self.open() as session:
            for folder in self._folders:
                folder.tidy()
            for folder, path in files:
                self._jobs(session)
                if self.stopping.is_set() or self.clock() > end:
                    break
                self._file(folder.take(session, path, self.tell))
            for query in self._queries:
                if query.due <= self.clock() and not self.stopping.is_set():
                    self._jobs(session)
                    self._poll(session, query)
            self._jobs(session)
            for note in session.settle(SETTLE_SECONDS):
                self._once_said(note)
            self._send = self.clock() + SEND_SECONDS
            self.waiting = session.waiting
            if session.slots is not None:
                self._slot_ms = session.slots.following(session.sealer.now_ms())

    def _jobs(self, session: Session) -> None:
        """Pushes go first: somebody waits for each."""
        while True:
            try:
                job = self.jobs.get_nowait()
            except queue.Empty:
                return
            summary = job.run(session)
            if summary is not None:
                self._count(summary, "push")

    def _refuse(self, error: HubError) -> None:
        """Nobody waits longer than the spool is away."""
        while True:
            try:
                self.jobs.get_nowait().fail(error)
            except queue.Empty:
                return

    def _file(self, taken: Taken) -> None:
        self.counted("files_total", dataflow=taken.dataflow, outcome=taken.outcome)
        if taken.outcome == "failed":
            self.failed += 1
            self.say(f"{taken.name}: failed: {taken.error}")
        elif taken.summary is not None:
            self._count(taken.summary, taken.outcome)
            self.say(f"{taken.name}: {taken.outcome}{_rows(taken.summary)}")

    def _poll(self, session: Session, query: _Query) -> None:
        """Ask a query; what is wrong with it is told, and it is asked again later."""
        plan = query.plan
        query.due = self.clock() + plan.every_seconds
        poll = Poll(
            filler=session.filler,
            flow=plan.flow,
            mapping=plan.mapping,
            url=plan.url,
            listing=self.listings / f"{plan.flow.id}.{session.sealer.now_ms()}.sql",
        )
        try:
            done = poll.run(tell=self.tell, stopping=self.stopping.is_set)
        except HubError as error:
            self.failed += isinstance(error, InvalidError)
            self.troubled |= not isinstance(error, InvalidError)
            self._outcome(plan.flow.id, "failed")
            self._once_said(f"{plan.flow.id}: {error}")
            return
        self._outcome(plan.flow.id, "done")
        if not plan.flow.quiet:
            self._rows_counted(plan.flow.id, "spooled", done.spooled)
            self._rows_counted(plan.flow.id, "rejected", done.rejected)
        for note in done.notes:
            self._once_said(f"{plan.flow.id}: {note}")
        if done.spooled and not plan.flow.quiet:
            self.say(f"{plan.flow.id}: {done.spooled:,} new rows from the database")
        if done.rejected_file is not None:
            self.say(f"{plan.flow.id}: rows rejected, listed in {done.rejected_file}")

    def _outcome(self, dataflow: str, outcome: str) -> None:
        self.counted("polls_total", dataflow=dataflow, outcome=outcome)
        if outcome == "done":
            self._succeeded(dataflow)

    def _count(self, summary: Summary, outcome: str) -> None:
        """A publication into the metrics."""
        if summary.quiet:
            return
        self._succeeded(summary.dataflow)
        if outcome == "known":
            return
        self._rows_counted(summary.dataflow, "spooled", summary.published)
        self._rows_counted(summary.dataflow, "rejected", summary.source.rejected)
        for (kind, _), number in summary.source.deviations.items():
            self.counted(
                "deviations_total", number, dataflow=summary.dataflow, reason=kind
            )

    def _rows_counted(self, dataflow: str, outcome: str, number: int) -> None:
        self.counted("rows_total", number, dataflow=dataflow, outcome=outcome)

    def _succeeded(self, dataflow: str) -> None:
        self.metrics.gauge(
            "last_success_seconds",
            time.time(),
            ministry=self.plan.member,
            dataflow=dataflow,
        )

    def counted(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter of this ministry."""
        # A case that is pushed when it comes, or is a file of its own, is an event.
        told = _EVENTS.get(name)
        if (
            told
            and labels["dataflow"] in self.hushed
            and not told.fullmatch(labels["outcome"])
        ):
            return
        self.metrics.count(name, amount, ministry=self.plan.member, **labels)

    def _once_said(self, text: str) -> None:
        """A line that would come every round comes once."""
        if text not in self._notes:
            if len(self._notes) >= 1_000:
                self._notes.clear()
            self._notes.add(text)
            self.say(text)


def _rows(summary: Summary) -> str:
    """How many rows, where that is no secret."""
    if summary.quiet:
        return ""
    rejected = summary.source.rejected
    return f", {summary.published:,} rows" + (
        f", {rejected:,} rejected" if rejected else ""
    )
