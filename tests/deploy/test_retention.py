"""How long things are kept: the page, the topics and the code say the same."""

from __future__ import annotations

import re
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from hub.core.catalogue.model import Catalogue, Domain
from hub.core.topics import (
    NOTICES,
    SEGMENT_MS,
    TRAIL,
    Topic,
    facts_topic,
    records_topic,
    topics,
)
from hub.edge import checkpoints
from hub.edge.files import read_catalogue
from hub.edge.state import Budget, open_state
from hub.gateway import gate

ROOT = Path(__file__).parents[2]
DAY_MS = 86_400_000
FOREVER = -1


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The repository's."""
    return read_catalogue()


@pytest.fixture(scope="module")
def kept(catalogue: Catalogue) -> dict[str, Topic]:
    """Topics by name."""
    return {topic.name: topic for topic in topics(catalogue)}


def test_a_sealed_batch_is_kept_as_its_dataflow_says(
    catalogue: Catalogue, kept: dict[str, Topic]
) -> None:
    """And not a day longer: it is what the agreement with a ministry promises."""
    for member in catalogue.members.values():
        for name in member.provides:
            days = catalogue.dataflows[name].retention_days
            topic = kept[f"ministry.{member.id}.{name}"]
            assert topic.retention_ms == days * DAY_MS
            assert topic.config["retention.ms"] == str(days * DAY_MS)


def test_rows_inside_the_hub_are_no_longer_kept_than_their_sources(
    catalogue: Catalogue, kept: dict[str, Topic]
) -> None:
    """Pseudonymised rows do not outlive what they were made of."""
    for domain in Domain:
        flows = [f for f in catalogue.dataflows.values() if f.domain is domain]
        longest = max((f.retention_days for f in flows), default=0) * DAY_MS
        for name in (records_topic(domain), facts_topic(domain)):
            if flows and domain is not Domain.NONE:
                assert 0 < kept[name].retention_ms <= longest, name


@pytest.mark.parametrize(
    ("prefix", "days"),
    [("receipts.", 1_095), ("statements.", 1_095), ("hub.cells", 3_653)],
)
def test_evidence_is_kept_as_the_page_says(
    kept: dict[str, Topic], prefix: str, days: int
) -> None:
    """Three years to settle a dispute, ten to explain a figure."""
    found = [topic for name, topic in kept.items() if name.startswith(prefix)]

    assert found
    assert {topic.retention_ms for topic in found} == {days * DAY_MS}


def test_what_was_published_is_kept_for_good(kept: dict[str, Topic]) -> None:
    """Figures, manifests, the trail and what was announced."""
    for name, topic in kept.items():
        assert (topic.retention_ms == FOREVER) == (
            name.startswith("indicators.") or name in {TRAIL, NOTICES}
        ), name


def test_nothing_outlives_its_time_by_more_than_a_week(kept: dict[str, Topic]) -> None:
    """A broker deletes whole segments; how long one grows is said, not left to it."""
    found = {topic.config["segment.ms"] for topic in kept.values()}

    assert found == {str(SEGMENT_MS)} == {str(7 * DAY_MS)}


def test_an_access_log_is_bounded(tmp_path: Path) -> None:
    """It has no person in it, and the oldest of it goes when it has grown large."""
    gate.log_to(tmp_path / "access.jsonl")
    [handler] = gate.access.handlers
    try:
        assert isinstance(handler, RotatingFileHandler)
        room = handler.maxBytes * (handler.backupCount + 1)
        assert 0 < room <= 160 << 20
    finally:
        handler.close()
        gate.access.handlers[:] = []


def test_a_quarantined_row_is_kept_a_quarter(kept: dict[str, Topic]) -> None:
    """It holds a ministry's own content: time to mend it, and no more."""
    found = {t.retention_ms for n, t in kept.items() if n.startswith("quarantine.")}

    assert found == {92 * DAY_MS}


def test_checkpoints_are_two(tmp_path: Path) -> None:
    """What is older than the oldest that is needed goes."""
    state = open_state(tmp_path / "s", Budget.of())
    assert state is not None
    for offset in range(5):
        state.write({b"n": bytes([offset])})
        checkpoints.take(state, tmp_path / "shelf", offset=offset, log="00" * 16)
    state.close()

    assert checkpoints.claimed(tmp_path / "shelf") == [4, 3]


def test_what_nobody_can_go_on_from_goes_though_nothing_comes(tmp_path: Path) -> None:
    """A log that grows shorter leaves old checkpoints behind; the newest stays."""
    state = open_state(tmp_path / "s", Budget.of())
    assert state is not None
    shelf = tmp_path / "shelf"
    for offset in (3, 7):
        state.write({b"n": bytes([offset])})
        checkpoints.take(state, shelf, offset=offset, log="00" * 16)
    state.close()
    for floor, left in ((4, [7, 3]), (5, [7]), (99, [7])):
        checkpoints.prune(shelf, floor)
        assert checkpoints.claimed(shelf) == left


def test_a_state_that_was_put_aside_is_not_kept_for_good(tmp_path: Path) -> None:
    """It is there to be looked at, until what took its place has a copy of its own."""
    state = open_state(tmp_path / "s", Budget.of())
    assert state is not None
    state.write({b"n": b"1"})
    newer = checkpoints.take(state, tmp_path / "shelf", offset=1, log="00" * 16)
    state.close()
    checkpoints.supersede(newer, tmp_path / "s")
    aside = [path for path in tmp_path.iterdir() if path.name not in {"s", "shelf"}]
    assert len(aside) == 1

    state = open_state(tmp_path / "s", Budget.of())
    assert state is not None
    checkpoints.take(state, tmp_path / "shelf", offset=2, log="00" * 16)
    state.close()
    assert not aside[0].exists()


def test_the_page_names_files_that_are_there() -> None:
    """Every place of the table exists."""
    text = (ROOT / "docs" / "production.md").read_text("utf-8")
    table = text.partition("## What is kept")[2].partition("##")[0]
    places = re.findall(r"`((?:hub|catalogue)/[a-z_/.]+)`", table)

    assert len(places) >= 5
    assert [place for place in places if not (ROOT / place).exists()] == []
