"""A child is started in its own group, ends when asked, and never stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.core.errors import MachineError
from hub.edge.processes import is_alive
from hub.embedded.children import Child, tail

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(60)"
)
POLITE = "import time; print('up', flush=True); time.sleep(60)"
PARENT = (
    "import subprocess, sys, time;"
    "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(p.pid, flush=True); time.sleep(60)"
)


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether `condition` becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def start(tmp_path: Path, program: str) -> Child:
    """A Python program as a child that has said its first word."""
    child = Child("test", [sys.executable, "-c", program], log=tmp_path / "test.log")
    assert until(lambda: bool(child.tail()))
    return child


def test_a_polite_child_ends_when_asked(tmp_path: Path) -> None:
    """TERM is enough, and nothing is waited for."""
    child = start(tmp_path, POLITE)
    began = time.monotonic()

    assert child.stop(10) == -signal.SIGTERM
    assert time.monotonic() - began < 5


def test_a_stubborn_child_is_taken_at_the_deadline(tmp_path: Path) -> None:
    """KILL follows when TERM is ignored."""
    child = start(tmp_path, STUBBORN)

    assert child.stop(0.3) == -signal.SIGKILL
    assert not is_alive(child.pid)


def test_grandchildren_go_with_the_group(tmp_path: Path) -> None:
    """What a child started itself does not stay behind."""
    child = start(tmp_path, PARENT)
    grandchild = int(child.tail()[0])
    assert is_alive(grandchild)
    child.stop(5)

    assert until(lambda: not is_alive(grandchild))


def test_children_die_with_a_starter_that_is_killed(tmp_path: Path) -> None:
    """Not even kill -9 of the starter leaves a child running."""
    log = tmp_path / "inner.log"
    starter = (
        "import sys, time; from pathlib import Path;"
        "from hub.embedded.children import Child;"
        f"command = [sys.executable, '-c', {STUBBORN!r}];"
        f"c = Child('inner', command, log=Path({str(log)!r}));"
        "print(c.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        inner = int(process.stdout.readline())
        assert until(lambda: bool(tail(log)))
        process.kill()

    assert until(lambda: not is_alive(inner))


def test_an_orphan_does_not_begin(tmp_path: Path) -> None:
    """A launcher whose starter is gone already does not start the program."""
    launch = Path(sys.modules[Child.__module__].__file__ or "").with_name("launch.py")
    done = subprocess.run(
        [sys.executable, str(launch), "1", "/bin/touch", str(tmp_path / "begun")],
        check=False,
    )

    assert done.returncode != 0
    assert not (tmp_path / "begun").exists()


def test_a_child_leads_its_own_group(tmp_path: Path) -> None:
    """Ctrl-C at the terminal reaches the supervisor alone."""
    child = start(tmp_path, POLITE)
    group = os.getpgid(child.pid)
    child.stop(5)

    assert group == child.pid
    assert group != os.getpgid(0)


def test_a_large_log_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log beyond its bound is renamed before the next start writes."""
    monkeypatch.setattr("hub.embedded.children.LOG_BYTES_MAX", 10)
    (tmp_path / "test.log").write_text("older than everything")
    child = start(tmp_path, POLITE)
    child.stop(5)

    assert (tmp_path / "test.log.1").read_text() == "older than everything"
    assert child.tail() == ["up"]


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    """A child that cannot be started is one error of the machine."""
    with pytest.raises(MachineError, match="test cannot be started"):
        Child("test", ["true"], log=tmp_path / "nowhere" / "test.log")
