"""Derived figures: who is counted, and how far noise can move them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.catalogue.model import Measure
from hub.core.cells import ZERO
from hub.core.disclosure import rules
from hub.core.disclosure.judge import judge, raw
from hub.core.gender import derived, reach
from hub.core.observation import Observation
from hub.edge.files import read_catalogue
from tests.core.facts_log import CATALOGUE

ONE = Observation(
    table="EVT",
    frequency="M",
    area="TM",
    sex="F",
    dimensions=("ENTRY",),
    period="2025-02",
    value=60.0,
    status="P",
    conf="F",
    unit="NUMBER",
    vintage="P",
    release="00",
    released_ms=1,
)


def pair(f: float | None, m: float | None) -> list[Observation]:
    """Both sexes, a residual and the total of one place."""
    values = {"F": f, "M": m, "_OUN": 5.0, "_T": 100.0}
    return [replace(ONE, sex=sex, value=value) for sex, value in values.items()]


def test_share_gap_and_parity() -> None:
    """60 women and 40 men: 60 %, 20 %, 1.5; the residual is in none."""
    found = {one.measure: (one.value, one.unit) for one in derived(pair(60, 40))}

    assert found == {
        "FEM_SHARE": (60.0, "PT"),
        "GENDER_GAP": (20.0, "PT"),
        "GPI": (1.5, "RO"),
    }


@pytest.mark.parametrize("values", [(29, 40), (40, 29), (None, 40), (40, None)])
def test_small_or_hidden_figures_give_none(
    values: tuple[float | None, float | None],
) -> None:
    """Both sexes must be shown and at least 30."""
    assert derived(pair(*values)) == []


def test_places_are_not_mixed() -> None:
    """A man of another period or vintage is no partner."""
    women, men = pair(60, 40)[:2]

    assert derived([women, replace(men, period="2025-03")]) == []
    assert derived([women, replace(men, vintage="F")]) == []


@given(st.integers(30, 900), st.integers(30, 900), st.integers(0, 5), st.integers(0, 5))
def test_bounds_hold_what_noise_can_do(f: int, m: int, up: int, down: int) -> None:
    """Whatever the true figures within ± D, theirs lies between low and high."""
    shown = derived(pair(f, m), noise=5)
    true = {
        "FEM_SHARE": 100 * (f + up) / (f + up + m - down),
        "GENDER_GAP": 100 * (f + up - m + down) / (f + up + m - down),
        "GPI": (f + up) / (m - down),
    }

    for one in shown:
        assert one.low - 0.06 <= true[one.measure] <= one.high + 0.06
        assert one.low <= one.value <= one.high


POLICIES = read_catalogue().policies
TABLE = next(iter(CATALOGUE.tables.values()))
SUMS = replace(TABLE, measure=Measure.SUM, dataflow="transfer")
wide = st.lists(st.integers(1, 60), min_size=11, max_size=25)


@pytest.mark.parametrize("policy", ["C", "E", "S", "T"])
@given(parts=wide, scale=st.sampled_from([1, 7, 1_000, 123_457]), key=st.integers(0))
def test_the_truth_is_within_reach_of_what_is_printed(
    policy: str, parts: list[int], scale: int, key: int
) -> None:
    """Whatever a policy shows of any contributions, by the real judge."""
    amounts = sorted((one * scale for one in parts), reverse=True)
    money = policy == "S"
    events = policy == "E"
    cell = replace(
        ZERO,
        n=sum(parts) if events else len(parts),
        total=sum(amounts),
        key=key % 2**64,
        persons=len(parts) if money or events else None,
        top1=max(parts) if events else amounts[0],
        top2=sorted(parts)[-2] if events else amounts[1],
    )
    table = SUMS if money else replace(TABLE, measure=Measure.EVENTS)
    shown = judge(rules.read(POLICIES[policy]), table, cell, b"s" * 32)
    if not shown.seen:
        return
    divisor = 100 if money else 1
    low, high = reach(POLICIES[policy])(shown.value / divisor)

    assert low <= raw(table, cell) / divisor <= high


def test_bounds_of_shares_under_every_policy() -> None:
    """60 and 40: ± 5 counts, six times as much events, or money that one may have."""
    spans = {
        name: next(
            (one.low, one.high)
            for one in derived(pair(60, 40), noise=reach(POLICIES[name]))
        )
        for name in "CENS"
    }

    assert spans["C"] == (55.0, 65.0)
    assert spans["N"] == (60.0, 60.0)
    assert spans["E"][0] < spans["C"][0] < spans["C"][1] < spans["E"][1]
    assert 0 < spans["S"][0] < spans["E"][0]
    assert spans["E"][1] < spans["S"][1] < 100
