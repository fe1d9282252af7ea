"""Conservation's alerts: longer stories, in Prometheus' own tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("name", ["conservation", "figures"])
def test_alerts_come_go_and_name_the_range(name: str) -> None:
    """A held source, a silent worker, a quiet dataflow, lost and doubled rows."""
    done = subprocess.run(
        ("promtool", "test", "rules", str(FOLDER / f"{name}.test.yml")),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
