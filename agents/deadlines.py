"""Deadlines no thread, no broker and no loop can hold up.

Rules (design: delivery, rule 12; measured with faust-streaming 0.15.3):

- A stop while the broker is away, and a crash on the same way, hang in Faust.
- `os._exit` from a thread of its own ends the process whatever hangs. Nothing is lost
  by it: state is only ever written whole.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

EXIT_START = 69
"""The group gave it nothing in time: a missing right, a broker that is away, or a
rebalance that never ends."""

EXIT_HUNG = 70
"""The loop hung, or a crash did not come to its end."""

EXIT_STOP = 75
"""A stop that was asked for did not come to its end."""


class Watchdog(threading.Thread):
    """Ends the process when nobody beats any more; survives a hung loop."""

    def __init__(self, seconds: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._seconds = seconds
        self._beat = time.monotonic()

    def beat(self) -> None:
        """Say that the loop lives."""
        self._beat = time.monotonic()

    @property
    def age(self) -> float:
        """Seconds since the last beat."""
        return time.monotonic() - self._beat

    def run(self) -> None:
        """Wait for the beats to stop."""
        last = time.monotonic()
        while True:
            time.sleep(1)
            now = time.monotonic()
            # After a SIGSTOP this thread may run before the loop: give it its turn.
            if now - last > self._seconds / 2:
                self.beat()
            last = now
            if self.age > self._seconds:
                os._exit(EXIT_HUNG)


def exit_after(
    seconds: float, code: int, unless: Callable[[], bool] = lambda: False
) -> None:
    """End the process in `seconds`, whatever hangs, unless the condition holds then."""

    def run() -> None:
        time.sleep(seconds)
        if not unless():
            os._exit(code)

    threading.Thread(target=run, name=f"exit-{code}", daemon=True).start()
