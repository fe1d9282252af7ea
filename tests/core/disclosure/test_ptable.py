"""Perturbation tables: published vectors, their properties, and the draw."""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.disclosure.ptable import draw, last_row, noise, ptable
from hub.core.errors import InvalidError

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "ptable.json").read_text()
)
SHAPES = st.tuples(
    st.integers(1, 10), st.floats(0.5, 9), st.integers(0, 4), st.booleans()
)


def row(d: int, v: float, js: int, i: int, *, mono: bool = False) -> dict[int, float]:
    """J → chance of one row."""
    return {one.j: one.p for one in ptable(d, v, js, mono=mono) if one.i == i}


@pytest.mark.parametrize("vector", VECTORS["rows"])
def test_published_rows(vector: dict[str, Any]) -> None:
    """Rows of the method's own documentation and tests, to six digits."""
    found = row(
        vector["D"],
        vector["V"],
        vector["js"],
        vector["i"],
        mono=vector.get("mono", False),
    )

    assert found == {int(j): pytest.approx(p, abs=1e-6) for j, p in vector["p"].items()}


def test_published_table() -> None:
    """Rows, greatest count, mean chance and sum of offsets of (5, 3, 2)."""
    expected = VECTORS["table"]
    rows = ptable(expected["D"], expected["V"], expected["js"])

    assert len(rows) == expected["rows"]
    assert max(one.i for one in rows) == expected["max_i"]
    assert sum(one.p for one in rows) / len(rows) == pytest.approx(
        expected["mean_p"], abs=5e-4
    )
    assert sum(one.j - one.i for one in rows) == expected["sum_v"]


@pytest.mark.parametrize(
    ("shape", "n"), [((5, 3.0, 2), 10), ((2, 0.9, 0), 2)], ids=["5-3-2", "2-0.9-0"]
)
def test_published_change_oracle(shape: tuple[int, float, int], n: int) -> None:
    """How often one more record leaves or lowers the published count."""
    name = {5: "D=5,V=3,js=2,n>=10", 2: "D=2,V=0.9,js=0,n>=2"}[shape[0]]
    d, v, js = shape
    last = last_row(d, js)
    steps = {j - last: p for j, p in row(d, v, js, min(n, last)).items()}

    unchanged = sum(p * steps.get(step - 1, 0) for step, p in steps.items())
    falls = sum(p * q for a, p in steps.items() for b, q in steps.items() if b + 1 < a)

    expected = VECTORS["change_oracle"][name]
    assert unchanged == pytest.approx(expected["unchanged"], abs=1e-3)
    assert falls == pytest.approx(expected["falls"], abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES)
def test_every_row_keeps_the_rules(shape: tuple[int, float, int, bool]) -> None:
    """Mean 0, variance up to V, |v| ≤ D, nothing negative or in 1 … js, sums to 1."""
    d, v, js, mono = shape
    try:
        rows = ptable(d, v, js, mono=mono)
    except InvalidError:
        return  # no row of this variance exists; told, not guessed
    assert rows[0].j == 0
    for i in range(1, last_row(d, js) + 1):
        found = {one.j - i: one.p for one in rows if one.i == i}
        assert sum(found.values()) == pytest.approx(1)
        assert sum(s * p for s, p in found.items()) == pytest.approx(0, abs=1e-9)
        assert sum(s * s * p for s, p in found.items()) <= v + 1e-9
        assert all(abs(s) <= d and p >= 0 for s, p in found.items())
        assert not any(i + s < 0 or 1 <= i + s <= js for s in found)
        left = [p for s, p in sorted(found.items()) if s <= 0]
        if mono and 0 in found:
            assert all(a <= b * (1 + 1e-9) for a, b in pairwise(left))


@settings(max_examples=60, deadline=None)
@given(
    i=st.integers(1, 8),
    mono=st.booleans(),
    tilt=st.lists(st.floats(-1, 1), min_size=11, max_size=11),
)
def test_no_neighbouring_row_says_less(
    i: int, tilt: list[float], *, mono: bool
) -> None:
    """Any small step that keeps sum, mean and variance lowers the entropy."""
    chances = row(5, 3.0, 0, min(i, 5), mono=mono)
    steps = [j - min(i, 5) for j in chances]
    held = list(chances.values())
    move = orthogonal(tilt[: len(steps)], [[s**k for s in steps] for k in range(3)])
    longest = max(abs(m) for m in move)
    if longest < 1e-6:
        return
    size = 0.01 * min(held) / longest
    moved = [p + size * m for p, m in zip(held, move, strict=True)]
    left = [p for s, p in zip(steps, moved, strict=True) if s <= 0]
    if mono and any(a > b for a, b in pairwise(left)):
        return

    assert entropy(moved) <= entropy(held) + 1e-12


def orthogonal(vector: list[float], basis: list[list[int]]) -> list[float]:
    """The part of a vector that none of the basis sees (Gram and Schmidt)."""
    done: list[list[float]] = []
    every: list[list[float]] = [*([float(x) for x in one] for one in basis), vector]
    for one in every:
        rest = list(one)
        for other in done:
            size = sum(x * x for x in other)
            part = sum(x * y for x, y in zip(rest, other, strict=True)) / size
            rest = [x - part * y for x, y in zip(rest, other, strict=True)]
        done.append(rest)
    return done[-1]


def entropy(chances: list[float]) -> float:
    """Shannon's, in nats."""
    return -sum(p * math.log(p) for p in chances)


def test_unattainable_variance_is_refused() -> None:
    """With 1 blocked a count of 1 moves by at least 1: no variance of a half."""
    with pytest.raises(InvalidError, match="no row"):
        ptable(2, 0.5, 1)


def test_look_up_follows_the_row() -> None:
    """Even draws give each offset its chance; zero stays zero; great counts share."""
    table = noise(5, 3.0, 2)
    draws = [at * (2**64 // 20_000) for at in range(20_000)]

    found = Counter(table.at(8, one) for one in draws)

    for j, p in row(5, 3.0, 2, 8).items():
        assert found[j - 8] / len(draws) == pytest.approx(p, abs=1e-3)
    assert {table.at(0, one) for one in draws[::500]} == {0}
    assert [table.at(8, one) for one in draws] == [table.at(900, one) for one in draws]
    assert table.at(8, 2**64 - 1) == 5
    assert table.at(8, 0) == -5


def test_draw_depends_on_secret_and_key_alone() -> None:
    """Stable values: a changed draw would change every published figure."""
    assert draw(b"s" * 32, 7) == draw(b"s" * 32, 7)
    assert draw(b"s" * 32, 7) != draw(b"s" * 32, 8)
    assert draw(b"s" * 32, 7) != draw(b"t" * 32, 7)
    assert 0 <= draw(b"s" * 32, 2**64 - 1) < 2**64
