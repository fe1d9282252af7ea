"""Every attack is defeated on what is published, and wins on what is not protected."""

from __future__ import annotations

import pytest

from hub.edge.files import read_catalogue
from hub.trials.attacks import suite
from hub.trials.attacks.outcome import Outcome

NAMES = 9 * 3 + 3


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """The whole suite on the catalogue."""
    return suite.run(read_catalogue())


def test_all_attacks_are_there(outcomes: list[Outcome]) -> None:
    """Nine on a table of each of three policies, and three on the hub."""
    assert len({one.name for one in outcomes}) == len(outcomes) == NAMES


def test_every_attack_is_defeated(outcomes: list[Outcome]) -> None:
    """None succeeds more often than the noise leaves to a guess."""
    for one in outcomes:
        assert one.defeated, f"{one.name}: {one.rate:.3f} over {one.bound:.3f}"


def test_every_twin_wins(outcomes: list[Outcome]) -> None:
    """Without protection the same code succeeds, so it could have."""
    for one in outcomes:
        assert one.telling, f"{one.name}: twin only {one.twin_rate:.3f}"


def test_most_attacks_had_something_to_try(outcomes: list[Outcome]) -> None:
    """An attack without a try is defeated by suppression; that may not be the rule."""
    idle = [one.name for one in outcomes if not one.tries]

    assert len(idle) <= NAMES // 5, idle


def test_an_outcome_over_its_bound_is_not_defeated() -> None:
    """The suite can fail: four standard errors are allowed and no more."""
    one = Outcome(
        name="x",
        reader="y",
        tries=100,
        hits=45,
        twin_tries=1,
        twin_hits=0,
        bound=0.25,
    )

    assert not one.defeated
    assert not one.telling
