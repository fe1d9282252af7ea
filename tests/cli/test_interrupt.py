"""Ctrl-C ends what waits, at once, with a sentence, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS_MAX = 30.0
START_SECONDS_MAX = 90.0

WAITS = """
import sys, threading
from pathlib import Path
from hub.cli import main, status

def run(args, out):
    Path("ready").touch()
    threading.Event().wait()
status.run = run
sys.exit(main.main(["status"]))
"""
LINGERS = """
from pathlib import Path
from hub.cli import demo
from hub.cli.main import _heed_interrupts
_heed_interrupts()
Path("ready").touch()
demo._until_interrupted()
print("stopped")
"""


def start(
    words: list[str], folder: Path, *, deaf: bool = False, home: Path | None = None
) -> subprocess.Popen[str]:
    """A command in a group of its own; `deaf`: as a shell starts a background job."""
    wanted: Mapping[str, str] = {} if home is None else {"KERWEN_HOME": str(home)}
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if deaf else signal.SIG_DFL)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", *words],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **wanted},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def until(path: Path) -> None:
    """Wait for a file."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.05)


def about(folder: Path) -> list[str]:
    """Command lines of processes of this machine in which a folder stands."""
    words = ["ps", "-Aww", "-o", "command="]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(folder) in line]


@pytest.mark.parametrize("deaf", [False, True])
def test_a_verb_that_waits_for_a_lock_hears_ctrl_c(tmp_path: Path, deaf: bool) -> None:
    """Polars asks the kernel to take up again what the signal broke off."""
    process = start(["-c", WAITS], tmp_path, deaf=deaf)
    try:
        until(tmp_path / "ready")
        time.sleep(0.1)  # it says so before it waits
        process.send_signal(signal.SIGINT)
        said, failed = process.communicate(timeout=STOP_SECONDS_MAX)
    finally:
        process.kill()
    assert process.returncode == 130
    assert (said, failed.splitlines()) == (
        "",
        ["kerwen: interrupted; what this call had started is stopped"],
    )


def test_a_hub_that_goes_on_ends_with_ctrl_c(tmp_path: Path) -> None:
    """After its audit the demonstration stays until somebody ends it."""
    process = start(["-c", LINGERS], tmp_path)
    try:
        until(tmp_path / "ready")
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said, failed = process.communicate(timeout=STOP_SECONDS_MAX)
    finally:
        process.kill()
    assert (process.returncode, said, failed) == (0, "stopped\n", "")


def test_a_demonstration_leaves_no_process_behind(tmp_path: Path) -> None:
    """Interrupted while its broker is coming up, which is when people lose patience."""
    words = ["-m", "hub.cli.main", "demo", "--exit", "--persons", "10"]
    process = start(words, tmp_path, home=tmp_path / "home")
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not any("java" in line for line in about(tmp_path)):
            assert time.monotonic() < deadline, "no broker came"
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, failed = process.communicate(timeout=STOP_SECONDS_MAX)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "interrupted" in failed
    assert about(tmp_path) == []
