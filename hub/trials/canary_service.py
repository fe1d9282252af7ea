"""Lets canaries fly and watches where they arrive.

``python -m hub.trials.canary_service``

Rules (docs/adr/0008-canary.md):

- The short way every few seconds, one record at a time: receipt, then counted once by
  dedupe and by aggregate. The long way now and then, in a month of long ago that no
  other release closes, and only while no cut is under way and every worker is ready.
- What does not arrive in time is lost. One that comes after all is no second count.
- Runs where the hub runs: it reads the workers' run files, publishes with the key of
  the canary, and closes its table with the control key.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from hub.client import observations, vintages, wait_for
from hub.core.catalogue.model import Catalogue
from hub.core.errors import HubError
from hub.core.period import Period, parse
from hub.edge import control, logs
from hub.edge.files import read_catalogue
from hub.edge.metrics import Metrics, Server
from hub.edge.settings import Settings, from_environment
from hub.embedded import daemon
from hub.publisher.publish import Session
from hub.trials import canary, live
from hub.trials.canary import Flock, Tally

STAGE = "canary"
EVERY_SECONDS = 5.0
RELEASE_SECONDS = 604_800.0
PATIENCE_SECONDS = 60.0
FIRST_MONTH = "1970-02"
"""Long trips go through the months from here on, one each."""
BIRDS = 3
"""Records of a long trip."""
SHORT_MONTH = "1970-01"
"""Records of short trips; nobody ever closes it."""
TOKENS_MAX = 200
_LOOK_SECONDS = 0.2
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Keeper:
    """Sends canaries from one home.

    Attributes:
        start: What the stages had counted when `sent` began to count.
        sent: Short trips since then.
        missing: Lost ones that may still come.
        tokens: Of the last trips, for the search for leaks.
    """

    settings: Settings
    catalogue: Catalogue
    session: Session
    metrics: Metrics
    patience: float = PATIENCE_SECONDS
    start: Tally | None = None
    sent: int = 0
    missing: int = 0
    tokens: list[str] = field(default_factory=list)

    def fly(self) -> str:
        """One short trip; the word it ends with: counted, twice or lost."""
        began = time.monotonic()
        if self.start is None:
            self.start = self._tally()
        if not self._publish([canary.hatch(SHORT_MONTH, os.urandom)]):
            self.missing += 1
            return self._lost("receipt")
        self._arrived("receipt", began)
        self.sent += 1
        word = "open"
        while word == "open" and time.monotonic() - began < self.patience:
            time.sleep(_LOOK_SECONDS)
            word = self._counted()
        if word == "counted":
            self._arrived("counted", began)
        elif word == "twice":
            self.metrics.count("canary_wrong_total", outcome="twice")
            self.start = None
            self.sent = self.missing = 0
        else:
            self.missing += 1
            self.sent -= 1
            return self._lost("counted")
        return word

    def travel(self) -> str:
        """One long trip, up to a subscriber: released, content, waits or lost."""
        if not self._calm():
            return "waits"
        began = time.monotonic()
        month = self._month()
        flock = Flock([canary.hatch(month, os.urandom) for _ in range(BIRDS)])
        # What these add to the sums of the stages is not a short trip's.
        self.start = None
        self.sent = self.missing = 0
        if not self._publish(flock.birds, declare=month):
            return self._lost("receipt")
        try:
            marker = control.close(
                self.settings, self.catalogue, period=month, tables=(canary.TABLE,)
            )
            tables = (canary.TABLE,)
            wait_for(self.settings, canary.MEMBER, marker.marker, tables, self.patience)
        except HubError as error:
            _log.warning("a canary is not released: %s", error)
            return self._lost("released")
        shown = {
            one.sex: int(one.value or 0)
            for one in observations(
                self.settings, canary.MEMBER, tables, catalogue=self.catalogue
            )
            if one.period == month
        }
        sums = (shown.get("F", 0), shown.get("M", 0), shown.get("_OUN", 0))
        if flock.seen(sums) != BIRDS:
            self.metrics.count("canary_wrong_total", outcome="content")
            return "content"
        self._arrived("released", began)
        return "released"

    def search(self) -> int:
        """How many files behind intake hold a token of ours; counted as leaks."""
        home = self.settings.home
        found = canary.leaks(self.tokens, (home.run, home.logs, home.state))
        for path in found:
            _log.error("a token of a canary stands in %s", path.name)
            self.metrics.count("canary_wrong_total", outcome="leaked")
        self.tokens.clear()
        return len(found)

    def _publish(self, birds: list[canary.Bird], declare: str = "") -> bool:
        """Through the ministry's own adapter and spool; whether all was receipted."""
        self.tokens = [*self.tokens, *(bird.token for bird in birds)][-TOKENS_MAX:]
        with tempfile.TemporaryDirectory() as folder:
            path = canary.write(Path(folder) / "canary.csv", birds)
            done = self.session.publish(
                canary.DATAFLOW, path, wait_seconds=self.patience
            )
            self.metrics.count("canary_sent_total", len(birds))
            if declare:
                self.session.declare(canary.DATAFLOW, declare)
                self.session.settle(self.patience)
        return done.complete and done.accepted == len(birds)

    def _counted(self) -> str:
        assert self.start is not None  # noqa: S101 - set when the trip began
        now = self._tally()
        word = now.after(self.start, self.sent)
        if word == "twice" and self.missing:
            late = max(now.judged - self.start.judged, now.folded - self.start.folded)
            if late - self.sent <= self.missing:
                self.missing -= late - self.sent
                self.sent = late
                return now.after(self.start, self.sent)
        return word

    def _tally(self) -> Tally:
        return Tally.of(live.files(self.settings.home))

    def _arrived(self, where: str, began: float) -> None:
        self.metrics.time("canary_seconds", time.monotonic() - began, outcome=where)
        self.metrics.gauge("canary_last_seconds", time.time(), outcome=where)

    def _lost(self, where: str) -> str:
        _log.error("a canary is lost: %s", where)
        self.metrics.count("canary_lost_total", outcome=where)
        return "lost"

    def _calm(self) -> bool:
        """Whether a marker of ours would hold up nobody."""
        said = daemon.status(self.settings) or {}
        workers = said.get("workers", ())
        parts = [part for one in workers for part in one["partitions"]]
        return (
            bool(workers)
            and all((one.get("says") or {}).get("ready") for one in workers)
            and not any(part["cuts"] or part["lag"] for part in parts)
        )

    def _month(self) -> str:
        """The first month that no release of the canary closed."""
        known = vintages(self.settings, canary.MEMBER, (canary.TABLE,))
        last = max((one.period for one in known), default="")
        if last < FIRST_MONTH:
            return FIRST_MONTH
        return str(Period(frequency="M", index=parse(last).index + 1))


def main() -> int:
    """Serve metrics and send canaries until TERM or INT."""
    parser = argparse.ArgumentParser(prog="canary")
    parser.add_argument("--every", type=float, default=EVERY_SECONDS)
    parser.add_argument("--release", type=float, default=RELEASE_SECONDS)
    parser.add_argument("--patience", type=float, default=PATIENCE_SECONDS)
    words = parser.parse_args()
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    settings = from_environment()
    logs.set_up(level=settings.log_level, fields={"stage": STAGE})
    metrics = Metrics(STAGE)
    server = Server(
        metrics,
        live=lambda: {"ok": True},
        ready=lambda: {"ok": True},
        host=settings.metrics_host,
        port=settings.metrics_port,
    )
    with contextlib.closing(server):
        try:
            catalogue = read_catalogue(settings.catalogue)
            with Session.open(settings, catalogue, canary.MEMBER) as session:
                keeper = Keeper(
                    settings=settings,
                    catalogue=catalogue,
                    session=session,
                    metrics=metrics,
                    patience=words.patience,
                )
                _serve(keeper, done, words.every, words.release)
        except HubError as error:
            sys.stderr.write(f"the canary cannot fly: {error}\n")
            return 3
    return 0


def _serve(keeper: Keeper, done: threading.Event, every: float, release: float) -> None:
    due = time.monotonic() + min(release, 60.0)
    while not done.wait(every):
        try:
            keeper.fly()
            if time.monotonic() >= due and keeper.travel() != "waits":
                due = time.monotonic() + release
                keeper.search()  # reads every state file: not every few seconds
        except HubError as error:
            _log.warning("no canary flies: %s", error)


if __name__ == "__main__":
    sys.exit(main())
