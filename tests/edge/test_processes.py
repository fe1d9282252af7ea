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
