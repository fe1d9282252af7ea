"""The trial itself: nothing is lost, nothing doubled; and it can tell if it were.

The workers in the folder ``builds`` are the same stages without the guard, and with an
aggregate that drops one message and folds one twice.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub.edge.settings import Home, Settings
from hub.trials.chaos import harness
from hub.trials.chaos.faults import KINDS
from hub.trials.chaos.outcome import Outcome, Trial

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(1_800)]

CYCLES = 20
BUILDS = Path(__file__).with_name("builds")


def tell(line: str) -> None:
    """Shown if the test fails."""
    sys.stderr.write(f"{line}\n")


def run(root: Path, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """A trial with workers of :mod:`builds`."""
    monkeypatch.setenv("PYTHONPATH", str(BUILDS), prepend=os.pathsep)
    return harness.run(Settings(home=Home(root=root)), trial, tell)


def test_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    """Every kind of fault, through the command; figures, receipts and audit agree."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "hub.cli.main", "bench", "chaos"),
            *("--cycles", str(CYCLES), "--seed", "7", "--json"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "KERWEN_HOME": str(tmp_path)},
    )
    said = json.loads(done.stdout)

    assert (said["cycles"], said["lost"], said["doubled"]) == (CYCLES, 0, 0), said
    assert said["audit"] == "equal", said
    assert done.returncode == 0, said
    assert set(said["faults"]) == set(KINDS)
    assert sum(said["faults"].values()) == CYCLES
    assert said["recover_seconds"]["p50"] <= said["recover_seconds"]["max"]
    assert (said["seed"], said["audits"], said["cuts"]) == (7, 3, 2)
    assert said["records"] > 10_000
    assert said["figures"] > 2_000


def test_without_the_guard_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust alone folds rows twice after a kill, and starts again from nothing."""
    trial = Trial(
        cycles=3,
        seed=28,  # the second fault takes all states of an aggregate
        persons=150,
        kinds=("kill_aggregate", "state_lost"),
        module="unguarded",
        cut_every=0,
        strict=False,
        recover_seconds=20,
        quiet_seconds=120,
    )
    outcome = run(tmp_path, trial, monkeypatch)
    found = outcome.finding

    assert outcome.cycles[1].target.startswith("aggregate")
    assert found is not None
    assert sum(found.doubled.values()) > 0
    assert sum(found.lost.values()) > 0
    assert not found.clean


def test_a_message_dropped_or_folded_twice_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checker finds exactly the rows that one worker lost and doubled."""
    trial = Trial(
        cycles=0,
        seed=1,
        persons=150,
        module="tampered",
        pieces_per_second=5,
    )
    outcome = run(tmp_path, trial, monkeypatch)

    assert outcome.finding is not None
    assert outcome.finding.lost == {"border_crossing": rows_of(tmp_path / "dropped")}
    assert outcome.finding.doubled == {"remittance": rows_of(tmp_path / "doubled")}
    assert outcome.audits == ["different"]
    assert not outcome.clean


def rows_of(written: Path) -> int:
    """How many rows a worker says it tampered with."""
    return int(written.read_text().partition(" ")[0])
