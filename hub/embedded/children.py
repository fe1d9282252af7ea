"""One child process: started in its own group, logged to a file, always ended.

Rules (design: delivery, rule 12; embedded default):

- A child dies with the thread that started it, however that thread ends.
- Stopping asks first (TERM) and then takes (KILL), the whole group, after a deadline.
- Output goes to one file a child, set aside when it has grown large.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hub.core.errors import MachineError

LOG_BYTES_MAX = 32 * 1024 * 1024
TAIL_LINES = 200
_LAUNCH = Path(__file__).with_name("launch.py")


class Child:
    """A process that belongs to this one.

    Attributes:
        name: For logs and messages.
        log: File that receives its output.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self.started = time.monotonic()
        _set_aside(log)
        launch = [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid())]
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    [*launch, *map(str, command)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=None if environment is None else dict(environment),
                    start_new_session=True,
                )
        except OSError as error:
            raise MachineError(f"{name} cannot be started: {error}") from error

    @property
    def pid(self) -> int:
        """Process id, which is its group's id as well."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Exit code; None while it lives; negative: ended by that signal."""
        return self._process.poll()

    @property
    def age_seconds(self) -> float:
        """How long ago it was started."""
        return time.monotonic() - self.started

    def signal(self, number: int) -> None:
        """Send a signal to the process, if it still lives."""
        if self.code is None:
            self._process.send_signal(number)

    def stop(self, seconds: float) -> int:
        """Ask the process to end, and end it after `seconds`; its exit code."""
        self.signal(signal.SIGTERM)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return self.kill()
        finally:
            self._sweep()

    def kill(self) -> int:
        """End the process and its group at once; its exit code."""
        self._sweep()
        return self._process.wait()

    def _sweep(self) -> None:
        # Grandchildren: none are meant to be, and none may be left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def tail(self, lines: int = TAIL_LINES) -> list[str]:
        """The last lines of its output."""
        return tail(self.log, lines)


def tail(path: Path, lines: int = TAIL_LINES) -> list[str]:
    """The last lines of a file, which may be missing."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 65_536))
            return file.read().decode("utf-8", "replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []


def _set_aside(log: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES_MAX:
            log.rename(log.with_suffix(log.suffix + ".1"))
