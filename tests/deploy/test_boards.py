"""Dashboards: the JSON is that of the source, and shows what there is."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from hub.edge import declared
from hub.edge.metrics import PREFIX

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "grafana"
OTHERS = {"process_resident_memory_bytes", "up", "ALERTS"}
"""What Prometheus and every process show."""


@pytest.fixture(scope="module")
def boards() -> ModuleType:
    """The script that makes the boards."""
    spec = importlib.util.spec_from_file_location("boards", FOLDER / "boards.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def expressions(node: Any) -> Iterator[str]:
    """Every expression in the JSON of a board."""
    if isinstance(node, dict):
        if "expr" in node:
            yield node["expr"]
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from expressions(one)


def test_the_json_is_that_of_the_source(boards: ModuleType) -> None:
    """Nobody edits a board by hand, and none is left over."""
    made = {f"{uid}.json": boards.build(one) for uid, one in boards.boards().items()}
    written = {
        path.name: path.read_text("utf-8")
        for path in (FOLDER / "dashboards").glob("*.json")
    }
    assert written == made, "run `make docs`"


def test_grafana_s_own_model_reads_every_board() -> None:
    """Written again by it, it is the same: nothing in it that Grafana does not know."""
    paths = sorted((FOLDER / "dashboards").glob("*.json"))
    assert len(paths) == 5
    for path in paths:
        content = json.loads(path.read_text("utf-8"))
        board = Dashboard.from_json(content)
        assert json.loads(JSONEncoder(sort_keys=True).encode(board)) == content


def test_every_panel_has_a_place_a_name_and_a_source(boards: ModuleType) -> None:
    """The grid is 24 wide, and the data source is a variable."""
    for one in boards.boards().values():
        content = json.loads(boards.build(one))
        assert content["templating"]["list"][0]["type"] == "datasource"
        rows = [row for row in content["panels"] if row["type"] == "row"]
        panels = [panel for panel in content["panels"] if panel["type"] != "row"]
        assert len(rows) == len(one["row"])
        assert len(panels) == sum(len(row["panel"]) for row in one["row"])
        for panel in panels:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            assert panel["title"]
            assert panel["datasource"]["uid"] == "${source}"
            assert panel["targets"]


def test_prometheus_reads_every_expression_and_every_metric_exists(
    tmp_path: Path,
) -> None:
    """As rules, because that is what promtool parses."""
    known = {PREFIX + name for name in declared.names()} | OTHERS
    rules = (ROOT / "deploy" / "prometheus").glob("*.rules.yml")
    recorded = re.findall(
        r"record: (\S+)", "".join(path.read_text("utf-8") for path in rules)
    )
    kafka = [
        re.compile(re.sub(r"\$\d", r"\\w+", name))
        for name in re.findall(
            r"name: (kafka_\S+)",
            (ROOT / "hub" / "embedded" / "jmx.yml").read_text("utf-8"),
        )
    ]
    found = [
        text
        for path in sorted((FOLDER / "dashboards").glob("*.json"))
        for text in expressions(json.loads(path.read_text("utf-8")))
    ]
    assert len(found) > 45
    for text in found:
        assert {*re.findall(r"\bkerwen:[\w:]+", text)} <= {*recorded}
        bare = re.sub(r"\bkerwen:[\w:]+", "", text)
        for name in re.findall(r"\b(?:kerwen|kafka|process)_\w+", bare):
            whole = re.sub(r"_(bucket|sum|count)$", "", name)
            by_broker = any(one.fullmatch(name) for one in kafka)
            assert whole in known or by_broker, name
    file = tmp_path / "boards.rules.yml"
    listed = [
        {"record": f"board:{number}", "expr": text} for number, text in enumerate(found)
    ]
    file.write_text(json.dumps({"groups": [{"name": "boards", "rules": listed}]}))
    done = subprocess.run(
        ("promtool", "check", "rules", str(file)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
