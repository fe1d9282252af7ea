"""Alerts fire when they must, and not before: Prometheus' own tests of every rule.

What is scraped (every ten seconds), and what is then said, is in ``firing.py``. The
alerts on conservation, whose stories are longer, are in ``conservation.test.yml``.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hub.edge import alerts, declared
from hub.edge.metrics import PREFIX
from tests.deploy.firing import CASES, Case

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus"


def promtool(*words: str) -> str:
    """What promtool says; it must be content."""
    done = subprocess.run(
        ("promtool", *words), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> dict[str, str]:
    """Alert -> the text of its rule."""
    texts = [path.read_text("utf-8") for path in sorted(RULES.glob("*.rules.yml"))]
    parts = re.split(r"\n      - (?=alert:|record:)", "\n".join(texts))
    found = [part for part in parts if part.startswith("alert:")]
    return {part.split("\n")[0].split()[1]: part for part in found}


def story(name: str, case: Case) -> dict[str, Any]:
    """A test of promtool: nothing at first, the alert later."""
    command = re.findall(r"command: (.*)", rules()[name])[0].strip('"')
    for label, value in case.labels.items():
        command = command.replace(f"{{{{ $labels.{label} }}}}", value)
    fired = {
        "exp_labels": {**case.labels, "severity": case.severity},
        "exp_annotations": {
            "summary": case.says,
            "command": command,
            "runbook_url": f"docs/reference/runbook.md#{name.lower()}",
        },
    }
    return {
        "name": name,
        "interval": "10s",
        "input_series": [
            {"series": series, "values": values}
            for series, values in case.series.items()
        ],
        "alert_rule_test": [
            {"eval_time": f"{case.quiet}m", "alertname": name, "exp_alerts": []},
            {"eval_time": f"{case.at}m", "alertname": name, "exp_alerts": [fired]},
        ],
    }


def test_every_alert_is_seen_to_fire(tmp_path: Path) -> None:
    """All of them in one run of promtool."""
    files = []
    for path in sorted(RULES.glob("*.rules.yml")):
        text = path.read_text("utf-8")
        mine = [one for one in CASES.items() if f"- alert: {one[0]}\n" in text]
        content = {
            "rule_files": [str(path)],
            "evaluation_interval": "30s",
            "tests": [story(name, case) for name, case in mine],
        }
        file = tmp_path / path.name.replace(".rules.", ".test.")
        file.write_text(json.dumps(content), "utf-8")
        files.append(str(file))
    assert promtool("test", "rules", *files).count("SUCCESS") == len(files)


def test_no_alert_is_without_a_test() -> None:
    """An alert that was never seen to fire is none."""
    tested = {*CASES}
    for path in Path(__file__).parent.glob("*.test.yml"):
        text = path.read_text("utf-8")
        tested |= {*re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n", text)}
    assert {*rules()} == tested


def test_every_alert_has_command_runbook_and_texts() -> None:
    """Who is woken at night is told what it means and what to do."""
    known = alerts.read()
    assert {*known} == {*rules()}
    page = (ROOT / "docs" / "reference" / "runbook.md").read_text("utf-8")
    assert page == alerts.page(), "run `make docs`"
    for name, text in rules().items():
        assert "          command: " in text, name
        assert f"runbook_url: docs/reference/runbook.md#{name.lower()}\n" in text + "\n"
        assert f"\n## {name}\n" in page


def test_rules_speak_of_series_that_exist() -> None:
    """A metric that is renamed takes its alerts along."""
    known = {PREFIX + name for name in declared.names()}
    for path in RULES.glob("*.rules.yml"):
        expressions = re.sub(r"kerwen:\w+(:\w+)*", "", path.read_text("utf-8"))
        named = {
            re.sub(r"_(bucket|sum|count)$", "", name)
            for name in re.findall(r"\bkerwen_\w+", expressions)
        }
        assert named <= known, path.name


@pytest.mark.parametrize("path", sorted(RULES.glob("*.yml")), ids=lambda one: one.name)
def test_prometheus_reads_its_files(path: Path) -> None:
    """The configuration with its rules, and every file of rules."""
    kind = "rules" if ".rules." in path.name else "config"
    promtool("check", kind, str(path))
