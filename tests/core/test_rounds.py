"""Rounds of policy answers: baseline, gap and progress, question by question."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import rounds
from hub.core.errors import InvalidError

STEPS = rounds.STEPS
ROW = st.fixed_dictionaries(
    {
        "round": st.sampled_from(["2023", "2024", "2025-Q2"]),
        "domain": st.sampled_from(["PD_1", "PD_2"]),
        "question_code": st.sampled_from(["Q1", "Q2"]),
        "answer": st.sampled_from(sorted(STEPS)),
        "area": st.sampled_from(["TM", "TM-A"]),
    }
)
ORDER = ["2023", "2024", "2025-Q2"]


def answer(round_: str, answer: str, **changes: str) -> dict[str, str]:
    """One answer."""
    row = {"round": round_, "domain": "PD_1", "question_code": "Q1", "area": "TM"}
    return {**row, "answer": answer, **changes}


@given(
    st.lists(
        ROW,
        min_size=1,
        max_size=16,
        unique_by=lambda r: (r["round"], r["domain"], r["question_code"], r["area"]),
    )
)
def test_summaries_are_those_of_their_questions(rows: list[dict[str, str]]) -> None:
    """Every place and domain says what a count of its questions says."""
    found = rounds.compare(rows)

    for place in found["places"]:
        mine = [one for one in found["questions"] if one["area"] == place["area"]]
        assert place["total"]["questions"] == len(mine)
        assert place["total"]["gap_steps"] == sum(one["gap"] for one in mine)
        assert place["total"]["progress_steps"] == sum(one["progress"] for one in mine)
        for domain in place["domains"]:
            own = [one for one in mine if one["domain"] == domain["domain"]]
            assert domain["improved"] == sum(one["progress"] > 0 for one in own)
            assert domain["worsened"] == sum(one["progress"] < 0 for one in own)
            assert sum(domain["latest"].values()) == len(own)
    for one in found["questions"]:
        key = ("area", "domain", "question_code")
        wanted = (one["area"], one["domain"], one["question"])
        said = [row for row in rows if tuple(row[name] for name in key) == wanted]
        said.sort(key=lambda row: ORDER.index(row["round"]))
        first, last = STEPS[said[0]["answer"]], STEPS[said[-1]["answer"]]
        assert (one["progress"], one["gap"]) == (last - first, 2 - last)


def test_a_country_that_moved() -> None:
    """Absent, then partial, then complete: progress of two, no gap."""
    rows = [
        answer("2024", "PARTIAL"),
        answer("2023", "ABSENT"),
        answer("2025", "COMPLETE"),
        answer("2023", "COMPLETE", question_code="Q2"),
        answer("2025", "PARTIAL", question_code="Q2"),
        answer("2025", "ABSENT", area="TM-M"),
    ]

    found = rounds.compare(rows)

    national = found["places"][0]["total"]
    assert found["rounds"] == ["2023", "2024", "2025"]
    assert [place["area"] for place in found["places"]] == ["TM", "TM-M"]
    assert (national["improved"], national["worsened"], national["gap"]) == (1, 1, 1)
    assert national["baseline"] == {"ABSENT": 1, "PARTIAL": 0, "COMPLETE": 1}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([answer("2023", "YES")], "row 2: answer: expected one of ABSENT"),
        ([answer("year 1", "ABSENT")], "period"),
        ([answer("2023", "ABSENT")] * 2, "row 3: answered a second time"),
    ],
)
def test_answers_that_cannot_be_compared(rows: Any, expected: str) -> None:
    """Named by their row."""
    with pytest.raises(InvalidError, match=expected):
        rounds.compare(rows)
