"""Calculators on entered answers: golden numbers, bands, and what is refused."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import calculators
from hub.core.calculators import CALCULATORS, DOMAINS, SOURCE, calculate
from hub.core.errors import InvalidError

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "formulas.json").read_text("utf-8")
)
UNIT = st.fractions(0, 1)


def named(**values: object) -> list[dict[str, str]]:
    """A file of names and values."""
    return [{"name": name, "value": str(value)} for name, value in values.items()]


def answered(**changes: str) -> list[dict[str, str]]:
    """Thirty answers of 1, but for those named ``PD_1_0="0.5"``."""
    return [
        {"domain": domain, "item": str(at), "score": changes.get(f"{domain}_{at}", "1")}
        for domain in DOMAINS
        for at in range(5)
    ]


def test_every_formula_has_a_calculator() -> None:
    """The vectors and the code speak of the same indicators."""
    assert set(VECTORS) == set(CALCULATORS) - {"mgi"}


@pytest.mark.parametrize(("weighted", "expected"), VECTORS["8.8.2"]["cases"])
def test_compliance_is_the_golden_number(weighted: float, expected: float) -> None:
    """min(x, 95) · 10 / 95, printed with two decimals."""
    rows = [
        {"criterion": "1", "code": "1", "weight": str(weighted)},
        {"criterion": "2", "code": "0", "weight": "50"},
    ]

    assert calculate("8.8.2", rows)["score"] == expected


@given(st.fractions(0, 500), st.fractions(0, 500))
def test_compliance_rises_to_ten_and_stays(a: Fraction, b: Fraction) -> None:
    """0 is best, 95 and more is 10, more is never better."""
    low, high = sorted((a, b))
    first, second = calculators.compliance(low), calculators.compliance(high)

    assert 0 <= first <= second <= 10
    assert calculators.compliance(Fraction(95)) == 10


def bands() -> list[tuple[str, Fraction, tuple[int, str]]]:
    """The edges of the bands in the vectors, and a score on each side."""
    found = []
    for text, label, code in VECTORS["10.7.2"]["bands"]:
        low, _, high = text.replace("<", "").rpartition("..")
        edges = {"": [Fraction(0)], "40": [Fraction(40)], "80": [Fraction(80)]}[low]
        if text == "100":
            edges = [Fraction(100)]
        else:
            edges = [*edges, Fraction(high) - Fraction(1, 1000)]
        found += [(text, edge, (code, label)) for edge in edges]
    return found


@pytest.mark.parametrize(("text", "overall", "expected"), bands())
def test_bands_begin_and_end_where_they_are_said_to(
    text: str, overall: Fraction, expected: tuple[int, str]
) -> None:
    """Below 40, 40 to below 80, 80 to below 100, and 100 alone."""
    assert calculators.band(overall) == expected, text


@given(st.lists(st.lists(UNIT, min_size=5, max_size=5), min_size=6, max_size=6))
def test_policies_are_means_of_five_and_of_thirty(scores: list[list[Fraction]]) -> None:
    """A domain is a fifth of its sum times 100, the whole the mean of all thirty."""
    found = calculators.policies(dict(zip(DOMAINS, scores, strict=True)))
    every = [one for domain in scores for one in domain]

    assert found["overall"] == calculators.rounded(sum(every) * 100 / Fraction(30))
    for name, domain in zip(DOMAINS, scores, strict=True):
        assert found["domains"][name] == calculators.rounded(sum(domain) * Fraction(20))


def test_policies_from_a_file() -> None:
    """One half in the first domain: 90 there and 98.33 overall, so it meets."""
    found = calculate("10.7.2", answered(PD_1_0="0.5"))

    assert found["domains"]["PD_1"] == 90.0
    assert found["overall"] == 98.33
    assert (found["category"], found["label"]) == (3, "meets")
    assert calculate("10.7.2", answered())["category"] == 4


@given(st.integers(0, 10**6), st.integers(1, 10**8))
def test_refugees_and_population_are_one_whole(origin: int, population: int) -> None:
    """R / (P + R) · 100,000."""
    found = calculate("10.7.4", named(refugees_of_origin=origin, population=population))

    exact = Fraction(origin, population + origin) * 100_000
    assert abs(Fraction(found["value"]) - exact) <= Fraction(1, 100)


def test_injuries_and_remittances() -> None:
    """Cases ÷ workers · 100,000; transfers and pay ÷ GDP · 100."""
    injuries = calculate("8.8.1", named(new_cases=3, workers=1_200))
    money = calculate(
        "17.3.2",
        named(personal_transfers=40, compensation_of_employees="2.5", gdp=1_000),
    )

    assert (injuries["value"], injuries["unit"]) == (250.0, "PER_100000_EMP")
    assert (money["value"], money["unit"]) == (4.25, "PT")


def test_a_result_says_that_it_is_not_of_the_stream() -> None:
    """Nobody can take it for a figure of the exchange."""
    for name, rows in (
        ("8.8.1", named(new_cases=1, workers=2)),
        ("10.7.2", answered()),
    ):
        assert calculate(name, rows)["source"] == SOURCE
        assert "not computed from events" in SOURCE


@pytest.mark.parametrize(
    ("name", "rows", "expected"),
    [
        ("10.7.1", named(a=1), "no calculator 10.7.1; known: 8.8.1"),
        ("8.8.1", [], "no answers"),
        ("8.8.1", named(new_cases=1), "no value of workers"),
        ("8.8.1", named(new_cases=1, worker=2), "row 3: expected each of new_cases"),
        ("8.8.1", named(new_cases="x", workers=2), "row 2: value is no number"),
        ("8.8.1", named(new_cases=1, workers=0), "denominator above 0"),
        ("8.8.1", [{"name": "new_cases"}], "row 2: value is empty"),
        ("8.8.2", [{"criterion": "1", "code": "2", "weight": "1"}], "row 2: code"),
        (
            "8.8.2",
            [{"criterion": "1", "code": "1", "weight": "1"}] * 2,
            "row 3: a criterion a second time",
        ),
        ("8.8.2", [{"criterion": "1", "code": "1", "weight": "-1"}], "below zero"),
        ("10.7.2", answered()[:-1], "PD_6 has 4 items"),
        ("10.7.2", answered(PD_2_0="0.5"), "row 7: score: 0 or 1 in PD_2"),
        ("10.7.2", [{**answered()[0], "domain": "PD_7"}], "row 2: domain"),
        ("10.7.2", [answered()[0]] * 2, "row 3: an item a second time"),
    ],
)
def test_an_answer_that_cannot_be_used_is_named(
    name: str, rows: list[dict[str, str]], expected: str
) -> None:
    """Row, column, and what to write."""
    with pytest.raises(InvalidError, match=expected):
        calculate(name, rows)
