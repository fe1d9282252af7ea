"""One hub a home; what runs is said whole, and no stale word is believed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from hub.core.errors import MachineError
from hub.edge.settings import Home, Settings
from hub.embedded import daemon
from hub.embedded.report import Report, alone, holder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    made = Home(root=tmp_path)
    made.make()
    return made


def test_a_home_is_held_once(home: Home) -> None:
    """A second hub in the same home is refused with the way out."""
    with alone(home), pytest.raises(MachineError, match="kerwen down"), alone(home):
        pass

    assert holder(home) is None


def test_a_failure_leaves_word(home: Home) -> None:
    """Why a hub did not come up stands in its file, with the token of its start."""
    Report(home, "token").failed("because")
    said = json.loads(home.hub_file.read_text("utf-8"))

    assert (said["state"], said["error"], said["token"]) == (
        "failed",
        "because",
        "token",
    )


def test_a_failure_does_not_speak_over_a_running_hub(home: Home) -> None:
    """A second start that fails leaves the first one's file alone."""
    first = Report(home, "first")
    with alone(home):
        first.write("ready", None, [])
        Report(home, "second").failed("because")

    assert json.loads(home.hub_file.read_text("utf-8"))["token"] == "first"


def test_a_stale_report_is_not_believed(home: Home) -> None:
    """A report whose supervisor is dead counts as no hub."""
    with subprocess.Popen(["true"]) as gone:
        pass
    home.hub_file.write_text(
        json.dumps({"pid": gone.pid, "bootstrap": "127.0.0.1:1", "state": "ready"})
    )

    assert home.running() is None
    with pytest.raises(MachineError, match="kerwen up"):
        Settings(home=home).brokers()


def test_nothing_runs_in_an_empty_home(home: Home) -> None:
    """Status has nothing to say, down nothing to do."""
    assert daemon.status(Settings(home=home)) is None
    assert daemon.down(Settings(home=home)) is False
