"""Alerts: they hold in Prometheus' own tests, and speak of series that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from hub.edge import declared
from hub.edge.metrics import PREFIX

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "conservation.rules.yml"
TESTS = Path(__file__).parent / "conservation.test.yml"


def promtool(*words: str) -> str:
    """What promtool says; it must be content."""
    done = subprocess.run(
        ("promtool", *words), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_finds_its_rules() -> None:
    """Prometheus reads the file, and with it every rule."""
    said = promtool("check", "config", "deploy/prometheus/prometheus.yml")
    assert "conservation.rules.yml" in said


def test_alerts_come_go_and_name_the_range() -> None:
    """A held source, a silent worker, a quiet dataflow, lost and doubled rows."""
    assert "SUCCESS" in promtool("test", "rules", str(TESTS))


def test_every_alert_has_a_test_and_a_command() -> None:
    """An alert that was never seen to fire, or says nothing to do, is none."""
    text = RULES.read_text("utf-8")
    alerts = re.findall(r"- alert: (\w+)", text)
    assert len(alerts) == len(set(alerts)) == text.count("command:") > 8
    fired = re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n", TESTS.read_text("utf-8"))
    assert set(fired) == set(alerts)


def test_rules_speak_of_series_that_exist() -> None:
    """A gauge that is renamed takes its alerts along."""
    known = {PREFIX + name for name in declared.names()}
    expressions = re.sub(r"kerwen:\w+(:\w+)*", "", RULES.read_text("utf-8"))
    named = set(re.findall(r"\bkerwen_\w+", expressions))
    assert len(named) > 12
    assert named <= known
