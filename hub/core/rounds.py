"""Policy answers over rounds: where a country began, what is left, what has moved.

Rules (docs/catalogue.md, "Calculators"):

- An answer is absent, partial or complete; how many questions there are is data.
- The *baseline* of a question is its answer in the first round in which it was asked,
  its *gap* the steps left to complete in the last one, its *progress* the steps made
  between the two; below zero it went back.
- The same is said of every domain and of each level: the country, and each place that
  answered for itself. Levels are never added, and nothing is ranked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.core.errors import InvalidError
from hub.core.period import end_date

STEPS = {"ABSENT": 0, "PARTIAL": 1, "COMPLETE": 2}
COMPLETE = STEPS["COMPLETE"]
COLUMNS = ("round", "domain", "question_code", "answer", "area")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of one place through the rounds.

    Attributes:
        answers: Round → answer, in order of rounds.
    """

    area: str
    domain: str
    code: str
    answers: Mapping[str, str]

    @property
    def baseline(self) -> str:
        """The first answer."""
        return next(iter(self.answers.values()))

    @property
    def latest(self) -> str:
        """The last answer."""
        return list(self.answers.values())[-1]

    @property
    def gap(self) -> int:
        """Steps from the last answer to complete."""
        return COMPLETE - STEPS[self.latest]

    @property
    def progress(self) -> int:
        """Steps from the first answer to the last."""
        return STEPS[self.latest] - STEPS[self.baseline]


def questions(rows: Sequence[Mapping[str, str]]) -> list[Question]:
    """The questions of all places, by area, domain and code.

    Raises:
        InvalidError: A round or an answer is none, or a question was answered twice.
    """
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for number, row in enumerate(rows, 2):
        key = (row["area"], row["domain"], row["question_code"])
        end_date(row["round"])  # raises for what is no period
        if row["answer"] not in STEPS:
            text = f"row {number}: answer: expected one of {', '.join(STEPS)}"
            raise InvalidError(text)
        answers = found.setdefault(key, {})
        if row["round"] in answers:
            text = f"row {number}: answered a second time in one round; remove one"
            raise InvalidError(text)
        answers[row["round"]] = row["answer"]
    return [
        Question(
            area=area,
            domain=domain,
            code=code,
            answers=dict(sorted(answers.items(), key=lambda one: end_date(one[0]))),
        )
        for (area, domain, code), answers in sorted(found.items())
    ]


def compare(rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Baseline, gap and progress of every question, domain and place."""
    listed = questions(rows)
    rounds = {one for question in listed for one in question.answers}
    areas = dict.fromkeys(one.area for one in listed)
    return {
        "rounds": sorted(rounds, key=end_date),
        "places": [
            {
                "area": area,
                "total": _summary(one for one in listed if one.area == area),
                "domains": _domains([one for one in listed if one.area == area]),
            }
            for area in areas
        ],
        "questions": [
            {
                "area": one.area,
                "domain": one.domain,
                "question": one.code,
                "baseline": one.baseline,
                "latest": one.latest,
                "gap": one.gap,
                "progress": one.progress,
            }
            for one in listed
        ],
    }


def _domains(listed: Sequence[Question]) -> list[dict[str, Any]]:
    names = dict.fromkeys(one.domain for one in listed)
    return [
        {"domain": name, **_summary(one for one in listed if one.domain == name)}
        for name in names
    ]


def _summary(listed: Iterable[Question]) -> dict[str, Any]:
    """What holds for several questions together."""
    every = list(listed)
    first = Counter(one.baseline for one in every)
    last = Counter(one.latest for one in every)
    return {
        "questions": len(every),
        "baseline": {answer: first[answer] for answer in STEPS},
        "latest": {answer: last[answer] for answer in STEPS},
        "gap": sum(one.gap > 0 for one in every),
        "gap_steps": sum(one.gap for one in every),
        "improved": sum(one.progress > 0 for one in every),
        "worsened": sum(one.progress < 0 for one in every),
        "progress_steps": sum(one.progress for one in every),
    }
