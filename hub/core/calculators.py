"""Indicators that no event stream gives: computed from answers somebody entered.

Rules (docs/catalogue.md, "Calculators"):

- Answers come as rows of text, as in a file; a row that cannot be used is refused with
  its number, never guessed at or left out.
- Everything is exact until it is printed; halves are rounded away from zero.
- A result says of itself that it was made from entered answers and not from the
  exchange: a calculator is no table, and nothing here is published.

Formulas are those of the SDG metadata (8.8.1, 8.8.2, 10.7.2, 10.7.4, 17.3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from hub.core import rounds
from hub.core.errors import InvalidError

SOURCE = "entered answers, not computed from events of the exchange"
Rows = Sequence[Mapping[str, str]]

DOMAINS = ("PD_1", "PD_2", "PD_3", "PD_4", "PD_5", "PD_6")
ITEMS = 5
"""Sub-categories of each domain of 10.7.2."""
BANDS = (
    (Fraction(40), 1, "requires further progress"),
    (Fraction(80), 2, "partially meets"),
    (Fraction(100), 3, "meets"),
)
"""Below which overall score a country is in a band; a full score is the fourth."""
FULL = (4, "fully meets")
SCALE_MAX = Fraction(95)
"""Of 8.8.2: a weighted sum of 95 and more is the worst score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculator:
    """One indicator.

    Attributes:
        title: What it is.
        columns: What each row of answers must have.
        compute: Rows → figures, rounded for printing.
    """

    title: str
    columns: tuple[str, ...]
    compute: Callable[[Rows], dict[str, Any]]


def calculate(name: str, rows: Rows) -> dict[str, Any]:
    """The figures of an indicator from answers.

    Raises:
        InvalidError: There is no such calculator, or an answer cannot be used.
    """
    found = CALCULATORS.get(name)
    if found is None:
        raise InvalidError(f"no calculator {name}; known: {', '.join(CALCULATORS)}")
    if not rows:
        raise InvalidError("no answers; the file has a header at most")
    for number, row in enumerate(rows, 2):
        for column in found.columns:
            if not (row.get(column) or "").strip():
                raise InvalidError(f"row {number}: {column} is empty; fill it")
    return {
        "indicator": name,
        "title": found.title,
        "source": SOURCE,
        **found.compute(rows),
    }


def rounded(value: Fraction, places: int = 2) -> float:
    """A figure for printing, halves away from zero."""
    unit = 10**places
    magnitude = (abs(value) * unit * 2 + 1) // 2
    return float(Fraction(magnitude if value >= 0 else -magnitude, unit))


def compliance(weighted: Fraction) -> Fraction:
    """8.8.2: 0 is best, 10 is worst; `weighted` is Σ code × weight."""
    if weighted < 0:
        raise InvalidError("8.8.2: a weighted sum below zero; weights are positive")
    return min(weighted, SCALE_MAX) * 10 / SCALE_MAX


def band(overall: Fraction) -> tuple[int, str]:
    """10.7.2: the category of an overall score of 0 to 100."""
    for below, code, label in BANDS:
        if overall < below:
            return code, label
    return FULL


def policies(scores: Mapping[str, Sequence[Fraction]]) -> dict[str, Any]:
    """10.7.2: scores of the domains, overall, and the category.

    Args:
        scores: Domain → its five sub-categories, each 0 to 1.
    """
    domains = {name: sum(found) / ITEMS * 100 for name, found in scores.items()}
    every = [one for found in scores.values() for one in found]
    overall = sum(every, Fraction(0)) / len(every) * 100
    code, label = band(overall)
    return {
        "domains": {name: rounded(Fraction(one)) for name, one in domains.items()},
        "overall": rounded(overall),
        "category": code,
        "label": label,
    }


def refugees(origin: Fraction, population: Fraction) -> Fraction:
    """10.7.4: refugees per 100,000 of those who live there and those who fled."""
    return _share(origin, population + origin, 100_000)


def injuries(cases: Fraction, workers: Fraction) -> Fraction:
    """8.8.1: new cases per 100,000 workers of the same reference group."""
    return _share(cases, workers, 100_000)


def remittances(transfers: Fraction, pay: Fraction, gdp: Fraction) -> Fraction:
    """17.3.2: personal transfers and compensation of employees, % of GDP."""
    return _share(transfers + pay, gdp, 100)


def _share(part: Fraction, whole: Fraction, scale: int) -> Fraction:
    if whole <= 0 or part < 0:
        raise InvalidError("a rate needs a denominator above 0 and no negative number")
    return part / whole * scale


def _number(row: Mapping[str, str], column: str, number: int) -> Fraction:
    try:
        return Fraction(row[column].strip())
    except (ValueError, ZeroDivisionError):
        text = f"row {number}: {column} is no number; write 12 or 0.5"
        raise InvalidError(text) from None


def _named(rows: Rows, names: Iterable[str]) -> list[Fraction]:
    """The values of a file of name and value, each name once."""
    wanted = list(names)
    found: dict[str, Fraction] = {}
    for number, row in enumerate(rows, 2):
        name = row["name"].strip()
        if name not in wanted or name in found:
            text = f"row {number}: expected each of {', '.join(wanted)} once"
            raise InvalidError(text)
        found[name] = _number(row, "value", number)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise InvalidError(f"no value of {missing[0]}; add a row {missing[0]},…")
    return [found[name] for name in wanted]


def _compliance(rows: Rows) -> dict[str, Any]:
    """Rows of criterion, code (0 or 1) and weight."""
    weighted, seen = Fraction(0), set()
    for number, row in enumerate(rows, 2):
        criterion, code = row["criterion"].strip(), row["code"].strip()
        if criterion in seen:
            raise InvalidError(f"row {number}: a criterion a second time; remove one")
        if code not in {"0", "1"}:
            raise InvalidError(f"row {number}: code: 1 for a violation coded, else 0")
        seen.add(criterion)
        weighted += int(code) * _number(row, "weight", number)
    score = rounded(compliance(weighted))
    return {
        "criteria": len(seen),
        "weighted": rounded(weighted),
        "score": score,
        "unit": "SCORE (0 best, 10 worst)",
    }


def _policies(rows: Rows) -> dict[str, Any]:
    """Rows of domain, item and score: 1 or 0, in the first domain also 0.5."""
    scores: dict[str, dict[str, Fraction]] = {name: {} for name in DOMAINS}
    for number, row in enumerate(rows, 2):
        domain, item = row["domain"].strip(), row["item"].strip()
        if domain not in scores:
            text = f"row {number}: domain: expected one of {', '.join(DOMAINS)}"
            raise InvalidError(text)
        if item in scores[domain]:
            raise InvalidError(f"row {number}: an item a second time; remove one")
        score = _number(row, "score", number)
        half = {Fraction(1, 2)} if domain == DOMAINS[0] else set()
        if score not in {Fraction(0), Fraction(1)} | half:
            allowed = "0, 0.5 or 1" if half else "0 or 1"
            raise InvalidError(f"row {number}: score: {allowed} in {domain}")
        scores[domain][item] = score
    for domain, found in scores.items():
        if len(found) != ITEMS:
            text = f"{domain} has {len(found)} items; the indicator has {ITEMS} of each"
            raise InvalidError(text)
    return policies({name: list(found.values()) for name, found in scores.items()})


def _refugees(rows: Rows) -> dict[str, Any]:
    origin, population = _named(rows, ("refugees_of_origin", "population"))
    return {"value": rounded(refugees(origin, population)), "unit": "PER_100000_POP"}


def _injuries(rows: Rows) -> dict[str, Any]:
    cases, workers = _named(rows, ("new_cases", "workers"))
    return {"value": rounded(injuries(cases, workers)), "unit": "PER_100000_EMP"}


def _remittances(rows: Rows) -> dict[str, Any]:
    names = ("personal_transfers", "compensation_of_employees", "gdp")
    return {"value": rounded(remittances(*_named(rows, names))), "unit": "PT"}


_PAIR = ("name", "value")
CALCULATORS: dict[str, Calculator] = {
    "8.8.1": Calculator(
        title="Occupational injuries per 100,000 workers",
        columns=_PAIR,
        compute=_injuries,
    ),
    "8.8.2": Calculator(
        title="Level of national compliance with labour rights",
        columns=("criterion", "code", "weight"),
        compute=_compliance,
    ),
    "10.7.2": Calculator(
        title="Migration policies for orderly, safe, regular and responsible migration",
        columns=("domain", "item", "score"),
        compute=_policies,
    ),
    "10.7.4": Calculator(
        title="Proportion of the population who are refugees, by country of origin",
        columns=_PAIR,
        compute=_refugees,
    ),
    "17.3.2": Calculator(
        title="Volume of remittances as a proportion of GDP",
        columns=_PAIR,
        compute=_remittances,
    ),
    "mgi": Calculator(
        title="Migration Governance Indicators: baseline, gap and progress",
        columns=rounds.COLUMNS,
        compute=rounds.compare,
    ),
}
