"""Numbers with which a policy cannot keep its promise are refused, with the reason."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from hub.core.catalogue.model import Policy
from hub.core.disclosure import rules
from hub.core.errors import InvalidError
from hub.edge.files import read_catalogue
from tests.core import example
from tests.core.disclosure.sets import POLICIES, RULES, TABLES


@pytest.mark.parametrize(
    ("policy", "numbers", "reason"),
    [
        ("C", {"D": 0}, "whole number of 1 to 50"),
        ("C", {"D": 2.5}, "whole number of 1 to 50"),
        ("C", {"D": 51}, "whole number of 1 to 50"),
        ("C", {"V": 0}, "a variance above 0"),
        ("C", {"V": float("nan")}, "a variance above 0"),
        ("C", {"V": float("inf")}, "a variance above 0"),
        ("C", {"js": -1}, "whole number of 0"),
        ("C", {"D": 2, "V": 0.5, "js": 1}, "no row has mean 0"),
        ("C", {"D": 2, "js": 2, "V": 1}, "no row has mean 0"),
        ("C", {"hold": 0}, "tell no more than 3 changes"),
        ("C", {"hold": 4}, "tell no more than 3 changes"),
        ("E", {"persons_min": 2}, "each knows the other"),
        ("E", {"p": 0}, "1 to 100 per cent"),
        ("S", {"contributors_min": 1}, "each knows the other"),
        ("S", {"p": 101}, "1 to 100 per cent"),
        ("T", {"threshold": 2}, "above js"),
        ("R", {"component_min": 0}, "divided by zero"),
        ("R", {"decimals": 9}, "0 to 6"),
        ("W", {"n_min": 0}, "divided by zero"),
        ("N", {"decimals": -1}, "0 to 6"),
        ("C", {"threshold": 11}, "needs exactly D, V, js, hold"),
    ],
)
def test_impossible_numbers(
    policy: str, numbers: dict[str, float], reason: str
) -> None:
    """Policy and reason are in the text."""
    given = POLICIES[policy]
    wrong = replace(given, params={**given.params, **numbers})

    with pytest.raises(InvalidError, match=rf"^policy {policy}: .*{reason}"):
        rules.read(wrong)


def test_a_missing_number_is_not_guessed() -> None:
    """A default would be a decision nobody took."""
    with pytest.raises(InvalidError, match="parameters D, js; it needs exactly"):
        rules.read(Policy(id="C", title=example.TEXT, params={"D": 5, "js": 2}))


def test_an_unknown_policy_is_refused() -> None:
    """What a policy does is fixed by its id."""
    with pytest.raises(InvalidError, match="policy X: no such rule; use one of C, E"):
        rules.read(Policy(id="X", title=example.TEXT, params={}))


@pytest.mark.parametrize(
    ("table", "policy", "reason"),
    [
        ("WAGE", "C", "does not protect a mean"),
        ("WAGE", "T", "does not protect a mean"),
        ("STK", "S", "does not protect a stock"),
        ("STK", "R", "does not protect a stock"),
        ("STK", "W", "make it internal"),
        ("RATE", "C", "does not protect a rate"),
        ("RATE", "E", "does not protect a rate"),
        ("CMP", "R", "does not protect a completeness"),
    ],
)
def test_tables_that_a_policy_cannot_protect(
    table: str, policy: str, reason: str
) -> None:
    """A mean is no count, a stock no sum of money, a rate has its noise already."""
    with pytest.raises(InvalidError, match=f"^table {table}: .*{reason}"):
        rules.check(TABLES[table], RULES[policy])


def test_the_catalogue_is_accepted() -> None:
    """Every policy can be read, with the numbers it was approved with."""
    catalogue = read_catalogue(None)
    found = {name: rules.read(one) for name, one in catalogue.policies.items()}

    for table in catalogue.tables.values():
        rules.check(table, found[table.policy])
    assert [(one.d, one.js, one.hold) for n, one in found.items() if n in "CET"] == [
        (5, 2, 3)
    ] * 3
    assert (found["S"].d, found["S"].js, found["S"].hold) == (5, 0, 3)
    assert [found[name].least for name in "EST"] == [11, 11, 11]
    assert found["E"].p == found["S"].p == Fraction(1, 10)


def test_an_epoch_names_secret_and_numbers() -> None:
    """Either changed is another epoch; where nothing is drawn there is none."""
    policy = POLICIES["C"]
    other = replace(policy, params={**policy.params, "V": 4})
    found = {
        rules.epoch(policy, b"a"),
        rules.epoch(policy, b"b"),
        rules.epoch(other, b"a"),
    }

    assert len(found) == 3
    assert rules.epoch(policy, b"a") == rules.epoch(policy, b"a")
    assert rules.epoch(POLICIES["N"], b"a") == b""
