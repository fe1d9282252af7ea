"""Whether a process runs, as everybody who asks is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from hub.edge import keystamps
from hub.edge.processes import is_alive
from hub.edge.settings import Home


def test_one_that_waits_to_be_buried_runs_no_more(tmp_path: Path) -> None:
    """Neither is it a hub in its home, nor a worker that holds old keys."""
    home = Home(root=tmp_path / "home")
    home.make()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    said = {"worker": "intake-0", "stage": "intake", "pid": child.pid, "stamp": "old"}
    home.hub_file.write_text(json.dumps(said))
    (home.run / "intake-0.keys").write_text(json.dumps(said))

    assert is_alive(child.pid)
    assert home.running() == said
    assert list(keystamps.behind(home, ["intake"])) == ["intake-0"]

    child.kill()
    deadline = time.monotonic() + 20
    while is_alive(child.pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)

    os.kill(child.pid, 0)  # its parent has not asked yet how it ended
    assert home.running() is None
    assert list(keystamps.behind(home, ["intake"])) == []
    child.communicate()
    assert not is_alive(child.pid)


def test_one_whose_first_thread_ended_runs_until_the_last() -> None:
    """As after a kill: the first is a zombie while others still hold files."""
    # The system call ends one thread; what Python has for it ends them all.
    code = (
        "import ctypes, platform, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "print(flush=True)\n"
        "ctypes.CDLL(None).syscall({'x86_64': 60}.get(platform.machine(), 93), 0)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    stat = Path(f"/proc/{child.pid}/stat")
    deadline = time.monotonic() + 20
    try:
        while stat.read_text().rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < deadline
            time.sleep(0.01)

        assert is_alive(child.pid)
    finally:
        child.kill()
    while is_alive(child.pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.communicate()
