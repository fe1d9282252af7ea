"""The release clock: what becomes due by the calendar is closed at its hour.

``python -m hub.cli.clock``; ``kerwen up`` starts it unless told ``--no-calendar``.

Rules (docs/disclosure.md, "Release"):

- Nothing is closed before the calendar's hour of its day: everybody gets a release at
  the same moment, and nobody before.
- It closes what becomes due after the day it first ran in a home, which is noted there.
  What was due before is for a person: ``kerwen release run --due``.
- Where an approval is asked for it makes drafts, once each, and lets nothing out.
- What fails is told, and tried again later and later. A cut that release refused is
  not tried again that day. With the next day both begin anew, whatever came before.
- Which time it is comes from the caller; nothing here sleeps.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hub.core.catalogue import calendar
from hub.core.catalogue.calendar import Due
from hub.core.errors import HubError, InvalidError
from hub.edge import logs
from hub.edge.metrics import Metrics, Server
from hub.edge.settings import Settings, from_environment

PLACE = "calendar"
"""As whose its metrics and its log are told."""
VARIABLE = "KERWEN_CALENDAR"
"""``off`` where nothing is to be closed by itself."""
RETRY_SECONDS = (60.0, 300.0, 1_800.0, 3_600.0)
LOOK_SECONDS = 30.0
"""How long it may take until a new hour is seen."""
_log = logging.getLogger(__name__)

Cut = tuple[str, str, tuple[str, ...]]
"""Period, vintage letter, tables."""


@dataclass(slots=True, kw_only=True)
class Clock:
    """Closes what is due.

    Attributes:
        since: The day it first ran; only what became due later is closed.
        hour: Of the calendar.
        due: What is due and not released, as of a day.
        close: Closes one cut and waits for its release or draft.
        now_ms: The time.
    """

    since: dt.date
    hour: int
    due: Callable[[dt.date], Iterable[Due]]
    close: Callable[[Cut], None]
    now_ms: Callable[[], int]
    _day: dt.date | None = None
    _done: bool = False
    _failures: int = 0
    _again_ms: int = 0
    _refused: set[Cut] = field(default_factory=set)

    def tick(self) -> int:
        """Close what is due, if its hour has come; how many cuts were closed."""
        now_ms = self.now_ms()
        day = calendar.released_day(now_ms, self.hour)
        if self._day is None or day > self._day:
            self._day, self._done, self._failures = day, False, 0
            self._refused.clear()
        if self._done or day < self._day:
            return 0
        if now_ms < self._again_ms and self._failures:
            return 0
        try:
            closed = self._close(day)
        except HubError as error:
            pause = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
            self._failures += 1
            self._again_ms = now_ms + round(pause * 1000)
            _log.warning("what is due could not be closed: %s", error)
            return 0
        self._done = True
        return closed

    def _close(self, day: dt.date) -> int:
        closed = 0
        for one in self.due(day):
            cut = (one.period, one.vintage, one.tables)
            if one.state != "due" or one.day <= self.since or cut in self._refused:
                continue
            try:
                self.close(cut)
            except InvalidError as error:
                self._refused.add(cut)
                _log.warning("%s %s: %s", one.period, one.vintage, error)
                continue
            closed += 1
            _log.info("%s %s was closed at its hour", one.period, one.vintage)
        return closed


def since(path: Path, today: dt.date) -> dt.date:
    """The day the clock first ran in a home; today, if that is now."""
    try:
        return dt.date.fromisoformat(path.read_text("utf-8").strip())
    except (FileNotFoundError, ValueError):
        path.write_text(f"{today.isoformat()}\n", "utf-8")
        return today


def off() -> bool:
    """Whether this machine closes nothing by itself."""
    return os.environ.get(VARIABLE, "").lower() == "off"


def _clock(settings: Settings) -> Clock:
    """The clock of a hub."""
    # Only at work: a clock that waits for its hour needs no client of the brokers.
    from hub.cli import drafting, vintages  # noqa: PLC0415
    from hub.cli.output import Output  # noqa: PLC0415
    from hub.cli.vintages import Desk  # noqa: PLC0415
    from hub.edge import enacting  # noqa: PLC0415

    def desk() -> Desk:
        return Desk(
            settings=settings,
            catalogue=enacting.in_force(settings),
            out=Output(as_json=True),
        )

    def due(day: dt.date) -> list[Due]:
        now = desk()
        stands = vintages.standing(now)
        waiting = vintages.waiting(now, stands)
        return vintages.due(now.catalogue, stands, years=3, today=day, drafts=waiting)

    def close(cut: Cut) -> None:
        drafting.closed(desk(), *cut, timeout=600.0)

    now_ms = _now_ms()
    hour = enacting.in_force(settings).calendar.hour
    today = calendar.released_day(now_ms, hour)
    return Clock(
        since=since(settings.home.root / "calendar.since", today),
        hour=hour,
        due=due,
        close=close,
        now_ms=_now_ms,
    )


def main() -> int:
    """Run until TERM or INT."""
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    settings = from_environment()
    logs.set_up(level=settings.log_level, fields={"process": PLACE})
    logging.getLogger("kafka").setLevel(logging.WARNING)
    server = Server(
        Metrics(PLACE),
        live=lambda: {"ok": True},
        ready=lambda: {"ok": True},
        host=settings.metrics_host,
        port=settings.metrics_port,
    )
    try:
        clock = _clock(settings)
        while not done.is_set():
            if not off():
                clock.tick()
            done.wait(LOOK_SECONDS)
    except HubError as error:
        sys.stderr.write(f"the release clock cannot go on: {error}\n")
        return 3
    finally:
        server.close()
    return 0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
