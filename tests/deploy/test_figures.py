"""The alert on a cell below zero, in Prometheus' own tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hub.edge import declared
from hub.edge.metrics import PREFIX

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "figures.rules.yml"


def test_a_cell_below_zero_is_told_at_once() -> None:
    """Nothing before it, an alert with its command after it."""
    done = subprocess.run(
        ("promtool", "test", "rules", str(Path(__file__).parent / "figures.test.yml")),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{PREFIX}negative_cells_total" in RULES.read_text("utf-8")
    assert "negative_cells_total" in declared.names()
