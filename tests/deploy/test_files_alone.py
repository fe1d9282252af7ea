"""A new ministry, dataflow and table without a line of code: from file to figures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

from hub.core.catalogue.live import compare
from hub.core.catalogue.model import Catalogue
from hub.core.keys import KeyRegistry
from hub.core.observation import Observation
from hub.core.topics import topics
from hub.edge.files import read_catalogue
from hub.edge.onboarding_files import agreement, skeleton
from hub.publisher import mapping
from hub.publisher.sources import csv
from tests.deploy.rail.world import MAPPING, copied, journeys
from tests.trials import years

ROWS = 800
NEW = re.compile(r"rail_journey|RAIL_EVT|[\"']mot[\"']")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The repository's catalogue with three files more."""
    folder = tmp_path_factory.mktemp("rail") / "catalogue"
    return read_catalogue(copied(folder, member=True))


@pytest.fixture(scope="module")
def figures(
    catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory
) -> list[Observation]:
    """What a release of the year publishes of the new table."""
    folder = tmp_path_factory.mktemp("journeys")
    flow = catalogue.dataflows["rail_journey"]
    read = mapping.load(MAPPING.read_text("utf-8"), "mapping.toml", flow)
    reading = csv.read(journeys(folder / "2025.csv", ROWS), flow, read)
    [chunk] = reading.chunks
    assert chunk.rejected == ()
    plain = folder / "plain.csv"
    chunk.frame.with_columns(revision=0, action=pl.lit("NEW")).write_csv(plain)
    said = {
        "files": [
            {"path": "plain.csv", "dataflow": "rail_journey", "member": "mot"},
        ],
        "declarations": [
            {
                "period": "2025",
                "complete": True,
                "nil": False,
                "member": "mot",
                "dataflow": "rail_journey",
            }
        ],
    }
    (folder / "manifest.json").write_text(json.dumps(said))
    facts = years.active(folder, catalogue)
    [cut] = years.run(catalogue, facts, [("2025", "P")], 500)
    return [one for one in cut.figures if one.table == "RAIL_EVT"]


def test_no_code_names_what_is_new() -> None:
    """The point of it: the words are in files below one folder of the tests."""
    named = [
        path.name
        for folder in ("hub", "agents")
        for path in (ROOT / folder).rglob("*.py")
        if NEW.search(path.read_text("utf-8"))
    ]

    assert named == []


def test_the_change_may_come_into_force_while_the_hub_runs(
    catalogue: Catalogue,
) -> None:
    """Nothing breaks, and the table has no past that would have to be counted."""
    found = compare(read_catalogue(), catalogue)

    assert (found.breaks, found.young) == ((), ())
    assert {"new dataflow: rail_journey", "new member: mot"} <= set(found.notes)


def test_topics_follow(catalogue: Catalogue) -> None:
    """One for its batches, three for answers, one for the figures."""
    new = {one.name for one in topics(catalogue)}
    new -= {one.name for one in topics(read_catalogue())}

    assert new == {
        "ministry.mot.rail_journey",
        "receipts.mot",
        "quarantine.mot",
        "statements.mot",
        "indicators.RAIL_EVT",
    }


def test_the_figures_are_those_of_the_file(figures: list[Observation]) -> None:
    """By sex and direction, as large as policy C lets them differ."""
    shown = {(one.sex, one.dimensions): one.value for one in figures}
    for way in ("ENTRY", "EXIT"):
        for sex, share in (("F", 2), ("M", 1), ("_OUN", 1), ("_T", 4)):
            value = shown[sex, (way,)]
            assert value is not None
            assert abs(value - ROWS / 2 * share / 4) <= 10, (sex, way)
    total = shown["_T", ("_T",)]
    assert total is not None
    assert abs(total - ROWS) <= 10


def test_a_skeleton_is_a_mapping(catalogue: Catalogue) -> None:
    """Of every dataflow; it reads a file whose columns are called like the fields."""
    for flow in catalogue.dataflows.values():
        made = mapping.load(skeleton(catalogue, flow, "mot"), "made", flow)
        assert made.cells.keys() >= {
            one.name for one in flow.fields if one.required
        } - {
            "revision",
            "action",
        }


@pytest.mark.parametrize(
    ("language", "word"),
    [("en", "Legal basis"), ("ru", "Правовое основание"), ("tk", "Hukuk esasy")],
)
def test_an_agreement_is_written_in_three_languages(
    catalogue: Catalogue, language: str, word: str
) -> None:
    """Who, what, what for, on which ground, until when, and with which rights."""
    member = catalogue.members["mot"]
    page = agreement(catalogue, member, KeyRegistry(keys={}), language)

    assert word in page
    assert "2030-12-31" in page
    assert "TM/GOV/MOT/HUB" in page
    assert "`ministry.mot.rail_journey` WRITE" in page
