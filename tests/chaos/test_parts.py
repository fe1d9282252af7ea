"""Pieces, deck, report and catalogue of a chaos trial."""

from __future__ import annotations

import csv
import random
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from hub.core.catalogue.model import Catalogue
from hub.core.disclosure import rules
from hub.trials.chaos import pieces, report, variant
from hub.trials.chaos.checker.evidence import Finding
from hub.trials.chaos.faults import KINDS, Deck
from hub.trials.chaos.outcome import Cycle, Outcome, Trial
from hub.trials.sample.write import Truth, write


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The catalogue of a trial."""
    return variant.make(tmp_path_factory.mktemp("variant") / "catalogue")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, catalogue: Catalogue) -> Truth:
    """A small year."""
    return write(tmp_path_factory.mktemp("sample"), catalogue, persons=100, seed=5)


def rows(path: Path) -> list[tuple[str, ...]]:
    """The rows of a file, header too."""
    with path.open(encoding="utf-8", newline="") as stream:
        return [tuple(row) for row in csv.reader(stream)]


def test_pieces_are_the_files_in_order(tmp_path: Path, sample: Truth) -> None:
    """Each row is in one piece; those of a dataflow stand in the order of its files."""
    files = [asdict(one) for one in sample.files]
    cut = pieces.cut(sample.folder, files, tmp_path, 40, 1)
    found: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for one in cut:
        content = rows(one.path)
        assert 1 < len(content) <= 41
        found.setdefault((one.member, one.dataflow), []).extend(content[1:])
    wanted: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for file in sample.files:
        content = rows(sample.folder / file.path)
        wanted.setdefault((file.member, file.dataflow), []).extend(content[1:])

    assert found == wanted
    assert {one.installation for one in cut} == {0, 1}
    assert any(one.resend for one in cut)
    assert any(one.again for one in cut)


def test_dataflows_take_turns(tmp_path: Path, sample: Truth) -> None:
    """No tenth of the pieces is all of one dataflow."""
    files = [asdict(one) for one in sample.files]
    cut = pieces.cut(sample.folder, files, tmp_path, 40, 1)
    tenth = len(cut) // 10
    for start in range(0, len(cut) - tenth, tenth):
        assert len({one.dataflow for one in cut[start : start + tenth]}) > 2


def test_the_deck_deals_every_fault_as_often(catalogue: Catalogue) -> None:
    """Three rounds are three of each; the same dice deal the same."""
    del catalogue
    dealt = [
        [deck.deal() for _ in range(3 * len(KINDS))]
        for deck in (
            Deck(random.Random(7)),  # noqa: S311 - a schedule
            Deck(random.Random(7)),  # noqa: S311 - a schedule
            Deck(random.Random(8)),  # noqa: S311 - a schedule
        )
    ]

    assert Counter(dealt[0]) == dict.fromkeys(KINDS, 3)
    assert dealt[0] == dealt[1]
    assert dealt[0] != dealt[2]


def test_the_catalogue_of_a_trial_has_next_to_no_noise(catalogue: Catalogue) -> None:
    """Of a hundred thousand draws hardly one moves a figure, and nothing is held."""
    dice = random.Random(1)  # noqa: S311 - no secret
    for name in ("C", "T"):
        rule = rules.read(catalogue.policies[name])
        assert rule.noise is not None
        moved = sum(rule.noise.at(9, dice.getrandbits(64)) != 0 for _ in range(100_000))
        assert moved <= 3
        assert rule.hold == 1


def outcome(*, finding: Finding, audits: list[str]) -> Outcome:
    """A trial of two cycles."""
    return Outcome(
        trial=Trial(cycles=2, seed=7),
        volume="folder",
        cycles=[
            Cycle(kind="term", target="a", seconds=0.0, recover_seconds=3.0),
            Cycle(kind="pause", target="b", seconds=7.0, recover_seconds=1.0),
        ],
        finding=finding,
        audits=audits,
        released=True,
    )


def test_a_report_says_what_was_found() -> None:
    """Rows lost and doubled over all dataflows, and the times to recover."""
    clean = outcome(finding=Finding(rows=9, figures=5), audits=["equal", "equal"])
    said = report.as_json(clean)
    found = Finding(rows=9, figures=5, lost={"a": 2, "b": 1}, doubled={"a": 4})
    wrong = report.as_json(outcome(finding=found, audits=["different", "equal"]))

    assert clean.clean
    assert (said["cycles"], said["lost"], said["doubled"]) == (2, 0, 0)
    assert said["recover_seconds"] == {"p50": 1.0, "p99": 3.0, "max": 3.0}
    assert said["faults"] == {"pause": 1, "term": 1}
    assert (said["records"], said["seed"], said["audit"]) == (9, 7, "equal")
    assert (wrong["lost"], wrong["doubled"], wrong["audit"]) == (3, 4, "different")
    assert not wrong["clean"]


def test_a_cycle_that_did_not_recover_is_not_clean() -> None:
    """Nor is a trial without an audit."""
    one = outcome(finding=Finding(rows=9, figures=5), audits=["equal"])
    one.cycles.append(Cycle(kind="term", target="", seconds=0, recover_seconds=None))

    assert not one.clean
    assert report.as_json(one)["unrecovered"] == 1
    assert not outcome(finding=Finding(rows=9, figures=5), audits=[]).clean
