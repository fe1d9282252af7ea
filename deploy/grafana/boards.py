"""The operators' dashboards: ``dashboards/*.json`` are made from ``boards.toml``.

``python deploy/grafana/boards.py`` (part of ``make docs``) writes them; a test keeps
them equal, checks that every metric is declared, and has Prometheus read each
expression.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

HERE = Path(__file__).parent
FOLDER = HERE / "dashboards"
Show = Mapping[str, Any]
"""A panel of the file."""
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${source}")
GREEN, ORANGE, RED = "#2e7d32", "#ef6c00", "#c62828"


def boards() -> dict[str, Mapping[str, Any]]:
    """What is declared, by uid."""
    content = tomllib.loads((HERE / "boards.toml").read_text("utf-8"))
    return {one["uid"]: one for one in content["board"]}


def build(declared: Mapping[str, Any]) -> str:
    """The JSON of a board."""
    board = (
        dashboard.Dashboard(declared["title"])
        .uid(declared["uid"])
        .tags(["kerwen"])
        .refresh("10s")
        .time("now-6h", "now")
        .timezone("browser")
        .readonly()
        .with_variable(
            dashboard.DatasourceVariable("source")
            .label("Prometheus")
            .type("prometheus")
        )
    )
    for row in declared["row"]:
        board = board.with_row(dashboard.Row(row["title"]))
        for show in row["panel"]:
            board = board.with_panel(_panel(show))
    content = json.loads(json.dumps(board.build(), cls=JSONEncoder))
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _panel(show: Show) -> stat.Panel | table.Panel | timeseries.Panel:
    kind = show.get("kind", "time")
    panel: stat.Panel | table.Panel | timeseries.Panel
    if kind == "number":
        panel = _number(show.get("red", 1))
    else:
        panel = table.Panel() if kind == "list" else _chart()
    panel = panel.title(show["title"]).datasource(SOURCE)
    panel = panel.unit(show.get("unit", "short")).span(show.get("width", 8))
    panel = panel.height(8 if kind == "time" else 5)
    for index, line in enumerate(show["lines"]):
        query = prometheus.Dataquery().expr(line["expr"]).legend_format(line["legend"])
        query = query.ref_id("ABCDEFGH"[index]).datasource(SOURCE)
        if kind == "list":
            query = query.format(PromQueryFormat.TABLE).instant()
        panel = panel.with_target(query)
    return panel


def _number(red: float) -> stat.Panel:
    steps = [
        models.Threshold(value=None, color=GREEN),
        models.Threshold(value=red, color=RED),
    ]
    if red > 1:
        steps.insert(1, models.Threshold(value=red / 2, color=ORANGE))
    levels = dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE)
    return (
        stat.Panel()
        .thresholds(levels.steps(steps))
        .color_mode(BigValueColorMode.BACKGROUND)
        .graph_mode(BigValueGraphMode.NONE)
    )


def _chart() -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST)
    legend = legend.placement(LegendPlacement.BOTTOM)
    return timeseries.Panel().min(0).fill_opacity(8).line_width(2).legend(legend)


def main() -> None:
    """Write every board."""
    FOLDER.mkdir(exist_ok=True)
    for uid, declared in boards().items():
        (FOLDER / f"{uid}.json").write_text(build(declared), "utf-8")


if __name__ == "__main__":
    main()
