"""The feeder: ministries publish steadily, whatever happens to the hub.

Rules:

- Everything goes through the real publisher: file, spool, sealed batch, receipt.
- Brokers that are away are no failure: the batch waits in its spool, as it would with
  ``kerwen publish``, and the session is opened anew.
- When the pieces are used up before the cycles are, pieces are published once more:
  their rows are replays and must not count.
- What was published is written down for the checker, and nothing else is.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from hub.core.catalogue.model import Catalogue
from hub.core.errors import MachineError, RetriableError
from hub.edge.settings import Home, Settings
from hub.publisher import ledger
from hub.publisher.publish import Session
from hub.trials.chaos.pieces import Piece

COLLECT_EVERY = 10
"""Pieces of one session between two looks at its receipts."""

_SHARED = ("keys", "pki")
Key = tuple[str, int]
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Feeder:
    """Publishes in a thread of its own, from :meth:`start` to :meth:`finish`.

    Attributes:
        interval_seconds: Between two pieces.
        journal: Every piece that is in a spool, in order.
        away: How often the brokers were not there.
        notes: What the publishers would have told a person.
    """

    settings: Settings
    catalogue: Catalogue
    pieces: Sequence[Piece]
    interval_seconds: float
    seed: int
    journal: list[Piece] = field(default_factory=list)
    away: int = 0
    notes: list[str] = field(default_factory=list)
    _sessions: dict[Key, Session] = field(default_factory=dict)
    _uses: dict[Key, int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _feeding: Future[None] | None = None
    # A spool may only be used by the thread that opened it.
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="feeder")
    )

    def start(self) -> None:
        """Begin to publish."""
        self._feeding = self._thread.submit(self._feed)

    def check(self) -> None:
        """Raise what ended the publishing, if anything did."""
        if self._feeding is not None and self._feeding.done():
            self._feeding.result()

    def finish(self, wait_seconds: float) -> int:
        """Publish what is left and wait for all receipts; batches without one.

        Raises:
            HubError: Publishing failed for another reason than absent brokers.
        """
        self._stop.set()
        if self._feeding is not None:
            self._feeding.result()
        return self._do(lambda: self._rest(wait_seconds))

    def declare(
        self, declarations: Iterable[Mapping[str, Any]], wait_seconds: float
    ) -> int:
        """Declare every period; batches without a receipt."""
        return self._do(lambda: self._declare(declarations, wait_seconds))

    def spools(self) -> list[Path]:
        """The spools, one for each installation and ministry."""
        return sorted(
            self._home(installation).spool / f"{member}.sqlite"
            for member, installation in self._uses
        )

    def close(self) -> None:
        """Give everything back; a second time does nothing."""
        self._stop.set()
        self._do(self._shut)

    def _do(self, call: Callable[[], T]) -> T:
        return self._thread.submit(call).result()

    def _feed(self) -> None:
        dice = random.Random(self.seed)  # noqa: S311 - which piece again, no secret
        due = time.monotonic()
        while not self._stop.is_set():
            at = len(self.journal)
            if at < len(self.pieces):
                piece = self.pieces[at]
            else:
                piece = replace(dice.choice(self.pieces), again=True, resend=False)
            self._publish(piece)
            due = max(due + self.interval_seconds, time.monotonic() - 1)
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _rest(self, wait_seconds: float) -> int:
        for piece in self.pieces[len(self.journal) :]:
            self._publish(piece)
        return self._settle(wait_seconds)

    def _declare(
        self, declarations: Iterable[Mapping[str, Any]], wait_seconds: float
    ) -> int:
        for one in declarations:
            session = self._session((one["member"], 0))
            session.declare(
                one["dataflow"], one["period"], complete=one["complete"], nil=one["nil"]
            )
        return self._settle(wait_seconds)

    def _shut(self) -> None:
        for session in self._sessions.values():
            session.__exit__()
        self._sessions.clear()

    def _publish(self, piece: Piece) -> None:
        """Into the spool, and as far as the brokers let it."""
        key = (piece.member, piece.installation)
        session = self._session(key)
        publication = session.add(piece.dataflow, piece.path, again=piece.again)
        self.journal.append(piece)
        self._uses[key] += 1
        try:
            session.courier.send()
            if piece.resend:
                items = ledger.items(session.spool, file=publication.id)
                session.courier.repeat(items)
            if self._uses[key] % COLLECT_EVERY == 0:
                session.courier.collect()
        except (RetriableError, MachineError):
            self.away += 1
            self._sessions.pop(key).__exit__()
        self._hear(session)

    def _settle(self, wait_seconds: float) -> int:
        deadline = time.monotonic() + wait_seconds
        left = 0
        for key in sorted(self._uses):
            session = self._session(key)
            self.notes += session.settle(max(1.0, deadline - time.monotonic()))
            left += ledger.waiting(session.spool, session.courier.stopped)
        return left

    def _hear(self, session: Session) -> None:
        self.notes += session.courier.notes
        session.courier.notes.clear()

    def _session(self, key: Key) -> Session:
        self._uses.setdefault(key, 0)
        if key not in self._sessions:
            member, installation = key
            settings = replace(self.settings, home=self._home(installation))
            self._sessions[key] = Session.open(settings, self.catalogue, member)
        return self._sessions[key]

    def _home(self, installation: int) -> Home:
        """The home of an installation: the same keys, a spool of its own."""
        if not installation:
            return self.settings.home
        root = self.settings.home.root
        home = Home(root=root / f"installation-{installation}")
        home.spool.mkdir(parents=True, exist_ok=True)
        for name in _SHARED:
            link = home.root / name
            if not link.exists():
                link.symlink_to(root / name)
        return home
